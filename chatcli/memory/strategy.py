"""What a strategy sees, what it gives, and what it may ask for."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from chatcli import tokens
from chatcli.errors import UsageError
from chatcli.memory.history import History
from chatcli.messages import Message, Turn, readable
from chatcli.stores import Change
from chatcli.values import DIGITS

Joins = Literal["", "before", "after"]


@dataclass(frozen=True, slots=True)
class Part:
    """Messages that go to the model for one reason; `kind` names it: system, summary, pins, tail, recall, input, …

    One that `joins` is sent inside the message before or after it, if that has the same role: several chat templates
    refuse a second system text, and what changes every turn rides with the newest input.
    """

    kind: str
    messages: tuple[Message, ...]
    joins: Joins = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """A message of the history, or a passage of a long one, that bears on a question.

    `message` says it, `position` is where that message stands; `words` are those of the question it was found by.
    A passage is not `whole`; `part` keeps passages of one message in order.
    """

    position: int
    message: Message
    score: float
    words: tuple[str, ...] = ()
    whole: bool = True
    part: int = 0


class Index(Protocol):
    """Finds what was said before. It follows a history by watermark, and holds nothing that could not be made anew.

    `news` are lines for the user; whoever shows them takes them out. Any thread may call.
    """

    @property
    def news(self) -> list[str]:
        """What happened to it."""
        ...

    def follow(self, history: History, most: int | None = None) -> int:
        """Take in up to `most` messages that were not indexed yet (None: all); return how many are left."""
        ...

    def embed(self) -> bool:
        """Turn some messages into vectors, where a model does that; return whether there may be more to do."""
        ...

    def search(self, question: str, before: int) -> Iterable[Hit]:
        """Return what bears on `question` among the indexed messages before position `before`, the best first.

        It may be found and read only as it is taken.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


@dataclass(frozen=True, slots=True)
class View:
    """What a memory sees.

    `measure` counts the tokens of a text, `scale` corrects that for the model by what its endpoint counted. `window` is
    the model's, `room` what of it is left for the past, without system text, input and reply; None: unknown.
    """

    history: History
    measure: Callable[[str], int] = tokens.estimate
    scale: float = 1.0
    window: int | None = None
    room: int | None = None
    index: Index | None = None

    def count(self, text: str) -> int:
        """Return how many tokens the text is for the model."""
        return round(self.measure(text) * self.scale)

    def cost(self, messages: Sequence[Message]) -> int:
        """Return how many tokens the messages are for the model."""
        return round(tokens.of_messages(messages, self.measure) * self.scale)

    def turn_cost(self, turn: Turn, scale: float) -> float:
        """Return how many tokens the turn is in a request, at a scale of its own."""
        return tokens.of_messages(readable(turn.messages), self.measure) * scale


@dataclass(frozen=True, slots=True)
class Tail:
    """The newest turns, from position `start` on; `front` is what stands before them, oldest first."""

    start: int
    front: tuple[Part, ...] = ()
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """Which positions of the history a context has word for word already."""

    start: int
    pinned: frozenset[int] = frozenset()

    def __contains__(self, position: int) -> bool:
        return position >= self.start or position in self.pinned


@dataclass(frozen=True, slots=True)
class Rider:
    """What goes inside the newest input: its text, why (`hits`), and what the user may want to know of it."""

    kind: str
    text: str
    hits: tuple[Hit, ...] = ()
    notes: tuple[str, ...] = ()


class Ask(Protocol):
    """A side request to a model; `room` is how many tokens of the history one surely holds."""

    @property
    def room(self) -> int:
        """Tokens."""
        ...

    def __call__(self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None) -> str:
        """Return the whole answer, as JSON of that schema where the endpoint can; raise ModelError for any other."""
        ...


class Derivation(Protocol):
    """Something derived from the history with a model's help, one step at a time."""

    @property
    def name(self) -> str:
        """What it derives: summary, entity, …"""
        ...

    def is_due(self, view: View) -> bool:
        """Say whether a step has something to do."""
        ...

    def has_begun(self, view: View) -> bool:
        """Say whether something of it was derived before."""
        ...

    def step(self, view: View, ask: Ask) -> Change | None:
        """Return the next change to what was derived; None when it is up to date. Raises ModelError."""
        ...


@dataclass(frozen=True, slots=True)
class Strategy(ABC):
    """One strategy, built from its spec. It chooses a tail, or what rides with the input, or both."""

    @property
    @abstractmethod
    def spec(self) -> str:
        """The text that builds it again."""

    @property
    def first_look(self) -> int:
        """How many of the newest messages it will most likely read."""
        return 0

    def tail(self, view: View) -> Tail | None:
        """Return the newest turns it wants sent, and what goes before them; None: it leaves that to others."""
        return None

    def rider(self, view: View, question: Message | None, shown: Shown) -> Rider | None:
        """Return what it wants said beside `question` (None: not known yet) that is not `shown` anyway."""
        return None

    @property
    def adapts(self) -> bool:
        """Whether it sends less by itself when the model's window turns out to be smaller."""
        return False

    @property
    def derives(self) -> bool:
        """Whether there is something to derive for it after a turn."""
        return False

    @property
    def searches(self) -> bool:
        """Whether it needs the index of the history."""
        return False

    def derivations(self, view: View) -> tuple[Derivation, ...]:
        """Return what is to be derived for it after a turn."""
        return ()


SAFE_WINDOW = 8192
"""Tokens that a model whose window is unknown is taken to have."""

EXAMPLES = "auto, summary, summary-buffer:4000, recall:800, entity, window:10, window:10-20, tokens:4000, buffer, none"


def bad_spec(spec: str, why: str = "") -> UsageError:
    """Return the error for a spec that cannot be built."""
    spec = spec if len(spec) <= 80 else f"{spec[:79]}…"
    return UsageError(f"{spec!r} is no memory{': ' + why if why else ''}", f"one of {EXAMPLES}; or several: a+b")


def positive(text: str, spec: str) -> int:
    """Return `text` as a whole number above 0; raise UsageError that names the spec."""
    if not text:
        name = spec.partition(":")[0]
        example = next(one for one in EXAMPLES.split(", ") if one.startswith(f"{name}:"))
        raise bad_spec(spec, f"{name} needs a number, e.g. {example}")
    shown = repr(text) if len(text) <= 20 else f"{text[:20]!r}…"
    if not (text.isascii() and text.isdigit() and text.strip("0")):
        raise bad_spec(spec, f"{shown} is not a whole number above 0")
    if len(text) > DIGITS:
        raise bad_spec(spec, f"{shown} is too large a number, it may have {DIGITS} digits")
    return int(text)


def no_number(parameters: str, name: str) -> None:
    """Raise UsageError for a strategy that takes no parameters, but got some."""
    if parameters:
        raise bad_spec(f"{name}:{parameters}", f"{name} takes no number")
