"""A turn's events on the screen, for the chat and for `ask` alike."""

import sys
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from chatcli.messages import Message
from chatcli.model import Delta, Reasoning, Retrying
from chatcli.pump import Tick
from chatcli.render.progress import WHEEL_STEP
from chatcli.render.reply import ReplyView
from chatcli.render.safe import neutralise
from chatcli.render.speed import speed_line
from chatcli.turn import Committed, Notice, TurnEvent

PATIENCE = 0.4
"""Seconds before a wait is shown: a reply that comes at once needs no wheel."""


def print_reply(text: str, plain: bool, out: TextIO | None = None) -> None:
    """Print a reply that is there already, as it looked when it came; on stdout if nowhere else."""
    out = sys.stdout if out is None else out
    if plain:
        print(neutralise(text), file=out)
        return
    from chatcli.render.markdown import whole
    from chatcli.render.streaming import terminal

    terminal(out).print(whole(text))


def after(before: str, events: Iterator[TurnEvent]) -> Iterator[TurnEvent]:
    """Yield the events of a reply that goes on from `before`, which is shown with its first piece."""
    for event in events:
        if before and isinstance(event, Delta):
            yield Delta(before)
            before = ""
        yield event


def show_turn(
    events: Iterator[TurnEvent],
    view: ReplyView,
    *,
    whole: bool = False,
    reasoning: bool = True,
    poll: Callable[[], object] = lambda: None,
    tell_speed: Callable[[str], object] | None = None,
) -> Message | None:
    """Draw the events of a turn as they come; return the reply that was committed, None when there is none.

    `whole` shows the reply when it is complete, `reasoning` what the model thinks before; `poll` is called
    at every event and several times a second, `tell_speed` with a line about how fast the reply came. What the
    events raise is raised after the view has ended.
    """
    showing = _Showing(view, whole, reasoning)
    try:
        for event in events:
            poll()
            showing.take(event)
            view.tick()
    finally:
        showing.end()
    if tell_speed is not None and (line := showing.speed()):
        tell_speed(line)
    return showing.reply


class _Showing:
    """A turn while it is shown: what has come of it, and when."""

    def __init__(self, view: ReplyView, whole: bool, reasoning: bool) -> None:
        self.reply: Message | None = None
        self._view = view
        self._whole = whole
        self._reasoning = reasoning
        self._held: list[str] = []
        self._waiting = True
        self._began = time.monotonic()
        self._first: float | None = None
        self._shown = PATIENCE - WHEEL_STEP

    def take(self, event: TurnEvent) -> None:
        """Show one event."""
        match event:
            case Delta(text):
                self._first = self._first or self._seconds
                self._waiting = self._waiting and self._whole
                self._held.append(text) if self._whole else self._view.feed(text)
            case Reasoning(text) if self._reasoning and not self._whole:
                self._waiting = False
                self._view.reasoning(text)
            case Retrying() | Notice():
                self._view.note(_noted(event))
            case Committed(message):
                self.reply = message
        if isinstance(event, Tick | Delta) and self._waiting and self._seconds >= self._shown + WHEEL_STEP / 2:
            self._shown = self._seconds  # deltas may come more often than it is worth drawing
            self._view.waiting(self._shown)

    def end(self) -> None:
        """Show what was held back, and end the view."""
        self._view.feed("".join(self._held))
        self._view.finish()

    def speed(self) -> str:
        """Return a line about how fast the reply came; '' when none did."""
        if self.reply is None or self._first is None:
            return ""
        return speed_line(self.reply, self._seconds, self._first)

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._began


def _noted(event: Retrying | Notice) -> str:
    if isinstance(event, Notice):
        return event.text
    return f"{event.reason}; again " + (f"in {event.seconds:.0f} s" if event.seconds >= 0.5 else "at once")
