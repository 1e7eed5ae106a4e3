"""The values a session is made of: messages, turns, and how the two relate.

A message's content is text, or a list of parts in the shape the OpenAI protocol and LangChain share:
`{"type": "text", "text": …}`, `{"type": "image_url", "image_url": {"url": …}}`.
"""

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool", "unreadable"]
Finish = Literal["stop", "length", "interrupted", "error"]
Part = Mapping[str, Any]
Content = str | tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one request, as the endpoint reported them."""

    prompt: int
    completion: int
    cached: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """One unit of a history.

    `id` is unique within a session or empty (other programs leave it out); `time` is in Unix seconds;
    `model`, `usage` and `finish` belong to replies. `extra` holds what another program wrote into the
    message and chatcli does not use, so that a copy loses nothing. A message with the role `unreadable`
    stands for an entry of a store that is no message: it is shown by name, never sent, never removed.
    """

    role: Role
    content: Content
    id: str = ""
    time: float | None = None
    name: str | None = None
    model: str | None = None
    usage: Usage | None = None
    finish: Finish | None = None
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    tool_call_id: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The content as text: its text parts, joined by newlines."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(str(part.get("text", "")) for part in self.content if part.get("type") == "text")


@dataclass(frozen=True, slots=True)
class Turn:
    """A user message and everything up to the next one; `start` is its position in the history.

    The messages before the first user message are a turn too, without a question of its own.
    """

    start: int
    messages: tuple[Message, ...]

    @property
    def stop(self) -> int:
        """The position after its last message."""
        return self.start + len(self.messages)


def new_id() -> str:
    """Return a random id, 16 hexadecimal digits: for a message or a turn."""
    return secrets.token_hex(8)


def user_message(content: Content, time: float) -> Message:
    """Return what the user sent at `time` (Unix seconds), with a new id."""
    return Message("user", content, id=new_id(), time=time)


def fingerprint(message: Message) -> str:
    """Return a short hash of what the message says; a store's round trip does not change it."""
    said = json.dumps([message.role, message.content], ensure_ascii=False, sort_keys=True, default=dict)
    return hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def split_turns(messages: Sequence[Message], start: int = 0) -> list[Turn]:
    """Cut `messages`, the first of which stands at position `start`, into turns, oldest first."""
    turns: list[Turn] = []
    begun = 0
    for index in range(1, len(messages) + 1):
        if index == len(messages) or messages[index].role == "user":
            turns.append(Turn(start + begun, tuple(messages[begun:index])))
            begun = index
    return turns


def to_dict(message: Message) -> dict[str, Any]:
    """Return the message as plain data for JSON; empty fields are left out."""
    data: dict[str, Any] = {"role": message.role, "content": message.content}
    for name in ("id", "time", "name", "model", "finish", "tool_calls", "tool_call_id", "extra"):
        if value := getattr(message, name):
            data[name] = value
    if message.usage is not None:
        usage = message.usage
        data["usage"] = {"prompt": usage.prompt, "completion": usage.completion, "cached": usage.cached}
    return data


def from_dict(data: Mapping[str, Any]) -> Message:
    """Return the message that `to_dict` wrote; raise KeyError, TypeError or ValueError for other data."""
    known = {key: value for key, value in data.items() if key in Message.__dataclass_fields__}
    content = known["content"]
    if not isinstance(content, str):
        known["content"] = tuple(content)
    if "tool_calls" in known:
        known["tool_calls"] = tuple(known["tool_calls"])
    if known.get("usage") is not None:
        known["usage"] = Usage(**known["usage"])
    return Message(**known)


def readable(messages: Iterable[Message]) -> list[Message]:
    """Return the messages that can be sent: all but the unreadable entries."""
    return [message for message in messages if message.role != "unreadable"]


def with_finish(message: Message, finish: Finish) -> Message:
    """Return the message with another `finish`."""
    return replace(message, finish=finish)
