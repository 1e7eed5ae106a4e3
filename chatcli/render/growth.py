"""The growing block, when it is long: what of it is finished before the block is.

Blocks within a quotation or an item, lines of code, the rows of a table behind those that decide its columns, and
the settled text of a paragraph are cut off and printed. The rest is parsed with a head that makes it a continuation.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from markdown_it.token import Token

from chatcli.render.columns import DECIDING
from chatcli.render.grammar import GOES_ON, LONGEST_HEADING
from chatcli.render.nesting import ITEM, Container, Opened, levels, opened, within
from chatcli.render.parsing import parse
from chatcli.render.settled import settled_length

_STUB = "."  # stands for text that was cut off
_INDENTED = f"    {_STUB}\n"  # and for lines of an indented block of code
_WORTH_IT = 60  # characters: so much must be settled to be cut off
_DEEPEST = 12  # blocks, each in the one before; the parser drops what stands in twenty
_MAY_DEFINE = re.compile(r" {0,3}\[(?:[^\]\\]|\\.)*(?:\Z|\]:|\]\Z)", re.DOTALL)
_MAY_UNDERLINE = re.compile(r"[-:| \t]*\Z")
_ENDED_BY_ITSELF = ("heading_open", "hr")
_ENDED_BY_EMPTY_LINE = ("paragraph_open", "blockquote_open", "table_open", "formula")


@dataclass(frozen=True, slots=True)
class Growth:
    """What of the growing block was cut off: it goes on within the `path` of containers, the outermost first.

    `leaf` is what the rest of the innermost block needs before it; '' when a new one may begin there.
    """

    path: tuple[Container, ...] = ()
    leaf: str = ""

    @property
    def depth(self) -> int:
        """How many blocks go on, each within the one before."""
        return len(self.path) + bool(self.leaf)

    @property
    def is_text(self) -> bool:
        """Whether the rest is that of a paragraph."""
        return self.leaf.startswith(_STUB)

    @property
    def head(self) -> str:
        """What makes the rest of the text a continuation."""
        first = "".join(container.first for container in self.path)
        if not first or self.is_text:
            return first + self.leaf
        rest = "".join(container.rest for container in self.path)
        leaf = "".join(rest + line for line in self.leaf.splitlines(keepends=True))
        return f"{first}{_STUB}\n{rest.rstrip()}\n{leaf}"

    @property
    def lines(self) -> int:
        """How many lines the head has."""
        return self.head.count("\n")

    def parse(self, text: str, references: dict[str, object]) -> tuple[list[Token], dict[str, object]]:
        """Return what `markdown.parse` does, of the text as the rest of the block."""
        tokens, found = parse(self.head + text, references, {GOES_ON: True} if self.is_text else {})
        innermost = len(self.path)
        if self.is_text:
            tokens[innermost + 1] = _without_stub(tokens[innermost + 1])
        elif self.path and any(container.first for container in self.path):
            at = innermost - (not self.path[-1].first)
            del tokens[at : at + 3]
        if self.leaf == _INDENTED:
            tokens[innermost] = tokens[innermost].copy(content=tokens[innermost].content.partition("\n")[2])
        for at, container in enumerate(self.path):
            if container.number is not None:
                tokens[at] = tokens[at].copy(attrs={"start": container.number})
        return tokens, found

    # What is finished

    def cut_blocks(self, tokens: list[Token], text: str, more: int = 0) -> "Cut | None":
        """Return the blocks that are finished in the complete lines `text`, be they within the last one.

        So many `more` lines below are taken to be complete too.
        """
        lines = self.lines + text.count("\n") + more
        holding: list[Token] = []
        for starts, behind in levels(tokens):
            last = tokens[starts[-1]]
            if _is_finished(last, lines):
                return self._cut_at(behind, lines_of(last)[1], 0, tokens, holding, text)
            if len(starts) > 1 and last.type == ITEM:
                return self._cut_at(starts[-1], lines_of(last)[0], len(starts) - 1, tokens, holding, text)
            if len(starts) > 1:
                # Not up to where the last begins: a link definition may stand between, and still grow a title.
                return self._cut_at(starts[-1], lines_of(tokens[starts[-2]])[1], 0, tokens, holding, text)
            holding.append(last)
        return None

    def cut_lines(self, tokens: list[Token], text: str) -> "Cut | None":
        """Return what is finished of the one block that the complete lines `text` were parsed to, if anything."""
        *holding, block = (tokens[starts[-1]] for starts, _ in levels(tokens))
        joined = block is tokens[len(self.path)] and bool(self.leaf)
        repeated = _lines_to_repeat(tokens, block, joined)
        around = None if repeated is None else self._around(tokens, holding, text)
        if repeated is None or around is None:
            return None
        start, end = lines_of(block)
        lines = [] if joined else text.split("\n")[start - self.lines :][:repeated]
        bare = [within(line, number, around) for number, line in enumerate(lines, start)]
        if None in bare:
            return None
        leaf = self.leaf if joined else "".join(f"{line}\n" for line in bare) or _INDENTED
        return Cut(tokens, offset_of(text, end - self.lines), Growth(_path(around), leaf), end)

    def cut_text(self, tokens: list[Token], text: str, references: dict[str, object]) -> "Cut | None":
        """Return what is settled of the paragraph that `text` was parsed to, if it is one and long enough."""
        holding = [tokens[starts[-1]] for starts, _ in levels(tokens)][:-1]
        if len(tokens) != 2 * len(holding) + 3 or tokens[len(holding) + 1].type != "inline":
            return None
        inline = tokens[len(holding) + 1]
        content = inline.content
        if not self.is_text and (len(content) <= LONGEST_HEADING or _MAY_DEFINE.match(content)):
            return None
        settled = settled_length(content, self._sure_text(content))
        around = self._around(tokens, holding, text) if settled >= _WORTH_IT else None
        end = None if around is None else self._place(inline, settled, text)
        if around is None or end is None:
            return None
        between = content[settled] if content[settled].isspace() else ""
        done = self.parse(text[:end], references)[0]
        if len(done) != len(tokens) or done[len(holding) + 1].content != content[:settled]:
            return None  # a line that was cut means something else
        start = lines_of(inline)[0]
        return Cut(done, end + len(between), Growth(_path(around), _STUB + between), start)

    # Where it stands

    def _cut_at(
        self, done: int, end: int, items: int, tokens: list[Token], holding: Sequence[Token], text: str
    ) -> "Cut | None":
        """Return the first `done` tokens as finished; what they stand in goes on, a list `items` further."""
        around = self._around(tokens, holding, text)
        if around is None:
            return None
        path = _path(around)
        if items and path[-1].number is not None:
            path = (*path[:-1], replace(path[-1], number=path[-1].number + items))
        closing = tokens[len(tokens) - len(holding) :]
        return Cut([*tokens[:done], *closing], offset_of(text, end - self.lines), Growth(path), end)

    def _around(self, tokens: list[Token], holding: Sequence[Token], text: str) -> list[Opened] | None:
        """Return the containers that these tokens open, each within the one before; None if that is unclear."""
        if len(holding) > _DEEPEST:
            return None
        lines = text.split("\n")
        around: list[Opened] = []
        for depth, token in enumerate(holding):
            if depth < len(self.path) and token is tokens[depth]:
                around.append(Opened(self.path[depth], -1))
                continue
            start = lines_of(token)[0]
            found = opened(token, lines[start - self.lines], start, around)
            if found is None:
                return None
            around.append(Opened(found, start))
        return around

    def _place(self, inline: Token, offset: int, text: str) -> int | None:
        """Return where in `text` the character stands that has this offset in a paragraph; None if that is unclear."""
        content = (_STUB if self.is_text else "") + inline.content
        offset += self.is_text
        row = content.count("\n", 0, offset)
        lines = (self.head + text).split("\n")
        number = lines_of(inline)[0] + row
        line, rest = lines[number], content[offset:].partition("\n")[0]
        if row == content.count("\n"):
            line = line.rstrip()
        if not line.endswith(rest):
            return None
        return sum(map(len, lines[:number])) + number + len(line) - len(rest) - len(self.head)

    def _sure_text(self, text: str) -> int:
        """Return up to where `text` cannot become the names of a table's columns, or a part of them."""
        start = text.rfind("\n") + 1
        last = text[start:]
        if len(last) > LONGEST_HEADING or (not start and self.is_text):
            return len(text)
        if _MAY_UNDERLINE.match(last):
            start = text.rfind("\n", 0, max(start - 1, 0)) + 1
        return start - 1


@dataclass(frozen=True, slots=True)
class Cut:
    """What was cut off: its tokens, the length of its text, how the rest grows on, and before which line it ends."""

    tokens: list[Token]
    length: int
    growth: Growth
    end: int


def is_long_text(tokens: Sequence[Token], text: str) -> bool:
    """Say whether the last line of `text`, complete or not, is known to belong to a paragraph."""
    inline = next((token for token in reversed(tokens) if token.nesting >= 0), None)
    if inline is None or inline.type != "inline" or len(text) - text.rfind("\n") <= LONGEST_HEADING:
        return False
    return len(inline.content) > LONGEST_HEADING and not _MAY_DEFINE.match(inline.content)


def lines_of(token: Token) -> list[int]:
    """Return the token's first line and the one behind its last."""
    assert token.map is not None, "every block has its lines"
    return token.map


def _path(around: Sequence[Opened]) -> tuple[Container, ...]:
    return tuple(one.container for one in around)


def _lines_to_repeat(tokens: list[Token], block: Token, joined: bool) -> int | None:
    """Return how many lines of the block its rest needs before it; None when nothing of it is finished."""
    if block.type == "fence" and block.content and not _is_closed(block):
        return 1
    if block.type == "code_block" and block.content.strip():
        return 0
    if block.type == "table_open":
        rows = sum(token.type == "tr_open" for token in tokens) - 1
        return 2 if rows > (0 if joined else DECIDING) else None
    return None


def _is_finished(block: Token, lines: int) -> bool:
    if block.type == "fence":
        return _is_closed(block)
    ended = lines_of(block)[1] < lines
    return block.type in _ENDED_BY_ITSELF or (block.type in _ENDED_BY_EMPTY_LINE and ended)


def _is_closed(fence: Token) -> bool:
    """Say whether the fence's end has come."""
    start, stop = lines_of(fence)
    return fence.content.count("\n") < stop - start - 1


def _without_stub(inline: Token) -> Token:
    children = list(inline.children or ())
    if children and children[0].type == "text":
        children[0] = children[0].copy(content=children[0].content.removeprefix(_STUB))
    return inline.copy(children=children, content=inline.content.removeprefix(_STUB))


def offset_of(text: str, lines: int) -> int:
    """Return where so many lines end."""
    offset = 0
    for _ in range(lines):
        offset = text.index("\n", offset) + 1
    return offset
