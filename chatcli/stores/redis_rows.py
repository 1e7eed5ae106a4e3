"""What stands in the keys of Redis, to and from values."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from chatcli.messages import Message, is_count
from chatcli.stores import Pending, Session, State, rules
from chatcli.stores.langchain import decode, encode

# Messages


def to_message(raw: bytes) -> Message:
    """Return the message in an entry of the list; bytes that are no UTF-8 come back from `to_raw` unchanged."""
    return decode(raw.decode("utf-8", "surrogateescape"))


def to_raw(message: Message) -> bytes:
    """Return the entry for a message."""
    text = encode(message)
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # an unreadable entry from another store, with half a character
        return text.encode("utf-8", "replace")


def to_messages(entries: Sequence[bytes]) -> list[Message]:
    """Return the messages of a piece of the list, oldest first."""
    return [to_message(raw) for raw in reversed(entries)]


# Derived state


def to_states(fields: Mapping[str, str]) -> dict[str, State]:
    """Return the states that the hash holds, but for the damaged ones."""
    return {name: state for name, text in fields.items() if (state := to_state(text))}


def to_state(text: str | bytes) -> State | None:
    """Return the state in a field of the hash, None when it is damaged."""
    kept = rules.from_json(text)
    if not isinstance(kept, dict):
        return None
    return rules.to_state(kept.get("value"), kept.get("position"), kept.get("fingerprint"))


def state_json(state: State) -> str:
    """Return the field for a state."""
    mark = state.watermark
    kept = {"value": state.value, "position": mark.position, "fingerprint": mark.fingerprint}
    return json.dumps(kept, default=dict)


# Turns under way


def turn_json(pending: Pending, now: float) -> str:
    """Return the field for what stays of a turn under way while its partial reply grows."""
    known = {
        "user": encode(pending.user),
        "writer": pending.writer,
        "at": pending.at,
        "length": pending.length,
        "begun": now,
    }
    return json.dumps(known)


def to_pending(fields: Mapping[str, str], now: float) -> list[Pending]:
    """Return the turns under way that the hash holds, oldest first, but for those whose question cannot be read."""
    turns = {name.removesuffix("/turn"): rules.from_json(fields[name]) for name in fields if name.endswith("/turn")}
    known = [(name, turn) for name, turn in turns.items() if isinstance(turn, dict)]
    known.sort(key=lambda item: rules.to_time(item[1].get("begun")))
    read = [_to_pending(name, turn, fields, now) for name, turn in known]
    return [turn for turn in read if turn.user.role != "unreadable"]


def _to_pending(name: str, turn: Mapping[str, Any], fields: Mapping[str, str], now: float) -> Pending:
    user, at, length = turn.get("user"), turn.get("at"), turn.get("length")
    return Pending(
        name,
        decode(user if isinstance(user, str) else ""),
        str(turn.get("writer", "")),
        rules.to_text(fields.get(f"{name}/partial")),
        at if is_count(at) else None,
        length if is_count(length) else None,
        max(0.0, now - rules.to_time(fields.get(f"{name}/beat"))),
    )


# What is known of a session


def to_session(name: str, info: Mapping[str, str], length: int) -> Session:
    """Return the session; of messages that other programs added or took, every second one counts as a turn."""
    turns, counted = counts(info)
    if length < counted:
        turns, counted = 0, 0
    return Session(
        name,
        rules.to_text(info.get("title")),
        rules.to_time(info.get("created")),
        rules.to_time(info.get("used")),
        length,
        turns + (length - counted + 1) // 2,
        rules.to_settings(info.get("settings")),
        lifetime_in(info) or 0,
        rules.to_time(info.get("expires", 0)),
    )


def lifetime_in(info: Mapping[str, str]) -> int | None:
    """Return the seconds that the session itself was given to live, 0 for good; None: the store's ttl holds."""
    return rules.to_count(info["lifetime"]) if "lifetime" in info else None


def counts(info: Mapping[str, str]) -> tuple[int, int]:
    """Return how many turns were counted, and among how many messages; none when either is damaged."""
    turns, counted = rules.to_count(info.get("turns", "0")), rules.to_count(info.get("counted", "0"))
    return (0, 0) if turns is None or counted is None else (turns, counted)


def pairs(reply: Sequence[bytes]) -> dict[str, str]:
    """Return the hash in a reply."""
    try:
        texts = [text.decode() for text in reply]
    except UnicodeDecodeError:
        texts = [text.decode("utf-8", "surrogateescape") for text in reply]
    return dict(zip(texts[0::2], texts[1::2], strict=True))


def seconds(reply: Sequence[bytes]) -> float:
    """Return the reply of TIME in Unix seconds."""
    return int(reply[0]) + int(reply[1]) / 1e6
