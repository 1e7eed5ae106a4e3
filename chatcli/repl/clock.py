"""A clock that is set back while a chat goes on: nothing is lost by it, but what it says looks odd."""

import time
from collections.abc import Callable

_NOTICED = 60.0  # seconds: clocks are corrected by less all the time


class Clock:
    """Compares the machine's clock with one that cannot be set."""

    def __init__(self, shown: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._shown, self._steady = shown, steady
        self._apart = shown() - steady()

    def news(self) -> str:
        """Return a line when the clock was set back since it was last asked; else ''."""
        before, self._apart = self._apart, self._shown() - self._steady()
        back = before - self._apart
        if back < _NOTICED:
            return ""
        by = f"{back / 3600:.1f} h" if back >= 3600 else f"{back / 60:.0f} min"
        return f"the clock was set back by {by}: turns keep their order, only the times they show are off"
