"""Replies: other versions of the last one, the rest of one that was cut off, copies, what the model thought."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from chatcli.alternatives import Version, reasoning_of, versions
from chatcli.errors import NotFound
from chatcli.memory.numbering import open_numbered
from chatcli.messages import Message
from chatcli.render.fences import code_in
from chatcli.render.safe import neutralise, one_line
from chatcli.repl.commands.turns import recent_turns
from chatcli.repl.numbered import turn_meant
from chatcli.repl.slash import slash
from chatcli.revising import last_turn
from chatcli.seam import open_block
from chatcli.values import counted, whole_number

if TYPE_CHECKING:
    from chatcli.repl.loop import Repl

_SAID = 300  # characters of a version in the list; the terminal's width cuts them shorter


def _versions(repl: "Repl") -> Sequence[tuple[str, str]]:
    """Return the numbers of the last turn's versions, with what each says, for completion."""
    history, _ = open_numbered(repl.chat.store, repl.chat.session)
    found, now = versions(next((turn.messages for turn in history.turns()), (Message("user", ""),)))
    return [(str(number), _described(version, found[now])) for number, version in enumerate(found, 1)]


@slash(
    "alternatives",
    "alt",
    arguments="[n]",
    help="list the versions of the last turn, or put version n in its place",
    complete=_versions,
)
def alternatives(repl: "Repl", argument: str) -> None:
    """List what /retry and /edit replaced, or go back to one of them."""
    if argument:
        _choose(repl, whole_number(argument))
        return
    turn, _ = last_turn(repl.chat.store, repl.chat.session)
    found, now = versions(turn.messages)
    if len(found) == 1:
        repl.screen.tell("the last turn has no other version; /retry makes one")
        return
    width = repl.screen.width - 1
    for index, version in enumerate(found):
        mark = "*" if index == now else " "
        repl.screen.say(f"{mark}{index + 1:>3}  {one_line(_described(version, found[now]), width - 6)}")


def _choose(repl: "Repl", number: int) -> None:
    from chatcli.render.turn import print_reply

    chosen = repl.chat.choose(number)
    repl.chat.last_context = None
    repl.screen.aside(f"version {number} stands in the history now:")
    if len(chosen) > 1:
        print_reply(chosen[-1].text, repl.screen.plain)
        repl.screen.say()


def _described(version: Version, now: Version) -> str:
    """Return in one line who answered a version, when, and how it begins; its question where that is another one."""
    question, last = version[0], version[-1]
    when = time.strftime("%H:%M", time.localtime(last.time)) if last.time else ""
    asked = f"“{one_line(question.text, 40)}”" if question != now[0] else ""
    said = one_line(last.text, _SAID) if len(version) > 1 else "not answered"
    return " · ".join(filter(None, (one_line(last.model or "", 40), when, asked, said)))


@slash("continue", help="have the last reply go on where it was stopped or cut off")
def go_on(repl: "Repl", argument: str) -> None:
    """Go on with a reply that was interrupted, or cut at the token limit; the longer one takes its place."""
    turn = repl.chat.cut_off()
    if not turn.partial:
        raise NotFound("your last message has no reply yet", "/retry sends it again")
    repl.play(repl.chat.resume(turn), before=open_block(turn.partial))


@slash(
    "copy",
    arguments="[n|code [k]]",
    help="copy the last reply to the clipboard, that of turn n, or the last reply's first, or k-th, block of code",
    complete=lambda repl: ("code", *recent_turns(repl)),
)
def copy(repl: "Repl", argument: str) -> None:
    """Put a reply, or code of it, on the clipboard without decoration.

    What a terminal would obey stands there as it is shown: it would be obeyed where it is pasted.
    """
    from chatcli.repl.clipboard import copy as to_clipboard

    what, _, number = argument.partition(" ")
    if what == "code":
        text, about = _block(_reply(repl, "").text, whole_number(number.strip()) if number else 1)
    else:
        text, about = _reply(repl, argument).text, ""
    by = to_clipboard(neutralise(text))
    lines = counted(text.rstrip("\n").count("\n") + 1, "line")
    how = "; by the terminal, if it allows that" if by == "the terminal" else ""
    repl.screen.aside(f"copied {lines}{about}{how}")


def _block(text: str, number: int) -> tuple[str, str]:
    """Return a block of code, and which of them it is."""
    blocks = code_in(text)
    if not blocks:
        raise NotFound("there is no block of code in the last reply", "/copy copies all of it")
    if number > len(blocks):
        raise NotFound(f"the last reply has {counted(len(blocks), 'block')} of code", "/copy code copies the first")
    which = f", block {number} of {len(blocks)}" if len(blocks) > 1 else ""
    return blocks[number - 1], f" of code{which}"


@slash(
    "reasoning",
    arguments="[n]",
    help="show what the model thought before its last reply, or before that of turn n",
    complete=recent_turns,
)
def reasoning(repl: "Repl", argument: str) -> None:
    """Show what a model thought, dimmed, as far as it was kept."""
    in_vain = "" if argument else repl.chat.thought_in_vain
    thought = in_vain or reasoning_of(_reply(repl, argument))
    repl.screen.tell(thought or "nothing is known of what the model thought before this reply")


def _reply(repl: "Repl", argument: str) -> Message:
    """Return the last reply, or that of the turn with this number; what came of an unfinished one is the last."""
    number, turn, _ = turn_meant(repl.chat, argument)
    said = [message for message in turn.messages if message.role == "assistant" and message.text]
    if not said:
        raise NotFound(f"turn {number:,} has no reply", "/history shows what was said")
    return said[-1]
