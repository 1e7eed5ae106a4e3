"""A reply's markdown as rich draws it, made safe for the terminal.

The drawing is rich's own. Different from `rich.markdown.Markdown` are: the tokens are given, not parsed
from a text, so that a reply can be drawn block by block; code stands without padding and background, its
lines unbroken, so that it can be copied; a table's columns and a list's numbers do not wait for what follows;
lines are not padded to the full width; HTML is shown as text, where rich drops it (and with it half of
`List<String>`); formulas stay as they are; an image stands where it was written, where rich moves it before the
block it is in; only web and mail addresses become links that can be clicked, and what they say is where they
lead; and what an entity such as `&#x202e;` stands for is neutralised like everything else.
"""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import cast

from markdown_it.token import Token
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Markdown
from rich.segment import Segment
from rich.style import Style
from rich.syntax import SyntaxTheme

from chatcli.render.elements import Code, InnerRule, Item, Prose, Strand, Table, Thread
from chatcli.render.links import TARGET
from chatcli.render.nesting import LISTS, QUOTE, Blocks, levels
from chatcli.render.parsing import parse
from chatcli.render.safe import neutralise
from chatcli.render.styles import code_theme as code_theme_in_force


class ReplyMarkdown(Markdown):
    """Markdown tokens as a rich renderable.

    `follows` says that something stands above that wants a blank line below it. Of the first block and those that
    begin it `blocks.joined` go on with what stands above: the thread `joined` comes from there. Of the last and those
    that end it `blocks.open` go on below: the thread `open` is given on.
    `live`: lines of code are broken at the edge, as the terminal does with those that are printed.
    """

    elements = Markdown.elements | {
        "paragraph_open": Prose,
        "list_item_open": Item,
        "hr": InnerRule,
        "table_open": Table,
        "fence": Code,
        "code_block": Code,
        "formula": Code,
    }
    inlines = Markdown.inlines | {TARGET}

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

    def strand(self, token: Token) -> Strand:
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


def _is_apart(tokens: Sequence[Token]) -> bool:
    """Say whether rich leaves an empty line before these even when nothing stands above."""
    kind = tokens[0].type
    return kind in (*LISTS, "table_open") or (kind == QUOTE and tokens[1].nesting >= 0)


def whole(text: str) -> ReplyMarkdown:
    """Return a whole text, from wherever it comes, as a renderable: to be printed on a console of `terminal`."""
    return ReplyMarkdown(Blocks(parse(neutralise(text))[0]))


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
