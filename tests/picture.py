"""A terminal's screen as SVG: every character stands in its own cell, wide ones in two, whatever the font."""

from collections.abc import Iterator
from html import escape
from itertools import groupby
from typing import Any, NamedTuple

CELL, ROW, MARGIN = 8.4, 19, 12  # pixels: the advance of a 14 px monospace font, the line height
INK, PAPER = "#d8dee9", "#20242c"
COLORS = {
    "black": "#3b4252",
    "red": "#e06c75",
    "green": "#98c379",
    "brown": "#e5c07b",  # pyte's name for the dark yellow
    "blue": "#61afef",
    "magenta": "#c678dd",
    "cyan": "#56b6c2",
    "white": "#d8dee9",
    "brightblack": "#7f848e",
    "brightred": "#ff7b86",
    "brightgreen": "#b5e890",
    "brightbrown": "#ffd787",
    "brightyellow": "#ffd787",
    "brightblue": "#82c4ff",
    "brightmagenta": "#e19cf5",
    "bfightmagenta": "#e19cf5",  # so spelled in pyte
    "brightcyan": "#7fdbe6",
    "brightwhite": "#ffffff",
}


class Look(NamedTuple):
    ink: str
    paper: str
    css: str


def svg_of(screen: Any, title: str = "") -> str:
    """Return the visible part of a pyte screen as an SVG document, its cursor shown reversed."""
    width = screen.columns * CELL + 2 * MARGIN
    height = screen.lines * ROW + 2 * MARGIN
    drawn = "\n".join(part for y in range(screen.lines) for part in _row(screen, y))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.1f}" height="{height}" '
        f'viewBox="0 0 {width:.1f} {height}" xml:space="preserve" font-size="14" fill="{INK}" '
        f"font-family=\"'DejaVu Sans Mono','Noto Sans Mono CJK SC','WenQuanYi Micro Hei Mono',monospace\">\n"
        f"<title>{escape(title)}</title>\n"
        f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>\n{drawn}\n</svg>\n'
    )


def _row(screen: Any, y: int) -> Iterator[str]:
    cursor = screen.cursor.x if screen.cursor.y == y and not screen.cursor.hidden else -1
    cells = [(x, screen.buffer[y][x]) for x in range(screen.columns)]
    looks = [(x, cell.data, _look(cell, x == cursor)) for x, cell in cells]
    for look, run in groupby(looks, key=lambda cell: cell[2]):
        yield from _run(y, look, [(x, data) for x, data, _ in run])


def _run(y: int, look: Look, cells: list[tuple[int, str]]) -> Iterator[str]:
    top = MARGIN + y * ROW
    if look.paper != PAPER:
        left, width = MARGIN + cells[0][0] * CELL, len(cells) * CELL
        yield f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{ROW}" fill="{look.paper}"/>'
    for part in _parts(cells):
        text = "".join(data for _, data in part)
        x = MARGIN + part[0][0] * CELL
        length = f' textLength="{len(part) * CELL:.1f}"' if text.isascii() else ""
        css = f' style="{look.css}"' if look.css else ""
        yield f'<text x="{x:.1f}" y="{top + 14}" fill="{look.ink}"{length}{css}>{escape(text)}</text>'


def _parts(cells: list[tuple[int, str]]) -> list[list[tuple[int, str]]]:
    """Cut into words of ASCII, and every other character by itself; without the blanks."""
    words: list[list[tuple[int, str]]] = []
    for x, data in cells:
        if not data.strip():
            continue
        if words and data.isascii() and words[-1][-1][0] == x - 1 and words[-1][-1][1].isascii():
            words[-1].append((x, data))
        else:
            words.append([(x, data)])
    return words


def _look(cell: Any, cursor: bool) -> Look:
    ink, paper = _color(cell.fg, INK), _color(cell.bg, PAPER)
    if cell.reverse != cursor:
        ink, paper = paper, ink
    lines = [name for name, on in (("underline", cell.underscore), ("line-through", cell.strikethrough)) if on]
    css = [
        "font-weight:bold" if cell.bold else "",
        "font-style:italic" if cell.italics else "",
        f"text-decoration:{' '.join(lines)}" if lines else "",
    ]
    return Look(ink, paper, ";".join(filter(None, css)))


def _color(name: str, default: str) -> str:
    if name == "default":
        return default
    return COLORS.get(name, f"#{name}")
