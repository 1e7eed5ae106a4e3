"""Sessions on their way: out of a store into a file, out of a file into a store.

One module a format. Those that write return pieces of text, message by message. Those that read yield sessions: ours
and those in databases message by message, the others, whose forms have no order that could be counted on, a whole
session at a time, of a limited size. `departure` and `arrival` are the store's side.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chatcli.errors import UsageError
from chatcli.messages import Message
from chatcli.stores import State


@dataclass(frozen=True, slots=True)
class Carried:
    """A session outside of any store.

    `messages` may be read once, and before the next session is asked for. `origin` tells the session from every other
    one, whatever it is called: `chatgpt:ID`. `name` is what it would like to be called, to the letter if it `is_ours`:
    it was a session of chatcli's. `title`: None for that of its first turn. Times are Unix seconds, 0 for unknown.
    `left_out` counts the branches that were not taken along. `unfit` names the settings that were left out, for they
    would have kept the session from being opened.
    """

    name: str
    messages: Iterable[Message]
    origin: str = ""
    title: str | None = None
    created: float = 0.0
    used: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict)
    states: Mapping[str, State] = field(default_factory=dict)
    left_out: int = 0
    unfit: Sequence[str] = ()
    is_ours: bool = False


PIPED = "-"
"""The name of what comes through a pipe."""


def called(name: str) -> str:
    """Return what an error calls the source of that name."""
    return "what was piped in" if name == PIPED else name or "''"


def no_session_in(name: str) -> UsageError:
    """Return the error for a file in which there is nothing to import."""
    return UsageError(
        f"{called(name)} holds no session that chatcli can read", "docs/transfer.md names what can be imported"
    )
