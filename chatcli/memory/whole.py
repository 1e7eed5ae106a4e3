"""`buffer` sends the whole history, `none` nothing of it."""

from dataclasses import dataclass

from chatcli.memory import Part, Selection, bad_spec
from chatcli.memory.history import History
from chatcli.messages import Message, readable


@dataclass(frozen=True, slots=True)
class Buffer:
    """Everything that was said, every time."""

    spec: str = "buffer"
    first_look: int = 64

    def select(self, history: History, question: Message | None) -> Selection:
        """Return the whole history as the tail."""
        return Selection((Part("tail", tuple(readable(history.since(0)))),))


@dataclass(frozen=True, slots=True)
class Nothing:
    """Each question stands alone."""

    spec: str = "none"
    first_look: int = 0

    def select(self, history: History, question: Message | None) -> Selection:
        """Return nothing."""
        return Selection()


def build_buffer(parameters: str) -> Buffer:
    """Build `buffer`, which takes no parameters."""
    if parameters:
        raise bad_spec(f"buffer:{parameters}", "buffer takes no number")
    return Buffer()


def build_none(parameters: str) -> Nothing:
    """Build `none`, which takes no parameters."""
    if parameters:
        raise bad_spec(f"none:{parameters}", "none takes no number")
    return Nothing()
