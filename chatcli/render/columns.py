"""A table of a reply: columns as wide as they need to be, rows that never wait for the ones after them.

The widths are decided by the first rows; a later cell that does not fit is wrapped. So a table of a thousand
rows is printed while it grows. A table that has more columns than the terminal has room for is shown row by
row instead, each cell below its column's name.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from chatcli.render.wrapping import wrapped

DECIDING = 20
"""So many rows decide how wide the columns are; a longer table leaves them some room to spare."""

_GAP = "  "
_NARROWEST = 5  # cells of a column that is wrapped; below that nothing can be read

_RULE = 20  # cells of the line below a row that is shown by itself

Row = Sequence[Text]


@dataclass(frozen=True, slots=True)
class Columns:
    """How the columns stand: their widths, none when the rows are shown one below the other."""

    names: Row
    widths: tuple[int, ...] = ()

    def head(self, console: Console) -> Iterator[Text]:
        """Yield the lines above the rows."""
        if self.widths:
            yield from self._lines(self.names, console)
            yield Text(_GAP.join("─" * width for width in self.widths), style="markdown.table.border")

    def row(self, cells: Row, console: Console, room: int) -> Iterator[Text]:
        """Yield the lines of one row; `room` is the width there is."""
        if self.widths:
            yield from self._lines(cells, console)
            return
        for name, cell in zip(self.names, cells, strict=False):
            yield from wrapped(Text.assemble(name, ": ", cell), console, room)
        yield Text("─" * min(room, _RULE), style="markdown.table.border")

    def _lines(self, cells: Row, console: Console) -> Iterator[Text]:
        padded = [_wrapped(cell, width, console) for cell, width in zip(cells, self.widths, strict=False)]
        for pieces in zip_longest(*padded):
            line = Text()
            for width, piece in zip(self.widths, pieces, strict=False):
                line.append(_GAP if line else "").append_text(piece or Text(" " * width))
            yield line


def columns(names: Row, rows: Sequence[Row], room: int) -> Columns:
    """Return how the table's columns stand in so much room."""
    wanted = [max(map(_width, cells)) for cells in zip(names, *rows[:DECIDING], strict=False)]
    available = room - len(_GAP) * (len(names) - 1)
    widths = _shared(wanted, available)
    if any(width < min(_NARROWEST, want) for width, want in zip(widths, wanted, strict=True)):
        return Columns(names)
    if len(rows) > DECIDING:
        spare = (available - sum(widths)) // len(widths)
        widths = [width + min(spare, max(width // 2, 2)) for width in widths]
    return Columns(names, tuple(widths))


def _shared(wanted: Sequence[int], available: int) -> list[int]:
    """Return the widths: what is wanted, or for the widest columns an even share of what the others leave."""
    widths, rest = list(wanted), available
    by_width = sorted(range(len(wanted)), key=wanted.__getitem__)
    for done, place in enumerate(by_width):
        widths[place] = min(wanted[place], max(rest, 0) // (len(wanted) - done))
        rest -= widths[place]
    return widths


def _width(cell: Text) -> int:
    return max(1, *map(cell_len, cell.plain.split("\n")))


def _wrapped(cell: Text, width: int, console: Console) -> list[Text]:
    """Return the cell's lines, each exactly so wide."""
    if "\n" in cell.plain or "\t" in cell.plain or cell_len(cell.plain) > width:
        justify = "left" if cell.justify in (None, "default") else cell.justify
        return list(wrapped(cell, console, width, justify))
    line, space = cell.copy(), width - cell_len(cell.plain)
    before = {"right": space, "center": space // 2}.get(cell.justify or "left", 0)
    line.pad_left(before)
    line.pad_right(space - before)
    return [line]
