"""`window:K` sends exactly the last K turns; `window:J-K` grows to K turns and is then cut to J."""

from dataclasses import dataclass
from itertools import islice

from chatcli.memory.blocks import block_tail
from chatcli.memory.strategy import Strategy, Tail, View, bad_spec, positive


@dataclass(frozen=True, slots=True)
class Window(Strategy):
    """Exactly the last `turns` turns: K exchanges, as LangChain's k."""

    turns: int

    @property
    def spec(self) -> str:
        """`window:K`."""
        return f"window:{self.turns}"

    @property
    def first_look(self) -> int:
        """Two messages a turn, and the one before, which tells a turn from its rest."""
        return 2 * self.turns

    def tail(self, view: View) -> Tail:
        """Return the last turns, or all when there are fewer."""
        turns = list(islice(view.history.turns(), self.turns))
        return Tail(turns[-1].start if turns else 0)


@dataclass(frozen=True, slots=True)
class BlockWindow(Strategy):
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

    def tail(self, view: View) -> Tail:
        """Return the turns since the last cut."""
        return block_tail(view, self.spec, lambda turn, scale: 1, self.high, self.low)


def build(parameters: str) -> Strategy:
    """Build from `K` or `J-K` with 0 < J < K."""
    spec = f"window:{parameters}" if parameters else "window"
    first, dash, second = parameters.partition("-")
    if not dash or not first:
        return Window(positive(parameters, spec))
    low, high = positive(first, spec), positive(second, spec)
    if low >= high:
        raise bad_spec(spec, "the first number must be the smaller one")
    return BlockWindow(low, high)
