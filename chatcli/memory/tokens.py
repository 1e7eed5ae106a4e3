"""`tokens:N` sends the newest whole turns that fit N tokens; when they no longer do, it cuts to N/2."""

from dataclasses import dataclass

from chatcli import tokens
from chatcli.memory import Selection, positive
from chatcli.memory.blocks import block_tail
from chatcli.memory.history import History
from chatcli.messages import Message, Turn, readable


@dataclass(frozen=True, slots=True)
class TokenTail:
    """The newest turns within `limit` tokens, cut to half when they outgrow it."""

    limit: int
    first_look: int = 64

    @property
    def spec(self) -> str:
        """`tokens:N`."""
        return f"tokens:{self.limit}"

    def select(self, history: History, question: Message | None) -> Selection:
        """Return the turns since the last cut."""
        return block_tail(history, self.spec, _tokens_of, self.limit, self.limit // 2)


def _tokens_of(turn: Turn) -> int:
    return tokens.of_messages(readable(turn.messages))


def build(parameters: str) -> TokenTail:
    """Build from `N`, a number of tokens."""
    return TokenTail(positive(parameters, f"tokens:{parameters}" if parameters else "tokens"))
