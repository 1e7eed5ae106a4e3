"""Rows of the SQLite file and what they stand for; every function works inside the caller's transaction."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from chatcli.messages import Message, from_dict, to_dict
from chatcli.stores import Change, Session, State, Watermark, rules


def find(db: sqlite3.Connection, session: str) -> tuple[int | None, int]:
    """Return the session's key (None: there is none) and how many messages it has."""
    row = db.execute("SELECT id, messages FROM sessions WHERE name = ?", [session]).fetchone()
    return row or (None, 0)


def read(db: sqlite3.Connection, key: int | None, first: int, end: int) -> list[Message]:
    """Return the messages at the positions from `first` up to, not including, `end`."""
    rows = db.execute(
        "SELECT data FROM messages WHERE session = ? AND position >= ? AND position < ? ORDER BY position",
        [key, first, end],
    )
    return [to_message(data) for (data,) in rows]


def splice(db: sqlite3.Connection, key: int, messages: Sequence[Message], at: int | None) -> int:
    """Move what stands from `at` on to the undone state, add `messages`; return the new length."""
    length, turns = db.execute("SELECT messages, turns FROM sessions WHERE id = ?", [key]).fetchone()
    if at is not None and at < length:
        turns -= _undo(db, key, at)
        length = at
    db.executemany(
        "INSERT INTO messages(session, position, role, data) VALUES (?, ?, ?, ?)",
        [(key, length + index, message.role, to_data(message)) for index, message in enumerate(messages)],
    )
    length, turns = length + len(messages), turns + rules.count_turns(messages)
    db.execute("UPDATE sessions SET messages = ?, turns = ? WHERE id = ?", [length, turns, key])
    return int(length)


def _undo(db: sqlite3.Connection, key: int, at: int) -> int:
    """Move the messages from position `at` on to the undone state; return how many turns began there."""
    db.execute(
        "INSERT INTO undone(session, step, position, data)"
        " SELECT session, (SELECT 1 + ifnull(max(step), 0) FROM undone WHERE session = :key), position, data"
        " FROM messages WHERE session = :key AND position >= :at",
        {"key": key, "at": at},
    )
    (turns,) = db.execute(
        "SELECT count(*) FROM messages WHERE session = ? AND position >= ? AND role = 'user'", [key, at]
    ).fetchone()
    db.execute("DELETE FROM messages WHERE session = ? AND position >= ?", [key, at])
    return int(turns)


def empty(db: sqlite3.Connection, key: int) -> None:
    """Remove all but the session itself and the ids of its committed turns."""
    db.execute("DELETE FROM messages WHERE session = ?", [key])
    db.execute("DELETE FROM undone WHERE session = ?", [key])
    db.execute("DELETE FROM states WHERE session = ?", [key])
    db.execute("DELETE FROM pending WHERE session = ?", [key])
    db.execute("UPDATE sessions SET messages = 0, turns = 0 WHERE id = ?", [key])


def states(db: sqlite3.Connection, key: int) -> dict[str, State]:
    """Return what was derived for the session, by name."""
    rows = db.execute("SELECT name, value, position, fingerprint FROM states WHERE session = ?", [key])
    return {name: State(json.loads(value), Watermark(position, mark)) for name, value, position, mark in rows}


def take(db: sqlite3.Connection, key: int, change: Change) -> bool:
    """Apply the change by compare-and-set; say whether it was applied."""
    if not rules.takes(states(db, key).get(change.name), change):
        return False
    mark = change.state.watermark
    db.execute(
        "INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?, ?)",
        [key, change.name, rules.to_json(change.state.value), mark.position, mark.fingerprint],
    )
    return True


def to_session(row: Sequence[Any]) -> Session:
    """Return the session that a row of `sessions` describes."""
    _, name, title, created, used, messages, turns, settings = row
    return Session(name, json.loads(title), created, used, messages, turns, json.loads(settings))


def to_message(data: str) -> Message:
    """Return the message kept as `data`."""
    return from_dict(json.loads(data))


def to_data(message: Message) -> str:
    """Return the message as JSON text."""
    return rules.to_json(to_dict(message))
