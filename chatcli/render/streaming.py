"""A reply drawn as markdown while it streams."""

import time
from collections.abc import Callable, Sequence
from typing import IO

from markdown_it.token import Token
from rich.console import Console
from rich.style import Style
from rich.syntax import SyntaxTheme
from rich.text import Text
from rich.theme import Theme

from chatcli.render.blocks import BlockReader, Blocks
from chatcli.render.live import Region, drawn, split_lines
from chatcli.render.markdown import INK, STYLES, ReplyMarkdown, end_of_code, part_of_code
from chatcli.render.safe import SafePieces, one_line
from chatcli.render.thoughts import Thoughts

FRAME = 0.05  # seconds between two frames, at least
SHARE = 0.1  # of the time may go into drawing: a huge growing block is drawn less often, the chat stays quick
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ASIDE = Style(dim=True)


def terminal(out: IO[str]) -> Console:
    """Return a rich console for a terminal, with the colours of replies; it never reads markup or emoji codes."""
    return Console(file=out, theme=Theme(STYLES), force_terminal=True, markup=False, emoji=False, highlight=False)


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
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._theme = code_theme
        self._clock = clock
        self._quiet = quiet
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
        note = "" if self._quiet else note
        wheel = _SPINNER[int(seconds / FRAME / 2) % len(_SPINNER)]
        line = Text(f"{wheel} {seconds:.0f} s {one_line(note, 200)}".rstrip(), style=_ASIDE)
        line.truncate(self._console.width, overflow="ellipsis")
        self._region.draw("", split_lines(drawn(self._console, line)))

    def note(self, text: str) -> None:
        """Print one dim line above what is live; nothing when quiet."""
        if self._quiet:
            return
        line = Text(one_line(text, 200), style=_ASIDE)
        self._region.draw(drawn(self._console, line), self._live())

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
        # Items, rows and lines of code have a row of the screen each, at least: so many fill it.
        room = self._region.room
        growing = self._blocks.growing(limit=room)
        shown = self._drawn(growing, lambda fence, start: end_of_code(fence, start, room))
        return split_lines(shown)

    def _printed(self, blocks: Blocks) -> str:
        """Return the blocks as they are to be printed for good."""
        if not blocks.tokens:
            return ""
        printed = self._drawn(blocks, part_of_code)
        self._follows = blocks.tokens[-1].type != "hr"
        self._code_printed = 0
        return printed

    def _overflow(self) -> str:
        """Return the lines of a growing fence that have to leave the screen, to be printed for good."""
        growing = self._blocks.growing()
        if len(growing.tokens) != 1 or growing.tokens[0].type != "fence":
            return ""
        room = self._region.room
        lines = growing.tokens[0].content.rstrip().count("\n") + 1
        # What is printed must be right, so all the code is highlighted for it: half a screen at a time.
        if lines - self._code_printed <= room:
            return ""
        stop = lines - (room + 1) // 2
        printed = self._drawn(growing, lambda fence, start: part_of_code(fence, start, stop))
        self._code_printed = stop
        return printed

    def _drawn(self, blocks: Blocks, code: Callable[[Token, int], Token]) -> str:
        """Return the blocks drawn; of a fence that stands above in part, what `code` makes of it."""
        tokens = list(blocks.tokens)
        if tokens and tokens[0].type == "fence":
            tokens[0] = code(tokens[0], self._code_printed)
        sets_off = self._follows and not self._code_printed
        markdown = ReplyMarkdown(tokens, follows=sets_off, joined=blocks.joined, code_theme=self._theme)
        return drawn(self._console, markdown)
