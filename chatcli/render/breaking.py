"""Where a line of text is broken: at spaces, and between Chinese and Japanese characters, which have none.

No closing punctuation begins a line, and no latin word is cut because of the characters beside it. Greedily: what
follows moves no break above the last line, which streaming relies on. Light: rich's widths are only loaded when used.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import pairwise

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
_WORD = re.compile(r"\s*\S+\s*")


def has_cjk(text: str) -> bool:
    """Say whether the text has characters that it can be broken between."""
    return not text.isascii() and _ANY_CJK.search(text) is not None


def breaks(line: str, width: int, fold: bool = True) -> list[int]:
    """Return the offsets at which `line` is broken so that each part fits in `width` cells.

    Without `fold` a word that is wider stays whole.
    """
    from rich.cells import cell_len, chop_cells

    found: list[int] = []
    filled = 0
    for start, unit in _units(line):
        needed = cell_len(unit.rstrip())
        if needed <= width - filled:
            filled += cell_len(unit)
            continue
        if start and filled:
            found.append(start)
        if needed <= width or not fold:
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
    for start, end in (match.span() for match in _WORD.finditer(line)):
        within = between[bisect_left(between, start + 1) : bisect_left(between, end)]
        for first, behind in pairwise([start, *within, end]):
            yield first, line[first:behind]
