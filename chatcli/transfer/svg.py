"""A picture of the conversation as the terminal shows it."""

import io
import re
from collections.abc import Iterator
from html import unescape

from chatcli.render.history import placed, print_message
from chatcli.render.safe import one_line
from chatcli.transfer import Carried

_WIDTH = 100  # cells
_HEIGHT = 25  # said so that rich does not ask the terminal at which the picture is made
_FONTS = re.compile(r"@font-face\s*\{[^}]*\}")  # rich has them loaded from the web
_LENGTH = re.compile(r'textLength="[\d.]+"([^>]*>)([^<]*)')
_CELL = 12.2  # what rich takes for a cell's width
_NO_XML = re.compile("[\ufffe\uffff]")


def write(session: Carried) -> Iterator[str]:
    """Yield the picture, which needs nothing from anywhere else."""
    from rich.console import Console
    from rich.theme import Theme

    from chatcli.palette import DARK
    from chatcli.render.links import targets_shown
    from chatcli.render.styles import styles
    from chatcli.render.theme import drawn_in

    console = Console(
        record=True,
        width=_WIDTH,
        height=_HEIGHT,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        no_color=False,
        theme=Theme(styles(DARK)),
    )
    with targets_shown(), drawn_in(DARK):
        for position, turn, message in placed(session.messages):
            print_message(console, message, position, turn)
    picture = console.export_svg(title=one_line(session.title or session.name))
    yield _NO_XML.sub("\ufffd", _LENGTH.sub(_in_cells, _FONTS.sub("", picture)))


def _in_cells(match: re.Match[str]) -> str:
    """Return a text's length in cells; rich counts its characters, and squeezes Chinese to half its width."""
    from rich.cells import cell_len

    return f'textLength="{cell_len(unescape(match[2])) * _CELL:g}"{match[1]}{match[2]}'
