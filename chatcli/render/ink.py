"""Lines of which pieces have a colour: shown by rich on a terminal, as plain text elsewhere."""

import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

Line = Sequence[tuple[str, str]]
"""Pieces of text, neutralised, each with a style of rich's or ''."""

_IN_A_PIPE = 100


def width_of(out: TextIO) -> int:
    """Return how many cells a line may have: the terminal's, or what is well read elsewhere."""
    return shutil.get_terminal_size().columns if out.isatty() else _IN_A_PIPE


def print_lines(lines: Iterable[Line], plain: bool = False) -> None:
    """Print the lines on stdout, in colours if it is a terminal and not `plain`."""
    if plain or not sys.stdout.isatty():
        for line in lines:
            print("".join(text for text, _ in line))
        return
    from rich.text import Text

    from chatcli.render.streaming import terminal
    from chatcli.render.wrapping import wrapped

    console = terminal(sys.stdout)
    for line in lines:
        console.print(*wrapped(Text.assemble(*line), console, console.width), sep="\n")
