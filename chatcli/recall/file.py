"""An index's SQLite file: a cache. Whatever is wrong with it, it is made anew, if need be only in memory."""

import os
import sqlite3
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from chatcli.errors import ChatError
from chatcli.private import private_folder
from chatcli.recall import forget

PATIENCE = 1.0  # seconds to wait for another process that writes


@dataclass(frozen=True, slots=True)
class Form:
    """What a file is: its name for the user, its tables, its version, and the mark in its header."""

    what: str
    schema: str
    version: int
    application: int


Result = TypeVar("Result")


class CacheError(ChatError):
    """The index cannot be used, not even in memory."""


class Busy(Exception):
    """Another process keeps the file locked."""


class Gone(Busy):
    """It was closed for good, or the file was removed while it was open: what is known of the history may be old."""


_NONSENSE = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, struct.error)
"""What rows of a damaged file lead to: a value that is missing, of another type, no UTF-8, too large or too small."""


class _Unusable(Exception):
    """The file is not one of ours, or not of this format."""


class IndexFile:
    """One connection to the file of that form at `path` (None: in memory), for one thread at a time.

    `news` says what the user may want to know of it, one line each, the newest last; `replaced` counts how often a new
    one took its place.
    """

    def __init__(self, path: Path | None, form: Form) -> None:
        self.path = path
        self.form = form
        self.news: list[str] = []
        self.replaced = 0
        self._told: set[str] = set()
        self._lock = threading.Lock()
        self.is_closed = False
        self._db: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    def use(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Return what `work` makes of the connection; raise Busy when another process keeps the file locked.

        Raises Gone once when the file was removed, and always after `close`. A file that fails is replaced by a new
        one, that by one in memory; `work` is done anew each time.
        """
        with self._lock:
            if self.is_closed:
                raise Gone
            for _ in range(3):
                try:
                    return work(self._connected())
                except (sqlite3.Error, OSError, _Unusable, *_NONSENSE) as error:
                    if _is_busy(error):
                        self._tell(f"{self.form.what} {self.path} is in use by another program; it is left as it is")
                        raise Busy from error
                    self._replace(error)
                    cause = error
            raise CacheError(f"{self.form.what} fails, in memory too", f"report it as a bug: {cause!r}") from cause

    @property
    def is_there(self) -> bool:
        """Whether there is a file to look into; `use` makes one."""
        return self.path is None or os.path.exists(self.path)  # Path.exists may raise

    def remove(self) -> None:
        """Remove the file, which `use` makes anew."""
        with self._lock:
            if not self.is_closed:
                self._close()
                if self.path is not None:
                    with suppress(OSError):
                        forget(self.path)

    def close(self) -> None:
        """Let go of the file, for good: when this returns, nothing more is written."""
        with self._lock:
            self.is_closed = True
            self._close()

    def _connected(self) -> sqlite3.Connection:
        if self._db is not None and self.path is not None and _identity(self.path) != self._identity:
            self._close()  # SQLite would write on into the old one
            raise Gone
        if self._db is None:
            if self.path is not None:
                private_folder(self.path.parent)
                self.path.touch(mode=0o600)
            self._db = _open(self.path, self.form)
            self._identity = _identity(self.path) if self.path else None
        return self._db

    def _replace(self, error: Exception) -> None:
        """Go on with a new file; with none, in memory, when the file cannot be written."""
        self._close()
        self.replaced += 1
        if self.path is None:
            return
        if isinstance(error, _Unusable) or _is_damage(error):
            self._tell(f"{self.form.what} {self.path} {_why(error)}; it is built anew")
            with suppress(OSError):
                forget(self.path)
                return
        self._tell(f"{self.form.what} {self.path} cannot be written: {_why(error)}; it is kept in memory")
        self.path = None

    def _close(self) -> None:
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
        self._db = None

    def _tell(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            self.news.append(line)


def _open(path: Path | None, form: Form) -> sqlite3.Connection:
    db = sqlite3.connect(path or ":memory:", timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        if _value(db, "PRAGMA user_version") != form.version:
            db.execute("PRAGMA journal_mode = WAL")
            _make(db, form)
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA secure_delete = ON")  # what was said and is gone is overwritten
        return db
    except BaseException:
        db.close()
        raise


def _make(db: sqlite3.Connection, form: Form) -> None:
    with transaction(db):
        if _value(db, "PRAGMA user_version") == form.version:
            return  # another process was faster
        if _value(db, "SELECT count(*) FROM sqlite_master"):
            raise _Unusable("is of another version, or no index")
        for statement in form.schema.split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {form.application}")
        db.execute(f"PRAGMA user_version = {form.version}")


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Write all or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


_DAMAGED = (
    "SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_ERROR", "SQLITE_MISMATCH", "SQLITE_CONSTRAINT", "SQLITE_FORMAT",
    "SQLITE_TOOBIG",
)  # fmt: skip


def _value(db: sqlite3.Connection, query: str) -> int:
    (value,) = db.execute(query).fetchone()
    return int(value)


def _is_busy(error: Exception) -> bool:
    return _name(error) in ("SQLITE_BUSY", "SQLITE_LOCKED")


def _is_damage(error: Exception) -> bool:
    """Say whether the file's content is wrong. What is no UTF-8 is an error of SQLite without a name."""
    if isinstance(error, sqlite3.Error):
        return _name(error) in ("", *_DAMAGED)
    return isinstance(error, _NONSENSE)


def _name(error: Exception) -> str:
    return "_".join(getattr(error, "sqlite_errorname", "").split("_")[:2])


def _why(error: Exception) -> str:
    if isinstance(error, _Unusable):
        return str(error)
    if _is_damage(error):
        return f"is damaged ({error})"
    return getattr(error, "strerror", None) or str(error)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
