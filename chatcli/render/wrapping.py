"""Paragraphs broken into lines, Chinese and Japanese too: these have no spaces, and are broken between characters.

rich breaks at spaces alone: it leaves half a line empty before a Chinese sentence, or cuts the sentence at the edge,
and a latin word in it, and begins a line with a comma. Elsewhere its way is kept, so a text without such characters
is wrapped as rich does. Greedily: what follows moves no break above the last line, which streaming relies on.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import pairwise

from rich._wrap import words
from rich.cells import cell_len, chop_cells
from rich.console import Console, JustifyMethod
from rich.containers import Lines
from rich.text import Text

# Not Hangul: Korean has spaces, and is read better in whole words.
_CJK = (
    "\u2e80-\u2fdf\u3001-\u312f\u31a0-\u4dbf\u4e00-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff9f\U00020000-\U0003ffff"
)
_MARKS = "\u0300-\u036f\u3099\u309a\u200d\u2060\ufe00-\ufe0f\U000e0100-\U000e01ef"  # belong to what stands before
_CLOSING = (
    "，。、；：！？）」』】》〉〕〗〙〛］｝”’…‥・·～％ー々〻ゝゞヽヾ"
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶ｡｣､･ｧｨｩｪｫｬｭｮｯｰﾞﾟ．"
    r"""),.;:!?%}"'"""
) + r"\]"
_OPENING = "（「『【《〈〔〖〘〚［｛“‘｢" + r"""({"'""" + r"\[" + "\u200d\u2060"
_ANY_CJK = re.compile(f"[{_CJK}]")
_BETWEEN = re.compile(rf"(?<=[^\s{_OPENING}])(?=[^\s{_CLOSING}{_MARKS}])(?:(?<=[{_CJK}])|(?=[{_CJK}]))")


def needs_own_wrapping(text: str) -> bool:
    """Say whether rich would wrap the text otherwise than `wrapped` does."""
    return not text.isascii() and _ANY_CJK.search(text) is not None


def wrapped(text: Text, console: Console, width: int, justify: JustifyMethod | None = None) -> Lines:
    """Return the lines of `text`, each at most `width` cells wide, as `Text.wrap` does."""
    if not needs_own_wrapping(text.plain):
        return text.wrap(console, width, justify=justify)
    lines = Lines()
    for line in text.split(allow_blank=True):
        line.expand_tabs(8)
        pieces = line.divide(breaks(line.plain, width))
        for piece in pieces:
            piece.rstrip_end(width)
        if how := justify or text.justify:
            pieces.justify(console, width, justify=how, overflow="fold")
        lines.extend(pieces)
    return lines


def breaks(line: str, width: int) -> list[int]:
    """Return the offsets at which `line` is broken so that each part fits in `width` cells."""
    found: list[int] = []
    filled = 0
    for start, unit in _units(line):
        needed = cell_len(unit.rstrip())
        if needed <= width - filled:
            filled += cell_len(unit)
            continue
        if start and filled:
            found.append(start)
        if needed <= width:
            filled = cell_len(unit)
            continue
        folded = [piece for piece in chop_cells(unit, width) if piece]
        for piece in folded[:-1]:
            start += len(piece)
            found.append(start)
        filled = cell_len(folded[-1])
    return found


def _units(line: str) -> Iterator[tuple[int, str]]:
    """Yield what is not broken, and where it starts: words with the spaces behind them, CJK characters."""
    between = [match.start() for match in _BETWEEN.finditer(line)]
    for start, end, _ in words(line):
        within = between[bisect_left(between, start + 1) : bisect_left(between, end)]
        for first, behind in pairwise([start, *within, end]):
            yield first, line[first:behind]
