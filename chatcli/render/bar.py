"""One bar of proportional parts."""

from collections.abc import Sequence
from dataclasses import dataclass

from chatcli.render.ink import Line


@dataclass(frozen=True, slots=True)
class Slice:
    """A share of the bar: drawn in its colour, or with its letter where there are none."""

    amount: int
    colour: str
    letter: str
    free: bool = False
    shaded: bool = False

    @property
    def cell(self) -> str:
        """What fills it where there are colours."""
        return "·" if self.free else "░" if self.shaded else "█"


def bar(slices: Sequence[Slice], width: int, letters: bool = False) -> Line:
    """Return the slices side by side, `width` cells together; what is there has one cell at least."""
    cells = _cells([entry.amount for entry in slices], max(width - 2, 1))
    body = [
        ((entry.letter if letters else entry.cell) * count, entry.colour)
        for entry, count in zip(slices, cells, strict=True)
        if count
    ]
    return [("[", "chat.dim"), *body, ("]", "chat.dim")] if body else []


def _cells(amounts: Sequence[int], width: int) -> list[int]:
    """Share out the cells by size; what rounding leaves over or takes too much is the largest one's."""
    total = sum(amounts)
    if not total:
        return [0] * len(amounts)
    cells = [max(1, round(amount * width / total)) if amount else 0 for amount in amounts]
    cells[amounts.index(max(amounts))] += max(0, width - sum(cells))
    while sum(cells) > width:
        cells[cells.index(max(cells))] -= 1
    return cells
