"""What an import reads from: a file in one of the formats, told by what is in it and not by what it is called.

`-` is what is piped in; `redis://…` and the other addresses are stores, whose sessions are copied.
"""

import os
import re
import shutil
import sqlite3
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import replace
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import IO, Any

from chatcli.errors import UsageError
from chatcli.messages import Message
from chatcli.names import listed
from chatcli.stores import Store
from chatcli.transfer import Carried, aichat, called, chatgpt, databases, departure, jsonl, no_session_in, ours
from chatcli.transfer.json_stream import BadJson, JsonReader

FORMATS = ("auto", "json", "jsonl", "chatgpt", "aichat", *databases.KINDS)

_HEAD = 200  # characters in which a document of ours says that it is one
_OURS = re.compile(r'\s*\{\s*"chatcli"\s*:')
_YAML = re.compile("^messages:", re.MULTILINE)

_CONVERSATIONS = "conversations.json"
_LARGEST = 2**33  # bytes of conversations.json in a zip
_DENSEST = 200  # bytes of it for a byte of the zip; text has 3 to 20
_SMALL = 2**26  # bytes that are harmless however densely they are packed

Position = Callable[[], float]
"""How much of the source has been read: 0 to 1."""


def check_format(format: str) -> str | None:
    """Return the format, None for `auto`; raise UsageError for one that there is not."""
    if format not in FORMATS:
        raise UsageError(f"there is no format {format!r} to import from", f"choose one of {', '.join(FORMATS)}")
    return None if format == "auto" else format


def from_store(store: Store) -> Iterator[Carried]:
    """Yield all sessions of a store, those too that only other programs wrote; the one used last last."""
    names = [one.name for one in listed(store)] + [one.name for one in store.foreign()]
    return chain(documents_in(store), (departure.carried(store, name) for name in reversed(names)))


def documents_in(store: Store) -> Iterator[Carried]:
    """Yield the sessions that `langchain-redis` keeps beside those of the store, where that is a Redis."""
    from chatcli.stores.redis import RedisStore  # here: most imports are of files

    if isinstance(store, RedisStore):
        for name, read in store.documents():
            first = next(read(), None)
            if first is not None:
                yield Carried(name, read(), origin=f"langchain-redis:{name}@{first.id}")


@contextmanager
def from_file(name: str, format: str | None, branches: bool) -> Iterator[tuple[Iterator[Carried], Position]]:
    """Give the sessions in the file called `name`, as they are read, and how far that is.

    `format` is one of FORMATS, None for whichever it is; `branches`: as in chatgpt.read. Raises UsageError, also
    while the sessions are read, for a file that cannot be read to its end.
    """
    with ExitStack() as stack:
        with _translated(name):
            file = stack.enter_context(_opened(name))
        size = max(1, os.fstat(file.fileno()).st_size)
        sessions = stack.enter_context(closing(_sessions(file, name, format, branches)))
        told = stack.enter_context(closing(_told(name, sessions)))
        yield told, lambda: 1.0 if file.closed else file.tell() / size


def _told(name: str, sessions: Iterable[Carried]) -> Generator[Carried]:
    """Yield the sessions; what is wrong with the file is said in two lines, when their messages are read too."""
    found = False
    with _translated(name):
        for session in sessions:
            found = True
            yield replace(session, messages=_messages(name, session.messages))
    if not found:
        raise no_session_in(name)


def _messages(name: str, messages: Iterable[Message]) -> Iterator[Message]:
    with _translated(name):
        yield from messages


@contextmanager
def _translated(name: str) -> Iterator[None]:
    shown = called(name)
    try:
        yield
    except BadJson as error:
        raise UsageError(f"{shown} {error.reason}", "give the whole file, as the other program wrote it") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{shown} is not UTF-8", "convert it, e.g. by iconv -f UTF-16 -t UTF-8") from error
    except sqlite3.Error as error:
        raise UsageError(f"{shown} cannot be read as a SQLite database: {error}", "copy it again") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise UsageError(f"{shown} is a zip that cannot be read: {error}", "download it again") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{shown} cannot be read: {why}", "check the path") from error


@contextmanager
def _opened(name: str) -> Iterator[IO[bytes]]:
    """Open the file; what comes through a pipe is put into one first: a database and a zip cannot be read from it."""
    with nullcontext(sys.stdin.buffer) if name == "-" else Path(os.path.expanduser(name)).open("rb") as file:
        if file.seekable() and name != "-":
            yield file
            return
        with tempfile.NamedTemporaryFile(prefix="chatcli-import-") as kept:
            shutil.copyfileobj(file, kept)
            kept.flush()
            kept.seek(0)
            yield kept


def _stem(name: str) -> str:
    return Path(name).stem if name != "-" else "imported"


def _sessions(file: IO[bytes], name: str, format: str | None, branches: bool) -> Generator[Carried]:
    start, stem = file.read(len(databases.MAGIC)), _stem(name)
    file.seek(0)
    if start == databases.MAGIC:
        yield from databases.read(Path(file.name), format, name)
    elif start.startswith(b"PK"):
        with _conversations(file) as inner, _text(inner) as text:
            yield from _from_text(text, stem, "chatgpt", branches)
    else:
        with _text(file) as text:
            yield from _from_text(text, stem, format, branches)


def _text(file: IO[bytes]) -> TextIOWrapper:
    return TextIOWrapper(file, encoding="utf-8-sig")


@contextmanager
def _conversations(file: IO[bytes]) -> Iterator[IO[bytes]]:
    """Open ChatGPT's conversations in its zip; nothing else in there is looked at. Raises BadJson for a bomb."""
    with zipfile.ZipFile(file) as archive:
        found = [one for one in archive.infolist() if Path(one.filename).name == _CONVERSATIONS]
        if not found:
            raise BadJson(f"is a zip without {_CONVERSATIONS}, so it is no export of ChatGPT")
        size, packed = found[0].file_size, max(1, found[0].compress_size)
        if size > _LARGEST or (size > _SMALL and size > _DENSEST * packed):
            raise BadJson(f"holds {size >> 20:,} MB packed into {packed >> 10:,} KB, which is no text")
        if found[0].flag_bits & 1:
            raise BadJson("is a zip with a password")
        with archive.open(found[0]) as inner:
            yield inner


# JSON and YAML


def _from_text(text: TextIOWrapper, stem: str, format: str | None, branches: bool) -> Iterator[Carried]:
    if format == "aichat":
        yield from aichat.read(text.read(aichat.LONGEST + 1), stem)
        return
    reader = JsonReader(text)
    first = reader.peek()
    if first == "{" and format in (None, "json") and _OURS.match(reader.ahead(_HEAD)):
        while reader.peek():
            yield from ours.read(reader)
    elif first and first in "{[":
        yield from _values(_each(reader), stem, format, branches)
    else:
        yield from _guessed_yaml(text, stem, format)


def _guessed_yaml(text: TextIOWrapper, stem: str, format: str | None) -> Iterator[Carried]:
    text.seek(0)
    begun = text.read(aichat.LONGEST + 1)
    if format is not None or not _YAML.search(begun):
        return iter(())
    return aichat.read(begun, stem)


def _each(reader: JsonReader) -> Iterator[Any]:
    """Yield the values of an array, or those that stand one after the other."""
    if reader.peek() == "[":
        for _ in reader.items():
            yield reader.value()
    while reader.peek():
        yield reader.value()


def _values(values: Iterator[Any], stem: str, format: str | None, branches: bool) -> Iterator[Carried]:
    """Yield the sessions that the values are, in the format that the first one has; none in another one."""
    first = next(values, None)
    values = chain([first], values)
    if format in (None, "chatgpt") and chatgpt.is_conversation(first):
        for number, value in enumerate(values, 1):
            if not chatgpt.is_conversation(value):
                raise BadJson(f"holds no conversation at number {number:,}: {str(value)[:60]!r}")
            yield from chatgpt.read(value, branches)
    elif format in (None, "jsonl") and (jsonl.is_conversation(first) or jsonl.is_message(first)):
        yield from jsonl.read(values, stem)
