"""Rows of the SQLite file and what they stand for; every function works inside the caller's transaction."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from chatcli.messages import Message, from_dict, is_count, to_dict
from chatcli.stores import Change, Pending, Session, State, blobs, rules


def find(db: sqlite3.Connection, session: str) -> tuple[int | None, int]:
    """Return the session's key (None: there is none) and how many messages it has."""
    row = db.execute("SELECT id FROM sessions WHERE name = ?", [session]).fetchone()
    return (None, 0) if row is None else (row[0], length_of(db, row[0]))


def length_of(db: sqlite3.Connection, key: int) -> int:
    """Return how many messages a session has; counted where something else wrote over the number or the messages."""
    length, last = db.execute(
        "SELECT messages, (SELECT max(position) FROM messages WHERE session = :key) FROM sessions WHERE id = :key",
        {"key": key},
    ).fetchone()
    # Whoever goes back from the end must not begin a million pages behind it.
    if not is_count(length) or last != (length - 1 if length else None):
        (length,) = db.execute("SELECT count(*) FROM messages WHERE session = ?", [key]).fetchone()
    return int(length)


def read(db: sqlite3.Connection, key: int | None, first: int, end: int) -> list[Message]:
    """Return the messages at the positions from `first` up to, not including, `end`."""
    rows = db.execute(
        "SELECT data FROM messages WHERE session = ? AND position >= ? AND position < ? ORDER BY position",
        [key, first, end],
    )
    known: dict[str, bytes] = {}
    return [to_message(db, data, known) for (data,) in rows]


def splice(db: sqlite3.Connection, key: int, messages: Sequence[Message], at: int | None) -> int:
    """Move what stands from `at` on to the undone state, add `messages`; return the new length."""
    if at is not None:
        _undo(db, key, at)
    return add(db, key, [(message.role, to_data(db, key, message)) for message in messages])


def add(db: sqlite3.Connection, key: int, entries: Sequence[tuple[str, Any]]) -> int:
    """Add entries (a message's role and its data) at the end; return the new length."""
    length = length_of(db, key)
    db.executemany(
        "INSERT INTO messages(session, position, role, data) VALUES (?, ?, ?, ?)",
        [(key, length + index, role, data) for index, (role, data) in enumerate(entries)],
    )
    return _count(db, key, length + len(entries), sum(role == "user" for role, _ in entries))


def _undo(db: sqlite3.Connection, key: int, at: int) -> None:
    """Move the messages from position `at` on to the undone state."""
    length = length_of(db, key)
    db.execute(
        "INSERT INTO undone(session, step, position, data)"
        " SELECT session, (SELECT 1 + ifnull(max(step), 0) FROM undone WHERE session = :key), position, data"
        " FROM messages WHERE session = :key AND position >= :at",
        {"key": key, "at": at},
    )
    gone = db.execute("DELETE FROM messages WHERE session = ? AND position >= ? RETURNING role", [key, at]).fetchall()
    _count(db, key, length - len(gone), -sum(role == "user" for (role,) in gone))
    _forget_steps(db, key)


def _forget_steps(db: sqlite3.Connection, key: int) -> None:
    """Remove the oldest undone steps where there are more than are kept."""
    sizes = _step_sizes(db, key)
    kept = list(sizes)[: rules.kept_steps(list(sizes.values()))]
    if len(kept) < len(sizes):
        gone = db.execute(
            "DELETE FROM undone WHERE session = ? AND step < ? RETURNING data", [key, kept[-1]]
        ).fetchall()
        blobs.release(db, key, sorted({sha for (data,) in gone for sha in blobs.used_by(rules.from_json(data))}))


def _step_sizes(db: sqlite3.Connection, key: int) -> dict[int, int]:
    """Return the bytes of each undone step, those of its blobs too, the newest first."""
    steps = "SELECT step, sum(length(data)) FROM undone WHERE session = ? GROUP BY step ORDER BY step DESC"
    sizes: dict[int, int] = dict(db.execute(steps, [key]).fetchall())
    if len(sizes) > 1:
        for step, data in db.execute(
            "SELECT step, data FROM undone WHERE session = ? AND instr(data, '\"sha256\"')", [key]
        ).fetchall():
            sizes[step] += blobs.size_of(db, blobs.used_by(rules.from_json(data)))
    return sizes


def _count(db: sqlite3.Connection, key: int, length: int, turns: int) -> int:
    """Note the new length, and the turns that came or went (below 0); return the length."""
    db.execute("UPDATE sessions SET messages = ?, turns = turns + ? WHERE id = ?", [length, turns, key])
    return length


def fork(db: sqlite3.Connection, key: int | None, new: int, stop: int) -> None:
    """Copy what is set on a session and derived from it, and its first messages, to a new one, as it stands there."""
    which = {"key": key, "new": new, "stop": stop}
    for copy in _FORK:
        db.execute(copy, which)
    blobs.release(db, new, blobs.of_session(db, new))


_FORK = (
    "INSERT INTO messages(session, position, role, data)"
    " SELECT :new, position, role, data FROM messages WHERE session = :key AND position < :stop",
    "INSERT INTO states(session, name, value, position, fingerprint)"
    " SELECT :new, name, value, position, fingerprint FROM states WHERE session = :key",
    "INSERT INTO uses(session, sha256) SELECT :new, sha256 FROM uses WHERE session = :key",
    "UPDATE sessions SET (title, settings) = (SELECT title, settings FROM sessions WHERE id = :key), messages = :stop,"
    " turns = (SELECT count(*) FROM messages WHERE session = :new AND role = 'user') WHERE id = :new",
)


def is_committed(db: sqlite3.Connection, key: int | None, turn: str) -> bool:
    """Say whether the turn was committed before."""
    found = db.execute("SELECT 1 FROM committed WHERE session = ? AND turn = ?", [key, turn]).fetchone()
    return found is not None


def empty(db: sqlite3.Connection, key: int) -> None:
    """Remove all but the session itself and the ids of its committed turns."""
    db.execute("DELETE FROM messages WHERE session = ?", [key])
    db.execute("DELETE FROM undone WHERE session = ?", [key])
    db.execute("DELETE FROM states WHERE session = ?", [key])
    db.execute("DELETE FROM pending WHERE session = ?", [key])
    db.execute("UPDATE sessions SET messages = 0, turns = 0 WHERE id = ?", [key])
    blobs.release(db, key, blobs.of_session(db, key))


def delete(db: sqlite3.Connection, key: int) -> None:
    """Remove the session with all it has."""
    held = blobs.of_session(db, key)
    db.execute("DELETE FROM sessions WHERE id = ?", [key])
    blobs.sweep(db, held)


def expired(db: sqlite3.Connection, now: float) -> list[int]:
    """Return the keys of the sessions whose time is over."""
    return [key for (key,) in db.execute("SELECT id FROM sessions WHERE expires <= ?", [now])]


def drop(db: sqlite3.Connection, key: int | None, turn: str) -> None:
    """Remove a turn under way, and what only it had attached."""
    found = db.execute("DELETE FROM pending WHERE session = ? AND turn = ? RETURNING user", [key, turn]).fetchone()
    if found is not None and key is not None:
        blobs.release(db, key, sorted(blobs.used_by(rules.from_json(found[0]))))


def states(db: sqlite3.Connection, key: int) -> dict[str, State]:
    """Return what was derived for the session, by name, but for what is damaged."""
    rows = db.execute("SELECT name, value, position, fingerprint FROM states WHERE session = ?", [key])
    read = {name: rules.to_state(rules.from_json(value), position, mark) for name, value, position, mark in rows}
    return {name: state for name, state in read.items() if state is not None}


def take(db: sqlite3.Connection, key: int, change: Change) -> bool:
    """Apply the change by compare-and-set; say whether it was applied."""
    current = states(db, key).get(change.name)
    there = db.execute("SELECT 1 FROM states WHERE session = ? AND name = ?", [key, change.name]).fetchone()
    if bool(there) != (current is not None) or not rules.takes(current, change):
        return False
    mark = change.state.watermark
    db.execute(
        "INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?, ?)",
        [key, change.name, rules.to_json(change.state.value), mark.position, mark.fingerprint],
    )
    return True


def pending(db: sqlite3.Connection, key: int | None, now: float) -> list[Pending]:
    """Return the turns under way, oldest first, but for those whose question cannot be read."""
    found = db.execute(
        "SELECT turn, user, writer, partial, at, length, beat FROM pending JOIN signs USING (session, turn)"
        " WHERE session = ? ORDER BY pending.id",
        [key],
    )
    turns = [_to_pending(db, row, now) for row in found.fetchall()]
    return [turn for turn in turns if turn.user.role != "unreadable"]


def _to_pending(db: sqlite3.Connection, row: Sequence[Any], now: float) -> Pending:
    turn, user, writer, partial, at, length, beat = row
    return Pending(
        turn,
        to_message(db, user),
        str(writer),
        rules.to_text(partial),
        at if is_count(at) else None,
        length if is_count(length) else None,
        max(0.0, now - rules.to_time(beat)),
    )


SESSION = "id, name, title, created, used, messages, turns, settings, lifetime, expires"
"""The columns that `to_session` takes; a newer version may have added others while this one ran."""


def to_session(db: sqlite3.Connection, row: Sequence[Any]) -> Session:
    """Return the session that a row of `sessions` describes."""
    key, name, title, created, used, messages, turns, settings, lifetime, expires = row
    return Session(
        name,
        rules.to_text(title),
        rules.to_time(created),
        rules.to_time(used),
        messages if is_count(messages) else length_of(db, key),
        turns if is_count(turns) else 0,
        rules.to_settings(settings),
        lifetime if is_count(lifetime) else 0,
        rules.to_time(expires),
    )


def to_message(db: sqlite3.Connection, data: Any, known: dict[str, bytes] | None = None) -> Message:
    """Return the message kept as `data`; what is none has the role `unreadable`. `known`: the blobs read before."""
    try:
        return from_dict(blobs.put_back(db, rules.from_json(data), known))
    except (TypeError, ValueError, RecursionError):
        from chatcli.stores.langchain import unreadable

        return unreadable(str(data), "no message")


def to_data(db: sqlite3.Connection, key: int, message: Message) -> str:
    """Return the message of a session as JSON text, its large parts kept apart."""
    return rules.to_json(blobs.put_away(db, key, to_dict(message)))
