"""What turns or counts while the user waits."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

_AFTER = 0.5  # seconds after which it is worth a line
_OFTEN = 0.1

WHEEL_STEP = 0.1
"""Seconds after which a wheel looks different."""
_WHEEL = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


def wheel(seconds: float) -> str:
    """Return a turning wheel and the seconds, for somebody who waits for so long by now."""
    return f"{_WHEEL[int(seconds / WHEEL_STEP) % len(_WHEEL)]} {seconds:.0f} s"


@contextmanager
def counting(what: str, out: TextIO | None) -> Iterator[Callable[[int, int], None]]:
    """Give a function that shows how many of how many are done: `reading 120 of 10,000 sessions`.

    `what` has `{done}` and `{of}`. Nothing is shown where `out` is no terminal, or the work is done soon; the line is
    gone when it is done.
    """
    shown, last = False, time.monotonic() + _AFTER

    def show(done: int, of: int) -> None:
        nonlocal shown, last
        now = time.monotonic()
        if out is not None and now > last and out.isatty():
            last, shown = now + _OFTEN, True
            out.write("\r" + what.format(done=f"{done:,}", of=f"{of:,}") + "\x1b[K")
            out.flush()

    try:
        yield show
    finally:
        if shown and out is not None:
            out.write("\r\x1b[K")
            out.flush()
