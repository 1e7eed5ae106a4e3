"""The store in one SQLite file.

The file is in WAL mode with `synchronous=FULL`: what a verb wrote when it returned survives the end of the
process (`kill -9`) and, where the disk keeps its promises, the loss of power. Several processes and threads
may use one file: a writer waits up to 10 s for another. Within a process one connection serves all threads,
one at a time. File mode 0600 (SQLite gives `-wal` and `-shm` the same), folders made here 0700.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from chatcli.errors import StoreError
from chatcli.messages import Message
from chatcli.stores import Change, Pending, Repair, Session, Snapshot, rules
from chatcli.stores import sqlite_rows as rows
from chatcli.stores.durability import Durability
from chatcli.stores.sqlite_durability import durability_of
from chatcli.stores.sqlite_file import (
    HURRIED,
    NAMED,
    PATIENCE,
    busy,
    check_still_there,
    identity,
    open_file,
    translated,
)


class SqliteStore:
    """Histories in the file at `path`, which is made when it is missing; raises StoreError when that fails."""

    durable = True
    warning = ""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time, patience: float = PATIENCE) -> None:
        self.address = f"sqlite:///{path}"
        self.path = path
        self._clock = clock
        self._patience = patience
        self._lock = threading.RLock()
        self._db = open_file(path)
        self._opened = identity(path)
        self._remove_expired()

    @contextmanager
    def _transaction(self, kind: str, patience: float) -> Iterator[sqlite3.Connection]:
        with translated(self.path, patience), self._alone(patience):
            self._db.execute(f"PRAGMA busy_timeout = {round(patience * 1000)}")
            self._db.execute(f"BEGIN {kind}")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                # A full disk rolls back by itself.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _alone(self, patience: float) -> Iterator[None]:
        """Keep this process's other threads out."""
        if not self._lock.acquire(timeout=patience):
            raise busy(self.path, patience)
        try:
            yield
        finally:
            self._lock.release()

    def _reading(self) -> AbstractContextManager[sqlite3.Connection]:
        return self._transaction("DEFERRED", self._patience)

    def _writing(self, patience: float | None = None) -> AbstractContextManager[sqlite3.Connection]:
        check_still_there(self.path, self._opened)
        return self._transaction("IMMEDIATE", self._patience if patience is None else patience)

    # Reading

    def snapshot(self, session: str, newest: int) -> Snapshot:
        """See Store."""
        with self._reading() as db:
            row = db.execute(f"SELECT {rows.SESSION} FROM sessions WHERE name = ?", [session]).fetchone()  # noqa: S608
            if row is None:
                return Snapshot(Session(session), 0, [], {})
            length = rows.length_of(db, row[0])
            tail = rows.read(db, row[0], max(0, length - newest), length)
            found = rows.to_session(db, row)._replace(messages=length)
            return Snapshot(found, length, tail, rows.states(db, row[0]))

    def messages(self, session: str, start: int | None = None, stop: int | None = None) -> list[Message]:
        """See Store."""
        with self._reading() as db:
            key, length = rows.find(db, session)
            first, end, _ = slice(start, stop).indices(length)
            return rows.read(db, key, first, end)

    def length(self, session: str) -> int:
        """See Store."""
        with self._reading() as db:
            return rows.find(db, session)[1]

    def exists(self, session: str) -> bool:
        """See Store."""
        with self._reading() as db:
            return rows.find(db, session)[0] is not None

    def sessions(self, limit: int | None = None, offset: int = 0) -> list[Session]:
        """See Store."""
        self._remove_expired()
        page = [-1 if limit is None else limit, offset]
        with self._reading() as db:
            found = db.execute(
                f"SELECT {rows.SESSION} FROM sessions WHERE {NAMED} ORDER BY used DESC, id LIMIT ? OFFSET ?",  # noqa: S608
                page,
            )
            return [rows.to_session(db, row) for row in found.fetchall()]

    def foreign(self) -> Iterator[Session]:
        """See Store; nobody else writes into this file."""
        return iter(())

    # Writing

    def append(
        self, session: str, messages: Sequence[Message], at: int | None = None, expected_length: int | None = None
    ) -> int:
        """See Store."""
        with self._writing() as db:
            length = rows.find(db, session)[1]
            rules.check_splice(session, length, at, expected_length)
            if not messages and (at is None or at == length):
                return length
            return rows.splice(db, self._used(db, session), messages, at)

    def redo(self, session: str) -> list[Message]:
        """See Store."""
        with self._writing() as db:
            key, length = rows.find(db, session)
            step, at = db.execute(
                "SELECT max(step), min(position) FROM undone WHERE session = :key AND step ="
                " (SELECT max(step) FROM undone WHERE session = :key)",
                {"key": key},
            ).fetchone()
            if at is None or at != length:
                return []
            undone = db.execute(
                "SELECT data FROM undone WHERE session = ? AND step = ? ORDER BY position", [key, step]
            ).fetchall()
            db.execute("DELETE FROM undone WHERE session = ? AND step = ?", [key, step])
            messages = [rows.to_message(db, data) for (data,) in undone]
            entries = [(message.role, data) for message, (data,) in zip(messages, undone, strict=True)]
            rows.add(db, self._used(db, session), entries)
            return messages

    def update(
        self,
        session: str,
        title: str | None = None,
        settings: Mapping[str, Any] | None = None,
        times: tuple[float, float] | None = None,
    ) -> None:
        """See Store."""
        with self._writing() as db:
            key = self._used(db, session)
            if times is not None:
                db.execute("UPDATE sessions SET created = ?, used = ? WHERE id = ?", [*times, key])
            if settings is not None:
                (old,) = db.execute("SELECT settings FROM sessions WHERE id = ?", [key]).fetchone()
                new = rules.to_json(rules.merged(rules.check_settings(session, old), settings))
                db.execute("UPDATE sessions SET settings = ? WHERE id = ?", [new, key])
            if title is not None:
                db.execute("UPDATE sessions SET title = ? WHERE id = ?", [rules.to_json(title), key])

    def put_state(self, session: str, change: Change) -> bool:
        """See Store."""
        with self._writing() as db:
            key, _ = rows.find(db, session)
            return key is not None and rows.take(db, key, change)

    # A turn under way

    def begin(self, session: str, pending: Pending) -> None:
        """See Store."""
        partial, now = rules.to_json(pending.partial), self._clock()
        with self._writing() as db:
            key = self._used(db, session)
            rules.check_not_committed(session, rows.is_committed(db, key, pending.id))
            user = rows.to_data(db, key, pending.user)
            db.execute("DELETE FROM pending WHERE session = ? AND turn = ?", [key, pending.id])
            db.execute(
                "INSERT INTO pending(session, turn, user, writer, at, length) VALUES (?, ?, ?, ?, ?, ?)",
                [key, pending.id, user, pending.writer, pending.at, pending.length],
            )
            db.execute("INSERT INTO signs VALUES (?, ?, ?, ?)", [key, pending.id, partial, now])

    def checkpoint(self, session: str, turn: str, partial: str) -> None:
        """See Store."""
        with self._writing(HURRIED) as db:
            key, _ = rows.find(db, session)
            sign = [rules.to_json(partial), self._clock(), key, turn]
            db.execute("UPDATE signs SET partial = ?, beat = ? WHERE session = ? AND turn = ?", sign)

    def commit(
        self,
        session: str,
        turn: str,
        messages: Sequence[Message],
        at: int | None = None,
        expected_length: int | None = None,
        changes: Sequence[Change] = (),
    ) -> int:
        """See Store."""
        with self._writing() as db:
            key, length = rows.find(db, session)
            if not rows.is_committed(db, key, turn):
                rules.check_splice(session, length, at, expected_length)
                key = self._used(db, session)
                length = rows.splice(db, key, messages, at)
                db.execute("INSERT INTO committed VALUES (?, ?)", [key, turn])
                for change in changes:
                    rows.take(db, key, change)
            db.execute("DELETE FROM pending WHERE session = ? AND turn = ?", [key, turn])
            return length

    def pending(self, session: str) -> list[Pending]:
        """See Store."""
        with self._reading() as db:
            return rows.pending(db, rows.find(db, session)[0], self._clock())

    def drop(self, session: str, turn: str) -> None:
        """See Store."""
        with self._writing() as db:
            rows.drop(db, rows.find(db, session)[0], turn)

    # Whole sessions

    def clear(self, session: str, expected_length: int | None = None) -> int:
        """See Store."""
        with self._writing() as db:
            key, length = rows.find(db, session)
            if key is None:
                return 0
            rules.check_splice(session, length, None, expected_length)
            self._used(db, session)
            rows.empty(db, key)
            return length

    def delete(self, session: str) -> bool:
        """See Store."""
        with self._writing() as db:
            key, _ = rows.find(db, session)
            if key is not None:
                rows.delete(db, key)
            return key is not None

    def rename(self, old: str, new: str) -> None:
        """See Store."""
        with self._writing() as db:
            key, _ = rows.find(db, old)
            taken = rows.find(db, new)[0] is not None
            rules.check_rename(old, new, key is not None, taken, rows.pending(db, key, self._clock()))
            db.execute("UPDATE sessions SET name = ? WHERE id = ?", [new, key])

    def fork(self, session: str, new: str, stop: int | None = None) -> None:
        """See Store."""
        with self._writing() as db:
            (key, length), (taken, _) = rows.find(db, session), rows.find(db, new)
            rules.check_fork(session, new, key is not None, taken is not None, length, stop)
            rows.fork(db, key, self._used(db, new), length if stop is None else stop)

    def durability(self) -> Durability:
        """Return what the file promises to keep, and what speaks against it."""
        with translated(self.path), self._alone(self._patience):
            return durability_of(self._db, self.path)

    def expire(self, session: str, lifetime: int | None) -> None:
        """See Store. What is over is removed when the file is opened, or its sessions are listed."""
        with self._writing() as db:
            key, _ = rows.find(db, session)
            if key is None:
                raise rules.no_session(session)
            end = None if lifetime is None else self._clock() + lifetime
            db.execute("UPDATE sessions SET lifetime = ?, expires = ? WHERE id = ?", [lifetime or 0, end, key])

    def repair(self, dry_run: bool = False) -> Iterator[Repair]:
        """See Store."""
        from chatcli.stores.sqlite_repair import repaired

        return repaired(self._reading, self._writing, dry_run)

    def close(self) -> None:
        """See Store."""
        with self._lock, translated(self.path):
            self._db.close()

    def _used(self, db: sqlite3.Connection, session: str) -> int:
        """Return the session's key, made when it is new, marked as used now."""
        db.execute(
            "INSERT INTO sessions(name, created, used) VALUES (:name, :now, :now) ON CONFLICT(name) DO UPDATE"
            " SET used = excluded.used, expires = CASE WHEN lifetime > 0 THEN excluded.used + lifetime END",
            {"name": session, "now": self._clock()},
        )
        (key,) = db.execute("SELECT id FROM sessions WHERE name = ?", [session]).fetchone()
        return int(key)

    def _remove_expired(self) -> None:
        """Remove the sessions whose time is over; where nothing can be written they stay."""
        with self._reading() as db:
            if not rows.expired(db, self._clock()):
                return
        with suppress(StoreError), self._writing() as db:
            for key in rows.expired(db, self._clock()):
                rows.delete(db, key)
