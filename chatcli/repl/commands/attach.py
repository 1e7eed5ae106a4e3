"""Files for the next message."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chatcli.attachments import Attachment
from chatcli.errors import NotFound
from chatcli.repl.attaching import attach as add
from chatcli.repl.slash import NOTHING, slash, words

if TYPE_CHECKING:
    from chatcli.repl.loop import Repl


def _attached(repl: "Repl") -> Sequence[str]:
    return [one.name for one in repl.attachments]


@slash(
    "attach",
    arguments="path…",
    files=True,
    help="text files, PDFs, images for the next message, as @path in it; alone: list; -: none",
)
def attach(repl: "Repl", argument: str) -> None:
    """Put files beside the next message, each read and checked at once; or list them, or take them all away."""
    if argument in ("-", *NOTHING):
        repl.attachments.clear()
    elif argument:
        add(repl, [Path(word) for word in words(argument)])
        return
    _list(repl)


@slash(
    "detach", arguments="[name…]", complete=_attached, help="leave a file out of the next message; alone: all of them"
)
def detach(repl: "Repl", argument: str) -> None:
    """Take files away again, by name or path."""
    for name in words(argument):
        repl.attachments.remove(_called(repl, name))
    if not argument:
        repl.attachments.clear()
    _list(repl)


def _list(repl: "Repl") -> None:
    from chatcli.render.attached import sized

    lines = "\n".join(sized(repl.chat, one) for one in repl.attachments)
    repl.screen.tell(f"with the next message:\n{lines}" if lines else "nothing is attached")


def _called(repl: "Repl", name: str) -> Attachment:
    """Return the attachment of that name or path; raise NotFound when there is none."""
    for attached in repl.attachments:
        if name in (attached.name, str(attached.path)):
            return attached
    raise NotFound(f"{name} is not attached", "/attach lists what is")
