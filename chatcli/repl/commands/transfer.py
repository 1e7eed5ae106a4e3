"""Sessions out of the store into a file, and out of files into the store."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from chatcli.errors import ChatError, UsageError
from chatcli.repl.slash import slash, words

if TYPE_CHECKING:
    from chatcli.repl.loop import Repl


@slash(
    "export", arguments="[file]", help="write this session into a file: .md, .json, .jsonl, .html or .svg", files=True
)
def export(repl: "Repl", argument: str) -> None:
    """Write the session into the file, or the folder, that is named; else into one called after the session."""
    from chatcli.transfer.departure import carried, format_of, save, target_of, written

    chat = repl.chat
    named = _one(argument)
    format = format_of(None, Path(named))
    target = target_of(named or ".", chat.session, format)
    pieces = written(carried(chat.store, chat.session), format)
    done = save(pieces, target, lambda file: repl.confirm(f"replace {file}?"))
    repl.screen.aside(f"wrote this session to {target}" if done else "nothing was written")


@slash("import", arguments="file", help="bring sessions from a file of chatcli's, ChatGPT's, llm's, …", files=True)
def import_(repl: "Repl", argument: str) -> None:
    """Bring the sessions in a file into this chat's store; this session stays as it is."""
    from chatcli.transfer.arrival import Arrived, bring
    from chatcli.transfer.source import from_file

    name = _one(argument)
    if not name:
        raise UsageError("a file is needed", "write /import FILE")
    if "://" in name:
        raise UsageError("/import takes a file, no address", "chatcli history import brings what is in a store")
    arrived = Arrived()

    def work(is_stopped: Callable[[], bool]) -> None:
        def progress(messages: int) -> None:
            if is_stopped():
                raise ChatError("the import was stopped", f"what was whole is kept; /import {argument} goes on")

        with from_file(name, None, branches=False) as (sessions, _):
            bring(repl.chat.store, sessions, None, arrived, progress)

    try:
        repl.wait_for("importing; ^C stops", work)
    finally:
        if told := arrived.summary():
            repl.screen.aside(told)
        if arrived.names:
            repl.screen.aside(f"/resume {arrived.names[-1]}")


def _one(argument: str) -> str:
    """Return the one path in the argument; raise UsageError for several."""
    found = words(argument)
    if len(found) > 1:
        raise UsageError("one file at a time", 'a name with spaces stands in quotes: "my chats.json"')
    return found[0] if found else ""
