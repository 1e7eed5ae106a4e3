"""Lines over time, drawn in braille: two dots a cell across, four down."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log, sqrt

from chatcli.render.ink import Line

COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "red", "white", "bright_black")
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_LABEL = 6
"""Cells left of a plot, at most: what `short` gives of any number below a million, and the axis."""

_UNEVEN = 8
"""How many times larger the largest line is than the smallest, from which on the scale is logarithmic."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One line: its name and its values, one for each moment."""

    name: str
    values: Sequence[int]


class Plot:
    """Curves over one another, `width` cells wide and `height` lines high; the scale suits the smallest as well.

    `uneven`: the scale is logarithmic. `bucket` values share a column; their mean is drawn.
    """

    def __init__(self, curves: Sequence[Curve], width: int, height: int) -> None:
        longest = max(len(curve.values) for curve in curves)
        self.bucket = -(-longest // max(2 * (width - _LABEL), 4))
        self._curves, self._height = [_means(curve.values, self.bucket) for curve in curves], height
        tops = [round(max(curve)) for curve in self._curves]
        self._highest = max(tops)
        self.uneven = self._highest > _UNEVEN * min(tops)
        self._lowest = max(1, min(tops) // 4) if self.uneven else 0
        self._labels = [short(self._highest), short(self._middle()), f"<{short(self._lowest)}" if self.uneven else "0"]
        self._left = max(map(len, self._labels))
        self._width = max(width - self._left - 2, 2)

    def lines(self, first: str, last: str, letters: bool = False) -> Iterator[Line]:
        """Yield the lines; `first` and `last` stand below the ends.

        `letters`: where there are no colours, each curve is drawn with a letter of its own: a, b, c.
        """
        canvas = _Canvas(self._width, self._height)
        for index, curve in enumerate(self._curves):
            canvas.draw([self._share(value) for value in curve], index)
        at = {0: self._labels[0], self._height // 2: self._labels[1], self._height - 1: self._labels[2]}
        for row in range(self._height):
            yield [
                (f"{at.get(row, ''):>{self._left}} {'┤' if row in at else '│'}", "chat.dim"),
                *canvas.row(row, letters),
            ]
        room = self._width - len(first) - len(last)
        below = f"{first}{' ' * room}{last}" if room > 0 else last
        yield [(f"{'':>{self._left}}  {below}", "chat.dim")]

    def _middle(self) -> int:
        return round(sqrt(self._lowest * self._highest)) if self.uneven else self._highest // 2

    def _share(self, value: float) -> float:
        """Return how high a value stands, 0 to 1."""
        if not self.uneven:
            return value / max(self._highest, 1)
        return log(max(value, self._lowest) / self._lowest) / log(self._highest / self._lowest)


def _means(values: Sequence[int], bucket: int) -> list[float]:
    parts = (values[start : start + bucket] for start in range(0, len(values), bucket))
    return [sum(part) / len(part) for part in parts]


def short(number: int) -> str:
    """Return a number in few characters: 950, 1.2k, 34k."""
    if number < 1000:
        return str(number)
    return f"{number / 1000:.1f}k" if number < 10_000 else f"{number / 1000:,.0f}k"


class _Canvas:
    """Cells with dots in them; a cell has the colour of the curve that was drawn in it last."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._dots = [[0] * width for _ in range(height)]
        self._owner = [[-1] * width for _ in range(height)]

    def draw(self, heights: Sequence[float], owner: int) -> None:
        """Draw a curve; a step between two columns is drawn as an upright line."""
        columns, rows = 2 * self.width, 4 * self.height
        before: int | None = None
        for x in range(columns):
            value = heights[min(x * len(heights) // columns, len(heights) - 1)]
            y = round((1 - value) * (rows - 1))
            for dot in range(min(y, y if before is None else before), max(y, y if before is None else before) + 1):
                self._dots[dot // 4][x // 2] |= _DOTS[x % 2][dot % 4]
                self._owner[dot // 4][x // 2] = owner
            before = y

    def row(self, row: int, letters: bool) -> Line:
        """Return a row, cell by cell."""
        return [self._cell(dots, owner, letters) for dots, owner in zip(self._dots[row], self._owner[row], strict=True)]

    @staticmethod
    def _cell(dots: int, owner: int, letters: bool) -> tuple[str, str]:
        if owner < 0:
            return (" ", "")
        return (chr(ord("a") + owner % 26) if letters else chr(0x2800 + dots), COLOURS[owner % len(COLOURS)])
