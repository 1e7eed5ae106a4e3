"""Sessions and the like, in aligned columns."""

import shutil
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from chatcli.render.safe import cells, one_line
from chatcli.stores import Session

_WIDEST = {"NAME": 40, "TITLE": 40, "MEMORY": 24, "MODEL": 24}
_LEAST = 8
"""Cells of a name or title that is cut: with fewer it says nothing."""


def columns(
    rows: Sequence[Sequence[str]], header: Sequence[str], widest: Mapping[int, int], right: Collection[int] = ()
) -> list[str]:
    """Return lines of aligned columns, wide characters counted as two cells.

    `widest` limits a column's cells; those of `right` have numbers, which end below one another.
    """
    lines = [[one_line(cell, widest.get(index, 200)) for index, cell in enumerate(row)] for row in [header, *rows]]
    widths = [max(cells(line[index]) for line in lines) for index in range(len(header))]

    def padded(index: int, cell: str) -> str:
        blanks = " " * (widths[index] - cells(cell))
        return blanks + cell if index in right else cell + blanks

    return ["  ".join(padded(index, cell) for index, cell in enumerate(line)).rstrip() for line in lines]


def print_sessions(sessions: Sequence[Session]) -> None:
    """Print sessions on stdout, one a line; on a terminal no line is wider than it."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 200
    if sessions:
        print("\n".join(session_lines(sessions, width)))


def session_lines(sessions: Sequence[Session], width: int) -> list[str]:
    """Return a table of the sessions, at most `width` cells wide: titles are cut, then columns left out.

    A column that is empty in every row is left out too.
    """
    table = {
        "NAME": [session.name for session in sessions],
        "TITLE": [session.title for session in sessions],
        "TURNS": [str(session.turns) for session in sessions],
        "LAST USED": [_when(session.used) for session in sessions],
        "MEMORY": [str(session.settings.get("memory", "")) for session in sessions],
        "MODEL": [str(session.settings.get("model", "")) for session in sessions],
    }
    table = {
        header: [one_line(text, min(width, _WIDEST.get(header, width))) for text in (header, *column)]
        for header, column in table.items()
        if any(column)
    }
    widths = {header: max(map(cells, column)) for header, column in table.items()}
    for dropped in ("", "MODEL", "MEMORY", "TITLE", "LAST USED"):
        widths.pop(dropped, None)
        cut = "TITLE" if "TITLE" in widths else "NAME"
        room = width - sum(widths.values()) - 2 * (len(widths) - 1) + widths[cut]
        if room >= _LEAST:
            shown = {header: table[header] for header in widths}
            if room < widths[cut]:
                shown[cut], widths[cut] = [one_line(text, room) for text in table[cut]], room
            return _aligned(shown, widths)
    return table["NAME"][1:]


def _aligned(table: Mapping[str, Sequence[str]], widths: Mapping[str, int]) -> list[str]:
    padded = ([text + " " * (widths[header] - cells(text)) for text in column] for header, column in table.items())
    return ["  ".join(row).rstrip() for row in zip(*padded, strict=True)]


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
