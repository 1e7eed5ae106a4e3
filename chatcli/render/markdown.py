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
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any, cast

from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.cells import chop_cells
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, ListElement, Markdown, Paragraph, TableElement
from rich.segment import Segment
from rich.style import Style
from rich.syntax import SyntaxTheme
from rich.text import Text

from chatcli.render.breaking import has_cjk
from chatcli.render.code import Highlighter
from chatcli.render.columns import Columns, columns
from chatcli.render.grammar import grammar
from chatcli.render.links import TARGET, honest
from chatcli.render.safe import neutralise
from chatcli.render.styles import code_theme as code_theme_in_force
from chatcli.render.wrapping import wrapped

_BORN_APART = ("bullet_list_open", "ordered_list_open", "table_open")
"""Blocks before which rich leaves an empty line even when nothing stands above."""


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

    def copy(self) -> "Thread":
        """Return one that can be drawn with, and leaves this one as it is."""
        return Thread(self.code and self.code.copy(), self.empty_lines, self.columns, self.text)


class ReplyMarkdown(Markdown):
    """Markdown tokens as a rich renderable.

    `follows` says that something stands above that wants a blank line below it. With `joined` the first block
    is the rest of one that stands above, with `open` the last one goes on: `thread` runs through its parts.
    `live`: lines of code are broken at the edge, as the terminal does with those that are printed.
    """

    def __init__(
        self,
        tokens: Sequence[Token],
        *,
        follows: bool = False,
        joined: Thread | None = None,
        open: Thread | None = None,
        live: bool = False,
        code_theme: str | SyntaxTheme | None = None,
    ) -> None:
        # Not super().__init__: it would build a parser and parse, which costs more than to draw a short block.
        self.markup = ""
        self.parsed = [Token("html_block", "", 0), *tokens] if follows and joined is None else list(tokens)
        self.theme = code_theme_in_force() if code_theme is None else code_theme
        self.code_theme = self.inline_code_theme = self.theme if isinstance(self.theme, str) else "default"
        self.justify = None
        self.style = "none"
        self.hyperlinks = True
        self.inline_code_lexer = None
        self.live = live
        self.joined, self.open = joined, open
        self._first = tokens[0] if tokens else None
        self._last = next((token for token in reversed(tokens) if token.level == 0 and token.nesting >= 0), None)

    inlines = Markdown.inlines | {TARGET}

    def threads(self, token: Token) -> tuple[Thread | None, Thread | None]:
        """Return the thread that the block of this token goes on with, and the one that it leaves."""
        return (self.joined if token is self._first else None), (self.open if token is self._last else None)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        drawn = cast(Iterable[Segment], super().__rich_console__(console, options))
        born_apart = self.joined is not None and self._first is not None and self._first.type in _BORN_APART
        for line in islice(Segment.split_lines(drawn), int(born_apart), None):
            yield from _trimmed(line)
            yield Segment.line()


class Prose(Paragraph):
    """A paragraph, or a part of one: then its last line waits for the next part."""

    @classmethod
    def create(cls, markdown: Markdown, token: Token) -> "Prose":
        """Return the element for a paragraph."""
        element = cls("left")
        element.before, element.after = cast(ReplyMarkdown, markdown).threads(token)
        return element

    before: Thread | None
    after: Thread | None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        text = self.text
        if self.before is not None and self.before.text is not None:
            text = self.before.text + text
        text.justify = "left"
        if self.after is None and not has_cjk(text.plain):
            yield text
            return
        lines = wrapped(text, console, options.max_width)
        if self.after is None:
            yield from lines
            return
        self.after.text, printed = _rest_of(text, lines[-1]), lines[:-1]
        if self.after.text is None:
            self.after.text, printed = text, lines[:0]
        yield from printed


class Numbers(ListElement):
    """A list whose items each have the room that their own number needs: none moves when the tenth comes."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.list_type == "bullet_list_open":
            yield from super().__rich_console__(console, options)
            return
        for number, item in enumerate(self.items, 1 if self.list_start is None else self.list_start):
            yield from item.render_number(console, options, number, number)


class Table(TableElement):
    """A table, or the next rows of one."""

    @classmethod
    def create(cls, markdown: Markdown, token: Token) -> "Table":
        """Return the element for a table."""
        element = cls()
        element.before, element.after = cast(ReplyMarkdown, markdown).threads(token)
        return element

    before: Thread | None
    after: Thread | None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        names = [cell.content for cell in self.header.row.cells] if self.header and self.header.row else []
        for name in names:
            name.stylize("markdown.table.header")
        rows = [[cell.content for cell in row.cells] for row in self.body.rows] if self.body else []
        room = options.max_width
        stand = self.before.columns if self.before else None
        if stand is None:
            stand = columns(names, rows, room)
            yield from stand.head(console)
        for row in rows:
            yield from stand.row(row, console, room)
        if self.after is not None:
            self.after.columns = stand


class Code(CodeBlock):
    """A block of code, or the next lines of one. Its lines are left unbroken where they begin at the left edge."""

    before: Thread | None
    after: Thread | None

    @classmethod
    def create(cls, markdown: Markdown, token: Token) -> "Code":
        """Return the element for a fence, an indented block or a formula."""
        reply = cast(ReplyMarkdown, markdown)
        element = cls(token.info.partition(" ")[0], "default")
        element.before, element.after = reply.threads(token)
        element.ink, element.live = reply.theme, reply.live
        return element

    ink: str | SyntaxTheme
    live: bool

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        code = (self.before and self.before.code) or Highlighter(self.lexer_name, self.ink)
        lines = str(self.text).split("\n")
        while lines and not lines[-1].strip():
            lines.pop()
        held = self.before.empty_lines if self.before else 0
        room = options.max_width if self.live or options.max_width < console.width else 0
        for line in [*[""] * held, *lines] if lines else ():
            yield from _folded(code.line(line.rstrip()), room)
        if self.after is not None:
            missing = str(self.text).count("\n") - len(lines)
            self.after.code, self.after.empty_lines = code, missing if lines else held + missing


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


# Here, because their names are needed; rich looks the elements up in the class.
ReplyMarkdown.elements = {
    **Markdown.elements,
    "paragraph_open": Prose,
    "bullet_list_open": Numbers,
    "ordered_list_open": Numbers,
    "table_open": Table,
    "fence": Code,
    "code_block": Code,
    "formula": Code,
}


def whole(text: str) -> ReplyMarkdown:
    """Return a whole text, from wherever it comes, as a renderable: to be printed on a console of `terminal`."""
    return ReplyMarkdown(parse(neutralise(text))[0])


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
