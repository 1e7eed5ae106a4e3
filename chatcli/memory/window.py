"""`window:K` sends exactly the last K turns; `window:J-K` grows to K turns and is then cut to J."""

from dataclasses import dataclass
from itertools import islice

from chatcli.memory import Memory, Part, Selection, bad_spec, positive
from chatcli.memory.blocks import block_tail
from chatcli.memory.history import History
from chatcli.messages import Message, readable


@dataclass(frozen=True, slots=True)
class Window:
    """Exactly the last `turns` turns: K exchanges, as LangChain's k."""

    turns: int

    @property
    def spec(self) -> str:
        """`window:K`."""
        return f"window:{self.turns}"

    @property
    def first_look(self) -> int:
        """Two messages a turn."""
        return 2 * self.turns

    def select(self, history: History, question: Message | None) -> Selection:
        """Return the last turns, or all when there are fewer."""
        turns = list(islice(history.turns(), self.turns))
        return Selection((Part("tail", tuple(readable(m for turn in reversed(turns) for m in turn.messages))),))


@dataclass(frozen=True, slots=True)
class BlockWindow:
    """The last turns, between `low` and `high` of them; the prefix stays still between two cuts."""

    low: int
    high: int

    @property
    def spec(self) -> str:
        """`window:J-K`."""
        return f"window:{self.low}-{self.high}"

    @property
    def first_look(self) -> int:
        """Two messages a turn, and the one before the cut."""
        return 2 * self.high + 1

    def select(self, history: History, question: Message | None) -> Selection:
        """Return the turns since the last cut."""
        return block_tail(history, self.spec, lambda turn: 1, self.high, self.low)


def build(parameters: str) -> Memory:
    """Build from `K` or `J-K` with 0 < J < K."""
    spec = f"window:{parameters}" if parameters else "window"
    first, dash, second = parameters.partition("-")
    if not dash or not first:
        return Window(positive(parameters, spec))
    low, high = positive(first, spec), positive(second, spec)
    if low >= high:
        raise bad_spec(spec, "the first number must be the smaller one")
    return BlockWindow(low, high)
