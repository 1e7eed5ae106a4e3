r"""Formulas of TeX in a reply, left as they were written.

Markdown would eat their backslashes, and take `a_1 b_2` for emphasis. A formula is `\( … \)`, `\[ … \]`, `$$ … $$`
or `$ … $` within a paragraph, or lines between a line of `\[` or `$$` and one that ends with its counterpart.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

LONGEST = 1000
"""Characters of a formula within a paragraph: so far an opening is looked after."""

_LONGEST_DOLLAR = 200  # prices have dollars too

_INLINE = re.compile(
    rf"""\\\( (?!\s*\\\)) .{{1,{LONGEST}}}? \\\)
       | \\\[ (?!\s*\\\]) .{{1,{LONGEST}}}? \\\]
       | \$\$ [^$]{{1,{LONGEST}}} \$\$
       | \$ (?![\s$]) (?: [^$\\\n] | \\[^\n] ){{1,{_LONGEST_DOLLAR}}} (?<!\s) \$ (?!\d) """,
    re.DOTALL | re.VERBOSE,
)
_ALONE = re.compile(r" {0,3}(\\\[|\$\$)\s*\Z")
_CLOSING = {r"\[": r"\]", "$$": "$$"}


def with_formulas(parser: MarkdownIt) -> MarkdownIt:
    """Make the parser know formulas; a block of one is a token `formula`. Returns the parser."""
    parser.inline.ruler.before("escape", "formula", _inline)
    parser.block.ruler.before("fence", "formula", _block, {"alt": ["paragraph", "reference", "blockquote", "list"]})
    return parser


def may_grow(text: str) -> bool:
    """Say whether a formula begins in `text` that could end in what follows it."""
    return any(
        len(text) - match.start() <= (LONGEST if len(match[0]) > 1 else _LONGEST_DOLLAR) + len(match[0])
        for match in re.finditer(r"\\\(|\\\[|\$\$|\$(?!\s|\Z)", _INLINE.sub(" ", text))
    )


def _inline(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] not in "\\$":
        return False
    match = _INLINE.match(state.src, state.pos, state.posMax)
    if match is None:
        return False
    if not silent:
        state.append_pending(match[0].replace("\n", " "))
    state.pos = match.end()
    return True


def _block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    opening = _ALONE.match(_line(state, start))
    if opening is None or state.is_code_block(start):
        return False
    if silent:
        return True
    closing, line = _CLOSING[opening[1]], start + 1
    while line < end and not state.isEmpty(line) and state.sCount[line] >= state.blkIndent:
        line += 1
        if _line(state, line - 1).rstrip().endswith(closing):
            break
    token = state.push("formula", "", 0)
    token.content = state.getLines(start, line, state.blkIndent, False)
    token.map = [start, line]
    state.line = line
    return True


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + min(state.tShift[line], state.blkIndent) : state.eMarks[line]]
