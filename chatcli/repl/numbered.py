"""The turn that a command's argument means: by its number in /history, or the last one."""

from typing import NamedTuple

from chatcli.chat import Chat
from chatcli.errors import NotFound
from chatcli.memory.numbering import open_numbered, turn_numbered
from chatcli.messages import Turn
from chatcli.render.context import turns_from
from chatcli.values import whole_number


class Numbered(NamedTuple):
    """A turn with its number."""

    number: int
    turn: Turn
    is_last: bool


def turn_meant(chat: Chat, argument: str) -> Numbered:
    """Return the turn whose number the argument is, for '' the last one; raise NotFound when there is none."""
    history, last = open_numbered(chat.store, chat.session)
    number = whole_number(argument) if argument else last
    turn = turn_numbered(history, last, number)
    if turn is None:
        there = f"/history shows {turns_from(1, last)}" if last else "write something first"
        raise NotFound(f"there is no turn {number:,}" if argument else "there is no turn yet", there)
    return Numbered(number, turn, number == last)
