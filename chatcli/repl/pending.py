"""Turns that were left unfinished: sent without a reply, stopped, or cut off by a kill. The user decides on each."""

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from chatcli.errors import StoreError
from chatcli.render.safe import one_line
from chatcli.repl.last_turns import LONGEST_AUTHOR, said_by
from chatcli.repl.screen import Screen
from chatcli.stores import Pending

if TYPE_CHECKING:
    from chatcli.chat import Chat
    from chatcli.messages import Message
    from chatcli.repl.loop import Repl

_LONGEST_ANSWER = 12
"""Characters of a mistyped choice; what is longer is a message."""


def say_how_it_ended(screen: Screen, reply: "Message | None") -> None:
    """Say what a reply lacks, and how it is had; an empty line where it lacks nothing."""
    if reply is None:
        screen.aside("stopped before the reply began; /retry sends it again")
    elif reply.finish == "interrupted":
        screen.aside("stopped; what came is kept, /continue goes on")
    elif reply.finish == "length":
        screen.aside("cut at the token limit; /continue goes on")
    else:
        screen.say()


def say_what_is_unanswered(screen: Screen, chat: "Chat") -> None:
    """Say, after an error, that a message has no reply yet."""
    with suppress(StoreError):  # what matters more was said
        if any(not turn.partial for turn in chat.unfinished()):
            screen.aside("your message is kept: /retry sends it again")


def describe_unfinished(repl: "Repl") -> None:
    """Show the turns to decide on, if there are any; ask about those whose reply had begun."""
    for turn in repl.chat.unfinished():
        if not sys.stdin.isatty():
            repl.screen.warn(f"unfinished{_said(turn)}; a chat on a terminal offers it")
            continue
        _show(repl, turn)
        if turn.partial:
            _decide(repl, turn, waiting=False)
        else:
            repl.screen.aside("/retry sends it again; another message asks whether to drop it")


def decide_unfinished(repl: "Repl") -> bool:
    """Ask what becomes of each unfinished turn, and say whose are under way; return whether a new one may be sent.

    A pipe is neither asked nor told.
    """
    ours, others = repl.chat.unanswered() if sys.stdin.isatty() else ([], [])
    for turn in ours:
        _show(repl, turn)
        if not _decide(repl, turn, waiting=True):
            return False
    for turn in others:
        who = one_line(turn.user.author or "somebody else", LONGEST_AUTHOR)
        repl.screen.aside(f"{who} is being answered; your turn does not see that reply")
    return True


def _show(repl: "Repl", turn: Pending) -> None:
    """Show a turn to decide on, with the reply as far as it came: that is what may be gone on with, or kept."""
    repl.screen.warn(f"{'unfinished' if turn.partial else 'unanswered'}{_said(turn)}")
    if turn.partial:
        from chatcli.render.turn import print_reply

        print_reply(turn.partial, repl.screen.plain)


def _said(turn: Pending) -> str:
    """Return what was sent, and by whom if that was somebody else."""
    who = said_by(turn.user)
    return f"{f', by {who}' if who else ''}: {one_line(turn.user.text, 100)}"


def _decide(repl: "Repl", turn: Pending, waiting: bool) -> bool:
    """Ask until the answer is a choice, and do it; return whether the user decided.

    Unless a message is `waiting` in the line already, a long answer is taken for one, and put there.
    """
    chat, choices = repl.chat, _choices(turn)
    while (answer := repl.ask(_question(turn))) and answer.lower() not in choices:
        if not waiting and len(answer) > _LONGEST_ANSWER:
            repl.give_back(answer)
            return False
        repl.screen.aside(f"answer {', '.join(choices[:-2:2])} or {choices[-2]}; Enter alone leaves it for later")
    match answer[:1].lower():
        case "c":
            repl.play(chat.resume(turn))
        case "r":
            repl.play(chat.retry(turn))
        case "k":
            chat.keep(turn)
            repl.screen.aside("kept")
        case "d":
            chat.drop(turn)
            repl.screen.aside("dropped")
    return bool(answer)


def _choices(turn: Pending) -> list[str]:
    """Return the letters that answer the question, each with its word behind it."""
    resumed = ["c", "continue", "k", "keep"] if turn.partial else []
    return [*resumed, "r", "retry", "d", "drop"]


def _question(turn: Pending) -> str:
    if turn.partial:
        return "[c]ontinue it, [r]etry, [k]eep it so, or [d]rop it?"
    return "[r]etry it, or [d]rop it?"
