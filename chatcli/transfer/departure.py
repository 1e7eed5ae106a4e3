"""Out of a store: a session read piece by piece, written in a format, into a file or elsewhere."""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

from chatcli.errors import ChatError, UsageError
from chatcli.messages import Message, fingerprint, new_id
from chatcli.names import listed
from chatcli.stores import Store
from chatcli.stores.rules import size_of
from chatcli.transfer import Carried

OF_ALL = ("json", "jsonl", "md")
"""Those in which one file can hold many sessions."""

FORMATS = {"md": "markdown", "json": "ours", "jsonl": "jsonl", "html": "html", "svg": "svg"}
"""The formats of an export, which are also the suffixes of their files, and the module of each."""

_PAGE, _FIRST_PAGE = 500, 16  # messages that are read at once
_LARGE = 4_000_000  # bytes or so that they have together
_LONGEST_NAME = 200  # bytes of UTF-8: file systems take 255, and more goes on it


def carried(store: Store, session: str) -> Carried:
    """Return the session as it stands in the store now; messages that are added later do not go with it."""
    look = store.snapshot(session, 0)
    found = look.session
    own = _origin(store, session, found.created)
    origin = str(found.settings.get("origin") or own)
    return Carried(
        session,
        paged(store, session, 0, look.length),
        origin=origin,
        title=found.title or (None if not found.created else ""),
        created=found.created,
        used=found.used,
        settings={key: value for key, value in found.settings.items() if key != "origin" or origin != own},
        is_ours=True,
        states=look.states,
    )


def _origin(store: Store, session: str, created: float) -> str:
    """Return what tells the session from others; one that another program wrote has nothing but how it begins."""
    if created:
        return f"chatcli:{session}@{created}"
    return f"langchain:{session}@{''.join(map(fingerprint, store.messages(session, 0, 1)))}"


def paged(store: Store, session: str, start: int, stop: int) -> Iterator[Message]:
    """Yield the messages of a part of the history, read in pages: smaller ones where the messages are large."""
    count = _FIRST_PAGE
    while start < stop:
        page = store.messages(session, start, min(start + count, stop))
        if not page:  # it was emptied meanwhile
            return
        yield from page
        start += count
        count = max(1, min(_PAGE, 2 * count, _LARGE * len(page) // max(1, sum(map(size_of, page)))))


def format_of(named: str | None, path: Path | None) -> str:
    """Return the format that is named, else the one that the file's suffix says, else Markdown.

    Raises UsageError for one that there is not.
    """
    known = ", ".join(FORMATS)
    if named is not None and named not in FORMATS:
        raise UsageError(f"there is no format {named!r} to export to", f"choose one of {known}")
    suffix = path.suffix[1:].lower() if path is not None else ""
    if named is None and suffix and suffix not in FORMATS:
        raise UsageError(
            f"the suffix .{suffix} names no format to export to", f"known are {known}; or name one: --format md"
        )
    return named or suffix or "md"


def written(session: Carried, format: str) -> Iterator[str]:
    """Yield the session in a format of FORMATS, in pieces of text that can be encoded in UTF-8."""
    pieces: Iterator[str] = import_module(f"chatcli.transfer.{FORMATS[format]}").write(session)
    return pieces


# Into a file


def target_of(named: str, session: str, format: str) -> Path:
    """Return the whole path of the file to write to: in a folder one called after the session, at a link what it
    leads to. What ends with a slash is a folder. Raises UsageError for what is no path.
    """
    if not named:  # a variable of a script that was not set: not this folder
        raise UsageError("the path to write to is empty", "name a file; . is this folder")
    try:
        path = Path(named).expanduser().resolve()
        in_folder = named.endswith("/") or path.is_dir()
        return path / f"{file_name(session)}.{format}" if in_folder else path
    except (OSError, RuntimeError, ValueError) as error:  # too long, ~nobody, a NUL
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{named} cannot be written: {why}", "write the whole path") from error


def written_all(store: Store, format: str) -> Iterator[str]:
    """Yield all sessions of the store, those of other programs too, one after the other, the oldest use first."""
    sessions = [*listed(store), *store.foreign()]
    for number, one in enumerate(sorted(sessions, key=lambda one: (one.used, one.name))):
        if store.exists(one.name):  # not deleted meanwhile
            yield "\n" if number and format == "md" else ""
            yield from written(carried(store, one.name), format)


def file_name(session: str) -> str:
    """Return the session's name as a file's: nothing in it leads to another folder or hides the file."""
    plain = "".join(char if char.isprintable() and char not in '/\\:*?"<>|' else "-" for char in session)
    return _cut(plain.strip(". ")) or "session"


def _cut(name: str) -> str:
    return name.encode("utf-8", "replace")[:_LONGEST_NAME].decode("utf-8", "ignore")


def save(pieces: Iterable[str], path: Path, may_replace: Callable[[Path], bool]) -> bool:
    """Write the pieces to the file; say whether that was done: `may_replace` is asked when the file exists.

    The file is there whole or not at all, readable by its owner only. Raises UsageError for a path where no file can be
    written, ChatError when the disk is full.
    """
    try:
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            with path.open("w", encoding="utf-8") as file:  # a device, a pipe
                file.writelines(pieces)
            return True
        if path.exists() and not may_replace(path):
            return False
        _replace(pieces, path)
    except OSError as error:
        raise unwritable(path, error) from error
    return True


def _replace(pieces: Iterable[str], path: Path) -> None:
    with replacing(path) as new, new.open("w", encoding="utf-8") as file:
        file.writelines(pieces)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a new empty file, its owner's alone, that becomes the one at `path` unless there is an error."""
    new = path.with_name(f".{_cut(path.name)}.{new_id()}")
    try:
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            yield new
            os.fsync(file)
        finally:
            os.close(file)
        os.replace(new, path)
    except BaseException:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise


def unwritable(path: Path, error: OSError) -> ChatError:
    """Return the error for a file that could not be written."""
    why = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
        return ChatError(f"{path} cannot be written: {why}", "make room, or give a place that has some")
    return UsageError(f"{path} cannot be written: {why}", "give the path of a file you may write")
