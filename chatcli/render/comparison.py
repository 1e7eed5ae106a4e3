"""Memories side by side: a table, and their tokens over the session's life."""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from chatcli.compare import Course
from chatcli.prices import Prices, amount
from chatcli.render.ink import Line, print_lines, width_of
from chatcli.render.plot import COLOURS, Curve, Plot
from chatcli.render.safe import one_line
from chatcli.render.tables import columns
from chatcli.values import counted

_HEIGHT = 12
_WIDEST = 100


@dataclass(frozen=True, slots=True)
class Comparison:
    """What several memories would have sent of a session; `skipped` turns before those that were played again.

    `own` is the spec of the session's memory.
    """

    session: str
    model: str
    courses: Sequence[Course]
    own: str
    skipped: int = 0
    prices: Prices | None = None

    @property
    def turns(self) -> int:
        """How many turns were played again."""
        return len(self.courses[0].requests) - 1


def print_comparison(found: Comparison, plain: bool = False) -> None:
    """Print it on stdout: the table, and on a terminal the plot above it."""
    on_a_terminal = sys.stdout.isatty() and not plain
    letters = bool(os.environ.get("NO_COLOR"))
    width = width_of(sys.stdout)
    if on_a_terminal and found.turns > 1:
        print_lines([*plotted(found, min(width, _WIDEST), letters), []])
    print_lines(listed(found, width, letters, on_a_terminal), plain)
    print_lines(([(line, "chat.dim")] for line in explained(found)), plain)


def plotted(found: Comparison, width: int, letters: bool = False) -> Iterator[Line]:
    """Yield the plot of tokens a turn."""
    curves = [Curve(course.spec, [sent.prompt for sent in course.requests]) for course in found.courses]
    drawn = Plot(curves, width, _HEIGHT)
    notes = f"{', on a logarithmic scale' if drawn.uneven else ''}"
    notes += f", the mean of every {drawn.bucket} turns" if drawn.bucket > 1 else ""
    yield [(f"~tokens of each request{notes}", "bold")]
    first = found.skipped + 1
    yield from drawn.lines(f"turn {first:,}", f"{first + found.turns:,}", letters)


def listed(found: Comparison, width: int, letters: bool = False, marked: bool = True) -> Iterator[Line]:
    """Yield the table; columns that have no room are left out. `marked`: each row has the mark of its curve."""
    rows = [_row(found, course) for course in found.courses]
    names = [header for header in rows[0] if any(row[header] for row in rows)]
    for dropped in ("", "MAX", "TURNS", "MEAN", "COST"):
        names = [name for name in names if name != dropped]
        lines = columns([[row[name] for name in names] for row in rows], names, {}, right=range(1, len(names)))
        if max(map(len, lines)) + 2 <= width:
            break
    yield [(f"{'  ' if marked else ''}{lines[0]}", "bold")]
    for index, line in enumerate(lines[1:]):
        mark = chr(ord("a") + index % 26) if letters else "━"
        yield [*([(f"{mark} ", COLOURS[index % len(COLOURS)])] if marked else []), (line, "")]


def explained(found: Comparison) -> Iterator[str]:
    """Yield what the table does not say by itself, a line each."""
    model = one_line(found.model)
    skipped = f", the {counted(found.skipped, 'turn')} before left out" if found.skipped else ""
    own = any(course.spec == found.own for course in found.courses)
    yield (
        f"{counted(found.turns, 'turn')} played again{skipped}; no model was asked"
        f"{f'; * is the memory of {one_line(found.session)}' if own else ''}"
    )
    yield (
        "TURNS: word for word in the next request. NOW, MEAN, MAX: tokens of a request, summaries and what is recalled "
        "at their largest. REUSED: the share of all tokens sent that lie in the prefix shared with the request before."
    )
    if found.prices is None:
        yield f"No COST: the config has no price for {model}; write it under its [models.NAME]."
    else:
        yield f"COST: of all these turns with {model}, summaries too, if its provider caches prefixes."


def as_data(found: Comparison) -> dict[str, Any]:
    """Return it as data for JSON."""
    return {
        "session": found.session,
        "model": found.model,
        "turns": found.turns,
        "skipped": found.skipped,
        "memories": [
            {
                "memory": course.spec,
                "own": course.spec == found.own,
                "turns": course.now.turns,
                "now": course.now.prompt,
                "mean": course.mean,
                "max": course.largest,
                "reused": round(course.reused, 4),
                "cost": None if found.prices is None else course.cost(found.prices),
                "tokens": [sent.prompt for sent in course.requests],
            }
            for course in found.courses
        ],
    }


def _row(found: Comparison, course: Course) -> dict[str, str]:
    cost = "" if found.prices is None else f"~{amount(course.cost(found.prices))}"
    return {
        "MEMORY": f"{course.spec}{' *' if course.spec == found.own else ''}",
        "TURNS": f"{course.now.turns:,}",
        "NOW": f"~{course.now.prompt:,}",
        "MEAN": f"~{course.mean:,}",
        "MAX": f"~{course.largest:,}",
        "REUSED": f"~{course.reused:.0%}",
        "COST": cost,
    }
