"""A reply's markdown as rich draws it, made safe for the terminal.

The drawing is rich's own. Different from `rich.markdown.Markdown` are: the tokens are given, not parsed
from a text, so that a reply can be drawn block by block; code stands without padding and background, its
lines unbroken, so that it can be copied; a table's columns and a list's numbers do not wait for what follows;
lines are not padded to the full width; HTML is shown as text, where rich drops it (and with it half of
`List<String>`); formulas stay as they are; an image stands where it was written, where rich moves it before the
block it is in; only web and mail addresses become links that can be clicked, and what they say is where they
lead; and what an entity such as `&#x202e;` stands for is neutralised like everything else.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from typing import Any, cast

from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.cells import chop_cells
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, HorizontalRule, ListItem, Markdown, Paragraph, TableElement
from rich.segment import Segment
from rich.style import Style
from rich.syntax import SyntaxTheme
from rich.text import Text

from chatcli.render.breaking import has_cjk
from chatcli.render.code import Highlighter
from chatcli.render.columns import Columns, columns
from chatcli.render.grammar import grammar
from chatcli.render.links import TARGET, honest
from chatcli.render.nesting import LISTS, QUOTE, Blocks, levels
from chatcli.render.safe import neutralise
from chatcli.render.styles import code_theme as code_theme_in_force
from chatcli.render.wrapping import wrapped


@cache
def parser() -> MarkdownIt:
    """Return the parser of replies."""
    return grammar()


@dataclass(slots=True)
class Thread:
    """What runs on from the part of a block that is printed to the next one."""

    code: Highlighter | None = None
    empty_lines: int = 0
    columns: Columns | None = None
    text: Text | None = None
    marked: int = 0
    """So many of the blocks around have printed a line: their bullets and numbers stand."""

    def copy(self) -> "Thread":
        """Return one that can be drawn with, and leaves this one as it is."""
        return replace(self, code=self.code and self.code.copy())


class ReplyMarkdown(Markdown):
    """Markdown tokens as a rich renderable.

    `follows` says that something stands above that wants a blank line below it. Of the first block and those that
    begin it `blocks.joined` go on with what stands above: the thread `joined` comes from there. Of the last and those
    that end it `blocks.open` go on below: the thread `open` is given on.
    `live`: lines of code are broken at the edge, as the terminal does with those that are printed.
    """

    def __init__(
        self,
        blocks: Blocks,
        *,
        follows: bool = False,
        joined: Thread | None = None,
        open: Thread | None = None,
        live: bool = False,
        code_theme: str | SyntaxTheme | None = None,
    ) -> None:
        # Not super().__init__: it would build a parser and parse, which costs more than to draw a short block.
        self.markup = ""
        self.parsed = [Token("html_block", "", 0)] if follows and joined is None else []
        self.parsed += blocks.tokens
        self.theme = code_theme_in_force() if code_theme is None else code_theme
        self.code_theme = self.inline_code_theme = self.theme if isinstance(self.theme, str) else "default"
        self.justify = None
        self.style = "none"
        self.hyperlinks = True
        self.inline_code_lexer = None
        self.live = live
        self._joined, self._open = joined, open
        self._first = blocks.tokens[: blocks.joined]
        self._last = [blocks.tokens[starts[-1]] for starts, _ in islice(levels(blocks.tokens), blocks.open)]
        self._unseen = joined is not None and _is_apart(blocks.tokens)

    inlines = Markdown.inlines | {TARGET}

    def strand(self, token: Token) -> "Strand":
        """Return how the block of this token hangs together with what stands above and below."""
        above = next((depth for depth, one in enumerate(self._first) if one is token), None)
        below = next((depth for depth, one in enumerate(self._last) if one is token), None)
        place = above if above is not None else below or 0
        return Strand(None if above is None else self._joined, None if below is None else self._open, place)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        drawn = cast(Iterable[Segment], super().__rich_console__(console, options))
        for line in islice(Segment.split_lines(drawn), int(self._unseen), None):
            yield from _trimmed(line)
            yield Segment.line()


@dataclass(frozen=True, slots=True)
class Strand:
    """The threads that a block goes on with and gives on, and how many blocks are around it on their way."""

    before: Thread | None
    after: Thread | None
    place: int


class Prose(Paragraph):
    """A paragraph, or a part of one: then its last line waits for the next part."""

    @classmethod
    def create(cls, markdown: Markdown, token: Token) -> "Prose":
        """Return the element for a paragraph."""
        element = cls("left")
        element.strand = cast(ReplyMarkdown, markdown).strand(token)
        return element

    strand: Strand

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        text = self.text
        if self.strand.before is not None and self.strand.before.text is not None:
            text = self.strand.before.text + text
        text.justify = "left"
        if self.strand.after is None and not has_cjk(text.plain):
            yield text
            return
        lines = wrapped(text, console, options.max_width)
        if self.strand.after is None:
            yield from lines
            return
        self.strand.after.text, printed = _rest_of(text, lines[-1]), lines[:-1]
        if self.strand.after.text is None:
            self.strand.after.text, printed = text, lines[:0]
        yield from printed


class Item(ListItem):
    """An item of a list, or a part of one: its bullet or number stands before the first line of all."""

    @classmethod
    def create(cls, markdown: Markdown, token: Token) -> "Item":
        """Return the element for an item."""
        element = cls()
        element.strand = cast(ReplyMarkdown, markdown).strand(token)
        return element

    strand: Strand

    def render_bullet(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the item of a list with bullets."""
        return self._marked(Segment(" • ", console.get_style("markdown.item.bullet", default="none")), console, options)

    def render_number(self, console: Console, options: ConsoleOptions, number: int, last_number: int) -> RenderResult:
        """Yield the item of a list with numbers, with the room that its own needs: none moves when the tenth comes."""
        style = console.get_style("markdown.item.number", default="none")
        return self._marked(Segment(f" {number} ", style), console, options)

    def _marked(self, mark: Segment, console: Console, options: ConsoleOptions) -> RenderResult:
        inner = options.update(width=options.max_width - len(mark.text))
        lines = console.render_lines(self.elements, inner, style=self.style)
        before, after, place = self.strand.before, self.strand.after, self.strand.place
        stands = before is not None and place < before.marked
        if after is not None and (stands or lines):
            after.marked = max(after.marked, place + 1)
        padding = Segment(" " * len(mark.text), mark.style)
        for row, line in enumerate(lines):
            yield padding if row or stands else mark
            yield from line
            yield Segment.line()


class InnerRule(HorizontalRule):
    """A rule within a block: the block is set off from the one above even when it ends with it."""

    new_line = True

    @classmethod
    def create(cls, markdown: Markdown, token: Token) -> HorizontalRule:
        """Return the element for a rule."""
        return cls() if token.level else HorizontalRule()


class Table(TableElement):
    """A table, or the next rows of one."""

    @classmethod
    def create(cls, markdown: Markdown, token: Token) -> "Table":
        """Return the element for a table."""
        element = cls()
        element.strand = cast(ReplyMarkdown, markdown).strand(token)
        return element

    strand: Strand

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        names = [cell.content for cell in self.header.row.cells] if self.header and self.header.row else []
        for name in names:
            name.stylize("markdown.table.header")
        rows = [[cell.content for cell in row.cells] for row in self.body.rows] if self.body else []
        room = options.max_width
        stand = self.strand.before.columns if self.strand.before else None
        if stand is None:
            stand = columns(names, rows, room)
            yield from stand.head(console)
        for row in rows:
            yield from stand.row(row, console, room)
        if self.strand.after is not None:
            self.strand.after.columns = stand


class Code(CodeBlock):
    """A block of code, or the next lines of one. Its lines are left unbroken where they begin at the left edge."""

    strand: Strand

    @classmethod
    def create(cls, markdown: Markdown, token: Token) -> "Code":
        """Return the element for a fence, an indented block or a formula."""
        reply = cast(ReplyMarkdown, markdown)
        element = cls(token.info.partition(" ")[0], "default")
        element.strand = reply.strand(token)
        element.ink, element.live = reply.theme, reply.live
        return element

    ink: str | SyntaxTheme
    live: bool

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        code = (self.strand.before and self.strand.before.code) or Highlighter(self.lexer_name, self.ink)
        lines = str(self.text).split("\n")
        while lines and not lines[-1].strip():
            lines.pop()
        held = self.strand.before.empty_lines if self.strand.before else 0
        room = options.max_width if self.live or options.max_width < console.width else 0
        for line in [*[""] * held, *lines] if lines else ():
            yield from _folded(code.line(line.rstrip()), room)
        if self.strand.after is not None:
            missing = str(self.text).count("\n") - len(lines)
            self.strand.after.code, self.strand.after.empty_lines = code, missing if lines else held + missing


def _folded(line: Text, room: int) -> Iterator[Text]:
    """Yield the line, broken at the edge of so much room, if any; it ends with its last piece."""
    line.end = "\n"
    line.no_wrap, line.overflow = True, "ignore"
    plain = line.plain
    if not room or len(plain) * 2 <= room:
        yield line
        return
    offsets, offset = [], 0
    for piece in chop_cells(plain, room)[:-1]:
        offset += len(piece)
        offsets.append(offset)
    for part in line.divide(offsets):
        part.end, part.no_wrap, part.overflow = "\n", True, "ignore"
        yield part


def _is_apart(tokens: Sequence[Token]) -> bool:
    """Say whether rich leaves an empty line before these even when nothing stands above."""
    kind = tokens[0].type
    return kind in (*LISTS, "table_open") or (kind == QUOTE and tokens[1].nesting >= 0)


def _rest_of(text: Text, last: Text) -> Text | None:
    """Return the end of `text` that is drawn as the line `last`; None when that cannot be told."""
    start = len(text.plain.rstrip()) - len(last.plain.rstrip())
    if "\t" in text.plain or not text.plain[start:].startswith(last.plain.rstrip()):
        return None
    return text[start:] if start < len(text) else Text()


# Here, because their names are needed; rich looks the elements up in the class.
ReplyMarkdown.elements = {
    **Markdown.elements,
    "paragraph_open": Prose,
    "list_item_open": Item,
    "hr": InnerRule,
    "table_open": Table,
    "fence": Code,
    "code_block": Code,
    "formula": Code,
}


def whole(text: str) -> ReplyMarkdown:
    """Return a whole text, from wherever it comes, as a renderable: to be printed on a console of `terminal`."""
    return ReplyMarkdown(Blocks(parse(neutralise(text))[0]))


def parse(
    text: str, references: Mapping[str, object] | None = None, env: Mapping[str, object] | None = None
) -> tuple[list[Token], dict[str, object]]:
    """Return the tokens of `text`, safe to be drawn, and the link definitions: those given and its own.

    `env` tells the parser more.
    """
    known: dict[str, Any] = {**(env or {}), "references": dict(references or {})}
    tokens = parser().parse(text, known)
    for token in tokens:
        _secure(token)
    return tokens, known["references"]


def _secure(token: Token) -> None:
    # The text was neutralised before, but an entity can stand for any character.
    token.content = neutralise(token.content)
    for child in token.children or ():
        _secure(child)
    if any(child.type in ("image", "link_open") for child in token.children or ()):
        token.children = list(honest(token.children or ()))


def _trimmed(line: list[Segment]) -> list[Segment]:
    """Return the line without the spaces that pad it to the full width.

    They cannot be seen, but they are copied, and wrap into empty lines when the window gets narrower.
    """
    while line and not line[-1].text.strip(" ") and _invisible(line[-1].style):
        line = line[:-1]
    if line and _invisible(line[-1].style):
        text, style, _ = line[-1]
        return [*line[:-1], Segment(text.rstrip(" "), style)]
    return line


def _invisible(style: Style | None) -> bool:
    """Say whether a space in this style cannot be seen."""
    return style is None or not (style.bgcolor or style.underline or style.reverse or style.strike)
