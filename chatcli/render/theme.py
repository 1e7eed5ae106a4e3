"""The colours in force, for all that draws: chosen once, where the program begins."""

from collections.abc import Iterator
from contextlib import contextmanager

from chatcli.palette import DARK, Palette

_in_force = [DARK]


def choose(palette: Palette) -> None:
    """Have everything that is drawn from now on drawn in these colours."""
    _in_force[0] = palette


def colors() -> Palette:
    """Return the colours in force."""
    return _in_force[0]


@contextmanager
def drawn_in(palette: Palette) -> Iterator[None]:
    """Have what is drawn in the block drawn in these colours, whatever is in force: for a picture, not the terminal."""
    before = colors()
    choose(palette)
    try:
        yield
    finally:
        choose(before)
