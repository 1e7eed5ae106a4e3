"""What a cluster's nodes say or do not say when a slot is with another one, and how long a verb waits for that one."""

import time

from redis import exceptions as failures

LONGEST_PAUSE = 0.25  # seconds

# The node says that it was not done, or cannot be reached: look where the slot is now. A wrong password stays wrong.
ELSEWHERE = (
    failures.MovedError,
    failures.AskError,
    failures.TryAgainError,
    failures.ClusterDownError,
    failures.MasterDownError,
    failures.ReadOnlyError,
    failures.ConnectionError,
    failures.TimeoutError,
)


class Waiting:
    """The patience of one verb, from now on."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._pause = 0.0

    def lasts(self) -> bool:
        """Say whether there is any left."""
        return time.monotonic() < self._end

    def pause(self, error: Exception) -> None:
        """Wait a little, longer each time, the first time not at all; raise `error` at the end of the patience."""
        if not self.lasts():
            raise error
        time.sleep(min(self._pause, max(0.0, self._end - time.monotonic())))
        self._pause = min(LONGEST_PAUSE, 2 * self._pause or 0.01)
