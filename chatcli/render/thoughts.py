"""What the model thinks before it answers."""

from collections.abc import Sequence

from rich.console import Console
from rich.style import Style
from rich.text import Text

from chatcli.render.live import drawn, split_lines
from chatcli.render.safe import SafePieces

_THOUGHT = Style(dim=True, italic=True)


class Thoughts:
    """What the model thinks before it answers: dim lines, wrapped like a paragraph, printed as they fill."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._pieces = SafePieces()
        self._open = ""  # what is not printed yet
        self._any = False

    def feed(self, text: str) -> None:
        """Take the next piece."""
        self._open += self._pieces.feed(text)
        if not self._any:
            self._open = self._open.lstrip("\n")
        self._any = self._any or bool(self._open)

    @property
    def live(self) -> list[str]:
        """The line that may still grow."""
        return split_lines(self._drawn(self._rows()[-1:])) if self._open else []

    def printable(self, ended: bool) -> str:
        """Return the lines that cannot change any more, and forget them; all and an empty line when `ended`."""
        if ended:
            return self._ending()
        rows = self._rows()
        if len(rows) < 2:
            return ""
        last = rows[-1].rstrip()
        cut = self._open.rfind(last) if last else len(self._open.rstrip(" "))
        self._open = self._open[cut:]
        return self._drawn(rows[:-1])

    def _ending(self) -> str:
        self._open = (self._open + self._pieces.rest()).rstrip()
        rest = (self._drawn(self._rows()) if self._open else "") + ("\n" if self._any else "")
        self._open, self._any = "", False
        return rest

    def _rows(self) -> list[str]:
        return [row.plain for row in Text(self._open).wrap(self._console, self._console.width)]

    def _drawn(self, rows: Sequence[str]) -> str:
        return "".join(drawn(self._console, Text(row, style=_THOUGHT)) for row in rows)
