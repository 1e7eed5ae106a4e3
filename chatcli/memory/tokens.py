"""`tokens:N` sends the newest whole turns that fit N tokens; when they no longer do, it cuts to N/2."""

from dataclasses import dataclass

from chatcli.memory.blocks import block_tail
from chatcli.memory.strategy import Strategy, Tail, View, positive


@dataclass(frozen=True, slots=True)
class TokenTail(Strategy):
    """The newest turns within `limit` tokens, cut to half when they outgrow it."""

    limit: int
    first_look: int = 64

    @property
    def spec(self) -> str:
        """`tokens:N`."""
        return f"tokens:{self.limit}"

    def tail(self, view: View) -> Tail:
        """Return the turns since the last cut."""
        return block_tail(view, self.spec, view.turn_cost, self.limit, self.limit // 2)


def build(parameters: str) -> TokenTail:
    """Build from `N`, a number of tokens."""
    return TokenTail(positive(parameters, f"tokens:{parameters}" if parameters else "tokens"))
