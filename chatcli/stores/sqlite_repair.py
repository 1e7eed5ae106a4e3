"""Puts right what a SQLite file says of its sessions, where another program or a lost disk block made it untrue."""

import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from itertools import count

from chatcli.errors import StoreError
from chatcli.stores import Repair, blobs
from chatcli.stores.sqlite_file import NAMED

Opens = Callable[[], AbstractContextManager[sqlite3.Connection]]
"""Opens a transaction."""

_KEEPING = ("messages", "undone", "pending")  # tables of what was said
_BESIDE = ("states", "signs", "committed", "uses")


def repaired(reading: Opens, writing: Opens, dry_run: bool) -> Iterator[Repair]:
    """Yield what was wrong, each session in a transaction of its own; see Store.repair."""
    with reading() as db:
        (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise StoreError(f"the file is damaged: {found}", "keep a copy of it, then try: sqlite3 FILE .recover")
    if dry_run:
        with writing() as db:
            db.execute("SAVEPOINT repair")
            told = [one for part in _parts(db) for one in part(db)]
            db.execute("ROLLBACK TO repair")
        yield from told
        return
    with writing() as db:
        parts = list(_parts(db))
    for part in parts:
        with writing() as db:
            told = list(part(db))
        yield from told


def _parts(db: sqlite3.Connection) -> Iterator[Callable[[sqlite3.Connection], Iterator[Repair]]]:
    """Yield the steps in their order: what is not in use is known when all sessions have been looked at."""
    yield _orphans
    keys = _lost(db) | {key for (key,) in db.execute("SELECT id FROM sessions")}
    yield from (partial(_session, key=key) for key in sorted(keys))
    yield _blobs


def _lost(db: sqlite3.Connection) -> set[int]:
    """Return the sessions of which only what was said is left."""
    every = (f"SELECT DISTINCT session FROM {table} WHERE typeof(session) = 'integer'" for table in _KEEPING)  # noqa: S608
    there = {key for query in every for (key,) in db.execute(query)}
    return there - {key for (key,) in db.execute("SELECT id FROM sessions")}


def _orphans(db: sqlite3.Connection) -> Iterator[Repair]:
    """Bring back the sessions of which only what was said is left; remove what lies beside no session."""
    for key in sorted(_lost(db)):
        name, now = _free_name(db), time.time()
        db.execute("INSERT INTO sessions(id, name, created, used) VALUES (?, ?, ?, ?)", [key, name, now, now])
        yield Repair(name, "brought back: its messages belonged to no session")
    for table in _BESIDE:
        stray = f"DELETE FROM {table} WHERE session NOT IN (SELECT id FROM sessions)"  # noqa: S608
        if gone := db.execute(stray).rowcount:
            yield Repair("", f"removed: {gone:,} of {table}, which belonged to no session")


def _free_name(db: sqlite3.Connection) -> str:
    names = (f"recovered-{number}" for number in count(1))
    return next(name for name in names if not db.execute("SELECT 1 FROM sessions WHERE name = ?", [name]).fetchone())


def _session(db: sqlite3.Connection, key: int) -> Iterator[Repair]:
    row = db.execute("SELECT name, messages, turns FROM sessions WHERE id = ?", [key]).fetchone()
    if row is None:  # deleted meanwhile
        return
    name, messages, turns = row
    if not db.execute(f"SELECT {NAMED} FROM sessions WHERE id = ?", [key]).fetchone()[0]:  # noqa: S608
        name = _free_name(db)
        db.execute("UPDATE sessions SET name = ? WHERE id = ?", [name, key])
        yield Repair(name, "brought back: nothing can be called as it was")
    there, asked, first, last = db.execute(
        "SELECT count(*), total(role = 'user'), min(position), max(position) FROM messages WHERE session = ?", [key]
    ).fetchone()
    if there and (first, last) != (0, there - 1):
        _renumber(db, key)
        yield Repair(name, f"numbered without a gap again: its messages, {there:,}")
    if (messages, turns) != (there, int(asked)):
        db.execute("UPDATE sessions SET messages = ?, turns = ? WHERE id = ?", [there, int(asked), key])
        wrong = f"not {_said(messages)} and {_said(turns)}"
        yield Repair(name, f"counted again: messages {there:,}, turns {int(asked):,}, {wrong}")
    yield from _uses(db, key, name)


def _said(number: object) -> str:
    return f"{number:,}" if isinstance(number, int) else repr(number)


_DEEP = -(2**62)  # no room for as many numbers again below positions that are lower still


def _renumber(db: sqlite3.Connection, key: int) -> None:
    messages = db.execute("SELECT rowid, position FROM messages WHERE session = ? ORDER BY position", [key]).fetchall()
    # By way of numbers below all that are taken: no two messages may have the same in between.
    low = min([0, *(at for _, at in messages if isinstance(at, int) and at > _DEEP)]) - len(messages)
    moves = [(low + index, row) for index, (row, _) in enumerate(messages)]
    db.executemany("UPDATE messages SET position = ? WHERE rowid = ?", moves)
    db.execute("UPDATE messages SET position = position - ? WHERE session = ?", [low, key])


def _uses(db: sqlite3.Connection, key: int, name: str) -> Iterator[Repair]:
    """Note which blobs the session needs, and those alone."""
    noted = set(blobs.of_session(db, key))
    needed = {sha for data in blobs.mentioning(db, key) for sha in re.findall(blobs.SHA, data)}
    known = {sha for sha in needed if db.execute("SELECT 1 FROM blobs WHERE sha256 = ?", [sha]).fetchone()}
    if missing := known - noted:
        db.executemany("INSERT INTO uses VALUES (?, ?)", [(key, sha) for sha in missing])
        yield Repair(name, f"noted as in use: attachments, {len(missing):,}")
    if needless := noted - needed:
        db.executemany("DELETE FROM uses WHERE session = ? AND sha256 = ?", [(key, sha) for sha in needless])
        yield Repair(name, f"noted as in use no more: attachments, {len(needless):,}")


def _blobs(db: sqlite3.Connection) -> Iterator[Repair]:
    if gone := db.execute("DELETE FROM blobs WHERE sha256 NOT IN (SELECT sha256 FROM uses)").rowcount:
        yield Repair("", f"removed: attachments that no session uses, {gone:,}")
