"""What is loaded behind the prompt, while the user types."""

from collections.abc import Callable
from threading import Event, Thread


class Preload:
    """Runs `load`, and `then` what may go on while the chat does, once on a thread of its own.

    Nobody should import until `wait` returns: two threads that import the same package at once may each hold what the
    other one needs, which Python resolves by an error in one of them.
    """

    def __init__(self, load: Callable[[], object], then: Callable[[], object]) -> None:
        self._load, self._then = load, then
        self._loaded = Event()
        self._loaded.set()  # nothing to wait for before it begins

    def start(self) -> None:
        """Begin; returns at once."""
        self._loaded.clear()
        Thread(target=self._run, name="preload", daemon=True).start()

    def wait(self) -> None:
        """Return once all is loaded."""
        self._loaded.wait()

    def _run(self) -> None:
        try:
            self._load()
        finally:
            self._loaded.set()
        self._then()
