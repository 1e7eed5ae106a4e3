"""A screen that watches that what was written for good stays untouched."""

from typing import Any

import pyte
from pyte import modes

from tests.terminal import Screen


class FinalScreen(Screen):
    """Notes in `touched` every line that was changed after it was finished.

    The renderer writes lines for good with automatic wrapping on, and live ones with it off. Above a line that was
    written for good and ended, nothing may change either.
    """

    def __init__(self, columns: int, rows: int) -> None:
        super().__init__(columns, rows, lambda answer: None)
        self.touched: list[str] = []
        self._finished = 0  # lines from the very first one

    def feed(self, data: bytes) -> "FinalScreen":
        """Take what a program wrote; return the screen."""
        pyte.ByteStream(self).feed(data)
        return self

    def everything(self) -> list[str]:
        """Return scrollback and screen, without the empty rows at the end."""
        lines = self.scrollback() + self.rows()
        while lines and not lines[-1]:
            lines.pop()
        return lines

    @property
    def _here(self) -> int:
        return len(self.history.top) + self.cursor.y

    def _look(self) -> None:
        if self._here < self._finished:
            self.touched.append(self._row(self.buffer[self.cursor.y]))

    def draw(self, data: str) -> None:
        self._look()
        super().draw(data)

    def erase_in_line(self, how: int = 0, private: bool = False) -> None:
        self._look()
        super().erase_in_line(how, private)

    def erase_in_display(self, how: int = 0, *args: Any, **kwargs: Any) -> None:
        self._look()
        super().erase_in_display(how, *args, **kwargs)

    def linefeed(self) -> None:
        if modes.DECAWM in self.mode:
            self._finished = max(self._finished, self._here + 1)
        super().linefeed()
