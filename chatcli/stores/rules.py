"""What every store decides in the same way."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from chatcli.errors import Conflict, NotFound
from chatcli.messages import Message
from chatcli.stores import Change, State


def check_splice(session: str, length: int, at: int | None, expected: int | None) -> None:
    """Raise Conflict when a write that counts on `expected` messages, or replaces from `at`, comes too late."""
    if expected is not None and expected != length:
        raise _changed(session, f"it has {length} messages, not {expected}")
    if at is not None and not 0 <= at <= length:
        raise _changed(session, f"it has {length} messages, none at position {at}")


def _changed(session: str, how: str) -> Conflict:
    return Conflict(
        f"the session {session!r} was changed meanwhile: {how}",
        "look at it again (/history), then repeat what you did",
    )


def takes(current: State | None, change: Change) -> bool:
    """Say whether the state that is there now is the one the change was made from."""
    return (current.watermark if current else None) == change.expected


def merged(settings: Mapping[str, Any], changes: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the settings with `changes` laid over them; what is None there goes."""
    both = {**settings, **(changes or {})}
    return {key: value for key, value in both.items() if value is not None}


def count_turns(messages: Iterable[Message]) -> int:
    """Return how many turns begin in `messages`: one for each user message."""
    return sum(message.role == "user" for message in messages)


def to_json(value: Any) -> str:
    """Return `value` as JSON that any store can keep: readable, but for half characters, which are escaped."""
    text = json.dumps(value, ensure_ascii=False, default=dict)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, default=dict)
    return text


def no_session(name: str) -> NotFound:
    """Return the error for a session that is not there."""
    return NotFound(f"there is no session {name!r}", "list them: chatcli sessions list")


def name_taken(name: str) -> Conflict:
    """Return the error for a new name that another session has."""
    return Conflict(f"there is a session {name!r} already", "choose another name, or delete that session first")
