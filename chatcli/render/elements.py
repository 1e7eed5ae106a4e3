"""The blocks of a reply as rich draws them, each of them whole or in parts, as it comes.

A part goes on with the thread of the one above it, and leaves one for the part below.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar, cast

from markdown_it.token import Token
from rich.cells import chop_cells
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, HorizontalRule, ListItem, Markdown, Paragraph, TableElement
from rich.segment import Segment
from rich.syntax import SyntaxTheme
from rich.text import Text

from chatcli.render.breaking import has_cjk
from chatcli.render.code import Highlighter
from chatcli.render.columns import Columns, columns
from chatcli.render.wrapping import wrapped


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


@dataclass(frozen=True, slots=True)
class Strand:
    """The threads that a block goes on with and gives on, and how many blocks are around it on their way."""

    before: Thread | None
    after: Thread | None
    place: int


class Woven(Protocol):
    """What an element asks of the markdown that it is a part of."""

    theme: str | SyntaxTheme
    live: bool

    def strand(self, token: Token) -> Strand:
        """Return how the block of this token hangs together with what stands above and below."""
        ...


class Prose(Paragraph):
    """A paragraph, or a part of one: then its last line waits for the next part."""

    @classmethod
    def create(cls, markdown: Markdown, token: Token) -> "Prose":
        """Return the element for a paragraph."""
        return _woven(cls("left"), markdown, token)

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
        return _woven(cls(), markdown, token)

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
        return _woven(cls(), markdown, token)

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
        element = _woven(cls(token.info.partition(" ")[0], "default"), markdown, token)
        element.ink, element.live = cast(Woven, markdown).theme, cast(Woven, markdown).live
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


Element = TypeVar("Element", Prose, Item, Table, Code)


def _woven(element: Element, markdown: Markdown, token: Token) -> Element:
    """Return the element with the strand that leads through it."""
    element.strand = cast(Woven, markdown).strand(token)
    return element


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


def _rest_of(text: Text, last: Text) -> Text | None:
    """Return the end of `text` that is drawn as the line `last`; None when that cannot be told."""
    start = len(text.plain.rstrip()) - len(last.plain.rstrip())
    if "\t" in text.plain or not text.plain[start:].startswith(last.plain.rstrip()):
        return None
    return text[start:] if start < len(text) else Text()
