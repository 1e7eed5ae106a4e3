"""What stands in the keys of Redis, to and from values, and the commands that change it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chatcli.messages import Message, is_count
from chatcli.stores import Change, Pending, Session, State, rules
from chatcli.stores.langchain import decode, encode
from chatcli.stores.redis_exchange import Ask, Command, Plan
from chatcli.stores.redis_keys import Keys


@dataclass(frozen=True)
class Look:
    """What a writer sees before it writes: `replies` answer the verb's own questions; `done`: it was done before.

    `steps`: how many undone ones are kept.
    """

    now: float
    length: int
    info: Mapping[str, str]
    done: bool
    replies: Sequence[Any]
    ask: Ask
    steps: int = 0

    @property
    def exists(self) -> bool:
        """Whether there is anything of the session."""
        return bool(self.length or self.info)


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


def tail_questions(keys: Keys, at: int | None) -> list[Command]:
    """Ask for the entries from position `at` on, and for the one before."""
    if at is None:
        return []
    return [("LRANGE", keys.history, 0, -at - 1), ("LINDEX", keys.history, -at)]


def splice(keys: Keys, look: Look, messages: Sequence[Message], at: int | None) -> Plan[int]:
    """Move what stands from `at` on to the undone state, add `messages`; the result is the new length.

    The look's first replies answer `tail_questions`.
    """
    length, turns, commands = look.length, known_turns(keys, look), list[Command]()
    if at is not None and at < length:
        tail, before = look.replies[0], look.replies[1] if at else None
        commands += _undo(keys, look, tail, before, at)
        length, turns = at, turns - rules.count_turns(to_messages(tail))
    if messages:
        commands.append(("LPUSH", keys.history, *map(to_raw, messages)))
    length, turns = length + len(messages), turns + rules.count_turns(messages)
    return Plan(length, [*commands, ("HSET", keys.info, "turns", turns, "counted", length)])


def _undo(keys: Keys, look: Look, tail: Sequence[bytes], before: bytes | None, at: int) -> list[Command]:
    """Move `tail` (newest first) to the undone state, entry by entry as it is; the oldest steps there go."""
    texts = [raw.decode("utf-8", "surrogateescape") for raw in reversed(tail)]
    step = json.dumps({"at": at, "before": _mark(before), "messages": texts})
    cut: Command = ("LTRIM", keys.history, len(tail), -1) if at else ("DEL", keys.history)
    sizes = [len(step), *_step_sizes(look)]
    kept = rules.kept_steps(sizes)
    sized = ("HSET", keys.info, "undone", json.dumps(sizes[:kept]))
    return [("LPUSH", keys.undone, step), ("LTRIM", keys.undone, 0, kept - 1), sized, cut]


def _step_sizes(look: Look) -> list[int]:
    """Return the bytes of the undone steps, the newest first; 0 of one that an older chatcli kept."""
    known = rules.from_json(look.info.get("undone", "[]"))
    sizes = [size if is_count(size) else 0 for size in known] if isinstance(known, list) else []
    return (sizes + [0] * look.steps)[: look.steps]


def redone(session: str, keys: Keys, look: Look) -> Plan[list[Message]]:
    """Put back what was undone last; the look's replies are that step and the newest entry of the list.

    The entry before must be the same: another program may have emptied the list and written as much again.
    Raises StoreError when the step is damaged.
    """
    undone, newest = look.replies
    if undone is None or look.done:
        return Plan([])
    step = rules.from_json(undone)
    entries = _entries(step)
    if entries is None:
        raise rules.damaged(f"what was undone last in {session!r}")
    if step.get("at") != look.length or step.get("before") != _mark(newest):
        return Plan([])
    messages = [to_message(raw) for raw in entries]
    turns = known_turns(keys, look) + rules.count_turns(messages)
    sizes = json.dumps(_step_sizes(look)[1:])
    counted = ("HSET", keys.info, "turns", turns, "counted", look.length + len(messages), "undone", sizes)
    return Plan(messages, [("LPUSH", keys.history, *entries), ("LPOP", keys.undone), counted])


def _entries(step: Any) -> list[bytes] | None:
    """Return the entries that an undone step holds, None when it is damaged."""
    texts = step.get("messages") if isinstance(step, dict) else None
    if not texts or not isinstance(texts, list):
        return None
    try:
        return [text.encode("utf-8", "surrogateescape") for text in texts]
    except (AttributeError, UnicodeEncodeError):
        return None


def _mark(entry: bytes | None) -> str:
    return hashlib.blake2b(entry, digest_size=8).hexdigest() if entry else ""


def known_turns(keys: Keys, look: Look) -> int:
    """Return how many turns there are before the write; what other programs added is read and counted."""
    turns, counted = _counts(look.info)
    if counted == look.length:
        return turns
    if counted > look.length:
        turns, counted = 0, 0
    (entries,) = look.ask(("LRANGE", keys.history, 0, look.length - counted - 1))
    return turns + rules.count_turns(to_messages(entries))


def forked(source: Keys, target: Keys, look: Look, stop: int) -> Plan[None]:
    """Copy the first `stop` messages of a session, what is set on it and what was derived, to the one looked at.

    The look's replies are the length of the other, what is set on it, and whether anything was derived.
    """
    length, raw, derived = look.replies
    commands: list[Command] = []
    if stop:
        commands += [("COPY", source.history, target.history), ("LTRIM", target.history, length - stop, -1)]
        commands.append(("PERSIST", target.history))
    if derived:
        commands += [("COPY", source.states, target.states, "REPLACE"), ("PERSIST", target.states)]
    return Plan(None, [*commands, ("HSET", target.info, *fork_fields(source, look.ask, length, raw, stop))])


def fork_fields(source: Keys, ask: Ask, length: int, raw: Sequence[bytes], stop: int) -> list[Any]:
    """Return what the info of a fork says; `raw` is that of the session with `length` messages it comes from."""
    turns = known_turns(source, Look(0.0, length, pairs(raw), False, (), ask))
    if gone := length - stop:
        (entries,) = ask(("LRANGE", source.history, 0, gone - 1))
        turns -= rules.count_turns(to_messages(entries))
    fields = dict(zip(raw[0::2], raw[1::2], strict=True))  # as they are: a title may be no text
    set_on_it = [part for name in (b"title", b"settings") if name in fields for part in (name, fields[name])]
    return ["turns", turns, "counted", stop, *set_on_it]


# Derived state


def state_questions(keys: Keys, changes: Sequence[Change]) -> list[Command]:
    """Ask for the states that the changes are about."""
    return [("HGET", keys.states, change.name) for change in changes]


def taken(keys: Keys, found: Sequence[bytes | None], changes: Sequence[Change]) -> list[Command]:
    """Return the commands for those changes whose expectation holds; `found` answers `state_questions`."""
    states = {change.name: raw and _to_state(raw) for change, raw in zip(changes, found, strict=True)}
    damaged = {change.name for change, raw in zip(changes, found, strict=True) if raw is not None}
    damaged -= {name for name, state in states.items() if state}
    commands: list[Command] = []
    for change in changes:
        if change.name not in damaged and rules.takes(states[change.name] or None, change):
            states[change.name] = change.state
            commands.append(("HSET", keys.states, change.name, _state_json(change.state)))
    return commands


def to_states(fields: Mapping[str, str]) -> dict[str, State]:
    """Return the states that the hash holds, but for the damaged ones."""
    return {name: state for name, text in fields.items() if (state := _to_state(text))}


def _to_state(text: str | bytes) -> State | None:
    kept = rules.from_json(text)
    if not isinstance(kept, dict):
        return None
    return rules.to_state(kept.get("value"), kept.get("position"), kept.get("fingerprint"))


def _state_json(state: State) -> str:
    mark = state.watermark
    kept = {"value": state.value, "position": mark.position, "fingerprint": mark.fingerprint}
    return json.dumps(kept, default=dict)


# Turns under way


def begun(keys: Keys, pending: Pending, now: float) -> Command:
    """Return the command that keeps a turn under way. Its user message stays when the partial reply is written."""
    known = {
        "user": encode(pending.user),
        "writer": pending.writer,
        "at": pending.at,
        "length": pending.length,
        "begun": now,
    }
    return ("HSET", keys.pending, f"{pending.id}/turn", json.dumps(known), *_alive(pending.id, pending.partial, now))


def alive(keys: Keys, turn: str, partial: str, now: float) -> Command:
    """Return the command for a sign of life."""
    return ("HSET", keys.pending, *_alive(turn, partial, now))


def _alive(turn: str, partial: str, now: float) -> Command:
    return (f"{turn}/partial", json.dumps(partial), f"{turn}/beat", now)


def dropped(keys: Keys, turn: str) -> Command:
    """Return the command that forgets a turn under way."""
    return ("HDEL", keys.pending, f"{turn}/turn", f"{turn}/partial", f"{turn}/beat")


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
    turns, counted = _counts(info)
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


def lives(keys: Keys, now: float, seconds: int) -> list[Command]:
    """Return what lets all keys of the session expire so many seconds after `now`."""
    return [("HSET", keys.info, "expires", now + seconds), *(("EXPIRE", key, seconds) for key in keys.all)]


def _counts(info: Mapping[str, str]) -> tuple[int, int]:
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
