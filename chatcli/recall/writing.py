"""How the index's file is written: batch by batch, each with its watermark in one transaction."""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import Any

from chatcli.messages import Message, is_count
from chatcli.recall.entries import Entry, read_entry, text_row
from chatcli.recall.file import transaction
from chatcli.recall.form import ANSWERS, ASKS
from chatcli.recall.rows import PARTS
from chatcli.stores import Watermark

PAUSE = 4 * 3600.0
"""Seconds without a message after which a new sitting begins."""

RUN = 40
"""Messages of a sitting where no times are known."""

_LARGEST_CUT = 2000  # units that are taken out one by one; with more to go, all is built anew


def mark(db: sqlite3.Connection) -> Watermark:
    """Return up to where the history is in the file."""
    position, fingerprint = db.execute("SELECT position, fingerprint FROM mark").fetchone()
    return _watermark(position, fingerprint)


def mark_before(db: sqlite3.Connection, position: int) -> Watermark:
    """Return the highest mark the index could have had at `position` or before."""
    query = "SELECT number, fingerprint FROM texts WHERE number < ? ORDER BY number DESC LIMIT 1"
    row = db.execute(query, (position << PARTS,)).fetchone()
    return _watermark((row[0] >> PARTS) + 1, row[1]) if row else Watermark(0)


def _watermark(position: object, fingerprint: object) -> Watermark:
    """Return a mark that can be one; raise ValueError for what only a damaged file holds."""
    if not is_count(position) or not isinstance(fingerprint, str) or bool(position) != bool(fingerprint):
        raise ValueError(f"no mark: {position!r}, {fingerprint!r}")
    return Watermark(position, fingerprint)


def add(db: sqlite3.Connection, start: Watermark, entries: Sequence[Entry], end: Watermark) -> None:
    """Take in what lies between two marks; nothing when another process was faster."""
    with transaction(db):
        if mark(db) != start:
            return
        last = db.execute(
            "SELECT sitting, time, form FROM units JOIN texts USING (number) ORDER BY number DESC LIMIT 1"
        ).fetchone()
        units, texts = [], []
        for entry in entries:
            sitting = _sitting(entry, last)
            looks = entry.form | (ANSWERS if last and last[0] == sitting and last[2] & ASKS else 0)
            last = (sitting, entry.message.time, entry.form)
            units.append((entry.number, sitting, len(entry.terms), entry.tokens, looks, _speaker(entry.message)))
            texts.append(text_row(entry))
        db.executemany("INSERT INTO units VALUES (?, ?, ?, ?, ?, ?)", units)
        db.executemany("INSERT INTO texts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", texts)
        db.executemany(
            "INSERT INTO words(rowid, terms) VALUES (?, ?)", ((e.number, " ".join(e.terms)) for e in entries)
        )
        _count(db, entries, 1)
        db.execute("UPDATE mark SET position = ?, fingerprint = ?", (end.position, end.fingerprint))


def _sitting(entry: Entry, last: tuple[int, float | None, int] | None) -> int:
    """Return the sitting of a message, named by the position of its first one."""
    position, when = entry.number >> PARTS, entry.message.time
    if last is None:
        return position
    sitting, before, _ = last
    if when is not None and before is not None:
        return position if abs(when - before) > PAUSE else sitting
    return position if position - sitting >= RUN else sitting


def _speaker(message: Message) -> str:
    return _clean(message.name) if message.name else f"<{message.role}>"


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _count(db: sqlite3.Connection, entries: Sequence[Entry], by: int) -> None:
    """Count the units, their terms and their speakers, up (by 1) or down (by -1)."""
    counts = Counter(term for entry in entries for term in set(entry.terms))
    db.executemany(
        "INSERT INTO frequencies VALUES (?, ?) ON CONFLICT (term) DO UPDATE SET units = units + excluded.units",
        ((term, by * count) for term, count in counts.items()),
    )
    names = Counter(_clean(entry.message.name) for entry in entries if entry.message.name)
    db.executemany(
        "INSERT INTO speakers VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET units = units + excluded.units",
        ((name, by * count) for name, count in names.items()),
    )
    length = sum(len(entry.terms) for entry in entries)
    db.execute("UPDATE totals SET units = units + ?, length = length + ?", (by * len(entries), by * length))


def cut(db: sqlite3.Connection, end: Watermark) -> None:
    """Take out what is at or after `end`; all, when that is quicker."""
    first = end.position << PARTS
    with transaction(db):
        if mark(db).position <= end.position:
            return
        rows = db.execute("SELECT * FROM texts WHERE number >= ? LIMIT ?", (first, _LARGEST_CUT + 1)).fetchall()
        if is_all := len(rows) > _LARGEST_CUT or end.position == 0:
            _empty(db)
        else:
            _take_out(db, rows, end)
    if is_all:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what was said in a session that was emptied is gone


def _take_out(db: sqlite3.Connection, rows: Sequence[Any], end: Watermark) -> None:
    """Take out the rows of `texts` that are at or after `end`, one by one."""
    first = end.position << PARTS
    entries = [read_entry(row) for row in rows]
    db.executemany(
        "INSERT INTO words(words, rowid, terms) VALUES ('delete', ?, ?)",
        ((entry.number, " ".join(entry.terms)) for entry in entries),
    )
    _count(db, entries, -1)
    db.execute("DELETE FROM frequencies WHERE units <= 0")
    db.execute("DELETE FROM speakers WHERE units <= 0")
    db.execute("DELETE FROM units WHERE number >= ?", (first,))
    db.execute("DELETE FROM texts WHERE number >= ?", (first,))
    db.execute("UPDATE mark SET position = ?, fingerprint = ?", (end.position, end.fingerprint))


def _empty(db: sqlite3.Connection) -> None:
    for table in ("units", "texts", "frequencies", "speakers"):
        db.execute(f"DELETE FROM {table}")  # noqa: S608
    db.execute("INSERT INTO words(words) VALUES ('delete-all')")
    db.execute("UPDATE mark SET position = 0, fingerprint = ''")
    db.execute("UPDATE totals SET units = 0, length = 0")
