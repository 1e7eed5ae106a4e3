"""What the chat itself says beside the replies: light, without rich, neutralised.

What was asked for is on stdout, errors are on stderr. Notices stand between the replies on a terminal; where
the replies go elsewhere, notices are on stderr, if that is a terminal.
"""

import os
import shutil
import sys
from itertools import pairwise
from typing import TextIO

from chatcli.errors import ChatError
from chatcli.palette import sgr
from chatcli.render.safe import neutralise
from chatcli.render.theme import colors

_RESET = "\x1b[0m"

_FIRST_WIDE = "\u1100"
"""The first character that takes two cells."""


class Screen:
    """Prints lines in a few styles; in none where colours are not wanted (`NO_COLOR`, `TERM=dumb`, a pipe)."""

    def __init__(self, out: TextIO, errors: TextIO | None, plain: bool = False) -> None:
        self._out = out
        self._errors = errors
        dumb = os.environ.get("TERM", "dumb") in ("dumb", "unknown", "")
        self.on_a_terminal = out.isatty()
        self.plain = plain or dumb or not self.on_a_terminal
        self._colours = not (plain or dumb or os.environ.get("NO_COLOR"))
        beside = errors if errors is not None and errors.isatty() else None
        self._notices = out if self.on_a_terminal else beside

    @property
    def width(self) -> int:
        """The terminal's columns, or what stands for them where there is none."""
        return shutil.get_terminal_size().columns

    def say(self, text: str = "") -> None:
        """Print text as it is."""
        self._print(self._out, neutralise(text))

    def passage(self, text: str) -> None:
        """Print text as it is, on a terminal with its prose broken between words; code and tables are left alone."""
        self._print(self._out, self._prose(text))

    def wrapped(self, text: str, style: str) -> None:
        """Print text in a style of the console's, its lines broken between words."""
        if self.plain:
            self.say(text)
            return
        from rich.text import Text

        from chatcli.render.streaming import terminal
        from chatcli.render.wrapping import wrapped as paragraphs

        console = terminal(self._out)
        console.print(*paragraphs(Text(neutralise(text), style=style), console, console.width), sep="\n")

    def tell(self, text: str) -> None:
        """Print a dim line that was asked for."""
        self._print(self._out, self._between_words(text), colors().dim)

    def aside(self, text: str) -> None:
        """Print a dim line: something that happened."""
        self._print(self._notices, self._between_words(text), colors().dim)

    def heading(self, text: str) -> None:
        """Print a line that stands above others that were asked for."""
        self._print(self._out, neutralise(text), colors().prompt)

    def said(self, prompt: str, text: str) -> None:
        """Print what the user said before, as it stood there then."""
        asked = prompt.rstrip()
        self._print(self._out, asked, colors().prompt, self._prose(f"{asked} {text}").removeprefix(asked))

    def warn(self, text: str) -> None:
        """Print a line that wants attention."""
        self._print(self._notices, self._between_words(text), colors().warning)

    def error(self, error: ChatError) -> None:
        """Print the two lines of an error, on a terminal broken between words."""
        wide = self._errors is None or not self._errors.isatty()
        for label, style, text in (("error:", colors().error, error.message), ("hint:", colors().dim, error.hint)):
            line = f"{label} {' '.join(neutralise(text).split())}"
            shown = line if wide else self._between_words(line)
            self._print(self._errors, label, style, shown.removeprefix(label))

    def clear(self) -> None:
        """Clear the screen, not the scrollback."""
        if not self.plain:
            self._out.write("\x1b[H\x1b[2J")
            self._out.flush()

    def _between_words(self, text: str) -> str:
        """Return the text neutralised; on a terminal a line that is too wide is broken between words."""
        text = neutralise(text)
        if self.plain or len(text) * 2 <= self.width:
            return text
        return "\n".join("\n".join(wrapped(line, self.width)) for line in text.split("\n"))

    def _prose(self, text: str) -> str:
        """Return the text neutralised; on a terminal its lines are broken between words, but not those of code."""
        text = neutralise(text)
        if self.plain:
            return text
        shown, fenced = [], False
        for line in text.split("\n"):
            fence = line.lstrip().startswith(("```", "~~~"))
            fenced ^= fence
            alone = fence or fenced or line.startswith(("    ", "\t", "|"))
            shown += [line] if alone else wrapped(line, self.width)
        return "\n".join(shown)

    def _print(self, to: TextIO | None, text: str, style: str = "", rest: str = "") -> None:
        """Print a line: `text` in a style, then `rest`."""
        if to is None:
            return
        if style and self._colours and to.isatty():
            text = f"{sgr(style)}{text}{_RESET}"
        to.write(f"{text}{rest}\n")
        to.flush()


def wrapped(line: str, width: int) -> list[str]:
    """Return the line's words in lines of at most `width` cells; a longer word is left to the terminal."""
    if len(line) <= width and max(line, default="") < _FIRST_WIDE:
        return [line]
    from chatcli.render.breaking import breaks

    return [line[start:end].rstrip() for start, end in pairwise([0, *breaks(line, width, fold=False), len(line)])]


def on_stdout(plain: bool = False) -> Screen:
    """Return the screen on stdout, its errors on stderr."""
    return Screen(sys.stdout, sys.stderr, plain)
