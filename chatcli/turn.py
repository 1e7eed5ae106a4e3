"""What happens in a turn, event by event, and what it holds until it is committed."""

from collections.abc import Generator
from dataclasses import dataclass, field

from chatcli.context import Context
from chatcli.messages import Finish, Message, Usage, new_id
from chatcli.model import Delta, Event, Finished, Used
from chatcli.pump import Tick
from chatcli.stores import Pending


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
    """The reply while it comes, after the `prefix` that it goes on from; `fresh` until what came is kept."""

    prefix: str = ""
    pieces: list[str] = field(default_factory=list)
    usage: Usage | None = None
    finish: Finish | None = None
    fresh: bool = False

    def take(self, event: Event) -> None:
        """Add what the event says."""
        match event:
            case Delta(text):
                self.pieces.append(text)
                self.fresh = True
            case Used(usage):
                self.usage = usage
            case Finished(finish):
                self.finish = finish

    @property
    def began(self) -> bool:
        """Whether anything of the reply has come."""
        return any(self.pieces)

    @property
    def text(self) -> str:
        """The reply as far as it came."""
        return self.prefix + "".join(self.pieces)

    def reply(self, model: str, time: float) -> Message:
        """Return the message it has become; one that does not say how it ended was interrupted."""
        finish = self.finish or "interrupted"
        return Message("assistant", self.text, id=new_id(), time=time, model=model, usage=self.usage, finish=finish)


@dataclass(frozen=True, slots=True)
class Unsaved:
    """A turn with its reply that the store did not take yet."""

    turn: Pending
    reply: Message
    context: Context
