"""A terminal in the test's own process: a file that a renderer writes to, with a screen and a scrollback."""

import io

import pyte
from rich.console import Console

from chatcli.render.streaming import terminal
from tests.terminal import Screen


class ScreenFile(io.TextIOBase):
    """What is written here is shown on a screen of `columns` by `rows`; `\\n` also returns, as a tty's does."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        super().__init__()
        self.screen = Screen(columns, rows, lambda answer: None)
        self.written = ""
        self.writes = 0
        self._stream = pyte.Stream(self.screen)
        self.console: Console = terminal(self)  # type: ignore[arg-type]
        self.console.size = (columns, rows)  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.written += text
        self.writes += bool(text)
        self._stream.feed(text.replace("\n", "\r\n"))
        return len(text)

    def resize(self, columns: int, rows: int) -> None:
        self.screen.resize(rows, columns)
        self.console.size = (columns, rows)  # type: ignore[assignment]

    def visible(self) -> list[str]:
        """Return the rows of the screen, trailing spaces stripped."""
        return self.screen.rows()

    def lines(self) -> list[str]:
        """Return scrollback and screen without the empty rows at the end."""
        lines = self.screen.scrollback() + self.screen.rows()
        while lines and not lines[-1]:
            lines.pop()
        return lines
