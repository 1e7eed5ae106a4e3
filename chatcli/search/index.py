"""The index's file: which messages of which sessions hold which terms."""

import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import NamedTuple

from chatcli.messages import is_time
from chatcli.recall.file import Form, IndexFile, transaction
from chatcli.search.query import Query, expression
from chatcli.stores import Watermark

SEARCH = Form(
    "the search index",
    version=1,
    application=0x63617366,  # "casf"
    schema="""
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, used REAL NOT NULL, messages INTEGER NOT NULL,
    foreigner INTEGER NOT NULL, position INTEGER NOT NULL, fingerprint TEXT NOT NULL, turns INTEGER NOT NULL);
CREATE TABLE units (
    id INTEGER PRIMARY KEY, session INTEGER NOT NULL, position INTEGER NOT NULL, turn INTEGER NOT NULL,
    role TEXT NOT NULL, time REAL, fingerprint TEXT NOT NULL);
CREATE INDEX units_by_place ON units(session, position);
CREATE VIRTUAL TABLE words USING fts5(terms, tokenize='ascii');
CREATE VIRTUAL TABLE vocabulary USING fts5vocab(words, row)
""",
)

TITLE = -1
"""The position of the unit that holds a session's name and title."""

_ROUNDED = 1
"""Decimals of a score that count: of those that are as good as equal the newest comes first."""


Seen = tuple[float, int, int]
"""When a session was used, how many messages it had, and whether only other programs wrote it."""


@dataclass(frozen=True, slots=True)
class Known:
    """A session as the index has it: when it was used, how many messages it had, how far it was taken in."""

    used: float
    messages: int
    is_foreign: bool
    mark: Watermark
    turns: int


class Unit(NamedTuple):
    """A message as it is taken in; `text` is its terms, divided by spaces."""

    position: int
    turn: int
    role: str
    time: float | None
    fingerprint: str
    text: str


@dataclass(frozen=True, slots=True)
class Addition:
    """What is new of a session: it is known as `after` then, if it is still known as `before`.

    Of what the index has, the messages from position `keep` on go.
    """

    session: str
    before: Known | None
    keep: int
    units: Sequence[Unit]
    after: Known


class Place(NamedTuple):
    """Where a message that was taken in stands, and the turn it belongs to."""

    position: int
    turn: int
    fingerprint: str


class Found(NamedTuple):
    """A unit that holds what was looked for; the higher the score the better."""

    session: str
    position: int
    turn: int
    role: str
    time: float | None
    fingerprint: str
    score: float


class SearchIndex:
    """The index in the file at `path`, or in memory (None). Raises Busy while another process keeps it locked.

    `news` has a line for each thing that went wrong with the file; the index goes on all the same.
    """

    def __init__(self, path: Path | None) -> None:
        self._file = IndexFile(path, SEARCH)

    @property
    def news(self) -> list[str]:
        """What the user may want to know of the file, one line each."""
        return self._file.news

    @property
    def replaced(self) -> int:
        """How often the index was made anew since it was opened."""
        return self._file.replaced

    def seen(self) -> dict[str, Seen]:
        """Return the sessions that the index has, by name."""
        return self._file.use(_seen)

    def known(self, session: str) -> Known | None:
        """Return what is known of a session; None when the index has it not."""
        return self._file.use(lambda db: _known(db, session))

    def place_before(self, session: str, position: int) -> Place | None:
        """Return the newest message before `position` that was taken in; None when there is none."""
        return self._file.use(lambda db: _place_before(db, session, position))

    def add(self, additions: Sequence[Addition], gone: Collection[str] = ()) -> None:
        """Take in what is new and take out the sessions that are gone, all or nothing.

        What another process took in meanwhile is left as it is.
        """
        self._file.use(lambda db: _add(db, additions, gone))

    def search(self, query: Query, most: int, session: str | None, foreign: bool) -> list[Found]:
        """Return up to `most` units, the best first, of one session or of all; `foreign`: those of others as well."""
        return self._file.use(lambda db: _search(db, query, most, session, foreign))

    def forget(self, session: str) -> None:
        """Take a session out so that no word of it stays in the file."""
        self._file.use(lambda db: _forget(db, session))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _seen(db: sqlite3.Connection) -> dict[str, Seen]:
    rows = db.execute("SELECT name, used, messages, foreigner FROM sessions")
    return {row[0]: row[1:] for row in rows if _fits(row, (str, _NUMBER, int, int))}


def _known(db: sqlite3.Connection, session: str) -> Known | None:
    query = "SELECT used, messages, foreigner, position, fingerprint, turns FROM sessions WHERE name = ?"
    row = db.execute(query, (session,)).fetchone()
    if row is None or not _fits(row, (_NUMBER, int, int, int, str, int)):
        return None
    return Known(row[0], row[1], bool(row[2]), Watermark(row[3], row[4]), row[5])


_NUMBER = (int, float)


def _fits(row: Sequence[object], kinds: Sequence[type | tuple[type, ...]]) -> bool:
    """Return True when each value is of its kind; raise TypeError else: the file is damaged, and is made anew."""
    if all(map(isinstance, row, kinds)):
        return True
    raise TypeError(f"a value of another kind: {row!r:.80}")


def _place_before(db: sqlite3.Connection, session: str, position: int) -> Place | None:
    query = (
        "SELECT position, turn, fingerprint FROM units WHERE session = (SELECT id FROM sessions WHERE name = ?)"
        " AND position BETWEEN 0 AND ? ORDER BY position DESC LIMIT 1"
    )
    found = db.execute(query, (session, position - 1)).fetchone()
    return Place._make(found) if found and _fits(found, (int, int, str)) else None


def _add(db: sqlite3.Connection, additions: Sequence[Addition], gone: Collection[str]) -> None:
    with _writing(db) as forgotten:
        for name in gone:
            forgotten += [name] * _remove(db, name)
        for addition in additions:
            if _known(db, addition.session) == addition.before:
                forgotten += [addition.session] * _is_emptied(addition)
                _take_in(db, addition)


def _is_emptied(addition: Addition) -> bool:
    """Say whether nothing stays of what was taken in of a session: it was emptied, or is another one by now."""
    return addition.keep == 0 and addition.before is not None and addition.before.mark.position > 0


def _take_in(db: sqlite3.Connection, addition: Addition) -> None:
    after = addition.after
    known = (after.used, after.messages, after.is_foreign, after.mark.position, after.mark.fingerprint, after.turns)
    db.execute(_KNOW, (addition.session, *known))
    (key,) = db.execute("SELECT id FROM sessions WHERE name = ?", (addition.session,)).fetchone()
    _cut(db, key, "position >= ? OR position = -1", addition.keep)
    for unit in addition.units:
        row = db.execute("INSERT INTO units VALUES (NULL, ?, ?, ?, ?, ?, ?)", (key, *unit[:5])).lastrowid
        db.execute("INSERT INTO words(rowid, terms) VALUES (?, ?)", (row, unit.text))


_KNOW = """
INSERT INTO sessions(name, used, messages, foreigner, position, fingerprint, turns) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT(name) DO UPDATE SET used = excluded.used, messages = excluded.messages, foreigner = excluded.foreigner,
    position = excluded.position, fingerprint = excluded.fingerprint, turns = excluded.turns
"""


def _cut(db: sqlite3.Connection, key: int, where: str, *values: object) -> None:
    chosen = f"session = ? AND ({where})"
    db.execute(f"DELETE FROM words WHERE rowid IN (SELECT id FROM units WHERE {chosen})", (key, *values))  # noqa: S608
    db.execute(f"DELETE FROM units WHERE {chosen}", (key, *values))  # noqa: S608


def _remove(db: sqlite3.Connection, session: str) -> bool:
    """Take a session out, if it is there; say whether it was."""
    row = db.execute("SELECT id FROM sessions WHERE name = ?", (session,)).fetchone()
    if row is not None:
        _cut(db, row[0], "1")
        db.execute("DELETE FROM sessions WHERE id = ?", row)
    return row is not None


def _forget(db: sqlite3.Connection, session: str) -> None:
    with _writing(db) as forgotten:
        forgotten += [session] * _remove(db, session)


@contextmanager
def _writing(db: sqlite3.Connection) -> Iterator[list[str]]:
    """Write all or nothing. No word stays in the file of the sessions that are put into the list that this gives.

    FTS5 only marks what was deleted: what stays is written anew then, and the rest overwritten, which costs a second
    for 40,000 messages.
    """
    forgotten: list[str] = []
    with transaction(db):
        yield forgotten
        if forgotten:
            db.execute("INSERT INTO words(words) VALUES ('optimize')")
    if forgotten:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


_BEST = """
SELECT name, units.position, turn, role, time, units.fingerprint, -score FROM (
    SELECT rowid AS id, bm25(words) AS score FROM words WHERE words MATCH ? {where}
    ORDER BY score, rowid DESC LIMIT ?)
JOIN units USING (id) JOIN sessions ON sessions.id = units.session
WHERE foreigner <= ? ORDER BY round(score, {rounded}), ifnull(time, used) DESC LIMIT ?
"""


def _search(db: sqlite3.Connection, query: Query, most: int, session: str | None, foreign: bool) -> list[Found]:
    asked = expression(query, _vocabulary(db))
    where, only = "", []
    if session is not None:
        where = "AND rowid IN (SELECT id FROM units WHERE session = (SELECT id FROM sessions WHERE name = ?))"
        only = [session]
    best = _BEST.format(where=where, rounded=_ROUNDED)
    rows = db.execute(best, (asked, *only, 10 * most + 100, foreign, most)).fetchall()
    return [found for row in rows if _fits(found := Found._make(row), _FOUND) and _is_likely(found)]


_FOUND = (str, int, int, str, (float, int, NoneType), str, _NUMBER)


def _is_likely(found: Found) -> bool:
    """Return True for a message as it is taken in; raise ValueError else, see `_fits`."""
    speakers = ("title",) if found.position == TITLE else ("user", "assistant")
    if found.role in speakers and (found.time is None or is_time(found.time)):
        return True
    raise ValueError(f"no message: {found!r:.80}")


def _vocabulary(db: sqlite3.Connection) -> Callable[[str], Iterator[str]]:
    def beginning(start: str) -> Iterator[str]:
        end = f"{start}\U0010ffff"
        rows = db.execute("SELECT term FROM vocabulary WHERE term >= ? AND term < ?", (start, end))
        return (term for (term,) in rows)

    return beginning
