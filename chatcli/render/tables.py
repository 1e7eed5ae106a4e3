"""Sessions and the like, in aligned columns."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from chatcli.render.safe import one_line
from chatcli.stores import Session


def columns(rows: Sequence[Sequence[str]], header: Sequence[str], widest: Mapping[int, int]) -> list[str]:
    """Return lines of aligned columns, wide characters counted as two cells; `widest` limits a column's cells."""
    from rich.cells import cell_len

    lines = [[one_line(cell, widest.get(index, 200)) for index, cell in enumerate(row)] for row in [header, *rows]]
    widths = [max(cell_len(line[index]) for line in lines) for index in range(len(header))]
    return [
        "  ".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def print_sessions(sessions: Sequence[Session]) -> None:
    """Print sessions on stdout, one a line."""
    rows = [
        [
            session.name,
            session.title,
            str(session.turns),
            _when(session.used),
            str(session.settings.get("memory", "")),
            str(session.settings.get("model", "")),
        ]
        for session in sessions
    ]
    if rows:
        header = ["NAME", "TITLE", "TURNS", "LAST USED", "MEMORY", "MODEL"]
        print("\n".join(columns(rows, header, {0: 40, 1: 40, 4: 24, 5: 24})))


def session_as_data(session: Session) -> dict[str, Any]:
    """Return a session as data for JSON; times in Unix seconds."""
    return {
        "name": session.name,
        "title": session.title,
        "turns": session.turns,
        "messages": session.messages,
        "created": session.created,
        "used": session.used,
        "settings": dict(session.settings),
    }


def _when(used: float) -> str:
    """Return a time of use, local, to the minute."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(used)) if used else "-"
