"""Paragraphs broken into lines, Chinese and Japanese too.

rich breaks at spaces alone: it leaves half a line empty before a Chinese sentence, or cuts the sentence at the edge,
and a latin word in it, and begins a line with a comma. A text without such characters is wrapped as rich does.
"""

from rich.console import Console, JustifyMethod
from rich.containers import Lines
from rich.text import Text

from chatcli.render.breaking import breaks, has_cjk


def wrapped(text: Text, console: Console, width: int, justify: JustifyMethod | None = None) -> Lines:
    """Return the lines of `text`, each at most `width` cells wide, as `Text.wrap` does."""
    if not has_cjk(text.plain):
        return text.wrap(console, width, justify=justify)
    lines = Lines()
    for line in text.split(allow_blank=True):
        line.expand_tabs(8)
        pieces = line.divide(breaks(line.plain, width))
        for piece in pieces:
            piece.rstrip_end(width)
        if how := justify or text.justify:
            pieces.justify(console, width, justify=how, overflow="fold")
        lines.extend(pieces)
    return lines
