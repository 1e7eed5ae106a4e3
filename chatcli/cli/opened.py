"""The chat that flags describe: opened, used, closed however it ends."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chatcli.cli.declared import Flags

if TYPE_CHECKING:
    from chatcli.attachments import Attachment
    from chatcli.chat import Chat
    from chatcli.cli.resolve import Workplace
    from chatcli.repl.opening import Opening
    from chatcli.stores import Store


def open_chat(flags: Flags) -> int:
    """Open the chat that the flags describe, until the user leaves it; return the exit code."""
    from chatcli.cli.compose import tools_for
    from chatcli.repl.loop import Repl

    attached = _attached(flags) if flags.attach else []
    # Nobody sits at a pipe to be told that the store is away.
    with _opening(flags, needed=not (sys.stdin is not None and sys.stdin.isatty())) as (opening, place):
        return Repl(opening, tools_for(flags, place, opening.store), attached).run()


def _attached(flags: Flags) -> "list[Attachment]":
    from chatcli.attachments import attach_all

    return attach_all(flags.attachments)


@contextmanager
def opened_chat(flags: Flags) -> "Iterator[tuple[Chat, Workplace]]":
    """Build the chat that the flags describe, for one question; its model and its store are closed in the end.

    Raises StoreError when the store is away: a question is soon asked again, and what it builds on is there.
    """
    with _opening(flags, needed=True) as (opening, place):
        yield opening.chat, place


@contextmanager
def _opening(flags: Flags, needed: bool = False) -> "Iterator[tuple[Opening, Workplace]]":
    from chatcli.cli.compose import begin, session_for
    from chatcli.cli.resolve import workplace

    place = workplace()
    with _store(flags, place, needed) as store:
        opening = begin(flags, place, store, session_for(flags, store))
        try:
            yield opening, place
        finally:
            opening.close()


@contextmanager
def _store(flags: Flags, place: "Workplace", needed: bool) -> "Iterator[Store]":
    """Open the store while it is used; what it has not got of the chat by then is told."""
    from chatcli.cli.journaled import farewell, journaled_store
    from chatcli.errors import UsageError

    if flags.private and (flags.session is not None or flags.continue_ or flags.store is not None):
        raise UsageError("--private writes nothing anywhere", "leave -s, -c and --store out")
    store = journaled_store(place, "memory:" if flags.private else flags.store, needed)
    try:
        yield store
    finally:
        store.close()
    farewell(store)
