"""The index of one session's messages: it follows the history, and finds what bears on a question."""

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from chatcli.memory.history import History
from chatcli.memory.strategy import Hit
from chatcli.messages import Message, fingerprint
from chatcli.recall.file import Busy, IndexFile, transaction
from chatcli.recall.form import ANSWERS, ASKS, form
from chatcli.recall.passages import passages
from chatcli.recall.question import understand
from chatcli.recall.rank import PARTS, Ranked, Unit, rank
from chatcli.recall.segment import date_terms, terms
from chatcli.stores import Watermark
from chatcli.tokens import estimate

BATCH = 200
"""Messages that are taken in at once: a search waits for one batch at most."""

PAUSE = 4 * 3600.0
"""Seconds without a message after which a new sitting begins."""

RUN = 40
"""Messages of a sitting where no times are known."""

_MOST_NAMES = 64
_LARGEST_CUT = 2000  # units that are taken out one by one; with more to go, all is built anew


class Entry(NamedTuple):
    """A unit as it is taken in: a message or a passage of one, with the terms it is found by."""

    number: int
    message: Message
    text: str
    whole: bool
    day: str
    terms: list[str]
    tokens: int
    form: int
    fingerprint: str


class MessageIndex:
    """Finds what was said before in one session. Kept in the file at `path`, or in memory (None).

    `news` has a line for each thing that went wrong with the file; the index goes on all the same.
    """

    def __init__(self, path: Path | None) -> None:
        self._file = IndexFile(path)

    @property
    def news(self) -> list[str]:
        """What the user may want to know of the file, one line each."""
        return self._file.news

    def follow(self, history: History, most: int | None = None) -> int:
        """Take in up to `most` messages that were not indexed yet (None: all); return how many are left.

        What is not of this history any more is taken out first. Raises StoreError.
        """
        position = 0
        try:
            position = self._common(history)
            stop = history.length if most is None else min(history.length, position + most)
            while position < stop:
                self._take_in(history, position, min(position + BATCH, stop))
                position = self._file.use(_mark).position
        except Busy:
            pass  # the next time
        return max(0, history.length - position)

    def search(self, question: str, before: int) -> Sequence[Hit]:
        """Return what bears on `question` among the indexed messages before position `before`, the best first."""
        try:
            return self._file.use(lambda db: _search(db, question, before))
        except Busy:
            return []

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _common(self, history: History) -> int:
        """Return up to where index and history are the same; take out of the index what is beyond."""
        mark, back = self._file.use(_mark), 1
        if history.holds(mark):
            return mark.position
        while not history.holds(mark):
            limit = max(0, min(mark.position, history.length + 1) - back)
            mark, back = self._file.use(lambda db: _mark_before(db, limit)), 2 * back  # noqa: B023
        self._file.use(lambda db: _cut(db, mark))
        return mark.position

    def _take_in(self, history: History, start: int, stop: int) -> None:
        """Take in a batch; nothing when another process was faster."""
        messages = history.between(start, stop)
        entries = list(chain.from_iterable(map(_entries, range(start, stop), messages)))
        mark = history.watermark(stop)
        self._file.use(lambda db: _add(db, start, entries, mark))


def _entries(position: int, message: Message) -> Iterator[Entry]:
    """Yield the units of a message; none for one that says nothing or is nobody's words."""
    text = message.text
    if message.role not in ("user", "assistant") or not text.strip():
        return
    print_ = fingerprint(message)
    day = date_terms(message.time)
    before = [*(terms(message.name) if message.name else ()), *day]
    found = passages(text)
    for part, passage in enumerate(found):
        yield Entry(
            (position << PARTS) + part,
            message,
            passage,
            len(found) == 1,
            " ".join(day),
            [*before, *terms(passage)],
            estimate(passage),
            form(passage),
            print_,
        )


# What is done within the file


def _mark(db: sqlite3.Connection) -> Watermark:
    return Watermark(*db.execute("SELECT position, fingerprint FROM mark").fetchone())


def _mark_before(db: sqlite3.Connection, position: int) -> Watermark:
    """Return the highest mark the index could have had at `position` or before."""
    query = "SELECT number, fingerprint FROM texts WHERE number < ? ORDER BY number DESC LIMIT 1"
    row = db.execute(query, (position << PARTS,)).fetchone()
    return Watermark((row[0] >> PARTS) + 1, row[1]) if row else Watermark(0)


def _add(db: sqlite3.Connection, start: int, entries: Sequence[Entry], mark: Watermark) -> None:
    with transaction(db):
        if _mark(db).position != start:
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
            texts.append(_text_row(entry))
        db.executemany("INSERT INTO units VALUES (?, ?, ?, ?, ?, ?)", units)
        db.executemany("INSERT INTO texts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", texts)
        db.executemany(
            "INSERT INTO words(rowid, terms) VALUES (?, ?)", ((e.number, " ".join(e.terms)) for e in entries)
        )
        _count(db, entries, 1)
        db.execute("UPDATE mark SET position = ?, fingerprint = ?", (mark.position, mark.fingerprint))


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


def _text_row(entry: Entry) -> tuple[object, ...]:
    message = entry.message
    name = message.name.encode("utf-8", "surrogatepass") if message.name else None
    text = entry.text.encode("utf-8", "surrogatepass")
    return (entry.number, message.role, name, message.time, entry.day, text, entry.whole, entry.fingerprint)


def _count(db: sqlite3.Connection, entries: Iterable[Entry], by: int) -> None:
    """Count the units, their terms and their speakers, up (by 1) or down (by -1)."""
    entries = list(entries)
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


def _cut(db: sqlite3.Connection, mark: Watermark) -> None:
    """Take out what is at or after the mark; all, when that is quicker."""
    first = mark.position << PARTS
    with transaction(db):
        if _mark(db).position <= mark.position:
            return
        rows = db.execute("SELECT * FROM texts WHERE number >= ? LIMIT ?", (first, _LARGEST_CUT + 1)).fetchall()
        if len(rows) > _LARGEST_CUT or mark.position == 0:
            _empty(db)
            return
        entries = [_read(row) for row in rows]
        db.executemany(
            "INSERT INTO words(words, rowid, terms) VALUES ('delete', ?, ?)",
            ((entry.number, " ".join(entry.terms)) for entry in entries),
        )
        _count(db, entries, -1)
        db.execute("DELETE FROM frequencies WHERE units <= 0")
        db.execute("DELETE FROM speakers WHERE units <= 0")
        db.execute("DELETE FROM units WHERE number >= ?", (first,))
        db.execute("DELETE FROM texts WHERE number >= ?", (first,))
        db.execute("UPDATE mark SET position = ?, fingerprint = ?", (mark.position, mark.fingerprint))


def _empty(db: sqlite3.Connection) -> None:
    for table in ("units", "texts", "frequencies", "speakers"):
        db.execute(f"DELETE FROM {table}")
    db.execute("INSERT INTO words(words) VALUES ('delete-all')")
    db.execute("UPDATE mark SET position = 0, fingerprint = ''")
    db.execute("UPDATE totals SET units = 0, length = 0")


def _read(row: tuple[int, str, bytes | None, float | None, str, bytes, int, str]) -> Entry:
    """Return the unit of a row, as it was taken in."""
    number, _, _, _, day, text, whole, print_ = row
    message = _message(row)
    before = [*(terms(message.name) if message.name else ()), *day.split()]
    return Entry(number, message, message.text, bool(whole), day, [*before, *terms(message.text)], 0, 0, print_)


def _message(row: tuple[int, str, bytes | None, float | None, str, bytes, int, str]) -> Message:
    _, role, name, when, _, text, _, _ = row
    who = name.decode("utf-8", "surrogatepass") if name else None
    return Message(role, text.decode("utf-8", "surrogatepass"), time=when, name=who)  # type: ignore[arg-type]


def _search(db: sqlite3.Connection, text: str, before: int) -> list[Hit]:
    tables = Tables(db)
    found = rank(understand(text, tables.names()), tables, before)
    numbers = ",".join(str(ranked.unit.number) for ranked in found)
    rows = {row[0]: row for row in db.execute(f"SELECT * FROM texts WHERE number IN ({numbers})")}  # noqa: S608
    return [_hit(ranked, rows[ranked.unit.number]) for ranked in found if ranked.unit.number in rows]


def _hit(ranked: Ranked, row: tuple[int, str, bytes | None, float | None, str, bytes, int, str]) -> Hit:
    unit = ranked.unit
    part = unit.number & ((1 << PARTS) - 1)
    return Hit(unit.position, _message(row), ranked.value, ranked.words, bool(row[6]), part)


class Tables:
    """The tables of the file, as ranking asks for them."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.units, length = db.execute("SELECT units, length FROM totals").fetchone()
        self.mean_length = length / max(1, self.units)

    def names(self) -> list[str]:
        """Return the names of the speakers; none when most messages have no name."""
        rows = self._db.execute(
            "SELECT name, units FROM speakers ORDER BY units DESC LIMIT ?", (_MOST_NAMES,)
        ).fetchall()
        return [name for name, _ in rows] if 2 * sum(units for _, units in rows) > self.units else []

    def frequencies(self, terms: Collection[str]) -> Mapping[str, int]:
        """Return in how many units each of the terms is, without those that are in none."""
        wanted = list(terms)
        marks = ",".join("?" * len(wanted))
        return dict(self._db.execute(f"SELECT term, units FROM frequencies WHERE term IN ({marks})", wanted))  # noqa: S608

    def starting(self, prefix: str, most: int) -> Mapping[str, int]:
        """Return terms that begin with `prefix`, and in how many units each is."""
        query = "SELECT term, units FROM frequencies WHERE term >= ? AND term < ? LIMIT ?"
        return dict(self._db.execute(query, (prefix, prefix + "\U0010ffff", most)))

    def matching(self, words: Sequence[str], before: int, most: int) -> list[int]:
        """Return the newest units that hold one of the words (all its terms), below unit number `before`."""
        query = "SELECT rowid FROM words WHERE words MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT ?"
        expression = " OR ".join("(" + " AND ".join(f'"{term}"' for term in word.split()) + ")" for word in words)
        return [number for (number,) in self._db.execute(query, (expression, before, most))]

    def around(self, positions: Iterable[int], before: int) -> list[Unit]:
        """Return the units of the messages at the positions, below unit number `before`."""
        found: list[Unit] = []
        for first, last in _ranges(positions):
            low, high = first << PARTS, min((last + 1) << PARTS, before)
            rows = self._db.execute("SELECT * FROM units WHERE number >= ? AND number < ?", (low, high))
            found.extend(map(Unit._make, rows))
        return found


def _ranges(positions: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield first and last of each run of positions without a gap."""
    ordered = sorted(position for position in positions if position >= 0)
    start = 0
    for at, position in enumerate(ordered):
        if at + 1 == len(ordered) or ordered[at + 1] != position + 1:
            yield ordered[start], position
            start = at + 1
