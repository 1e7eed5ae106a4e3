"""Which part of the past goes back to the model.

A memory is a pure function: a lazy view of the history, what was derived before, and the input go in; the
parts to send, and what it wants kept for the next turn, come out. It never changes a history.

A new strategy is one file with a function that builds it from the text after its name, and one line in
`_STRATEGIES`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from chatcli.errors import UsageError
from chatcli.memory.history import History
from chatcli.messages import Message
from chatcli.stores import Change


@dataclass(frozen=True, slots=True)
class Part:
    """Messages that go to the model for one reason; `kind` names it: system, tail, input, …"""

    kind: str
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """What a memory sends of the past, oldest part first, and what it wants saved with the turn."""

    parts: tuple[Part, ...] = ()
    changes: tuple[Change, ...] = ()


class Memory(Protocol):
    """A strategy, built from its spec."""

    @property
    def spec(self) -> str:
        """The text that builds this memory again."""
        ...

    @property
    def first_look(self) -> int:
        """How many of the newest messages it will most likely read."""
        ...

    def select(self, history: History, question: Message | None) -> Selection:
        """Choose what to send before `question` (None: it is not known yet), at the cost of what it chooses."""
        ...


Builder = Callable[[str], Memory]

_STRATEGIES = {
    "none": "chatcli.memory.whole:build_none",
    "buffer": "chatcli.memory.whole:build_buffer",
    "window": "chatcli.memory.window:build",
    "tokens": "chatcli.memory.tokens:build",
}

EXAMPLES = "none, buffer, window:10, window:10-20, tokens:4000"


def parse_memory(spec: str) -> Memory:
    """Return the memory that `spec` names, e.g. `window:10`; raise UsageError for any other text."""
    name, colon, parameters = spec.strip().partition(":")
    where = _STRATEGIES.get(name)
    if where is None or (colon and not parameters):
        raise bad_spec(spec)
    module, _, function = where.partition(":")
    build: Builder = getattr(import_module(module), function)
    return build(parameters)


def default_memory(window: int | None) -> str:
    """Return the spec that is used when nothing is said: half of the model's `window` of tokens, at most 32,000.

    A window that is unknown counts as 8,192 tokens.
    """
    return f"tokens:{min(32_000, (window or 8192) // 2)}"


def bad_spec(spec: str, why: str = "") -> UsageError:
    """Return the error for a spec that cannot be built."""
    return UsageError(f"{spec!r} is no memory{': ' + why if why else ''}", f"one of: {EXAMPLES}")


def positive(text: str, spec: str) -> int:
    """Return `text` as a whole number above 0; raise UsageError that names the spec."""
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text)):
        raise bad_spec(spec, f"{text!r} is not a whole number above 0")
    return int(text)
