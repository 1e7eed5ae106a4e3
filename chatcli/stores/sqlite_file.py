"""The SQLite file itself: how it is opened, brought to our schema, and what its errors mean."""

import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from chatcli.errors import StoreAway, StoreError, StoreUnavailable
from chatcli.private import private_folder
from chatcli.stores import rules

PATIENCE = 10.0  # seconds to wait for another writer
HURRIED = 0.25  # seconds that a checkpoint waits
APPLICATION = 0x63686174  # "chat", in the file's header: so that we never write into another program's database

text_of = partial(str, encoding="utf-8", errors="surrogateescape")
"""Makes the text of a column: bytes that are no UTF-8 must not make the rest of a row unreadable."""

NAMED = "typeof(name) = 'text' AND is_name(CAST(name AS BLOB))"
"""The sessions that can be asked for by their name: another one must not be in the way of all."""

# Entry n brings a file from version n to n + 1. Entries are only ever added.
MIGRATIONS = (
    """
    CREATE TABLE sessions (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, title TEXT NOT NULL DEFAULT '""',
        created REAL NOT NULL, used REAL NOT NULL,
        messages INTEGER NOT NULL DEFAULT 0, turns INTEGER NOT NULL DEFAULT 0,
        settings TEXT NOT NULL DEFAULT '{}');
    CREATE INDEX sessions_by_use ON sessions(used);
    CREATE TABLE messages (
        session INTEGER NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
        position INTEGER NOT NULL, role TEXT NOT NULL, data TEXT NOT NULL,
        PRIMARY KEY (session, position));
    CREATE TABLE undone (
        session INTEGER NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
        step INTEGER NOT NULL, position INTEGER NOT NULL, data TEXT NOT NULL,
        PRIMARY KEY (session, step, position));
    CREATE TABLE states (
        session INTEGER NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
        name TEXT NOT NULL, value TEXT NOT NULL, position INTEGER NOT NULL, fingerprint TEXT NOT NULL,
        PRIMARY KEY (session, name));
    CREATE TABLE pending (
        id INTEGER PRIMARY KEY, session INTEGER NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
        turn TEXT NOT NULL, user TEXT NOT NULL, writer TEXT NOT NULL,
        at INTEGER, length INTEGER,
        UNIQUE (session, turn));
    CREATE TABLE signs (
        session INTEGER NOT NULL, turn TEXT NOT NULL, partial TEXT NOT NULL, beat REAL NOT NULL,
        PRIMARY KEY (session, turn),
        FOREIGN KEY (session, turn) REFERENCES pending(session, turn) ON DELETE CASCADE);
    CREATE TABLE committed (
        session INTEGER NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
        turn TEXT NOT NULL,
        PRIMARY KEY (session, turn)) WITHOUT ROWID
    """,
    """
    CREATE TABLE blobs (sha256 TEXT PRIMARY KEY, data BLOB NOT NULL);
    CREATE TABLE uses (
        session INTEGER NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
        sha256 TEXT NOT NULL,
        PRIMARY KEY (session, sha256)) WITHOUT ROWID;
    CREATE INDEX uses_by_blob ON uses(sha256)
    """,
    """
    ALTER TABLE sessions ADD COLUMN lifetime INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE sessions ADD COLUMN expires REAL;
    CREATE INDEX sessions_by_expiry ON sessions(expires) WHERE expires IS NOT NULL
    """,
)


def open_file(path: Path) -> sqlite3.Connection:
    """Open the file, made with its folders when missing, at our schema; raise StoreError when that fails."""
    with translated(path):
        make_file(path)
        # Any thread may use the connection: the store's lock lets one in at a time.
        db = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        db.text_factory = text_of
        db.create_function("is_name", 1, _is_name, deterministic=True)
        try:
            check_owner(db, path)
            _set_up(db)
            _migrate(db, path)
        except BaseException:
            db.close()
            raise
        return db


def _is_name(name: bytes) -> bool:
    try:
        return rules.is_session_name(name.decode())
    except UnicodeDecodeError:
        return False


def make_file(path: Path) -> None:
    """Make the file with mode 0600, and each missing folder above it with 0700; raise StoreError when that fails.

    A file that is there must not be opened here: closing it would take the locks of another connection of this process
    away, and the next program that closes the file would remove the log that this one goes on writing to.
    """
    try:
        private_folder(path.parent)
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600))
        elif path.is_dir() or not os.access(path, os.R_OK | os.W_OK, effective_ids=_EFFECTIVE):
            why = errno.EISDIR if path.is_dir() else errno.EACCES
            raise OSError(why, os.strerror(why))
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from error


_EFFECTIVE = os.access in os.supports_effective_ids


def check_owner(db: sqlite3.Connection, path: Path) -> None:
    """Refuse another program's database, and one that a newer chatcli wrote, before anything is changed."""
    tables = _value(db, "SELECT count(*) FROM sqlite_master")
    if tables and _value(db, "PRAGMA application_id") != APPLICATION:
        raise StoreUnavailable(
            f"{path} is a SQLite database of another program", "give another file: --store sqlite:///FILE"
        )
    if _value(db, "PRAGMA user_version") > len(MIGRATIONS):
        raise StoreUnavailable(
            f"{path} was written by a newer chatcli", "upgrade chatcli, or give another file: --store sqlite:///FILE"
        )


def _set_up(db: sqlite3.Connection) -> None:
    use_wal(db)
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")


def use_wal(db: sqlite3.Connection, patience: float = PATIENCE) -> None:
    """Put the file into WAL mode; waits up to `patience` seconds for others who do."""
    # SQLite does not wait for its lock while it changes the journal: two first openers need our patience.
    deadline = time.monotonic() + patience
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    if _value(db, "PRAGMA user_version") == len(MIGRATIONS):
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        check_owner(db, path)
        for version in range(_value(db, "PRAGMA user_version"), len(MIGRATIONS)):
            for statement in MIGRATIONS[version].split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {version + 1}")
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _value(db: sqlite3.Connection, query: str) -> int:
    (value,) = db.execute(query).fetchone()
    return int(value)


def identity(path: Path) -> tuple[int, int] | None:
    """Return what tells the file at the path from every other one; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def check_still_there(path: Path, opened: tuple[int, int] | None) -> None:
    """Raise StoreError unless the path still leads to the file that was opened: SQLite writes on into a deleted one."""
    if identity(path) != opened:
        raise StoreUnavailable(
            f"the file {path} was deleted or replaced while it was open; nothing was written",
            "leave and start again; what is on the screen can be copied",
        )


@contextmanager
def translated(path: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Turn sqlite3's errors into ours; `patience`: how long a lock was waited for."""
    try:
        yield
    except sqlite3.Error as error:
        raise busy(path, patience) if _is_busy(error) else _ours(path, error) from error
    except UnicodeEncodeError as error:
        raise StoreError("a name holds half a character", "correct it") from error
    except UnicodeDecodeError as error:  # what SQLite says of a damaged file quotes it
        raise _damaged(path, "its schema is no text") from error


def busy(path: Path, patience: float) -> StoreAway:
    """Return the error for a file that another writer keeps locked."""
    return StoreAway(f"another writer has kept {path} locked for {patience:g} s", "end that program, then repeat it")


def _is_busy(error: sqlite3.Error) -> bool:
    return _name(error) in ("SQLITE_BUSY", "SQLITE_LOCKED")


def _name(error: sqlite3.Error) -> str:
    """Return the error's basic name: SQLITE_IOERR for SQLITE_IOERR_WRITE."""
    return "_".join(getattr(error, "sqlite_errorname", "").split("_")[:2])


def _ours(path: Path, error: sqlite3.Error) -> StoreError:
    match _name(error):
        case "SQLITE_NOTADB":
            return StoreUnavailable(f"{path} is not a SQLite database", "give another file: --store sqlite:///FILE")
        case "SQLITE_CORRUPT":
            return _damaged(path, str(error))
        case "SQLITE_FULL":
            return StoreUnavailable(f"the disk under {path} is full; nothing was changed", "make room, then repeat it")
        case "SQLITE_IOERR":
            return StoreUnavailable(
                f"{path} cannot be read or written: {error}", "look whether the disk is full or gone"
            )
        case "SQLITE_READONLY" | "SQLITE_CANTOPEN" | "SQLITE_PERM":
            return _unwritable(path, str(error))
    return StoreError(f"{path}: {error}", "if it happens again, report it as a bug of chatcli")


def _damaged(path: Path, why: str) -> StoreError:
    return StoreError(f"{path} is damaged: {why}", f"keep a copy of it, then try: sqlite3 {path} .recover")


def _unwritable(path: Path, why: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"{path} cannot be opened for writing: {why}",
        "choose a file you may write (--store sqlite:///FILE), or memory:",
    )
