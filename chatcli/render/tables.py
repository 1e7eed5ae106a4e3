"""Sessions and the like, in aligned columns."""

import shutil
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from chatcli.following import EMPTIED
from chatcli.render.safe import cells, one_line
from chatcli.stores import Session

_WIDEST = {"NAME": 40, "TITLE": 40, "MEMORY": 24, "MODEL": 24}
_LEAST = 8
"""Cells of a name or title that is cut: with fewer it says nothing."""
_TOLD_APART = 20
"""Cells of a name beside which other columns have a place: those of the names that we give."""


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
    """Return a table of the sessions, at most `width` cells wide: what is too wide is cut, then columns left out.

    A column that is empty in every row is left out too.
    """
    table = {
        "NAME": [session.name for session in sessions],
        "TITLE": [session.title for session in sessions],
        "TURNS": [str(session.turns) for session in sessions],
        "LAST USED": [_when(session.used) for session in sessions],
        "EXPIRES": [_when(session.expires) if session.expires else "" for session in sessions],
        "MEMORY": [str(session.settings.get("memory", "")) for session in sessions],
        "MODEL": [str(session.settings.get("model", "")) for session in sessions],
    }
    table = {
        header: [one_line(text, min(width, _WIDEST.get(header, width))) for text in (header, *column)]
        for header, column in table.items()
        if any(column)
    }
    widths = {header: max(map(cells, column)) for header, column in table.items()}
    for dropped in ("", "MODEL", "MEMORY", "EXPIRES", "LAST USED", "TURNS", "TITLE"):
        widths.pop(dropped, None)
        if fitting := _fitted(widths, width):
            rows = list(zip(*(table[header][1:] for header in fitting), strict=True))
            return columns(rows, list(fitting), dict(enumerate(fitting.values())))
    return table["NAME"][1:]


def _fitted(widths: Mapping[str, int], width: int) -> dict[str, int]:
    """Return the widths with those of names and titles made to fit; none when too little of these would be left.

    One long name does not take the room of all titles.
    """
    name, title = widths["NAME"], widths.get("TITLE", 0)
    room = width - sum(widths.values()) - 2 * (len(widths) - 1) + name + title
    least = min(name, _TOLD_APART if len(widths) > 1 else _LEAST)
    if room < least + min(title, _LEAST):
        return {}
    name = min(name, max(least, room // 2, room - title))
    return {**widths, "NAME": name} | ({"TITLE": min(title, room - name)} if title else {})


def session_as_data(session: Session) -> dict[str, Any]:
    """Return a session as data for JSON; times in Unix seconds."""
    return {
        "name": session.name,
        "title": session.title,
        "turns": session.turns,
        "messages": session.messages,
        "created": session.created,
        "used": session.used,
        "settings": {name: value for name, value in session.settings.items() if name != EMPTIED},
        "lifetime": session.lifetime or None,
        "expires": session.expires or None,
    }


def _when(used: float) -> str:
    """Return a time of use, local, to the minute."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(used)) if used else "-"
