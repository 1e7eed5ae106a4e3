"""`auto`: a tail, a summary of what is older, and what of it bears on the input, sized for the model."""

from dataclasses import dataclass, replace

from chatcli.memory.blocks import turns_back_to
from chatcli.memory.pins import pinned
from chatcli.memory.recall import Recall
from chatcli.memory.strategy import SAFE_WINDOW, Derivation, Rider, Shown, Strategy, Tail, View, no_number
from chatcli.memory.summary import Summary, buffer
from chatcli.messages import Message
from chatcli.values import counted

_JOINTS = 8
"""Tokens between what is sent inside one message, at most."""


@dataclass(frozen=True, slots=True)
class Auto(Strategy):
    """`summary-buffer` and `recall` together; five sixteenths of the window for the tail, two for what is recalled.

    A window beyond 51,200 tokens changes nothing: what is older is found by recall, and every token is paid for.
    """

    spec: str = "auto"
    first_look: int = 64
    adapts: bool = True
    searches: bool = True
    derives: bool = True

    def tail(self, view: View) -> Tail:
        """Return the summary and the turns since."""
        summary, recall = _summary(view.window), recalling(view.window)
        tail = summary.tail(view)
        if view.room is None:
            return tail
        pins = sum(view.turn_cost(turn, view.scale) for turn in pinned(view.history, tail.start))
        front = sum(view.cost(part.messages) for part in tail.front)  # a summary may be longer than it was asked to be
        return _within(view, tail, view.room - max(summary.length, front) - recall.limit - pins - _JOINTS)

    def rider(self, view: View, question: Message | None, shown: Shown) -> Rider | None:
        """Return what bears on the input."""
        return recalling(view.window).rider(view, question, shown)

    def derivations(self, view: View) -> tuple[Derivation, ...]:
        """Return the folding that suits the window."""
        return _summary(view.window).derivations(view)


def _within(view: View, tail: Tail, room: float) -> Tail:
    """Return the tail without its oldest turns when it has no room beside this input; the cut is not kept."""
    total, start = 0.0, view.history.length
    for turn in turns_back_to(view.history, tail.start):
        total += view.turn_cost(turn, view.scale)
        if total > room:
            return replace(tail, start=start, notes=(*tail.notes, _left_out(start - tail.start, view.window)))
        start = turn.start
    return tail


def _left_out(messages: int, window: int | None) -> str:
    """Return what is said when so many messages of the tail are not sent."""
    what = f"{counted(messages, 'message')} of the tail did not fit beside this input"
    if window is not None:
        return what
    return f"{what} into {SAFE_WINDOW:,} tokens, which are assumed: the model's window is unknown"


def _summary(window: int | None) -> Summary:
    size = window or SAFE_WINDOW
    limit = min(16_000, size * 5 // 16)
    return buffer(limit, "auto", length=min(1000, size // 16), most=min(2 * limit, size * 7 // 16))


def recalling(window: int | None) -> Recall:
    """Return what recalls beside a model with this window."""
    return Recall(min(2000, (window or SAFE_WINDOW) // 8))


def build(parameters: str) -> Auto:
    """Build `auto`, which takes no parameters."""
    no_number(parameters, "auto")
    return Auto()
