"""Turns that were left unfinished: sent without a reply, or cut off by a kill. The user decides on each."""

from typing import TYPE_CHECKING

from chatcli.render.safe import one_line
from chatcli.stores import Pending

if TYPE_CHECKING:
    from chatcli.repl.loop import Repl


def describe_unfinished(repl: "Repl") -> None:
    """Show the turns to decide on, if there are any, and what can be done."""
    for turn in repl.chat.unfinished():
        if not turn.partial:
            repl.screen.warn(f"unanswered: {one_line(turn.user.text, 100)}")
            repl.screen.aside("/retry sends it again; another message asks whether to drop it")
            continue
        repl.screen.warn(f"unfinished: {one_line(turn.user.text, 100)}")
        repl.screen.say(turn.partial)
        _decide(repl, turn)


def decide_unfinished(repl: "Repl") -> bool:
    """Ask what becomes of each unfinished turn; return whether none is left, so that a new one may be sent."""
    for turn in repl.chat.unfinished():
        repl.screen.warn(f"unanswered: {one_line(turn.user.text, 100)}")
        if not _decide(repl, turn):
            return False
    return True


def _decide(repl: "Repl", turn: Pending) -> bool:
    """Ask, and do it; return whether the user decided."""
    if turn.partial:
        answer = repl.ask("[c]ontinue it, [r]etry, [k]eep it so, or [d]rop it?")
    else:
        answer = repl.ask("[r]etry it, or [d]rop it?")
    chat = repl.chat
    match answer[:1]:
        case "c" if turn.partial:
            repl.play(chat.resume(turn))
        case "r":
            repl.play(chat.retry(turn))
        case "k" if turn.partial:
            chat.keep(turn)
            repl.screen.aside("kept")
        case "d":
            chat.drop(turn)
            repl.screen.aside("dropped")
        case _:
            return False
    return True
