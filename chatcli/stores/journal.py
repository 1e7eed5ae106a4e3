"""The journal: what was said while a store was away, kept on this machine until the store takes it.

One SQLite file, mode 0600, for all stores; a row is a verb of `Store` with what it was given. A store is known by its
address without password and, in Redis, the prefix of its keys. What `keep` or `checkpoint` wrote when it returned
survives the end of the process. Several processes use one file.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from chatcli.errors import StoreUnavailable
from chatcli.messages import fingerprint, from_dict
from chatcli.stores import rules
from chatcli.stores.sqlite_file import make_file, text_of, translated, use_wal
from chatcli.writer import is_gone, this_writer

_PATIENCE = 1.0  # seconds to wait for another process that writes
_HINT = "make it yours to read and write, or move it elsewhere: what it keeps for a store stays in it"
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS entries (
        id INTEGER PRIMARY KEY AUTOINCREMENT, store TEXT NOT NULL, session TEXT NOT NULL,
        verb TEXT NOT NULL, turn TEXT NOT NULL, data TEXT NOT NULL, partial TEXT, beat REAL NOT NULL);
    CREATE INDEX IF NOT EXISTS entries_by_store ON entries(store, id);
    CREATE INDEX IF NOT EXISTS entries_by_turn ON entries(turn)
"""


class Entry(NamedTuple):
    """A verb that waits: `data` is what it was given, as JSON data.

    Of a turn that began, `partial` is the reply as far as it came, JSON text, and `beat` its last sign of life (Unix
    seconds).
    """

    session: str
    verb: str
    data: Mapping[str, Any]
    turn: str = ""
    partial: str | None = None
    beat: float = 0.0
    id: int = 0


class Waiting(NamedTuple):
    """What waits for one store: how many turns of which sessions, since when (Unix seconds)."""

    store: str
    turns: int
    sessions: Sequence[str] = ()
    since: float = 0.0


class Journal:
    """The file at `path`, for the store called `store`; it is made when something is first kept.

    Every verb raises StoreError when the file cannot be read or written. Any thread may call.
    """

    def __init__(self, path: Path, store: str, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self.store = store
        self._clock = clock
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None

    def keep(self, entry: Entry) -> None:
        """Keep an entry; one that ends a turn, or begins it again, takes the place of its beginning."""
        data, now = rules.to_json(entry.data), self._clock()
        with self._writing() as db:
            if entry.turn:
                db.execute(
                    "DELETE FROM entries WHERE verb = 'begin' AND turn = ? AND store = ?", [entry.turn, self.store]
                )
            db.execute(
                "INSERT INTO entries(store, session, verb, turn, data, partial, beat) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [self.store, entry.session, entry.verb, entry.turn, data, entry.partial, now],
            )

    def checkpoint(self, turn: str, partial: str) -> bool:
        """Keep what has come of a reply; say whether that turn's beginning is here."""
        with self._writing() as db:
            found = db.execute(
                "UPDATE entries SET partial = ?, beat = ? WHERE verb = 'begin' AND turn = ? AND store = ?",
                [rules.to_json(partial), self._clock(), turn, self.store],
            )
            return found.rowcount > 0

    def entries(self, session: str | None = None) -> list[Entry]:
        """Return what waits for the store, of one session or of all, oldest first; but for others' turns under way."""
        if session is None:
            found = self._kept("WHERE store = ?", self.store)
        else:
            found = self._kept("WHERE store = ? AND session = ?", self.store, session)
        return [entry for _, entry in found if entry.verb != "begin" or self._is_left(entry)]

    def remove(self, entry: Entry) -> None:
        """Remove an entry that the store has; one that was added to meanwhile stays."""
        with self._writing() as db:
            db.execute("DELETE FROM entries WHERE id = ? AND beat IS ?", [entry.id, entry.beat])

    def waiting(self) -> list[Waiting]:
        """Return what waits, for any store."""
        stores: dict[str, list[Entry]] = {}
        for store, entry in self._kept():
            stores.setdefault(store, []).append(entry)
        return [_waiting(store, entries) for store, entries in stores.items()]

    def turns(self) -> int:
        """Return how many turns wait for the store."""
        return Tally(entry for _, entry in self._kept("WHERE store = ?", self.store)).turns

    def close(self) -> None:
        """Let go of the file."""
        with self._lock, translated(self.path):
            if self._db is not None:
                self._db.close()
                self._db = None

    def _kept(self, where: str = "", *values: str) -> list[tuple[str, Entry]]:
        """Return the entries, oldest first, each with the store it is for."""
        if not self._is_there():
            return []
        with self._open() as db:
            rows = db.execute(
                f"SELECT store, session, verb, data, turn, partial, beat, id FROM entries {where} ORDER BY id",  # noqa: S608
                values,
            ).fetchall()
        return [(str(store), Entry(name, verb, _data(data), *rest)) for store, name, verb, data, *rest in rows]

    def _is_there(self) -> bool:
        try:
            return self.path.exists()
        except OSError as error:  # the folder is closed to us
            raise StoreUnavailable(f"{self.path} cannot be read: {error.strerror}", _HINT) from error

    def _is_left(self, entry: Entry) -> bool:
        """Say whether a turn that began is ours, or that of a process that is gone: others end theirs themselves."""
        writer = str(entry.data.get("writer", ""))
        old = self._clock() - rules.to_time(entry.beat) > rules.ABANDONED
        return writer == this_writer() or old or is_gone(writer)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _told_of_the_journal(), translated(self.path, _PATIENCE):
            if self._db is None:
                self._db = _opened(self.path)
            yield self._db

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:  # a full disk rolls back by itself
                    db.execute("ROLLBACK")
                raise


class Tally:
    """How many turns there are in entries, oldest first: one that was sent again or edited is one still."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._questions = set[tuple[str, str]]()
        for entry in entries:
            self.add(entry)

    @property
    def turns(self) -> int:
        """The number of turns."""
        return len(self._questions)

    def add(self, entry: Entry) -> None:
        """Count the turn of one more entry, if it begins or ends one."""
        if entry.verb in ("begin", "commit"):
            replaced, question = _question(entry)
            self._questions.difference_update((entry.session, one) for one in replaced)
            self._questions.add((entry.session, question))


def _question(entry: Entry) -> tuple[Sequence[str], str]:
    """Return what the turn of an entry replaces, and what tells its question from others; its own id when damaged."""
    data = entry.data
    try:
        question = from_dict(data["user"] if entry.verb == "begin" else data["messages"][0])
        return [str(one) for one in data.get("replaced") or ()], fingerprint(question)
    except (TypeError, ValueError, LookupError):
        return (), entry.turn


def _waiting(store: str, entries: Sequence[Entry]) -> Waiting:
    sessions = dict.fromkeys(str(entry.session) for entry in entries)
    return Waiting(store, Tally(entries).turns, tuple(sessions), min(rules.to_time(entry.beat) for entry in entries))


@contextmanager
def _told_of_the_journal() -> Iterator[None]:
    """Say what helps with a file that is no journal, or closed to us: another store does not."""
    try:
        yield
    except StoreUnavailable as error:
        if "--store" not in error.hint:
            raise
        raise StoreUnavailable(error.message, _HINT) from error


def _data(text: str) -> Mapping[str, Any]:
    """Return what a verb was given; nothing when that is damaged, which the verb misses then."""
    data = rules.from_json(text)
    return data if isinstance(data, Mapping) else {}


def _opened(path: Path) -> sqlite3.Connection:
    make_file(path)
    db = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    db.text_factory = text_of
    try:
        use_wal(db, _PATIENCE)
        db.execute("PRAGMA synchronous = FULL")
        db.executescript(_SCHEMA)
    except BaseException:
        db.close()
        raise
    return db
