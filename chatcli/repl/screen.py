"""What the chat itself says on the screen, beside the replies: light, without rich, neutralised."""

import os
import sys
from typing import TextIO

from chatcli.errors import ChatError
from chatcli.render.safe import neutralise

_DIM, _BOLD, _CYAN, _RED, _YELLOW, _RESET = "\x1b[2m", "\x1b[1m", "\x1b[36m", "\x1b[31m", "\x1b[33m", "\x1b[0m"


class Screen:
    """Prints lines in a few styles; in none where colours are not wanted (`NO_COLOR`, `TERM=dumb`, a pipe)."""

    def __init__(self, out: TextIO, plain: bool = False) -> None:
        self._out = out
        dumb = os.environ.get("TERM", "dumb") in ("dumb", "unknown", "")
        self.plain = plain or dumb or not out.isatty()
        self._coloured = not self.plain and not os.environ.get("NO_COLOR")

    def say(self, text: str = "") -> None:
        """Print text as it is."""
        self._print(neutralise(text))

    def wrapped(self, text: str, colour: str) -> None:
        """Print text in a colour, its lines broken between words."""
        if self.plain:
            self.say(text)
            return
        from rich.text import Text

        from chatcli.render.streaming import terminal

        terminal(self._out).print(Text(neutralise(text), style=colour))

    def aside(self, text: str) -> None:
        """Print a dim line: something that happened."""
        self._print(self._styled(neutralise(text), _DIM))

    def heading(self, text: str) -> None:
        """Print a line that stands above others."""
        self._print(self._styled(neutralise(text), _BOLD + _CYAN))

    def said(self, prompt: str, text: str) -> None:
        """Print what the user said before, as it stood there then."""
        self._print(self._styled(prompt.rstrip(), _BOLD + _CYAN) + " " + neutralise(text))

    def warn(self, text: str) -> None:
        """Print a line that wants attention."""
        self._print(self._styled(neutralise(text), _YELLOW))

    def error(self, error: ChatError) -> None:
        """Print the two lines of an error."""
        message, hint = (" ".join(neutralise(text).split()) for text in (error.message, error.hint))
        self._print(f"{self._styled('error:', _RED)} {message}")
        self._print(f"{self._styled('hint:', _DIM)} {hint}")

    def clear(self) -> None:
        """Clear the screen, not the scrollback."""
        if not self.plain:
            self._out.write("\x1b[H\x1b[2J")
            self._out.flush()

    def _styled(self, text: str, style: str) -> str:
        return f"{style}{text}{_RESET}" if self._coloured else text

    def _print(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()


def on_stdout(plain: bool = False) -> Screen:
    """Return the screen on stdout."""
    return Screen(sys.stdout, plain)
