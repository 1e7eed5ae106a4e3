"""`chatcli chat`: the interactive chat."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from chatcli.cli.flags import Flags, with_flags

if TYPE_CHECKING:
    from chatcli.chat import Chat
    from chatcli.cli.resolve import Workplace
    from chatcli.stores import Store


@with_flags
def chat(flags: Flags) -> None:
    """Chat. A session that exists goes on where it stopped; without a name a new one begins.

    Example: chatcli chat --session JavaEdge --memory window:10
    """
    open_chat(flags)


def open_chat(flags: Flags) -> None:
    """Open the chat that the flags describe, until the user leaves it."""
    from chatcli.cli.compose import tools_for
    from chatcli.repl.loop import Repl

    with opened_chat(flags) as (opened, place):
        tools = tools_for(flags, place, opened.store)
        code = Repl(opened, tools, attachments=flags.attachments).run()
    if code:
        raise typer.Exit(code)


@contextmanager
def opened_chat(flags: Flags) -> "Iterator[tuple[Chat, Workplace]]":
    """Build the chat that the flags describe; its model and its store are closed in the end."""
    from chatcli.cli.compose import compose, session_for, workplace

    place = workplace()
    store = _store(flags, place)
    try:
        composed = compose(flags, place, store, session_for(flags, store))
        try:
            yield composed, place
        finally:
            composed.close()
    finally:
        store.close()


def _store(flags: Flags, place: "Workplace") -> "Store":
    from chatcli.cli.compose import open_named_store
    from chatcli.errors import UsageError

    if not flags.private:
        return open_named_store(place, flags.store)
    if flags.session is not None or flags.continue_ or flags.store is not None:
        raise UsageError("--private writes nothing anywhere", "leave -s, -c and --store out")
    return open_named_store(place, "memory:")
