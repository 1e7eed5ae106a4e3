"""Pastes are read whole: prompt_toolkit takes a kilobyte at a time, and looks at all that has come after each."""

import select

from prompt_toolkit.input import Input

PASTE, PASTE_END = "\x1b[200~", "\x1b[201~"
_AT_ONCE = 65_536  # bytes
_PAUSE = 0.05  # seconds without a byte after which the rest of a paste is left to the next reading


def read_whole_pastes(source: Input) -> None:
    """Have `source` give a paste in one piece, if it is a terminal's."""
    try:
        from prompt_toolkit.input.posix_utils import PosixStdinReader
        from prompt_toolkit.input.vt100 import Vt100Input
    except ImportError:  # Windows: its console marks no pastes
        return

    class PasteReader(PosixStdinReader):
        """Reads on while a paste comes in."""

        def read(self, count: int = _AT_ONCE) -> str:
            """Return what is there, decoded; of a paste all."""
            pieces = [super().read(count)]
            coming = _is_open(pieces[0])
            while coming and not self.closed and select.select([self.stdin_fd], [], [], _PAUSE)[0]:
                pieces.append(super().read(count))
                coming = PASTE_END not in pieces[-2][-len(PASTE_END) :] + pieces[-1]
            return "".join(pieces)

    if isinstance(source, Vt100Input) and type(source.stdin_reader) is PosixStdinReader:
        source.stdin_reader = PasteReader(source.fileno(), encoding=source.stdin.encoding)


def _is_open(text: str) -> bool:
    return text.rfind(PASTE) > text.rfind(PASTE_END)
