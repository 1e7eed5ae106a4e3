"""A reply drawn as markdown while it streams."""

import time
from collections.abc import Callable, Sequence
from typing import IO, Any

from rich.console import Console
from rich.style import Style
from rich.syntax import SyntaxTheme
from rich.text import Text
from rich.theme import Theme

from chatcli.render.blocks import BlockReader
from chatcli.render.elements import Thread
from chatcli.render.live import Region, drawn, split_lines
from chatcli.render.markdown import ReplyMarkdown
from chatcli.render.nesting import Blocks
from chatcli.render.progress import wheel
from chatcli.render.safe import SafePieces, one_line
from chatcli.render.styles import code_theme as code_theme_in_force
from chatcli.render.styles import styles
from chatcli.render.thoughts import Thoughts

FRAME = 0.05  # seconds between two frames, at least
SHARE = 0.1  # of the time may go into drawing: a huge growing block is drawn less often, the chat stays quick
_ASIDE = Style(dim=True)


class _Terminal(Console):
    """A console that leaves it to the terminal to wrap what is wider: lines of code."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*objects, **{"crop": False, **options})


def terminal(out: IO[str]) -> Console:
    """Return a rich console for a terminal, with the colours of replies; it never reads markup or emoji codes."""
    return _Terminal(file=out, theme=Theme(styles()), force_terminal=True, markup=False, emoji=False, highlight=False)


class MarkdownReply:
    """Markdown as it streams: finished blocks are printed for good, the growing one is drawn below them.

    Of a growing block that is long its finished lines are printed too: lines of code, items of a list, rows of a
    table, lines of a paragraph, and what of these stands in a quotation or an item. What stands on the terminal in
    the end is what `console.print` shows for the whole text at once, at an unchanged width; except that a link whose
    definition comes after it stays as it was written. What cannot be told yet and is taller than the screen (an
    emphasis that is open) shows its end.
    """

    def __init__(
        self,
        console: Console,
        *,
        code_theme: str | SyntaxTheme | None = None,
        reflowing: bool | None = None,
        quiet: bool = False,
        how_to_unfold: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._theme = code_theme_in_force() if code_theme is None else code_theme
        self._clock = clock
        self._quiet = quiet
        self._region = Region(console.file, lambda: console.size, reflowing)
        self._fed: list[str] = []
        self._pieces = SafePieces()
        self._blocks = BlockReader()
        self._thoughts = Thoughts(console)
        self._how_to_unfold = how_to_unfold
        self._thinking_since: float | None = None
        self._thread: Thread | None = None  # through the growing block, when parts of it stand above
        self._follows = False  # whether the next block is set off from the one above by an empty line
        self._new = self._began = self._ended = False
        self._next_frame = 0.0

    # What is shown before the reply

    def waiting(self, seconds: float, note: str = "") -> None:
        """Draw a turning wheel, the seconds and a note, as long as nothing else is live."""
        if self._began or self._thoughts.any:
            return
        note = "" if self._quiet else note
        line = Text(f"{wheel(seconds)} {one_line(note, 200)}".rstrip(), style=_ASIDE)
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
        if self._began:
            return
        if self._thinking_since is None:
            self._thinking_since = self._clock()
        self._thoughts.feed(text)
        self._new = True

    # The reply

    def feed(self, text: str) -> None:
        """Take the next piece of the reply."""
        self._fed.append(text)
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
        self._take()
        above = (self._folded() if self._began else "") + self._finished()
        self._region.draw(above, self._live())
        self._new = False

    def finish(self) -> None:
        """Print what is not printed yet, and leave no live line."""
        if self._ended:
            return
        self._ended = True
        self._take()
        self._blocks.feed(self._pieces.rest())
        above = self._folded() + self._finished()
        self._region.draw(above + self._printed(self._blocks.growing()))

    # Drawing

    def _take(self) -> None:
        """Take over what was fed since the last frame."""
        shown = self._pieces.feed("".join(self._fed))
        self._fed.clear()
        if not self._began and not shown.strip():
            shown = shown.lstrip("\n")  # so that a wheel goes on turning until there is something to see
        self._blocks.feed(shown)
        self._began = self._began or bool(shown)

    def _folded(self) -> str:
        """Return one line in place of the thoughts, if there were any; once."""
        since, self._thinking_since = self._thinking_since, None
        if since is None or self._quiet or not self._thoughts.any:
            return ""
        hint = f"; {self._how_to_unfold}" if self._how_to_unfold else ""
        line = Text(f"thought for {self._clock() - since:.0f} s{hint}", style=_ASIDE)
        return drawn(self._console, line) + "\n"

    def _live(self) -> Sequence[str]:
        if not self._began:
            return self._thoughts.live(self._region.room)
        growing = self._blocks.growing()
        thread = self._thread.copy() if self._thread is not None and growing.joined else None
        return split_lines(self._drawn(growing, thread, None, live=True))

    def _finished(self) -> str:
        return "".join(map(self._printed, self._blocks.finished()))

    def _printed(self, blocks: Blocks) -> str:
        """Return the blocks as they are to be printed for good."""
        if not blocks.tokens:
            return ""
        before, after = self._thread, Thread() if blocks.open else None
        printed = self._drawn(blocks, before if blocks.joined else None, after)
        self._thread = after
        self._follows = blocks.tokens[-1].type != "hr"
        return printed

    def _drawn(self, blocks: Blocks, before: Thread | None, after: Thread | None, live: bool = False) -> str:
        markdown = ReplyMarkdown(
            blocks, follows=self._follows, joined=before, open=after, live=live, code_theme=self._theme
        )
        return drawn(self._console, markdown)
