"""Turns: again, back, forth."""

from typing import TYPE_CHECKING

from chatcli.repl.slash import slash
from chatcli.values import counted, whole_number

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
    repl.chat.last_context = None
    back = f"took back {counted(undone, 'turn')}; /redo brings {'it' if undone == 1 else 'them'} back"
    repl.screen.aside(back if undone else "nothing to undo")


@slash("redo", help="bring back what /undo took")
def redo(repl: "Repl", argument: str) -> None:
    """Bring back what was undone last."""
    before = _turns(repl)
    restored = repl.chat.redo()
    repl.chat.last_context = None
    repl.screen.aside(f"brought back {counted(_turns(repl) - before, 'turn')}" if restored else "nothing to redo here")


def _turns(repl: "Repl") -> int:
    return repl.chat.store.snapshot(repl.chat.session, 0).session.turns


def _number(argument: str, default: int) -> int:
    return whole_number(argument) if argument else default
