"""Printing above the line that is being edited, which stays as it is, its cursor too.

prompt_toolkit's own way (`run_in_terminal`) lets the terminal echo meanwhile, and so shows a key pressed at that moment
twice; here the keyboard stays with the line, and all is done between two keys.
"""

import os
import sys
from asyncio import AbstractEventLoop
from collections.abc import Callable
from contextlib import suppress

from prompt_toolkit import PromptSession
from prompt_toolkit.renderer import CPR_Support

# Shown at once by terminals that know mode 2026; others ignore it.
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"

_PATIENCE = 2.0
"""Seconds that a terminal has to say where the line stands."""

_PAUSE = 0.02
"""Seconds until it is looked again whether it has."""


def above(session: PromptSession[str], show: Callable[[], object], is_busy: Callable[[], bool]) -> None:
    """Have `show` print above the session's line, if that stands on the screen; any thread may call.

    Nothing is done when the line is sent meanwhile, or `is_busy` says that something else has the terminal.
    """
    loop = session.app.loop
    if loop is not None:
        with suppress(RuntimeError):  # it was sent meanwhile
            loop.call_soon_threadsafe(_print_when_placed, session, show, is_busy, loop, loop.time() + _PATIENCE)


def _print_when_placed(
    session: PromptSession[str],
    show: Callable[[], object],
    is_busy: Callable[[], bool],
    loop: AbstractEventLoop,
    until: float,
) -> None:
    """Print once the terminal has said where the line stands.

    An answer that comes later, over a slow network, would be taken for the line's next place: what was printed, and
    more above it, would be pushed out of the screen.
    """
    renderer = session.app.renderer
    expected = renderer.waiting_for_cpr and renderer.cpr_support is not CPR_Support.NOT_SUPPORTED
    if expected and loop.time() < until:
        loop.call_later(_PAUSE, _print_when_placed, session, show, is_busy, loop, until)
    elif not is_busy():
        _print(session, show)


def _print(session: PromptSession[str], show: Callable[[], object]) -> None:
    app = session.app
    if not app.is_running or app.is_done:
        return
    _write(_BEGIN)
    app.renderer.erase()
    try:
        with suppress(OSError):  # the terminal has gone; the line will see it
            show()
            sys.stdout.flush()
    finally:
        app.renderer.reset()
        app._request_absolute_cursor_position()
        app._redraw()
        _write(_END)


def _write(sequence: str) -> None:
    if os.environ.get("TERM") != "linux":  # which prints what it does not know
        with suppress(OSError):
            sys.stdout.write(sequence)
            sys.stdout.flush()
