"""What is sent for one turn."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chatcli import tokens
from chatcli.memory import Hit, Part, Selection
from chatcli.messages import Content, Message
from chatcli.seam import last_words

_CONTINUE = (
    "Your last message was cut off. It ends with these words:\n\n{words}\n\n"
    "Begin with exactly these words, then go on from there. Add no introduction."
)


@dataclass(frozen=True, slots=True)
class Context:
    """What is sent for one turn, part by part, and what the memory chose and wants saved with that turn.

    `length` is that of the history; `count` counts messages in tokens of the model.
    """

    parts: tuple[Part, ...]
    selection: Selection
    length: int = 0
    count: Callable[[Sequence[Message]], int] = tokens.of_messages

    @property
    def start(self) -> int:
        """The position where the tail begins."""
        return self.selection.start

    @property
    def hits(self) -> tuple[Hit, ...]:
        """Why something was recalled."""
        return self.selection.hits

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines for the user."""
        return self.selection.notes

    @property
    def messages(self) -> list[Message]:
        """The messages of the request, in order."""
        return merged(self.parts)

    @property
    def tokens(self) -> int:
        """About how many tokens the request has."""
        return self.count(self.messages)


def merged(parts: Sequence[Part]) -> list[Message]:
    """Return the messages of the parts, in order; those of parts that join are sent inside their neighbour's.

    A message that finds no neighbour of its role stands alone.
    """
    messages: list[Message] = []
    open_end = False  # the last message waits for what comes after it
    for part in parts:
        for message in part.messages:
            joins = open_end or (part.joins == "before" and bool(messages))
            if joins and messages[-1].role == message.role:
                messages[-1] = replace(message, content=_joined(messages[-1].content, message.content))
            else:
                messages.append(message)
            open_end = part.joins == "after"
    return messages


def _joined(first: Content, second: Content) -> Content:
    """Return one content that says both: as text where both are text, else as parts."""
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}\n\n{second}"
    return (*_as_parts(first), *_as_parts(second))


def _as_parts(content: Content) -> Sequence[Mapping[str, Any]]:
    return ({"type": "text", "text": content},) if isinstance(content, str) else content


def request(context: Context, partial: str) -> list[Message]:
    """Return the messages to send; with a `partial` reply, they ask for the rest of it."""
    if not partial:
        return context.messages
    go_on = _CONTINUE.format(words=last_words(partial))
    return [*context.messages, Message("assistant", partial), Message("user", go_on)]
