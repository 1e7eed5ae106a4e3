"""A reply while it comes in: as markdown on a terminal, as plain text everywhere else.

The loop that reads the model's events calls `feed` for each delta and `tick` as often as it likes; `finish`
ends the reply, however it ended. All text is neutralised here.
"""

import os
import time
from collections.abc import Callable, Sequence
from typing import Protocol, TextIO

from markdown_it.token import Token
from rich.console import Console, RenderableType
from rich.style import Style
from rich.syntax import SyntaxTheme
from rich.text import Text
from rich.theme import Theme

from chatcli.render.blocks import BlockReader, Blocks
from chatcli.render.live import Region
from chatcli.render.markdown import INK, STYLES, ReplyMarkdown
from chatcli.render.safe import SafePieces, neutralise, one_line

FRAME = 0.05  # seconds between two frames, at least
SHARE = 0.2  # of the time may go into drawing: a huge growing block is drawn less often, the chat stays quick
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ASIDE = Style(dim=True)
_THOUGHT = Style(dim=True, italic=True)


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


def reply_view(out: TextIO, plain: bool = False, notices: TextIO | None = None) -> ReplyView:
    """Return the view for `out`: markdown on a terminal that can move its cursor, else plain text.

    `plain` asks for plain text anyway. `notices` is where a plain view shows its notes, if that is a terminal.
    """
    kind = os.environ.get("TERM", "" if os.name == "nt" else "dumb")
    if plain or not out.isatty() or kind in ("dumb", "unknown"):
        return PlainReply(out, notices)
    return MarkdownReply(terminal(out))


def terminal(out: TextIO) -> Console:
    """Return a rich console for a terminal, with the colours of replies; it never reads markup or emoji codes."""
    return Console(file=out, theme=Theme(STYLES), force_terminal=True, markup=False, emoji=False, highlight=False)


class PlainReply:
    """The deltas as they come. What is written ends with exactly one newline; an empty reply writes nothing."""

    def __init__(self, out: TextIO, notices: TextIO | None = None) -> None:
        self._out = out
        self._notices = notices
        self._pieces = SafePieces()
        self._newlines = ""  # kept back until text follows
        self._wrote = False

    def waiting(self, seconds: float, note: str = "") -> None:
        """Show nothing: there is no line to show it on and take it back."""

    def note(self, text: str) -> None:
        """Write the line to `notices`, if that is a terminal."""
        if self._notices is not None and self._notices.isatty():
            self._notices.write(one_line(text, 200) + "\n")
            self._notices.flush()

    def reasoning(self, text: str) -> None:
        """Show nothing: the reply alone is asked for."""

    def feed(self, text: str) -> None:
        """Write the piece."""
        self._write(self._pieces.feed(text))

    def _write(self, text: str) -> None:
        text = self._newlines + text
        shown = text.rstrip("\n")
        self._newlines = text[len(shown) :]
        if shown:
            self._out.write(shown)
            self._out.flush()
            self._wrote = True

    def tick(self) -> None:
        """Do nothing: what came is written."""

    def finish(self) -> None:
        """End the last line."""
        self._write(self._pieces.rest())
        if self._wrote:
            self._out.write("\n")
            self._out.flush()
        self._wrote = False


class MarkdownReply:
    """Markdown as it streams: finished blocks are printed for good, the growing one is drawn below them.

    What stands on the terminal in the end is what `console.print` shows for the whole text at once, at an
    unchanged width; except that a link whose definition comes after it stays as it was written. A growing
    block that is taller than the screen shows its end, and is printed whole when it is finished; the lines
    of a growing fence are printed as they leave the screen, in the colours that they have then.
    """

    def __init__(
        self,
        console: Console,
        *,
        code_theme: str | SyntaxTheme = INK,
        reflowing: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._theme = code_theme
        self._clock = clock
        self._region = Region(console.file, lambda: console.size, reflowing)
        self._pieces = SafePieces()
        self._blocks = BlockReader()
        self._thoughts = Thoughts(console)
        self._code_printed = 0  # lines of the growing fence that stand above already
        self._follows = False  # whether the next block is set off from the one above by an empty line
        self._new = self._began = self._ended = False
        self._next_frame = 0.0

    # What is shown before the reply

    def waiting(self, seconds: float, note: str = "") -> None:
        """Draw a turning wheel, the seconds and a note, as long as nothing else is live."""
        if self._began or self._thoughts.live:
            return
        wheel = _SPINNER[int(seconds / FRAME / 2) % len(_SPINNER)]
        line = Text(f"{wheel} {seconds:.0f} s {one_line(note, 200)}".rstrip(), style=_ASIDE)
        line.truncate(self._console.width, overflow="ellipsis")
        self._region.draw("", self._lines(line))

    def note(self, text: str) -> None:
        """Print one dim line above what is live."""
        line = Text(one_line(text, 200), style=_ASIDE)
        self._region.draw(self._drawn(line), self._live())

    def reasoning(self, text: str) -> None:
        """Take the next piece of the model's thoughts; what comes after the reply began is not shown."""
        if not self._began:
            self._thoughts.feed(text)
            self._new = True

    # The reply

    def feed(self, text: str) -> None:
        """Take the next piece of the reply."""
        shown = self._pieces.feed(text)
        if not self._began and not shown.strip():
            shown = shown.lstrip("\n")  # so that a wheel goes on turning until there is something to see
        self._blocks.feed(shown)
        self._began = self._began or bool(shown)
        self._new = True

    def tick(self) -> None:
        """Draw a frame, if something is new and the last frame was long enough ago."""
        now = self._clock()
        if not self._new or now < self._next_frame:
            return
        self.draw()
        cost = self._clock() - now
        self._next_frame = now + max(FRAME, cost / SHARE)

    def draw(self) -> None:
        """Draw a frame now."""
        above = self._thoughts.printable(self._began)
        above += self._printed(self._blocks.finished())
        above += self._overflow()
        self._region.draw(above, self._live())
        self._new = False

    def finish(self) -> None:
        """Print what is not printed yet, and leave no live line."""
        if self._ended:
            return
        self._ended = True
        self._blocks.feed(self._pieces.rest())
        above = self._thoughts.printable(ended=True)
        above += self._printed(self._blocks.finished())
        self._region.draw(above + self._printed(self._blocks.growing()))

    # Drawing

    def _live(self) -> Sequence[str]:
        if not self._began:
            return self._thoughts.live
        return _split(self._drawn(self._markdown(self._blocks.growing())))

    def _printed(self, blocks: Blocks) -> str:
        """Return the blocks as they are to be printed for good."""
        if not blocks.tokens:
            return ""
        printed = self._drawn(self._markdown(blocks))
        self._follows = blocks.tokens[-1].type != "hr"
        self._code_printed = 0
        return printed

    def _overflow(self) -> str:
        """Return the lines of a growing fence that have to leave the screen, to be printed for good."""
        tokens = self._blocks.growing().tokens
        if len(tokens) != 1 or tokens[0].type != "fence":
            return ""
        fence, room = tokens[0], self._region.room
        lines = fence.content.rstrip().count("\n") + 1
        if lines - self._code_printed <= room:
            return ""
        stop = lines - (room + 1) // 2
        part = self._part(fence, stop)
        printed = self._drawn(ReplyMarkdown([part], follows=self._sets_off, code_theme=self._theme))
        self._code_printed = stop
        return printed

    @property
    def _sets_off(self) -> bool:
        return self._follows and not self._code_printed

    def _markdown(self, blocks: Blocks) -> ReplyMarkdown:
        tokens = list(blocks.tokens)
        if self._code_printed and tokens:
            tokens[0] = self._part(tokens[0], None)
        return ReplyMarkdown(tokens, follows=self._sets_off, joined=blocks.joined, code_theme=self._theme)

    def _part(self, fence: Token, stop: int | None) -> Token:
        return fence.copy(meta={"lines": (self._code_printed, stop)})

    def _lines(self, renderable: RenderableType) -> list[str]:
        return _split(self._drawn(renderable))

    def _drawn(self, renderable: RenderableType) -> str:
        with self._console.capture() as capture:
            self._console.print(renderable)
        return capture.get()


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
        return _split(self._drawn(self._rows()[-1:])) if self._open else []

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
        drawn = (self._drawn(self._rows()) if self._open else "") + ("\n" if self._any else "")
        self._open, self._any = "", False
        return drawn

    def _rows(self) -> list[str]:
        return [row.plain for row in Text(self._open).wrap(self._console, self._console.width)]

    def _drawn(self, rows: Sequence[str]) -> str:
        with self._console.capture() as capture:
            for row in rows:
                self._console.print(Text(row, style=_THOUGHT))
        return capture.get()


def _split(drawn: str) -> list[str]:
    """Return the lines of what rich drew; no style reaches over the end of a line."""
    return drawn.removesuffix("\n").split("\n") if drawn else []


__all__ = ["MarkdownReply", "PlainReply", "ReplyView", "neutralise", "reply_view", "terminal"]
