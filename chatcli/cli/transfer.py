"""`chatcli history export` and `history import`: sessions out of the store and into it."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chatcli.cli.flags import LastSession, StoreOption

if TYPE_CHECKING:
    from chatcli.stores import Store
    from chatcli.transfer.arrival import Arrived, Progress

_EVERY = 0.1  # seconds between two looks at the progress


def export(
    session: LastSession = None,
    format: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="FORMAT", help="md, json (complete, for import), jsonl (OpenAI's), html, svg."
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="FILE", help="Into this file or folder; its suffix can say the format."),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every session, in one stream: json, jsonl or md.")] = False,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Replace the file without asking.")] = False,
    store: StoreOption = None,
) -> None:
    """Write a session, or all of them, to stdout or into a file.

    As json nothing is lost: history import brings it into any store.

    Example: chatcli history export -s JavaEdge -o JavaEdge.html
    """
    from chatcli.cli.output import notice
    from chatcli.cli.stores import named_store
    from chatcli.transfer.departure import format_of, save, target_of

    path = None if output is None else Path(output)
    chosen = _format_of_all(session, format_of(format, path)) if all_ else format_of(format, path)
    with named_store(store) as opened:
        name, pieces = _exported(opened, session, chosen, all_)
        if output is None:
            _print(pieces)
            return
        target = target_of(output, name, chosen)
        save(pieces, target, partial(_may_replace, yes=yes))
    notice(f"wrote {'all sessions' if all_ else name} to {target}")


def _format_of_all(session: str | None, format: str) -> str:
    """Return the format; raise UsageError when it holds one session only, or one was named."""
    from chatcli.errors import UsageError
    from chatcli.transfer.departure import OF_ALL

    if session is not None:
        raise UsageError("--all is every session already", "leave -s out, or --all")
    if format not in OF_ALL:
        raise UsageError(f"a file of the format {format} holds one session", f"with --all choose {', '.join(OF_ALL)}")
    return format


def _exported(store: "Store", session: str | None, format: str, all_: bool) -> tuple[str, Iterator[str]]:
    """Return what is written, as a file could be called, and its text in pieces."""
    from chatcli.cli.stores import existing_session, no_session_yet
    from chatcli.names import listed
    from chatcli.transfer.departure import carried, written, written_all

    if all_:
        if not listed(store, 1) and next(store.foreign(), None) is None:
            raise no_session_yet()
        return "sessions", written_all(store, format)
    name = existing_session(store, session)
    return name, written(carried(store, name), format)


def _may_replace(file: Path, yes: bool) -> bool:
    """Return True when it may; a no ends the command."""
    from chatcli.cli.output import ask_first

    ask_first(f"Replace {file}?", yes)
    return True


def _print(pieces: Iterable[str]) -> None:
    """Write to stdout in UTF-8, whatever the terminal is said to take: what is exported is to be read again."""
    sys.stdout.flush()
    for piece in pieces:
        sys.stdout.buffer.write(piece.encode())
    sys.stdout.buffer.flush()


def import_(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE", show_default=False, help="Files, - for stdin, or addresses: redis://…"),
    ],
    format: Annotated[
        str,
        typer.Option("--format", metavar="FORMAT", help="auto, json, jsonl, chatgpt, aichat, llm, langchain."),
    ] = "auto",
    session: Annotated[
        str | None, typer.Option("-s", "--session", metavar="NAME", help="What to call the session.")
    ] = None,
    branches: Annotated[
        bool, typer.Option("--branches", help="ChatGPT: each other branch as a session of its own.")
    ] = False,
    store: StoreOption = None,
) -> None:
    """Bring sessions from files: chatcli's, OpenAI's JSONL, ChatGPT's export, llm's logs.db, aichat's, LangChain's.

    What was imported before is not imported again. The names of the new sessions are printed.

    Example: chatcli history import ~/Downloads/chatgpt-export.zip
    """
    from chatcli.cli.stores import named_store
    from chatcli.errors import UsageError
    from chatcli.transfer.arrival import Arrived
    from chatcli.transfer.source import check_format

    if session is not None and len(files) > 1:
        raise UsageError("-s names one session, and there are several files", "import them one by one, or leave -s out")
    chosen, arrived = check_format(format), Arrived()
    with named_store(store) as opened, _told(arrived):
        for file in files:
            _bring(opened, file, chosen, branches, session, arrived)


def _bring(
    store: "Store", source: str, format: str | None, branches: bool, name: str | None, arrived: "Arrived"
) -> None:
    from chatcli.cli.stores import named_store
    from chatcli.errors import UsageError
    from chatcli.transfer.arrival import bring
    from chatcli.transfer.source import documents_in, from_file, from_store

    if "://" not in source:
        with from_file(source, format, branches) as (sessions, position), _progress(position) as progress:
            bring(store, sessions, name, arrived, progress)
        return
    with named_store(source) as other:
        sessions = from_store(other)
        if other.address == store.address:
            sessions = documents_in(other)
            if (first := next(sessions, None)) is None:
                raise UsageError("those sessions are in this store already", "--store names the one to bring them to")
            sessions = chain([first], sessions)
        with _progress(lambda: 0.0) as progress:
            bring(store, sessions, name, arrived, progress)


@contextmanager
def _told(arrived: "Arrived") -> Iterator[None]:
    """Print what has come, however it ends: on stdout the names, on stderr the sum."""
    from chatcli.cli.output import notice
    from chatcli.render.safe import one_line

    try:
        yield
    finally:
        for name in arrived.names:
            print(one_line(name, 1000))
        if told := arrived.summary():
            notice(told)


@contextmanager
def _progress(position: Callable[[], float]) -> Iterator["Progress"]:
    """Give what shows on stderr, if that is a terminal, how far it is; the line is gone in the end."""
    shown, done, last = sys.stderr.isatty(), 0, time.monotonic()

    def progress(messages: int) -> None:
        nonlocal done, last
        done += messages
        if shown and time.monotonic() - last > _EVERY:
            last, part = time.monotonic(), position()
            print(f"\r\x1b[Kimporting: {done:,} messages" + (f", {part:.0%}" if part else ""), end="", file=sys.stderr)
            sys.stderr.flush()

    try:
        yield progress
    finally:
        if shown and done:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
