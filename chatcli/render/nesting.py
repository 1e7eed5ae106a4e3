"""Blocks that hold blocks, and go on: quotations, lists, their items. How a line within them begins in the text."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markdown_it.token import Token

LISTS = ("bullet_list_open", "ordered_list_open")
ITEM = "list_item_open"
QUOTE = "blockquote_open"

_QUOTE_BEGINS = re.compile(r" {0,3}> ?(?!\t)")
_ITEM_BEGINS = re.compile(r" {0,3}(?:[-+*]|\d{1,9}[.)])(?: {1,4}(?=[^ \t])| (?= {4})|(?=[ \t]*\Z))")


_MOST_SPACES = 4  # behind the mark of an item


@dataclass(frozen=True, slots=True)
class Blocks:
    """Neighbouring blocks.

    `joined`: of the first block and what begins it, so many are the rest of one whose beginning came before, each
    within the one around it; `open`: of the last and what ends it, so many go on in what follows.
    """

    tokens: Sequence[Token]
    joined: int = 0
    open: int = 0


@dataclass(frozen=True, slots=True)
class Container:
    """A block that holds others: what its `first` line begins with, and the `rest` of its lines.

    A list begins no line, its items do; a numbered one has the `number` of the first item that is still to be drawn.
    """

    first: str = ""
    rest: str = ""
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A container, and in which line it begins; -1 when that line was cut off."""

    container: Container
    line: int


def levels(tokens: Sequence[Token]) -> Iterator[tuple[list[int], int]]:
    """Yield where blocks begin among the tokens, and what is behind the last: the outermost, then those in the last."""
    start, stop, level = 0, len(tokens), 0
    while starts := [at for at in range(start, stop) if tokens[at].level == level and tokens[at].nesting >= 0]:
        yield starts, stop
        if tokens[starts[-1]].type not in (*LISTS, ITEM, QUOTE):
            return
        start, stop, level = starts[-1] + 1, stop - 1, level + 1


def opened(token: Token, line: str, number: int, around: Sequence[Opened]) -> Container | None:
    """Return the container that the token opens in `line`, the text's line of this number; None if that is unclear."""
    if token.type in LISTS:
        return Container(number=None if token.type == LISTS[0] else int(token.attrs.get("start", 1)))
    inner = within(line, number, around)
    if inner is None:
        return None
    if token.type == QUOTE:
        return Container("> ", "> ") if _QUOTE_BEGINS.match(inner) else None
    begins = _ITEM_BEGINS.match(inner)
    if begins is None:
        return None
    marker = begins[0].strip()
    width = len(begins[0]) + (not begins[0].endswith(" "))
    # As wide, but begun at once: behind another item's mark, spaces before this one would belong to that.
    return Container(marker.ljust(width), " " * width) if width <= len(marker) + _MOST_SPACES else None


def within(line: str, number: int, around: Sequence[Opened]) -> str | None:
    """Return what the line of the text says within the containers around it; None if that is unclear."""
    for one in around:
        first, rest = one.container.first, one.container.rest
        if rest.startswith(">"):
            begins = _QUOTE_BEGINS.match(line)
        else:
            begins = (_ITEM_BEGINS if one.line == number and first else re.compile(rest)).match(line)
        if begins is None:
            return None
        line = line[begins.end() :]
    indent = line[: len(line) - len(line.lstrip())]
    return None if "\t" in indent else line
