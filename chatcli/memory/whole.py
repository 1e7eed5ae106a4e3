"""`buffer` sends the whole history, `none` nothing of it."""

from dataclasses import dataclass

from chatcli.memory.strategy import Strategy, Tail, View, no_number


@dataclass(frozen=True, slots=True)
class Buffer(Strategy):
    """Everything that was said, every time."""

    spec: str = "buffer"
    first_look: int = 64

    def tail(self, view: View) -> Tail:
        """Return the whole history as the tail."""
        return Tail(0)


@dataclass(frozen=True, slots=True)
class Nothing(Strategy):
    """No turn word for word."""

    spec: str = "none"

    def tail(self, view: View) -> Tail:
        """Return an empty tail."""
        return Tail(view.history.length)


def build_buffer(parameters: str) -> Buffer:
    """Build `buffer`, which takes no parameters."""
    no_number(parameters, "buffer")
    return Buffer()


def build_none(parameters: str) -> Nothing:
    """Build `none`, which takes no parameters."""
    no_number(parameters, "none")
    return Nothing()
