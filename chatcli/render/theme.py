"""The colours in force, for all that draws: chosen once, where the program begins."""

from chatcli.palette import DARK, Palette

_in_force = [DARK]


def choose(palette: Palette) -> None:
    """Have everything that is drawn from now on drawn in these colours."""
    _in_force[0] = palette


def colors() -> Palette:
    """Return the colours in force."""
    return _in_force[0]
