"""A reply while it comes in: as markdown on a terminal, as plain text everywhere else.

The loop that reads the model's events calls `feed` for each delta and `tick` as often as it likes; `finish`
ends the reply, however it ended. All text is neutralised here.
"""

import io
import os
import sys
from typing import Protocol, TextIO

from chatcli.render.progress import wheel
from chatcli.render.safe import SafePieces, one_line


class ReplyView(Protocol):
    """Shows one reply. `finish` must be called at the end, also after an error and `^C`; nothing after it."""

    def waiting(self, seconds: float, note: str = "") -> None:
        """Show that the reply is awaited for `seconds` by now; until something else is shown."""
        ...

    def note(self, text: str) -> None:
        """Show one line beside the reply: that the request goes out again, say."""
        ...

    def reasoning(self, text: str) -> None:
        """Show the next piece of what the model thinks; before the reply, not within it."""
        ...

    def feed(self, text: str) -> None:
        """Take the next piece of the reply; costs nothing, `tick` shows it."""
        ...

    def tick(self) -> None:
        """Show what is new, if it is time for a frame."""
        ...

    def finish(self) -> None:
        """Show the rest; the cursor stands at the start of a line afterwards. A second call does nothing."""
        ...


def reply_view(out: TextIO, plain: bool = False, quiet: bool = False, how_to_unfold: str = "") -> ReplyView:
    """Return the view for `out`: markdown on a terminal that can move its cursor, else plain text.

    `plain` asks for plain text anyway, `quiet` for no notes. A plain view shows its notes on stderr. `how_to_unfold`
    says how folded thoughts can be seen, where they can.
    """
    if plain or not moves_cursor(out):
        return PlainReply(out, None if quiet else sys.stderr)
    from chatcli.render.streaming import MarkdownReply, terminal  # rich: only where it is seen

    return MarkdownReply(terminal(out), quiet=quiet, how_to_unfold=how_to_unfold)


def moves_cursor(out: TextIO) -> bool:
    """Return whether `out` is a terminal on which something can be drawn over."""
    kind = os.environ.get("TERM", "" if os.name == "nt" else "dumb")
    return out.isatty() and kind not in ("dumb", "unknown")


class PlainReply:
    """The deltas as they come. What is written ends with exactly one newline; an empty reply writes nothing."""

    def __init__(self, out: TextIO, notices: TextIO | None = None) -> None:
        self._out = out
        self._notices = notices
        self._pieces = SafePieces()
        self._newlines = ""  # empty lines, kept back until text follows
        self._in_line = False

    def waiting(self, seconds: float, note: str = "") -> None:
        """Show nothing: there is no line to show it on and take it back."""

    def note(self, text: str) -> None:
        """Write the line to `notices`, if that is a terminal."""
        if self._notices is not None and self._notices.isatty():
            start = "\n" if self._in_line and self._out.isatty() else ""
            self._notices.write(f"{start}{one_line(text, 200)}\n")
            self._notices.flush()

    def reasoning(self, text: str) -> None:
        """Show nothing: the reply alone is asked for."""

    def feed(self, text: str) -> None:
        """Write the piece."""
        self._write(self._pieces.feed(text))

    def _write(self, text: str) -> None:
        """Write the text with the end of its last line; the empty lines behind that may be the reply's end."""
        text = self._newlines + text
        shown = text.rstrip("\n")
        self._newlines = text[len(shown) :]
        if self._newlines and (shown or self._in_line):
            shown, self._newlines = shown + "\n", self._newlines[1:]
        if shown:
            self._out.write(shown)
            self._out.flush()
            self._in_line = not shown.endswith("\n")

    def tick(self) -> None:
        """Do nothing: what came is written."""

    def finish(self) -> None:
        """End the last line."""
        self._write(self._pieces.rest())
        if self._in_line:
            self._out.write("\n")
            self._out.flush()
        self._in_line = False


class AwaitedReply(PlainReply):
    """A reply that somebody else prints on `out` when it is whole: until then a wheel turns on the terminal `beside`.

    It turns only where `out` is a terminal, too: in a pipe, what reads it may have the screen.
    """

    def __init__(self, out: TextIO, beside: TextIO | None) -> None:
        super().__init__(io.StringIO(), beside)
        self._wheel = beside if beside is not None and moves_cursor(beside) and moves_cursor(out) else None
        self._turning = False

    def waiting(self, seconds: float, note: str = "") -> None:
        """Draw the wheel and the seconds."""
        self._draw(wheel(seconds))

    def note(self, text: str) -> None:
        """Write the line in the wheel's place."""
        self._stop()
        super().note(text)

    def finish(self) -> None:
        """Take the wheel away."""
        self._stop()
        super().finish()

    def _stop(self) -> None:
        if self._turning:
            self._draw("")

    def _draw(self, text: str) -> None:
        if self._wheel is not None:
            self._wheel.write(f"\r{text}\x1b[K")
            self._wheel.flush()
        self._turning = bool(text)
