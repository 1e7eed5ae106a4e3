"""Files that go with the next message: read, listed, and those that the message itself names."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chatcli.attachments import Attachment, attach_all
from chatcli.errors import UsageError
from chatcli.mentions import mentions, unknown_files
from chatcli.render.safe import one_line

if TYPE_CHECKING:
    from chatcli.repl.loop import Repl

_LONGEST_LINE = 100


def attach(repl: "Repl", paths: Sequence[Path]) -> None:
    """Read files for the next message, and say what they are; one that is attached already is read again."""
    new = _read(repl, paths)
    repl.attachments = [one for one in repl.attachments if one.path not in paths] + new
    say_attached(repl, new)


def attached_to(repl: "Repl") -> list[Attachment]:
    """Return what goes with the line just sent: what was attached before, and then the files it names with an `@`.

    What is folded in it names none: nobody has read what a long paste holds, and it may come from anywhere.
    A folder is refused only where it is surely meant: `@src/`; `@src` is a word like others.
    """
    text = repl.line.typed
    attached = {one.path.expanduser() for one in repl.attachments}
    found = [
        one for one in mentions(text) if not one.path.is_dir() or text[one.start : one.stop].rstrip('"')[-1] == "/"
    ]
    return [*repl.attachments, *_read(repl, [one.path for one in found if one.path not in attached])]


def say_unknown(repl: "Repl", text: str) -> None:
    """Say in a dim line which paths a message names that are no files: they are sent as they were typed."""
    if missing := unknown_files(text):
        repl.screen.aside(one_line(f"no file {', '.join(missing)}", _LONGEST_LINE))


def say_attached(repl: "Repl", attached: Sequence[Attachment]) -> None:
    """Say in a dim line what goes with the message, and what it costs."""
    if attached:
        from chatcli.render.attached import listed

        repl.screen.aside(listed(repl.chat, attached))


def _read(repl: "Repl", paths: Sequence[Path]) -> list[Attachment]:
    """Read files, while a line says so; ^C breaks off what takes long."""

    def read(is_stopped: Callable[[], bool]) -> list[Attachment]:
        def pause() -> None:
            if is_stopped():
                raise UsageError("reading was stopped; nothing is attached", "attach a part of it")

        return attach_all(paths, pause)

    return repl.wait_for("reading", read) if paths else []
