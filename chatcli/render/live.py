"""A few lines at the bottom of the terminal that are drawn again and again, below text that stays."""

import re
from collections.abc import Callable, Sequence
from typing import IO
from zlib import crc32

from rich.cells import cell_len
from rich.console import Console, RenderableType

from chatcli.render.terminals import reflows

# A frame is one write, shown at once by terminals that know mode 2026; others ignore it. In the live lines
# automatic wrapping is off: when the terminal's idea of a glyph's width is not ours, the line loses
# its end instead of taking a second row, and the number of rows to erase stays right.
_BEGIN, _END = "\x1b[?2026h\x1b[?25l", "\x1b[?25h\x1b[?2026l"
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m|\x1b\]8;[^\x1b]*\x1b\\")

_LINK_ID = re.compile(r"\x1b\]8;id=[^;]*;([^\x1b]*)")
_UNSURE = re.compile("[^\0-\u02ff\u0370-\u052f]")  # glyphs that are, or may be, two cells wide


def drawn(console: Console, renderable: RenderableType) -> str:
    """Return what the console would print."""
    with console.capture() as capture:
        console.print(renderable)
    # rich gives a link another id each time, and a line would never be the one that stands there already.
    return _LINK_ID.sub(lambda link: f"\x1b]8;id={crc32(link[1].encode()):x};{link[1]}", capture.get())


def split_lines(text: str) -> list[str]:
    """Return the lines of what rich drew; no style reaches over the end of a line."""
    return text.removesuffix("\n").split("\n") if text else []


class Region:
    """The live lines. Between two frames the cursor stands behind the last of them.

    What was live when the window got so much smaller that the lines do not fit any more has partly left the
    screen: nothing can take it back from the scrollback, and a copy of its upper lines stays there. The same where
    a terminal that is not known to reflow did so. What was written for good above is never touched.

    `size` gives the terminal's columns and rows, and is asked once for each frame; `reflowing` as `reflows`.
    """

    def __init__(self, out: IO[str], size: Callable[[], tuple[int, int]], reflowing: bool | None = None) -> None:
        self._out = out
        self._size = size
        self._reflows = reflows() if reflowing is None else reflowing
        self._lines: list[str] = []
        self._width = 0

    @property
    def room(self) -> int:
        """How many live lines fit: one less than the terminal has, and at least one."""
        return max(self._size()[1] - 1, 1)

    def draw(self, above: str, lines: Sequence[str] = ()) -> None:
        """Write `above` (whole lines) for good where the live lines were, and `lines` as the live ones below.

        Of lines that do not fit the last are drawn. Lines that stand there already are not written again.
        Neither may hold a sequence that moves the cursor.
        """
        lines = list(lines[-self.room :])
        printed = above.split("\n")[:-1]
        columns = self._size()[0]
        wanted = [*printed, *lines]
        if not printed and wanted == self._lines and columns == self._width:
            return
        kept = self._kept(wanted, len(printed), columns) if columns == self._width else 0
        frame = self._back_to(kept) if self._lines else ""
        onto_next = "\n" if self._lines and kept == len(self._lines) else ""
        if kept < len(printed) or not lines:
            frame += onto_next + "".join(f"{line}\n" for line in printed[kept:])
            onto_next = ""
        if drawn := lines[max(kept - len(printed), 0) :]:
            frame += _NO_WRAP + onto_next + "\n".join(drawn) + _WRAP
        if frame:
            self._out.write(_BEGIN + frame + _END)
            self._out.flush()
        self._lines, self._width = lines, columns

    def _kept(self, wanted: Sequence[str], printed: int, columns: int) -> int:
        """Return how many of the live lines can stay as they stand; those to be `printed` must stand whole."""
        kept = 0
        for place, (old, new) in enumerate(zip(self._lines, wanted, strict=False)):
            if old != new or (place < printed and _widest(old) > columns):
                break
            kept += 1
        # Where all that is wanted stands there, with more below, the cursor has to get behind the last of it.
        return kept - 1 if len(self._lines) > kept == len(wanted) > printed else kept

    def _back_to(self, kept: int) -> str:
        """Return what erases the live lines that are not kept, and leaves the cursor where the first of them began."""
        if kept == len(self._lines):
            return ""
        columns, rows = self._size()
        taken = min(sum(self._rows(line, columns) for line in self._lines[kept:]), rows)
        # Row by row: tmux takes "erase all below" at the top of the screen for `clear`, and keeps what stood there.
        return "\r\x1b[K" + "\x1b[A\x1b[K" * (taken - 1)

    def _rows(self, line: str, columns: int) -> int:
        """Return the rows a line takes by now: more than one when the window got narrower since it was drawn."""
        if columns >= self._width or not self._reflows:
            return 1
        cells = min(cell_len(_ESCAPES.sub("", line)), self._width)
        return max(-(-cells // columns), 1)


def _widest(line: str) -> int:
    """Return how many cells the line takes at most, whatever the terminal thinks of its glyphs."""
    plain = _ESCAPES.sub("", line)
    return len(plain) if plain.isascii() else len(plain) + len(_UNSURE.findall(plain))
