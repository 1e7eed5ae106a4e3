"""The values a session is made of: messages, turns, and how the two relate.

A message's content is text, or a list of parts in the shape the OpenAI protocol and LangChain share:
`{"type": "text", "text": …}`, `{"type": "image_url", "image_url": {"url": …}}`.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeGuard, get_args

Role = Literal["system", "user", "assistant", "tool", "unreadable"]
Finish = Literal["stop", "length", "interrupted", "error"]
Part = Mapping[str, Any]
Content = str | tuple[Part, ...]


class Usage(NamedTuple):
    """Token counts of one request, as the endpoint reported them."""

    prompt: int
    completion: int
    cached: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """One unit of a history.

    `id` is unique within a session or empty (other programs leave it out); `time` is in Unix seconds;
    `model`, `usage` and `finish` belong to replies, `author` (`user@host`) to what a user wrote; it is never sent.
    `extra` holds what another program wrote into the message and chatcli does not use, so that a copy loses
    nothing. A message with the role `unreadable` stands for an entry of a store that is no message: it is shown by
    name, never sent, never removed.
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
    author: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The content as text: its text parts, joined by newlines."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(str(part.get("text", "")) for part in self.content if part.get("type") == "text")


class Turn(NamedTuple):
    """A user message and everything up to the next one; `start` is its position in the history.

    The messages before the first user message are a turn too, without a question of its own.
    """

    start: int
    messages: tuple[Message, ...]

    @property
    def stop(self) -> int:
        """The position after its last message."""
        return self.start + len(self.messages)


def has_images(content: Content) -> bool:
    """Say whether there is an image among the parts."""
    return not isinstance(content, str) and any(part.get("type") == "image_url" for part in content)


def new_id() -> str:
    """Return a random id, 16 hexadecimal digits: for a message or a turn."""
    return os.urandom(8).hex()


def user_message(content: Content, time: float, author: str | None = None) -> Message:
    """Return what the user sent at `time` (Unix seconds), with a new id; `author`: who that is."""
    return Message("user", content, id=new_id(), time=time, author=author)


def fingerprint(message: Message) -> str:
    """Return a short hash of what the message says and its id; a store's round trip does not change it.

    With the id, since short replies ("OK") come again and again.
    """
    import hashlib  # here: it brings OpenSSL along, and no prompt needs it
    import json

    said = json.dumps([message.role, message.content, message.id], ensure_ascii=False, sort_keys=True, default=dict)

    return hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def to_dict(message: Message) -> dict[str, Any]:
    """Return the message as plain data for JSON; fields that have their default are left out."""
    data: dict[str, Any] = {"role": message.role, "content": message.content}
    for name, default in _DEFAULTS.items():
        if (value := getattr(message, name)) != default:
            data[name] = value
    if message.usage is not None:
        usage = message.usage
        data["usage"] = {"prompt": usage.prompt, "completion": usage.completion, "cached": usage.cached}
    return data


def from_dict(data: Any) -> Message:
    """Return the message that `to_dict` wrote; raise ValueError for data that has no role or no content.

    A field that is none of a message stays in `extra`, under `odd`.
    """
    if not isinstance(data, Mapping) or data.get("role") not in get_args(Role):
        raise ValueError("no message")
    content = to_content(data.get("content"))
    if content is None:
        raise ValueError("no content")
    found = {name: data[name] for name in _DEFAULTS if name in data}
    odd = {name: value for name, value in found.items() if not _FITS[name](value)}
    fields = {name: value for name, value in found.items() if name not in odd}
    fields["usage"] = to_usage(fields.get("usage"))
    fields["tool_calls"] = tuple(fields.get("tool_calls", ()))
    if odd:
        fields["extra"] = {**fields.get("extra", {}), "odd": odd}
    return Message(data["role"], content, **fields)


# What data from elsewhere must be before a message is made of it


def to_content(value: Any) -> Content | None:
    """Return the content that JSON data stands for; None when it is none: its parts must be what they say."""
    if isinstance(value, str):
        return value
    if not isinstance(value, (list, tuple)) or not all(map(_is_part, value)):
        return None
    return tuple(value)


def _is_part(value: Any) -> bool:
    if not isinstance(value, Mapping) or not isinstance(value.get("type", ""), str):
        return False
    if value.get("type") == "text":
        return isinstance(value.get("text"), str)
    image = value.get("image_url")
    return value.get("type") != "image_url" or (isinstance(image, Mapping) and isinstance(image.get("url"), str))


def to_usage(value: Any) -> Usage | None:
    """Return the token counts that JSON data stands for; None when they are none."""
    if not isinstance(value, Mapping):
        return None
    prompt, completion, cached = value.get("prompt"), value.get("completion"), value.get("cached", 0)
    if is_count(prompt) and is_count(completion) and is_count(cached):
        return Usage(prompt, completion, cached)
    return None


def is_count(value: Any) -> TypeGuard[int]:
    """Say whether the value can be a number of tokens or messages."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def is_time(value: Any) -> TypeGuard[float]:
    """Say whether the value is a time in Unix seconds that a calendar knows: from 1970 to the year 9999."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < _LAST_TIME


def is_calls(value: Any) -> TypeGuard[Sequence[Mapping[str, Any]]]:
    """Say whether the value is a list of tool calls in OpenAI's shape."""
    return isinstance(value, (list, tuple)) and all(
        isinstance(call, Mapping) and isinstance(call.get("function", {}), Mapping) for call in value
    )


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


_LAST_TIME = 253_402_128_000  # two days before the year 10000, wherever the clock stands
_DEFAULTS: Mapping[str, Any] = {
    "id": "",
    "time": None,
    "name": None,
    "model": None,
    "usage": None,
    "finish": None,
    "tool_calls": (),
    "tool_call_id": None,
    "author": None,
    "extra": {},
}
_FITS: Mapping[str, Callable[[Any], bool]] = {
    "id": lambda value: isinstance(value, str),
    "time": lambda value: value is None or is_time(value),
    "name": _is_text,
    "model": _is_text,
    "usage": lambda value: value is None or to_usage(value) is not None,
    "finish": lambda value: value is None or value in get_args(Finish),
    "tool_calls": is_calls,
    "tool_call_id": _is_text,
    "author": _is_text,
    "extra": lambda value: isinstance(value, Mapping),
}


def readable(messages: Iterable[Message]) -> list[Message]:
    """Return the messages that can be sent: all but the unreadable entries."""
    return [message for message in messages if message.role != "unreadable"]
