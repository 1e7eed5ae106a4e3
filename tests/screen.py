"""A terminal in the test's own process: a file that a renderer writes to, with a screen and a scrollback."""

import io
from typing import Any

import pyte
from pyte.screens import StaticDefaultDict
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


class ReflowingScreenFile(ScreenFile):
    """One whose terminal, when it gets narrower, breaks the lines that do not fit any more, as most do."""

    def resize(self, columns: int, rows: int) -> None:
        screen, cursor = self.screen, self.screen.cursor
        lines = [screen.buffer[y] for y in range(cursor.y + 1)]
        pieces = [piece for line in lines for piece in _broken(line, columns)]
        super().resize(columns, rows)
        above = max(len(pieces) - rows, 0)
        screen.history.top.extend(pieces[:above])
        screen.buffer.clear()
        for y, piece in enumerate(pieces[above:]):
            screen.buffer[y].update(piece)
        cursor.y = len(pieces) - above - 1
        cursor.x = min(max(pieces[-1], default=-1) + 1, columns)


def _broken(line: dict[int, Any], columns: int) -> list[Any]:
    """Return the cells of a row, in rows of so many columns."""
    width = max((x for x, cell in line.items() if cell.data != " "), default=0) + 1
    pieces = []
    for start in range(0, width, columns):
        piece = StaticDefaultDict(line.default)  # type: ignore[attr-defined]
        piece.update({x: line[start + x] for x in range(min(columns, width - start)) if start + x in line})
        pieces.append(piece)
    return pieces
