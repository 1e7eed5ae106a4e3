"""Histories that Python's `langchain-redis` keeps in Redis: a RedisJSON document for each message. Read, never written.

    chat:SESSION:ULID   {"type": "ai", "message_id": ULID, "session_id": SESSION, "timestamp": 1795648170.588903,
                         "data": {"content": "Hi", "additional_kwargs": {}, "type": "ai"}}

Its own reader asks RediSearch, which leaves out messages with images and what is beyond 10,000. Here every document
of that shape is taken, whatever its key begins with.
"""

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from chatcli.errors import StoreError
from chatcli.messages import Message, is_time
from chatcli.stores.langchain import decode, unreadable
from chatcli.stores.redis_errors import ours
from chatcli.stores.redis_wire import Wire

KIND = "ReJSON-RL"
AT_ONCE = 500  # documents a round trip


def sessions(wire: Wire) -> dict[str, list[bytes]]:
    """Return the keys of each session's documents in the order of time, the session begun first first.

    Looks at every key there is; a server without RedisJSON has no sessions of this kind.
    """
    found: dict[str, set[tuple[float, bytes]]] = defaultdict(set)
    for keys in _keys(wire):
        asked = [("JSON.GET", key, "$.session_id", "$.timestamp", "$.type") for key in keys]
        for key, reply in zip(keys, _replies(wire, asked), strict=True):
            if place := _place(reply):
                session, time = place
                found[session].add((time, key))
    by_time = sorted(((sorted(places), session) for session, places in found.items()), key=lambda one: one[0][0])
    return {session: [key for _, key in places] for places, session in by_time}


def messages(wire: Wire, keys: Sequence[bytes]) -> Iterator[Message]:
    """Yield the messages in these documents, without those that have expired meanwhile."""
    for start in range(0, len(keys), AT_ONCE):
        for reply in _replies(wire, [("JSON.GET", key) for key in keys[start : start + AT_ONCE]]):
            if reply is not None:
                yield _message(bytes(reply).decode("utf-8", "replace"))


def _keys(wire: Wire) -> Iterator[list[bytes]]:
    pieces = wire.keys("*", KIND)
    while True:
        try:
            piece = next(pieces, None)
        except StoreError as error:
            if "unknown type" not in error.message:
                raise
            return
        if piece is None:
            return
        if piece:
            yield piece


def _replies(wire: Wire, commands: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
    """Yield the replies, None for a key that is no document any more; raises StoreError for other errors."""
    for reply in wire.ask_each(*commands):
        if isinstance(reply, Exception):
            if "wrong redis type" not in str(reply).lower() and not str(reply).startswith("WRONGTYPE"):
                raise ours(reply, wire.address) from reply
            yield None
        else:
            yield reply


def _place(reply: Any) -> tuple[str, float] | None:
    """Return the session and the time that a document says; None for another program's document."""
    match _loaded(reply):
        case {"$.session_id": [str(session)], "$.timestamp": [int() | float() as time], "$.type": [str()]}:
            return (session, float(time)) if session and _is_finite(time) else None
    return None


def _loaded(reply: Any) -> Any:
    try:
        return json.loads(reply or b"null")
    except (ValueError, RecursionError):
        return None


def _is_finite(time: float) -> bool:
    try:
        return math.isfinite(time)
    except OverflowError:  # a whole number beyond all floats
        return False


def _message(raw: str) -> Message:
    """Return the message in a document: what it keeps beside it (session, time, its own id) has fields of ours."""
    try:
        document = json.loads(raw)
        element = json.dumps({"type": document["type"], "data": document["data"]})
    except (ValueError, RecursionError, KeyError, TypeError):
        return unreadable(raw, "no message of langchain-redis")
    message, given, time = decode(element), document.get("message_id"), document.get("timestamp")
    return replace(
        message,
        id=message.id or (given if isinstance(given, str) else ""),
        time=float(time) if is_time(time) else message.time,
    )
