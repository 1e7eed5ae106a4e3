"""Work that may hang, for a caller who may not.

Each piece of work runs on a daemon thread of its own; threads that are done serve again. One that hangs is left behind:
what becomes of its work is unknown.
"""

import time
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread, local
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Patience(local):
    """How long a thread waits in all: some long waits one after the other are one that is longer."""

    LONG = 0.25  # seconds from which a wait counts
    LATELY = 2.0  # seconds for which it does
    LEAST = 0.1  # seconds that are left always

    def __init__(self) -> None:
        self._waits: list[tuple[float, float]] = []  # when it ended, how long it was

    def left(self, bound: float) -> float:
        """Return what is left of so many seconds."""
        now = time.monotonic()
        self._waits = [(end, took) for end, took in self._waits if now - end < self.LATELY]
        return max(self.LEAST, bound - sum(took for _, took in self._waits))

    def waited(self, since: float) -> None:
        """There was a wait, which began then (of the monotonic clock)."""
        now = time.monotonic()
        if now - since > self.LONG:
            self._waits.append((now, now - since))


class Task(Generic[T]):
    """Work that was begun."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._result: T | None = None
        self._error: BaseException | None = None
        self._running = Lock()
        self._running.acquire()

    def is_done(self, within: float) -> bool:
        """Wait up to so many seconds; say whether the work has ended."""
        if done := self._running.acquire(timeout=within):
            self._running.release()
        return done

    def result(self) -> T:
        """Return what the work returned, or raise what it raised; to be called when it is done."""
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]

    def run(self) -> None:
        """Do the work, in the calling thread."""
        try:
            self._result = self._work()
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
            self._error = error

    def end(self) -> None:
        """Let whoever waits go on."""
        self._running.release()


class Workers:
    """The threads; any thread may call."""

    def __init__(self) -> None:
        self._idle: list[SimpleQueue[Task[Any] | None]] = []
        self._lock = Lock()

    def begin(self, work: Callable[[], T]) -> Task[T]:
        """Have a thread do the work; returns at once."""
        task = Task(work)
        with self._lock:
            tasks = self._idle.pop() if self._idle else self._new()
        tasks.put(task)
        return task

    def close(self) -> None:
        """Let the threads that are idle end."""
        with self._lock:
            for tasks in self._idle:
                tasks.put(None)
            self._idle = []

    def _new(self) -> "SimpleQueue[Task[Any] | None]":
        tasks: SimpleQueue[Task[Any] | None] = SimpleQueue()
        Thread(target=self._serve, args=[tasks], name="store", daemon=True).start()
        return tasks

    def _serve(self, tasks: "SimpleQueue[Task[Any] | None]") -> None:
        while (task := tasks.get()) is not None:
            task.run()
            with self._lock:
                self._idle.append(tasks)  # before anybody goes on, who would make another thread
            task.end()
            del task  # an idle thread holds on to nothing
