"""Turns: again, back, forth; what was said; files for the next one."""

from pathlib import Path
from typing import TYPE_CHECKING

from chatcli.errors import UsageError
from chatcli.repl.slash import slash, words

if TYPE_CHECKING:
    from chatcli.repl.loop import Repl


@slash("retry", "regen", help="send the last message again, for another reply")
def retry(repl: "Repl", argument: str) -> None:
    """Send the unanswered message again, or replace the last reply."""
    unfinished = repl.chat.unfinished()
    repl.play(repl.chat.retry(unfinished[-1] if unfinished else None))


@slash("undo", arguments="[n]", help="take the last turn, or the last n, out of the history")
def undo(repl: "Repl", argument: str) -> None:
    """Take turns out of the history."""
    undone = repl.chat.undo(_number(argument, default=1))
    repl.screen.aside(f"took back {undone} {_turns(undone)}; /redo brings them back" if undone else "nothing to undo")


@slash("redo", help="bring back what /undo took")
def redo(repl: "Repl", argument: str) -> None:
    """Bring back what was undone last."""
    restored = repl.chat.redo()
    repl.screen.aside(f"brought back {restored} messages" if restored else "nothing to redo here")


@slash("history", arguments="[n]", help="show the last 10 turns, or the last n")
def history(repl: "Repl", argument: str) -> None:
    """Show the newest turns."""
    from chatcli.render.history import last_turns, print_history

    start, messages = last_turns(repl.chat.store, repl.chat.session, _number(argument, default=10))
    print_history(messages, start, repl.screen.plain)
    if not messages:
        repl.screen.aside("nothing was said yet")


@slash("attach", arguments="path…", help="send files or images with the next message; alone: list them")
def attach(repl: "Repl", argument: str) -> None:
    """Put files beside the next message; each is checked at once."""
    from chatcli.attachments import with_attachments

    for word in words(argument):
        path = Path(word).expanduser()
        with_attachments("", [path])
        repl.attachments.append(path)
    listed = ", ".join(str(path) for path in repl.attachments)
    repl.screen.aside(f"with the next message: {listed}" if listed else "nothing is attached")


def _number(argument: str, default: int) -> int:
    if not argument:
        return default
    if not (argument.isascii() and argument.isdigit() and int(argument)):
        raise UsageError(f"{argument!r} is not a whole number above 0", "leave it out, or write a number")
    return int(argument)


def _turns(count: int) -> str:
    return "turn" if count == 1 else "turns"
