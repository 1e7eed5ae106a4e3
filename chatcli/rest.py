"""How long something that failed is left alone: longer each time in a row."""

from collections.abc import Sequence
from dataclasses import dataclass

PAUSES = (30.0, 120.0, 600.0, 3600.0)
"""Seconds after the first, second, … failure in a row."""


@dataclass(slots=True)
class Rest:
    """How often something failed in a row, and until when it is left alone (seconds of whoever's clock)."""

    pauses: Sequence[float] = PAUSES
    failures: int = 0
    until: float = 0.0

    def begin(self, now: float) -> float:
        """It failed: leave it alone from now on; return for how long."""
        pause = self.pauses[min(self.failures, len(self.pauses) - 1)]
        self.failures += 1
        self.until = now + pause
        return pause

    def end(self) -> None:
        """It succeeded: there is nothing to rest from."""
        self.failures, self.until = 0, 0.0
