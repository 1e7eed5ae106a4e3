"""Turns that were left unfinished: sent without a reply, or cut off by a kill. The user decides on each."""

import sys
from typing import TYPE_CHECKING

from chatcli.render.safe import one_line
from chatcli.stores import Pending

if TYPE_CHECKING:
    from chatcli.repl.loop import Repl


def describe_unfinished(repl: "Repl") -> None:
    """Show the turns to decide on, if there are any; ask about those whose reply had begun."""
    from chatcli.render.turn import print_reply

    for turn in repl.chat.unfinished():
        if not sys.stdin.isatty():
            repl.screen.warn(f"unfinished: {one_line(turn.user.text, 100)}; a chat on a terminal offers it")
        elif turn.partial:
            repl.screen.warn(f"unfinished: {one_line(turn.user.text, 100)}")
            print_reply(turn.partial, repl.screen.plain)
            _decide(repl, turn)
        else:
            repl.screen.warn(f"unanswered: {one_line(turn.user.text, 100)}")
            repl.screen.aside("/retry sends it again; another message asks whether to drop it")


def decide_unfinished(repl: "Repl") -> bool:
    """Ask what becomes of each unfinished turn; return whether a new one may be sent. A pipe is not asked."""
    for turn in repl.chat.unfinished() if sys.stdin.isatty() else ():
        repl.screen.warn(f"unanswered: {one_line(turn.user.text, 100)}")
        if not _decide(repl, turn):
            return False
    return True


def _decide(repl: "Repl", turn: Pending) -> bool:
    """Ask, and do it; return whether the user decided. Anything but a choice is a message, and given back."""
    chat = repl.chat
    answer = repl.ask(_question(turn))
    match answer.lower():
        case "c" | "continue" if turn.partial:
            repl.play(chat.resume(turn))
        case "r" | "retry":
            repl.play(chat.retry(turn))
        case "k" | "keep" if turn.partial:
            chat.keep(turn)
            repl.screen.aside("kept")
        case "d" | "drop":
            chat.drop(turn)
            repl.screen.aside("dropped")
        case _:
            repl.give_back(answer)
            return False
    return True


def _question(turn: Pending) -> str:
    if turn.partial:
        return "[c]ontinue it, [r]etry, [k]eep it so, or [d]rop it?"
    return "[r]etry it, or [d]rop it?"
