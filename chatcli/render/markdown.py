"""A reply's markdown as rich draws it, made safe for the terminal.

The drawing is rich's own. Different from `rich.markdown.Markdown` are: the tokens are given, not parsed
from a text, so that a reply can be drawn block by block; code stands without padding and background, so
that it can be copied; lines are not padded to the full width; HTML is shown as text, where rich drops it
(and with it half of `List<String>`); an image stands where it was written, where rich moves it before the
block it is in; only web and mail addresses become links that can be clicked; and what an entity such as
`&#x202e;` stands for is neutralised like everything else.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import cast

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pygments import token as code  # type: ignore[import-untyped]  # comes with rich
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Markdown
from rich.segment import Segment
from rich.style import Style
from rich.syntax import ANSISyntaxTheme, Syntax, SyntaxTheme

from chatcli.render.safe import neutralise

# The terminal's own colours, none that vanishes on a light or on a dark background.
INK: SyntaxTheme = ANSISyntaxTheme(
    {
        code.Token: Style(),
        code.Comment: Style(dim=True, italic=True),
        code.Comment.Preproc: Style(color="cyan"),
        code.Keyword: Style(color="magenta"),
        code.Operator.Word: Style(color="magenta"),
        code.Name.Builtin: Style(color="cyan"),
        code.Name.Class: Style(bold=True),
        code.Name.Function: Style(bold=True),
        code.Name.Decorator: Style(color="magenta"),
        code.Name.Tag: Style(color="magenta"),
        code.Name.Attribute: Style(color="cyan"),
        code.Name.Exception: Style(color="cyan"),
        code.String: Style(color="green"),
        code.Number: Style(color="cyan"),
        code.Generic.Deleted: Style(color="red"),
        code.Generic.Inserted: Style(color="green"),
        code.Generic.Heading: Style(bold=True),
        code.Generic.Subheading: Style(color="magenta"),
    }
)

# rich's defaults for inline code put it on black, which tears holes into a light background.
STYLES = {"markdown.code": Style(color="cyan", bold=True), "markdown.code_block": Style(color="cyan")}

_LOOK_BACK = 300  # lines
_CLICKABLE = ("http://", "https://", "mailto:")


@cache
def parser() -> MarkdownIt:
    """Return the parser of replies: CommonMark with tables and strikethrough, as rich has it, without HTML."""
    return MarkdownIt("commonmark", {"html": False}).enable("strikethrough").enable("table")


class ReplyMarkdown(Markdown):
    """Markdown tokens as a rich renderable.

    `follows` says that something stands above that wants a blank line below it. With `joined` the tokens
    begin with the rest of a list whose first items stand above: no line is left between.
    """

    def __init__(
        self,
        tokens: Sequence[Token],
        *,
        follows: bool = False,
        joined: bool = False,
        code_theme: str | SyntaxTheme = INK,
    ) -> None:
        # Not super().__init__: it would build a parser and parse, which costs more than to draw a short block.
        self.markup = ""
        self.parsed = [Token("html_block", "", 0), *tokens] if follows else list(tokens)
        self.theme = code_theme
        self.code_theme = self.inline_code_theme = code_theme if isinstance(code_theme, str) else "default"
        self.justify = None
        self.style = "none"
        self.hyperlinks = True
        self.inline_code_lexer = None
        self._joined = joined

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        drawn = cast(Iterable[Segment], super().__rich_console__(console, options))
        # A list opens with an empty line, even at the very top: the one line that has to go.
        for line in islice(Segment.split_lines(drawn), int(self._joined), None):
            yield from _trimmed(line)
            yield Segment.line()


class Code(CodeBlock):
    """A block of code, or the part of it that its token's `lines` name: from the first to before the second."""

    def __init__(self, lexer_name: str, theme: str | SyntaxTheme, lines: tuple[int, int | None]) -> None:
        super().__init__(lexer_name, "default")
        self._ink = theme
        self._lines = lines

    @classmethod
    def create(cls, markdown: Markdown, token: Token) -> "Code":
        """Return the element for a fence or an indented block."""
        assert isinstance(markdown, ReplyMarkdown)
        language = token.info.partition(" ")[0] or "text"
        return cls(language, markdown.theme, token.meta.get("lines", (0, None)))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        start, stop = self._lines
        yield Syntax(
            str(self.text).rstrip(),
            self.lexer_name,
            theme=self._ink,
            word_wrap=True,
            background_color="default" if isinstance(self._ink, str) else None,
            line_range=(start + 1, stop) if start or stop else None,
        )


def part_of_code(fence: Token, start: int, stop: int | None = None) -> Token:
    """Return a token for the lines of the fence from `start` to before `stop`, highlighted as parts of the whole."""
    return fence.copy(meta={"lines": (start, stop)})


def end_of_code(fence: Token, start: int, limit: int) -> Token:
    """Return a token for the last `limit` lines of the fence, none before `start`, for a quick look.

    What stands far above is not read, so the colours are only likely: the highlighting begins at a line that
    looks like the start of a definition.
    """
    lines = fence.content.split("\n")
    start = max(start, len(lines) - 1 - limit)
    for index in range(start, max(start - _LOOK_BACK, 0), -1):
        if lines[index][:1].isalpha() and not lines[index - 1].strip():
            return fence.copy(content="\n".join(lines[index:]), meta={"lines": (start - index, None)})
    return part_of_code(fence, start)


# Here, because their names are needed; rich looks the elements up in the class.
ReplyMarkdown.elements = {**Markdown.elements, "fence": Code, "code_block": Code}


def whole(text: str) -> ReplyMarkdown:
    """Return a whole text, from wherever it comes, as a renderable: to be printed on a console of `terminal`."""
    return ReplyMarkdown(parse(neutralise(text))[0])


def parse(text: str, references: dict[str, object] | None = None) -> tuple[list[Token], dict[str, object]]:
    """Return the tokens of `text`, safe to be drawn, and the link definitions: those given and its own."""
    env: dict[str, dict[str, object]] = {"references": dict(references or {})}
    tokens = parser().parse(text, env)
    for token in _all(tokens):
        _secure(token)
    return tokens, env["references"]


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


def _all(tokens: Iterable[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        if token.children:
            yield from _all(token.children)


def _secure(token: Token) -> None:
    # The text was neutralised before, but an entity can stand for any character.
    token.content = neutralise(token.content)
    if any(child.type == "image" for child in token.children or ()):
        token.children = list(_without_images(token.children or ()))
    if token.type == "link_open" and not _clickable(str(token.attrs.get("href", ""))):
        token.attrs["href"] = ""


def _without_images(tokens: Iterable[Token]) -> Iterator[Token]:
    """Yield the tokens with a link in place of each image."""
    for token in tokens:
        if token.type != "image":
            yield token
            continue
        source = str(token.attrs.get("src", ""))
        name = token.content or source.strip("/").rpartition("/")[2]
        yield Token("link_open", "a", 1, attrs={"href": source})
        yield Token("text", "", 0, content=f"🌆 {name}")
        yield Token("link_close", "a", -1)


def _clickable(target: str) -> bool:
    return target.lower().startswith(_CLICKABLE)
