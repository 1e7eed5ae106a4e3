"""What the prompt line writes to: whether there is a terminal, in which colours, with pastes marked."""

import os
import sys
from collections.abc import Sequence

from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.styles import Style

from chatcli.palette import for_prompt_toolkit
from chatcli.render.theme import colors
from chatcli.repl.keys import keys_are_captured


def on_a_terminal() -> bool:
    """Say whether there is a terminal to edit a line on: both ways, and one that can draw."""
    sides: Sequence[object] = (sys.stdin, sys.stdout)
    both = all(side is not None and side.isatty() for side in sides)  # type: ignore[attr-defined]
    return both and os.environ.get("TERM") != "dumb"


def new_output() -> Output | None:
    """Return what the prompt is drawn on; None: what prompt_toolkit takes by itself."""
    if sys.platform == "win32":
        return None  # prompt_toolkit knows its console

    from prompt_toolkit.output.vt100 import Vt100_Output

    class MarkingOutput(Vt100_Output):
        """Leaves pastes marked when the line is sent: the next one may be on its way already."""

        def disable_bracketed_paste(self) -> None:
            if not keys_are_captured():
                super().disable_bracketed_paste()

    colors = ColorDepth.from_env()  # NO_COLOR
    return MarkingOutput.from_pty(sys.stdout, term=os.environ.get("TERM"), default_color_depth=colors)


def line_style() -> Style:
    """Return the colours in force as prompt_toolkit has them."""
    look = colors()
    return Style.from_dict(
        {
            "prompt": for_prompt_toolkit(look.prompt),
            "folded": for_prompt_toolkit(look.dim),
            "mention": for_prompt_toolkit(look.mention),
            "bottom-toolbar": f"noreverse {for_prompt_toolkit(look.dim)}",
            "bottom-toolbar.hint": "nodim bold",
            "completion-menu": "bg:default fg:default",
            "completion-menu.completion": "",
            "completion-menu.completion.current": "bg:default fg:default reverse",
            "completion-menu.meta.completion": "bg:default fg:default dim",
            "completion-menu.meta.completion.current": "bg:default fg:default nodim",
            "scrollbar.background": "bg:default",
            "scrollbar.button": "bg:ansibrightblack",
        }
    )
