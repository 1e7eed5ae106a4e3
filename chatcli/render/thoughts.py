"""What the model thinks before it answers.

Thoughts are only ever live: their last lines are shown while they come, none is printed. So they can be folded
to one line when the answer begins, and nothing that stands for good is taken back.
"""

from rich.console import Console
from rich.style import Style
from rich.text import Text

from chatcli.render.live import drawn, split_lines
from chatcli.render.safe import SafePieces
from chatcli.render.wrapping import wrapped

MOST = 8
"""Lines of thoughts on the screen: enough to follow, few enough that the fold does not make the screen jump."""

_THOUGHT = Style(dim=True, italic=True)


class Thoughts:
    """The thoughts of one reply: dim lines, wrapped like a paragraph."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._pieces = SafePieces()
        self._fed: list[str] = []
        self._end = ""  # as much of the text as the lines need

    def feed(self, text: str) -> None:
        """Take the next piece."""
        self._fed.append(text)

    @property
    def any(self) -> bool:
        """Whether something has been thought."""
        self._take()
        return bool(self._end)

    def live(self, room: int) -> list[str]:
        """Return the last lines, at most `room`."""
        self._take()
        width, most = self._console.width, min(room, MOST)
        rows = wrapped(Text(self._end.rstrip("\n")), self._console, width)[-most:]
        if len(self._end) > 4 * width * MOST:
            # Cut where a line begins, so that the lines that stay are wrapped as before.
            self._end = "\n".join(row.plain for row in rows)
        text = Text("\n".join(row.plain.rstrip() for row in rows), style=_THOUGHT)
        return split_lines(drawn(self._console, text)) if rows else []

    def _take(self) -> None:
        if self._fed:
            text = self._end + self._pieces.feed("".join(self._fed))
            self._end = text if self._end else text.lstrip("\n ")
            self._fed.clear()
