"""The markdown that replies are written in: CommonMark with tables, strikethrough and formulas, without HTML.

Two things are bounded that CommonMark leaves open, so that a line that grows long enough is known to be text:
a line that names the columns of a table, and a paragraph that the line below it makes a heading.
"""

from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, lheading, table

from chatcli.render.formulas import with_formulas

LONGEST_HEADING = 1000
"""Characters, of a heading that is underlined and of a line that names columns."""

GOES_ON = "goes on"
"""In the parser's environment: the first line is no start, but the rest of a long paragraph."""


def grammar() -> MarkdownIt:
    """Return a new parser of replies."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("strikethrough").enable("table")
    parser.block.ruler.at("lheading", _heading)
    parser.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    return with_formulas(parser)


def _goes_on(state: StateBlock, start: int) -> bool:
    return start == 0 and bool(state.env.get(GOES_ON))


def _heading(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    if _goes_on(state, start):
        return False
    before: tuple[Any, ...] = (state.line, state.parentType, len(state.tokens))
    if not lheading(state, start, end, silent):
        return False
    if len(state.tokens[-2].content) <= LONGEST_HEADING:
        return True
    state.line, state.parentType = before[:2]
    del state.tokens[before[2] :]
    return False


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    names = state.eMarks[start] - state.bMarks[start]
    return names <= LONGEST_HEADING and not _goes_on(state, start) and table(state, start, end, silent)
