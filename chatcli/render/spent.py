"""What was spent, as tables and a plot over the days."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from chatcli.prices import amount
from chatcli.render.ink import Line, print_lines, width_of
from chatcli.render.plot import Curve, Plot
from chatcli.render.safe import cells
from chatcli.render.tables import columns
from chatcli.spending import Report, Spending
from chatcli.values import counted

_HEIGHT = 8
_WIDEST = 100
_NAME, _LEAST, _ALONE = 40, 20, 8  # cells of a name: at most, at least, and at least beside a single figure


def print_spent(report: Report, days: int | None, most: int, plain: bool = False) -> None:
    """Print a report over so many `days` (None: ever): the `most` last of them, models and sessions that spent most."""
    width = min(width_of(sys.stdout), _WIDEST)
    print_lines(_lines(report, days, most, width, letters=plain or "NO_COLOR" in os.environ), plain)


def _lines(report: Report, days: int | None, most: int, width: int, letters: bool) -> Iterator[Line]:
    over = "ever" if days is None else f"in {counted(days, 'day')}"
    yield [(f"{in_words(report.total)}, {counted(len(report.sessions), 'session')}, {over}", "bold")]
    yield from _notes(report.total)
    values = _by_day(report.days)
    if len(values) > 1:
        yield []
        yield [("tokens a day", "chat.dim")]
        plot = Plot([Curve("tokens", list(values.values()))], width, _HEIGHT)
        yield from plot.lines(next(iter(values)), next(reversed(values)), letters)
    by_day = [("DAY", report.days, _newest)] if len(report.days) > 1 else []
    for title, group, first in (*by_day, ("MODEL", report.models, _largest), ("SESSION", report.sessions, _largest)):
        yield []
        for line in spending_table(title, first(group, most), width):
            yield [(line, "")]
        if len(group) > most:
            yield [(f"… {len(group) - most:,} more", "chat.dim")]


def in_words(spending: Spending) -> str:
    """Return the spending in one line."""
    share = f" ({spending.cached / spending.prompt:.0%} from the provider's cache)" if spending.cached else ""
    priced = f", cost {money(spending)}" if spending.cost else ""
    turns = counted(spending.turns, "turn")
    return f"{turns}, {spending.prompt:,} tokens sent{share}, {spending.completion:,} received{priced}"


def money(spending: Spending) -> str:
    """Return the cost; `-` where no price is known, `≥` where some are not."""
    if not spending.cost:
        return "-"
    return f"{'≥' if spending.unpriced or spending.uncounted else ''}{amount(spending.cost)}"


def _notes(total: Spending) -> Iterator[Line]:
    if total.uncounted:
        yield [(f"replies without token counts: {total.uncounted:,}", "chat.dim")]
    if total.unpriced:
        yield [
            (
                "no price in the config for some models: price = { input = …, output = … } under [models.NAME]",
                "chat.dim",
            )
        ]


def _by_day(days: Mapping[str, Spending]) -> dict[str, int]:
    """Return the tokens of each day from the first to the last, the days between them too."""
    dated = sorted(day for day in days if day != "?")
    if not dated:
        return {}
    first, last = date.fromisoformat(dated[0]), date.fromisoformat(dated[-1])
    every = ((first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1))
    return {day: days[day].tokens if day in days else 0 for day in every}


def _newest(group: Mapping[str, Spending], most: int) -> list[tuple[str, Spending]]:
    """Return the last days first, what has no day at the end."""
    return sorted(group.items(), key=lambda entry: (entry[0] != "?", entry[0]), reverse=True)[:most]


def _largest(group: Mapping[str, Spending], most: int) -> list[tuple[str, Spending]]:
    return sorted(group.items(), key=lambda entry: (-entry[1].tokens, -entry[1].turns))[:most]


def spending_table(title: str, rows: Sequence[tuple[str, Spending]], width: int) -> list[str]:
    """Return a table of spendings by name, at most `width` cells wide: the name is cut, then columns left out."""
    table = {
        title: [name or "?" for name, _ in rows],
        "TURNS": [f"{spending.turns:,}" for _, spending in rows],
        "SENT": [f"{spending.prompt:,}" for _, spending in rows],
        "CACHED": [f"{spending.cached:,}" for _, spending in rows],
        "RECEIVED": [f"{spending.completion:,}" for _, spending in rows],
        "COST": [money(spending) for _, spending in rows],
    }
    if not any(spending.cost for _, spending in rows):
        del table["COST"]
    longest = max((cells(name) for name in table[title]), default=0)
    for dropped in ("", "CACHED", "TURNS", "RECEIVED", "COST", "SENT"):
        table.pop(dropped, None)
        taken = sum(max(map(len, (head, *column))) + 2 for head, column in table.items() if head != title)
        if width - taken >= min(longest, _LEAST if len(table) > 2 else _ALONE):
            break
    lines = list(zip(*table.values(), strict=True))
    return columns(lines, list(table), {0: min(_NAME, max(width - taken, 4))}, right=range(1, len(table)))


def spent_as_data(report: Report) -> dict[str, Any]:
    """Return the report as data for JSON."""
    return {
        "total": _as_data(report.total),
        **{
            name: [{"name": key, **_as_data(spending)} for key, spending in group]
            for name, group in (
                ("days", sorted(report.days.items())),
                ("models", _largest(report.models, len(report.models))),
                ("sessions", _largest(report.sessions, len(report.sessions))),
            )
        },
    }


def _as_data(spending: Spending) -> dict[str, Any]:
    data = asdict(spending)
    return {**data, "cost": data["cost"] if spending.replies > spending.unpriced + spending.uncounted else None}
