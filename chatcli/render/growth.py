"""The growing block, when it is long: what of it is finished before the block is.

The lines of a fence, the rows of a table behind those that decide its columns, and the settled text of a
paragraph are cut off and printed. The rest of the block is parsed with a head that makes it a continuation.
"""

import re
from dataclasses import dataclass

from markdown_it.token import Token

from chatcli.render.columns import DECIDING
from chatcli.render.grammar import GOES_ON, LONGEST_HEADING
from chatcli.render.markdown import parse
from chatcli.render.settled import settled_length

_STUB = "."  # stands for the text of a paragraph that was cut off
_WORTH_IT = 60  # characters: so much must be settled to be cut off
_MAY_DEFINE = re.compile(r" {0,3}\[(?:[^\]\\]|\\.)*(?:\Z|\]:|\]\Z)", re.DOTALL)
_MAY_UNDERLINE = re.compile(r"[-:| \t]*\Z")


@dataclass(frozen=True, slots=True)
class Growth:
    """What the rest of the growing block needs before it: `head`, '' when the block has only begun."""

    head: str = ""

    @property
    def is_text(self) -> bool:
        """Whether the rest is that of a paragraph."""
        return self.head.startswith(_STUB)

    @property
    def lines(self) -> int:
        """How many lines the head has."""
        return self.head.count("\n")

    def parse(self, text: str, references: dict[str, object]) -> tuple[list[Token], dict[str, object]]:
        """Return what `markdown.parse` does, of the text as the rest of the block."""
        tokens, found = parse(self.head + text, references, {GOES_ON: True} if self.is_text else {})
        if self.is_text:
            tokens[1] = _without_stub(tokens[1])
        return tokens, found

    def cut_lines(self, tokens: list[Token], text: str) -> "Cut | None":
        """Return what is finished of the one block that the complete lines `text` were parsed to, if anything."""
        if tokens[0].type == "fence" and not is_closed(tokens[0]):
            return self._cut_code(tokens[0], text)
        if tokens[0].type == "table_open":
            return self._cut_rows(tokens, text)
        return None

    def cut_text(self, tokens: list[Token], text: str, references: dict[str, object]) -> "Cut | None":
        """Return what is settled of the paragraph that `text` was parsed to, if it is one and long enough."""
        if [token.type for token in tokens] != ["paragraph_open", "inline", "paragraph_close"]:
            return None
        if not self.is_text and (len(tokens[1].content) <= LONGEST_HEADING or _MAY_DEFINE.match(text)):
            return None
        end = settled_length(text, self._sure_text(text))
        if end < _WORTH_IT:
            return None
        head = self.head if self.is_text else ""
        settled = parse(head + text[:end], references, {GOES_ON: True})[0]
        if len(settled) != len(tokens):
            return None  # a line that was cut means something else
        if self.is_text:
            settled[1] = _without_stub(settled[1])
        between = text[end] if text[end].isspace() else ""
        return Cut(settled, end + len(between), Growth(_STUB + between))

    def _cut_code(self, fence: Token, text: str) -> "Cut | None":
        start, stop = lines_of(fence)
        if not fence.content:
            return None
        return Cut([fence], offset_of(text, stop - self.lines), Growth(_between(self.head + text, start, start + 1)))

    def _cut_rows(self, tokens: list[Token], text: str) -> "Cut | None":
        start, stop = lines_of(tokens[0])
        rows = sum(token.type == "tr_open" for token in tokens) - 1
        if rows <= (0 if self.head else DECIDING):
            return None
        return Cut(tokens, offset_of(text, stop - self.lines), Growth(_between(self.head + text, start, start + 2)))

    def _sure_text(self, text: str) -> int:
        """Return up to where `text` cannot become the names of a table's columns, or a part of them."""
        start = text.rfind("\n") + 1
        last = text[start:]
        if len(last) > LONGEST_HEADING or (not start and self.head in (_STUB, _STUB + " ")):
            return len(text)
        if _MAY_UNDERLINE.match(last):
            start = text.rfind("\n", 0, max(start - 1, 0)) + 1
        return start - 1


@dataclass(frozen=True, slots=True)
class Cut:
    """What was cut off: its tokens, the length of its text, and how the rest grows on."""

    tokens: list[Token]
    length: int
    growth: Growth


def is_closed(fence: Token) -> bool:
    """Say whether the fence's end has come."""
    start, stop = lines_of(fence)
    return fence.content.count("\n") < stop - start - 1


def lines_of(token: Token) -> list[int]:
    """Return the token's first line and the one behind its last."""
    assert token.map is not None, "every block has its lines"
    return token.map


def _without_stub(inline: Token) -> Token:
    children = list(inline.children or ())
    if children and children[0].type == "text":
        children[0] = children[0].copy(content=children[0].content.removeprefix(_STUB))
    return inline.copy(children=children, content=inline.content.removeprefix(_STUB))


def _between(text: str, start: int, stop: int) -> str:
    return "".join(line + "\n" for line in text.split("\n", stop)[start:stop])


def offset_of(text: str, lines: int) -> int:
    """Return where so many lines end."""
    offset = 0
    for _ in range(lines):
        offset = text.index("\n", offset) + 1
    return offset
