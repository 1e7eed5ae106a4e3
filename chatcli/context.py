"""What is sent for one turn."""

from dataclasses import dataclass

from chatcli import tokens
from chatcli.memory import Part
from chatcli.messages import Message
from chatcli.stores import Change

_CONTINUE = "Continue your last message exactly where it stops. Repeat nothing of it, add no introduction."


@dataclass(frozen=True, slots=True)
class Context:
    """What is sent for one turn, part by part, and what is saved with that turn."""

    parts: tuple[Part, ...]
    changes: tuple[Change, ...] = ()
    length: int = 0

    @property
    def messages(self) -> list[Message]:
        """The messages of the request, in order."""
        return [message for part in self.parts for message in part.messages]

    @property
    def tokens(self) -> int:
        """About how many tokens the request has."""
        return tokens.of_messages(self.messages)


def request(context: Context, partial: str) -> list[Message]:
    """Return the messages to send; with a `partial` reply, they ask for the rest of it."""
    if not partial:
        return context.messages
    return [*context.messages, Message("assistant", partial), Message("user", _CONTINUE)]
