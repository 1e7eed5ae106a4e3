"""What each write changes in Redis: from what is there to the commands of its MULTI, and to the verb's result."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chatcli.messages import Message, is_count
from chatcli.stores import Change, Pending, rules
from chatcli.stores import redis_rows as rows
from chatcli.stores.redis_exchange import Ask, Command, Plan
from chatcli.stores.redis_keys import Keys


@dataclass(frozen=True)
class Look:
    """What a writer sees before it writes: `replies` answer the verb's own questions; `done`: it was done before.

    `now`: the server's time in Unix seconds; `steps`: how many undone ones are kept.
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
        length, turns = at, turns - rules.count_turns(rows.to_messages(tail))
    if messages:
        commands.append(("LPUSH", keys.history, *map(rows.to_raw, messages)))
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
    messages = [rows.to_message(raw) for raw in entries]
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
    turns, counted = rows.counts(look.info)
    if counted == look.length:
        return turns
    if counted > look.length:
        turns, counted = 0, 0
    (entries,) = look.ask(("LRANGE", keys.history, 0, look.length - counted - 1))
    return turns + rules.count_turns(rows.to_messages(entries))


# Derived state


def state_questions(keys: Keys, changes: Sequence[Change]) -> list[Command]:
    """Ask for the states that the changes are about."""
    return [("HGET", keys.states, change.name) for change in changes]


def taken(keys: Keys, found: Sequence[bytes | None], changes: Sequence[Change]) -> list[Command]:
    """Return the commands for those changes whose expectation holds; `found` answers `state_questions`."""
    states = {change.name: raw and rows.to_state(raw) for change, raw in zip(changes, found, strict=True)}
    damaged = {change.name for change, raw in zip(changes, found, strict=True) if raw is not None}
    damaged -= {name for name, state in states.items() if state}
    commands: list[Command] = []
    for change in changes:
        if change.name not in damaged and rules.takes(states[change.name] or None, change):
            states[change.name] = change.state
            commands.append(("HSET", keys.states, change.name, rows.state_json(change.state)))
    return commands


# Turns under way


def begun(keys: Keys, pending: Pending, now: float) -> Command:
    """Return the command that keeps a turn under way. Its user message stays when the partial reply is written."""
    sign = alive(keys, pending.id, pending.partial, now)
    return (*sign, f"{pending.id}/turn", rows.turn_json(pending, now))


def alive(keys: Keys, turn: str, partial: str, now: float) -> Command:
    """Return the command for a sign of life."""
    return ("HSET", keys.pending, f"{turn}/partial", json.dumps(partial), f"{turn}/beat", now)


def dropped(keys: Keys, turn: str) -> Command:
    """Return the command that forgets a turn under way."""
    return ("HDEL", keys.pending, f"{turn}/turn", f"{turn}/partial", f"{turn}/beat")


# Whole sessions


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
    turns = known_turns(source, Look(0.0, length, rows.pairs(raw), False, (), ask))
    if gone := length - stop:
        (entries,) = ask(("LRANGE", source.history, 0, gone - 1))
        turns -= rules.count_turns(rows.to_messages(entries))
    fields = dict(zip(raw[0::2], raw[1::2], strict=True))  # as they are: a title may be no text
    set_on_it = [part for name in (b"title", b"settings") if name in fields for part in (name, fields[name])]
    return ["turns", turns, "counted", stop, *set_on_it]


def updated(
    session: str,
    keys: Keys,
    look: Look,
    title: str | None,
    settings: Mapping[str, Any] | None,
    times: tuple[float, float] | None,
) -> list[Command]:
    """Return the commands that set what is given on the session; raise StoreError when its settings are damaged."""
    commands: list[Command] = [("HSETNX", keys.info, "settings", "{}")]
    if settings is not None:
        old = rules.check_settings(session, look.info.get("settings", "{}"))
        commands.append(("HSET", keys.info, "settings", json.dumps(rules.merged(old, settings), default=dict)))
    if title is not None:
        commands.append(("HSET", keys.info, "title", json.dumps(title)))
    if times is not None:
        commands.append(("HSET", keys.info, "created", times[0], "used", times[1]))
    return commands


def moved(source: Keys, target: Keys, there: Sequence[int], used: float) -> list[Command]:
    """Return the commands that give the keys that are `there` their new names; `used`: when the session was, last."""
    renamed = [("RENAME", *pair) for *pair, found in zip(source.all, target.all, there, strict=True) if found]
    return [*renamed, *(("HSETNX", target.info, name, used) for name in ("created", "used"))]


def limited(keys: Keys, lifetime: int | None) -> list[Command]:
    """Return the commands that note the session's `lifetime` in seconds; None: it is kept for good."""
    if lifetime is not None:
        return [("HSET", keys.info, "lifetime", lifetime)]
    kept: list[Command] = [("HSET", keys.info, "lifetime", 0), ("HDEL", keys.info, "expires")]
    return [*kept, *(("PERSIST", key) for key in keys.all)]
