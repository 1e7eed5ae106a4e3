"""What happens in a turn, event by event, and what it holds until it is committed."""

import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field

from chatcli.errors import StoreError
from chatcli.messages import Finish, Message, Usage, new_id
from chatcli.model import Delta, Event, Finished, Reasoning, Used
from chatcli.pump import Tick
from chatcli.seam import Seam

CHECKPOINT = 0.8
"""Seconds after which what has come of a reply is kept; a second with the time it takes."""

HEARTBEAT = 3.0
"""Seconds between two signs of life while nothing comes."""

PATIENCE = 5.0
"""Seconds until a store that did not take what came is tried again."""

REASONING = 50_000
"""Characters that are kept of what a model thought before its reply."""


@dataclass(frozen=True, slots=True)
class Committed:
    """The turn is in the history: the last event of a turn that got a reply."""

    reply: Message


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the user should know, in one line; the turn goes on."""

    text: str


TurnEvent = Event | Tick | Committed | Notice
Turning = Generator[TurnEvent, None, None]
"""A turn while it runs: iterate it, or close it to stop."""


@dataclass(slots=True)
class Draft:
    """The reply while it comes; `fresh` until what came is kept.

    It goes on from `prefix`, if there is one: the model says where, and what it says again is left out (`seam`).
    """

    prefix: str = ""
    seam: Seam | None = None
    pieces: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    usage: Usage | None = None
    finish: Finish | None = None
    fresh: bool = False

    def take(self, event: Event) -> Event | None:
        """Add what the event says; return it as it is to be shown, None for what is not."""
        match event:
            case Delta(text):
                return self._add(self.seam.feed(text) if self.seam else text)
            case Reasoning(text):
                self.thoughts.append(text)
            case Used(usage):
                self.usage = usage
            case Finished(finish):
                self.finish = finish
        return event

    def take_rest(self) -> Event | None:
        """Add what the seam holds back still, now that no more comes; return it as `take` does."""
        return self._add(self.seam.rest()) if self.seam else None

    def _add(self, text: str) -> Event | None:
        self.pieces.append(text)
        self.fresh = self.fresh or bool(text)
        return Delta(text) if text else None

    @property
    def began(self) -> bool:
        """Whether anything of the reply has come."""
        return any(self.pieces)

    @property
    def text(self) -> str:
        """The reply as far as it came."""
        return self.prefix + "".join(self.pieces)

    @property
    def reasoning(self) -> str:
        """What the model thought, as far as that is kept."""
        thought = "".join(self.thoughts).strip()
        return thought if len(thought) <= REASONING else f"{thought[:REASONING]}…"

    def reply(self, model: str, time: float) -> Message:
        """Return the message it has become; one that does not say how it ended was interrupted."""
        finish, thought = self.finish or "interrupted", self.reasoning
        extra = {"reasoning": thought} if thought else {}
        return Message(
            "assistant", self.text, new_id(), time, model=model, usage=self.usage, finish=finish, extra=extra
        )


def going_on(partial: str) -> Draft:
    """Return the draft of a reply that goes on from `partial`."""
    seam = Seam(partial)
    return Draft(seam.base, seam)


def streamed(events: Iterable[Event | Tick], draft: Draft, keep: Callable[[], None]) -> Turning:
    """Yield the reply's events while `draft` takes them in; `keep` is called about once a second, and may fail."""
    kept, failed = time.monotonic(), False
    for event in events:
        shown = event if isinstance(event, Tick) else draft.take(event)
        if shown is not None:
            yield shown
        pause = PATIENCE if failed else CHECKPOINT if draft.fresh else HEARTBEAT
        if time.monotonic() - kept < pause:
            continue
        try:
            keep()
        except StoreError as error:
            if not failed:
                yield Notice(f"{error.message}; the reply goes on and is saved when it ends")
            failed = True
        else:
            draft.fresh = failed = False
        kept = time.monotonic()
    if (shown := draft.take_rest()) is not None:
        yield shown
