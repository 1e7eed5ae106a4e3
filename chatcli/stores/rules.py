"""What every store decides in the same way."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chatcli.errors import Conflict, NotFound, StoreError
from chatcli.messages import Message, is_count, is_time
from chatcli.stores import Change, Pending, State, Watermark

ABANDONED = 10.0
"""Seconds without a sign of life after which a turn counts as left by its writer."""


UNDO_STEPS = 20
"""Steps of a session that can be put back (redo), the newest."""

UNDO_SIZE = 16_000_000
"""Bytes or so that they take up together, unless the newest alone takes more."""

NAME_LENGTH = 200
"""Characters in a session's name at most."""


def is_session_name(name: str) -> bool:
    """Say whether a session can have this name: see Store."""
    if not 0 < len(name) <= NAME_LENGTH:
        return False
    # What can be printed has none of them, which is known at once.
    return name.isprintable() or not any(unicodedata.category(char) in ("Cc", "Cs") for char in name)


def no_session(name: str) -> NotFound:
    """Return the error for a session that is not there."""
    return NotFound(f"there is no session {name!r}", "chatcli sessions list shows them")


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


def check_not_committed(session: str, committed: bool) -> None:
    """Raise Conflict when a turn that is about to begin stands in the history already."""
    if committed:
        raise Conflict(f"that turn was answered elsewhere meanwhile, in {session!r}", "/history shows it")


def check_rename(old: str, new: str, there: bool, taken: bool, pending: Iterable[Pending]) -> None:
    """Raise NotFound or Conflict when the session `old` cannot be called `new` now."""
    if not there:
        raise no_session(old)
    if taken:
        raise Conflict(f"there is a session {new!r} already", "choose another name, or delete that session first")
    if any(turn.age <= ABANDONED for turn in pending):
        raise Conflict(f"a reply is under way in {old!r}", "rename it when the reply has ended")


def check_fork(session: str, new: str, there: bool, taken: bool, length: int, stop: int | None) -> None:
    """Raise NotFound or Conflict when the session's first `stop` messages cannot be copied to `new` now."""
    if not there:
        raise no_session(session)
    if taken:
        raise Conflict(f"there is a session {new!r} already", "choose another name, or delete that session first")
    check_splice(session, length, stop, None)


def kept_steps(sizes: Sequence[int]) -> int:
    """Return how many of the undone steps are kept; `sizes` are theirs, the newest first."""
    total = 0
    for kept, size in enumerate(sizes[:UNDO_STEPS]):
        total += size
        if kept and total > UNDO_SIZE:
            return kept
    return len(sizes[:UNDO_STEPS])


def size_of(message: Message) -> int:
    """Return about how many bytes a message takes up."""
    return len(message.content) if isinstance(message.content, str) else len(str(message.content))


def takes(current: State | None, change: Change) -> bool:
    """Say whether the state that is there now is the one the change was made from."""
    return current == change.expected


def merged(settings: Mapping[str, Any], changes: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the settings with `changes` laid over them; what is None there goes."""
    both = {**settings, **(changes or {})}
    return {key: value for key, value in both.items() if value is not None}


def count_turns(messages: Iterable[Message]) -> int:
    """Return how many turns begin in `messages`: one for each user message."""
    return sum(message.role == "user" for message in messages)


def to_json(value: Any) -> str:
    """Return `value` as JSON that any store can keep: readable, but for half characters, which are escaped."""
    import json  # here: the prompt of a new session needs none

    text = json.dumps(value, ensure_ascii=False, default=dict)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, default=dict)
    return text


# What stands in a store was not always written by us: None, or what stands for nothing, for what cannot be read


def from_json(text: Any) -> Any:
    """Return the data that JSON text holds, None when it is none."""
    import json  # see above

    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None


def to_count(text: str) -> int | None:
    """Return the count kept as JSON text, None when it is damaged."""
    value = int(text) if _COUNT.fullmatch(text) else from_json(text)
    return value if is_count(value) else None


_COUNT = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)


def to_state(value: Any, position: Any, mark: Any) -> State | None:
    """Return the state that was kept, None when it is damaged."""
    if isinstance(value, dict) and is_count(position) and isinstance(mark, str):
        return State(value, Watermark(position, mark))
    return None


def to_settings(text: Any) -> dict[str, Any]:
    """Return the settings kept as JSON text, but for those that are no such setting; none when they are damaged."""
    settings = {} if text == "{}" else from_json(text)  # most sessions have none, and a list has thousands
    return {key: value for key, value in settings.items() if fits(key, value)} if isinstance(settings, dict) else {}


def fits(key: str, value: Any) -> bool:
    """Say whether a session with this setting can be opened; what nobody reads may be anything."""
    if key == "variables":
        return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
    kind = {"options": dict, "memory": str, "model": str, "prompt": str, "system": str, "origin": str}.get(key)
    return kind is None or isinstance(value, kind)


def to_text(text: Any) -> str:
    """Return the text kept as JSON; an empty one when it is damaged."""
    if isinstance(text, str) and _UNESCAPED.fullmatch(text):
        return text[1:-1]
    read = from_json(text)
    return read if isinstance(read, str) else ""


_UNESCAPED = re.compile(r'"[^"\\\x00-\x1f]*"')  # JSON text that says what stands there


def to_time(value: Any) -> float:
    """Return the time kept as a number or its text; 0 when it is none."""
    try:
        time = float(value)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return time if is_time(time) else 0.0


def check_settings(session: str, text: Any) -> dict[str, Any]:
    """Return the settings to be changed; raise StoreError when they are damaged."""
    settings = from_json(text)
    if not isinstance(settings, dict):
        raise damaged(f"what is set on the session {session!r}")
    return settings


def damaged(what: str) -> StoreError:
    """Return the error for something that cannot be read and so must not be changed."""
    return StoreError(
        f"{what} is damaged, or another program wrote it; nothing was changed",
        "the history itself can be read: go on with it in a new session",
    )
