"""The chat that flags describe: opened, used, closed however it ends."""

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
    with _opening(flags) as (opening, place):
        return Repl(opening, tools_for(flags, place, opening.store), attached).run()


def _attached(flags: Flags) -> "list[Attachment]":
    from chatcli.attachments import attach_all

    return attach_all(flags.attachments)


@contextmanager
def opened_chat(flags: Flags) -> "Iterator[tuple[Chat, Workplace]]":
    """Build the chat that the flags describe; its model and its store are closed in the end."""
    with _opening(flags) as (opening, place):
        yield opening.chat, place


@contextmanager
def _opening(flags: Flags) -> "Iterator[tuple[Opening, Workplace]]":
    from chatcli.cli.compose import begin, session_for
    from chatcli.cli.resolve import workplace

    place = workplace()
    store = _store(flags, place)
    try:
        opening = begin(flags, place, store, session_for(flags, store))
        try:
            yield opening, place
        finally:
            opening.close()
    finally:
        store.close()


def _store(flags: Flags, place: "Workplace") -> "Store":
    from chatcli.cli.stores import open_named_store
    from chatcli.errors import UsageError

    if not flags.private:
        return open_named_store(place, flags.store)
    if flags.session is not None or flags.continue_ or flags.store is not None:
        raise UsageError("--private writes nothing anywhere", "leave -s, -c and --store out")
    return open_named_store(place, "memory:")
