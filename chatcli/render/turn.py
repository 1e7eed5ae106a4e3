"""A turn's events on the screen, for the chat and for `ask` alike."""

import sys
import time
from collections.abc import Callable, Iterator

from chatcli.messages import Message
from chatcli.model import Delta, Reasoning, Retrying
from chatcli.pump import Tick
from chatcli.render.reply import ReplyView
from chatcli.render.safe import neutralise
from chatcli.render.speed import speed_line
from chatcli.turn import Committed, Notice, TurnEvent

PATIENCE = 0.4
"""Seconds before a wait is shown: a reply that comes at once needs no wheel."""


def print_reply(text: str, plain: bool) -> None:
    """Print a reply that is there already, as it looked when it came."""
    if plain:
        print(neutralise(text))
        return
    from chatcli.render.markdown import whole
    from chatcli.render.streaming import terminal

    terminal(sys.stdout).print(whole(text))


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
    began = time.monotonic()
    waiting, reply, held, first = True, None, [], None
    try:
        for event in events:
            poll()
            match event:
                case Delta(text):
                    first = first or time.monotonic() - began
                    waiting = waiting and whole
                    held.append(text) if whole else view.feed(text)
                case Reasoning(text) if reasoning and not whole:
                    waiting = False
                    view.reasoning(text)
                case Retrying() | Notice():
                    view.note(_noted(event))
                case Committed(message):
                    reply = message
                case Tick() if waiting and time.monotonic() - began > PATIENCE:
                    view.waiting(time.monotonic() - began)
            view.tick()
    finally:
        view.feed("".join(held))
        view.finish()
    if tell_speed is not None and reply is not None and first is not None:
        tell_speed(speed_line(reply, time.monotonic() - began, first))
    return reply


def _noted(event: Retrying | Notice) -> str:
    return event.text if isinstance(event, Notice) else f"{event.reason}; again in {event.seconds:.0f} s"
