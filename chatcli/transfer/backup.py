"""A SQLite store copied into a file while others write to it, and brought back from there."""

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from chatcli.errors import ChatError, StoreError, UsageError
from chatcli.stores import Store
from chatcli.stores.sqlite import SqliteStore
from chatcli.stores.sqlite_file import check_owner, open_file, translated
from chatcli.transfer.departure import replacing, unwritable

Progress = Callable[[int, int], object]
"""Is told how many pages of the file of how many are done; may raise to stop."""

_PAGES = 2000  # that are copied at once
_HEADER = b"SQLite format 3\0"


def sqlite_path(store: Store) -> Path:
    """Return the file of the store; raise UsageError for a store that has none."""
    if not isinstance(store, SqliteStore):
        raise UsageError(
            f"{store.address} is no file: its backup is the export of everything",
            f"chatcli history export --all --store {store.address} -o FILE.json",
        )
    return store.path


def back_up(path: Path, target: Path, before_replacing: Callable[[Path], None], progress: Progress) -> int:
    """Copy the store in the file at `path` as it is at this moment; return how many sessions it has.

    The copy is there whole and checked, or not at all, for its owner alone. `before_replacing` is called with a target
    that exists, and raises what shall stop it. Raises UsageError for a target that is the store itself, or where no
    file can be written; ChatError when the disk is full.
    """
    try:
        if target.exists():
            if not target.is_file() or target.samefile(path):
                raise UsageError(f"{target} is no place for a backup of {path}", "give the path of a new file")
            before_replacing(target)
        with replacing(target) as new:
            return _copied(path, new, target, progress)
    except OSError as error:
        raise unwritable(target, error) from error


def _copied(path: Path, new: Path, target: Path, progress: Progress) -> int:
    with translated(path):
        source = sqlite3.connect(path, isolation_level=None)
    with closing(source), closing(sqlite3.connect(new, isolation_level=None)) as copy:
        with translated(path):
            source.execute("BEGIN")  # what others write from now on is not seen
            counts = _counts(source)
        with _of_target(target):
            _pages(source, copy, progress)
            if _counts(copy) != counts or _checked(copy) != "ok":
                raise StoreError(f"the backup {target} is not what {path} is; it was not kept", "look at the disk")
    return counts[0]


def _pages(source: sqlite3.Connection, copy: sqlite3.Connection, progress: Progress) -> None:
    def told(_: int, left: int, of: int) -> None:
        progress(of - left, of)

    source.backup(copy, pages=_PAGES, progress=told)
    copy.execute("PRAGMA journal_mode = DELETE")  # one file, without the two beside it


@contextmanager
def _of_target(target: Path) -> Iterator[None]:
    """Say of which file it is that something went wrong with."""
    try:
        with translated(target):
            yield
    except StoreError as error:
        raise ChatError(error.message.removesuffix("; nothing was changed"), error.hint) from error


def _counts(db: sqlite3.Connection) -> tuple[int, int]:
    sessions, messages = db.execute(
        "SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM messages)"
    ).fetchone()
    return int(sessions), int(messages)


def _checked(db: sqlite3.Connection) -> str:
    (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    return str(found)


@contextmanager
def opened_backup(file: Path, progress: Progress) -> Iterator[Store]:
    """Give the store that a backup holds, as it was then: what has expired since is there. The file stays as it is.

    Raises UsageError for a file that is none, StoreError for one that is damaged, or of a newer chatcli.
    """
    _check_is_database(file)
    with tempfile.TemporaryDirectory(prefix="chatcli-restore-") as folder:
        copy = Path(folder, "sessions.db")
        with translated(file):
            _unpack(file, copy, progress)
        open_file(copy).close()  # brings it to our schema
        with closing(SqliteStore(copy, clock=lambda: 0.0)) as store:
            store.address = f"sqlite:///{file.absolute()}"
            yield store


def _unpack(file: Path, copy: Path, progress: Progress) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as source:
        check_owner(source, file)
        if (found := _checked(source)) != "ok":
            raise StoreError(f"{file} is damaged: {found}", f"keep a copy of it, then try: sqlite3 {file} .recover")
        copy.touch(0o600)
        with closing(sqlite3.connect(copy, isolation_level=None)) as target, _of_target(copy):
            _pages(source, target, progress)


def _check_is_database(file: Path) -> None:
    try:
        if file.is_fifo():  # to open it would wait for somebody who writes into it
            raise UsageError(f"{file} is a pipe", "put what comes out of it into a file first")
        with file.open("rb") as opened:
            if opened.read(len(_HEADER)) == _HEADER:
                return
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{file} cannot be read: {getattr(error, 'strerror', None) or error}", "check the path"
        ) from error
    raise UsageError(f"{file} is no backup: it is not a SQLite database", "an export is brought by: history import")
