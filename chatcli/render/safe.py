"""The border to the terminal: nothing from a model, a store, a file or a server is shown unneutralised.

A terminal obeys what it is shown: `ESC ] 52 ; c ; …` writes the clipboard, `CSI 6 n` types into the
next prompt, a carriage return writes over what stood there, a bidi override turns a file name round.
`neutralise` puts something visible in place of every character that can do so. Nothing is dropped: the
reader sees that it was there.

Each character is replaced for itself and no sequence is ever recognised as a whole. So a sequence cut
by the border of two deltas, or never finished, is as harmless as a complete one, and no state is kept.
"""

import re

# C0 without newline and tab, DEL, C1 (8-bit CSI, OSC, …), bidi embeddings, overrides and isolates, lone
# surrogates (no encoder takes them). The marks U+200E, U+200F and U+061C stay: Arabic and Hebrew are
# typeset with them, and they cannot reorder what stands beyond their neighbours.
_HOSTILE = re.compile("\r\n?|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_BREAKS = re.compile("[\n\t\u2028\u2029]+")


def neutralise(text: str) -> str:
    """Return `text` with every character that a terminal would obey replaced by a visible one.

    Newline and tab stay; CRLF and a lone CR become a newline; other C0 characters become their control
    picture (ESC is ␛, U+241B), everything else its code in the form ‹U+009B›. Clean text is returned as
    it is, at the cost of one regular expression search. Neutralising twice changes nothing.
    """
    return _HOSTILE.sub(_visible, text)


def _visible(match: re.Match[str]) -> str:
    char = match[0]
    if char[0] == "\r":
        return "\n"
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"‹U+{code:04X}›"


class SafePieces:
    """Neutralises a text that comes in pieces, to the same result as the whole.

    Only a CRLF needs it: a piece that ends in CR keeps it back until the next one tells what it is.
    """

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """Return what can be shown now of everything fed so far, and was not yet returned."""
        piece = self._held + piece
        self._held = "\r" if piece.endswith("\r") else ""
        return neutralise(piece[:-1] if self._held else piece)

    def rest(self) -> str:
        """Return what was kept back; to be called once, after the last piece."""
        held, self._held = self._held, ""
        return neutralise(held)


def cells(text: str) -> int:
    """Return how many terminal cells the text takes, in one line."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # a table of widths: only for text that needs one

    return cell_len(text)


def one_line(text: str, limit: int = 80) -> str:
    """Return `text` neutralised, on one line, at most `limit` terminal cells wide: for names, titles, toolbars.

    Newlines and tabs become a space; a text that is too wide ends in an ellipsis.
    """
    # No reader sees more characters than that, but a terminal would choke on a million combining marks.
    clipped = text[: 8 * limit + 8]
    line = _BREAKS.sub(" ", neutralise(clipped)).strip()
    if line.isascii():
        fits = len(line) <= limit
        return line if fits and clipped == text else line[: max(limit - 1, 0)] + "…"
    return _cut(line, limit, whole=clipped == text)


def _cut(line: str, limit: int, whole: bool) -> str:
    from rich.cells import get_character_cell_size

    if whole and cells(line) <= limit:
        return line
    room = limit - 1
    for index, char in enumerate(line):
        room -= get_character_cell_size(char)
        if room < 0:
            return line[:index].rstrip("\u200d") + "…"
    return line + "…"
