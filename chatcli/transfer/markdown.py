"""Markdown: to be read, and to be put elsewhere. It cannot be imported."""

from collections.abc import Iterator

from chatcli.messages import Message
from chatcli.render.history import describe, end_note, placed, who_said
from chatcli.render.safe import neutralise, one_line
from chatcli.transfer import Carried


def write(session: Carried) -> Iterator[str]:
    """Yield the document in pieces."""
    yield f"# {one_line(session.title or session.name, 200)}\n"
    for position, turn, message in placed(session.messages):
        yield f"\n{_section(message, position, turn)}\n"


def _section(message: Message, position: int, turn: int) -> str:
    if message.role == "unreadable":
        return f"*message {position}: {one_line(message.text, 60)}*"
    said = neutralise(describe(message, whole=True)).strip("\n")
    note = f"\n\n*{end_note(message)}*" if end_note(message) else ""
    return f"## {who_said(message, turn)}\n\n{said}{note}"
