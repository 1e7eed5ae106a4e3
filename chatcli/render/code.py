"""Code, highlighted line by line: what stands in a line decides its colours, together with the lines before it.

So a line of a growing block is finished as soon as it is complete, and no line is looked at twice. Pygments
itself reads a whole text; here its lexers are stopped at the end of each line and go on in the state that they
had. What some of them read in one piece over several lines (a comment of C, a raw string of Go) would be taken
for something else until it is closed: such constructs are found out by trying them, and end where they close.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from pygments import token as kinds  # type: ignore[import-untyped]  # comes with rich
from pygments.lexer import Lexer, RegexLexer  # type: ignore[import-untyped]
from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]
from pygments.util import ClassNotFound  # type: ignore[import-untyped]
from rich.style import Style
from rich.syntax import ANSISyntaxTheme, Syntax, SyntaxTheme
from rich.text import Text

# The terminal's own colours, none that vanishes on a light or on a dark background.
INK: SyntaxTheme = ANSISyntaxTheme(
    {
        kinds.Token: Style(),
        kinds.Comment: Style(dim=True, italic=True),
        kinds.Comment.Preproc: Style(color="cyan"),
        kinds.Keyword: Style(color="magenta"),
        kinds.Operator.Word: Style(color="magenta"),
        kinds.Name.Builtin: Style(color="cyan"),
        kinds.Name.Class: Style(bold=True),
        kinds.Name.Function: Style(bold=True),
        kinds.Name.Decorator: Style(color="magenta"),
        kinds.Name.Tag: Style(color="magenta"),
        kinds.Name.Attribute: Style(color="cyan"),
        kinds.Name.Exception: Style(color="cyan"),
        kinds.String: Style(color="green"),
        kinds.Number: Style(color="cyan"),
        kinds.Generic.Deleted: Style(color="red"),
        kinds.Generic.Inserted: Style(color="green"),
        kinds.Generic.Heading: Style(bold=True),
        kinds.Generic.Subheading: Style(color="magenta"),
    }
)

_TAB = 4
_ROOT = ("root",)
_ENCLOSED = (
    ("/*", "*/"),
    ("<!--", "-->"),
    ('"""', '"""'),
    ("'''", "'''"),
    ("{-", "-}"),
    ("--[[", "]]"),
    ("<#", "#>"),
    ("#|", "|#"),
    ("(*", "*)"),
    ("`", "`"),
    ('"', '"'),
    ("'", "'"),
)


class Highlighter:
    """Colours the lines of one block of code, in order.

    `language` is the fence's word for it; one that nobody knows gets no colours. `theme` names a style of
    Pygments, or is one of rich's.
    """

    def __init__(self, language: str, theme: str | SyntaxTheme = INK) -> None:
        self._lexer, self._enclosed = _lexer(language)
        self._theme = Syntax.get_theme(theme)
        self._stack: tuple[str, ...] = _ROOT
        self._until: tuple[str, Any] | None = None  # what closes the construct that is open, and its kind

    def copy(self) -> "Highlighter":
        """Return one that goes on from here by itself."""
        other = object.__new__(Highlighter)
        other.__dict__.update(self.__dict__)
        return other

    def line(self, line: str) -> Text:
        """Return the next line, without its end, in colours."""
        text, line = Text(end=""), line.expandtabs(_TAB)
        if self._lexer is None:
            return text.append(line)
        for kind, value in self._pieces(self._lexer, line):
            text.append(value, self._theme.get_style_for_token(kind))
        if len(text) > len(line):  # the end of the line that the lexer was given
            text.right_crop(len(text) - len(line))
        return text

    def _pieces(self, lexer: Any, line: str) -> Iterator[tuple[Any, str]]:
        start = 0
        if self._until is not None:
            closing, kind = self._until
            end = line.find(closing)
            start = len(line) if end < 0 else end + len(closing)
            yield kind, line[:start]
            if end < 0:
                return
            self._until = None
        yield from self._lexed(lexer, line[start:])

    def _lexed(self, lexer: Any, line: str) -> Iterator[tuple[Any, str]]:
        if not isinstance(lexer, _Resumed):
            yield from ((kind, value) for _, kind, value in lexer.get_tokens_unprocessed(line + "\n"))
            return
        lexer.resume(self._stack)
        found = [(lexer.stack, *token) for token in lexer.get_tokens_unprocessed(line + "\n")]
        self._stack = lexer.stack
        behind = [stack for stack, *_ in found[1:]] + [lexer.stack]
        for (stack, start, kind, value), after in zip(found, behind, strict=True):
            closes = len(after) < len(stack)  # a state that was open: the quote that ends a string opens none
            if not closes and (opened := self._opened(line, start, kind)):
                self._until, self._stack = opened, stack
                yield opened[1], line[start:]
                return
            yield kind, value

    def _opened(self, line: str, start: int, kind: Any) -> tuple[str, Any] | None:
        """Return what closes the construct that begins here and is not closed in this line, and its kind."""
        for opening, closing, enclosed in self._enclosed:
            if kind is not enclosed and (kind in kinds.Comment or kind in kinds.String):
                continue  # it only stands in one
            if line.startswith(opening, start) and line.find(closing, start + len(opening)) < 0:
                return closing, enclosed
        return None


class _Resumed(RegexLexer):  # type: ignore[misc]
    """Below a lexer's class in the order of bases: does what Pygments does there, but begins in a given state."""

    stack: tuple[str, ...] = _ROOT
    _entered = True

    def resume(self, stack: tuple[str, ...]) -> None:
        """Let the next text be read in the state that `stack` is; afterwards `stack` is the one it ended in."""
        self.stack, self._entered = stack, False

    def get_tokens_unprocessed(self, text: str, stack: Any = _ROOT) -> Iterator[tuple[int, Any, str]]:
        if self._entered:  # a lexer that reads a part of its text by itself
            yield from super().get_tokens_unprocessed(text, stack)
            return
        self._entered = True
        position, states = 0, list(self.stack)
        while position < len(text):
            for match_at, action, change in self._tokens[states[-1]]:
                if match := match_at(text, position):
                    if type(action) is kinds._TokenType:
                        yield position, action, match.group()
                    elif action is not None:
                        yield from action(self, match)
                    position = match.end()
                    _changed(states, change)
                    break
            else:
                if text[position] == "\n":
                    states = ["root"]
                yield position, kinds.Error if text[position] != "\n" else kinds.Whitespace, text[position]
                position += 1
            self.stack = tuple(states)


def _changed(states: list[str], change: Any) -> None:
    """Change the states as a rule of Pygments says."""
    if isinstance(change, int):
        del states[max(len(states) + change, 1) :]
        return
    for state in (change,) if isinstance(change, str) else change or ():
        if state == "#pop":
            del states[max(len(states) - 1, 1) :]
        else:
            states.append(states[-1] if state == "#push" else state)


@cache
def _lexer(language: str) -> tuple[Lexer | None, tuple[tuple[str, str, Any], ...]]:
    """Return the language's lexer, None when there is none, and what it encloses over several lines."""
    try:
        lexer = get_lexer_by_name(language, stripnl=False, tabsize=_TAB)
    except (ClassNotFound, OSError):
        return None, ()
    if not isinstance(lexer, RegexLexer):
        return lexer, ()
    found = tuple((*pair, kind) for pair in _ENCLOSED if (kind := _kind(lexer, *pair)) is not None)
    resumed = type(f"Resumed{type(lexer).__name__}", (type(lexer), _Resumed), {})
    return resumed(stripnl=False, tabsize=_TAB), found


def _kind(lexer: Lexer, opening: str, closing: str) -> Any:
    """Return the kind of what the lexer reads in one piece between the two, over several lines; or None."""
    text = f"{opening}x\ny{closing}"
    _, kind, value = next(token for token in lexer.get_tokens_unprocessed(text + "\n") if token[2])
    return kind if value == text and (kind in kinds.Comment or kind in kinds.String) else None
