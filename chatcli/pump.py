"""Reads a reply on a thread of its own, so that it can be stopped, and its reader can breathe, at any moment."""

from collections.abc import Generator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread

from chatcli.model import Delta, Event, Reply


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing came for a while: time to move a spinner, read keys, show a sign of life."""


class Pump:
    """Yields a reply's events as they come, and a Tick whenever `tick` seconds pass without one.

    Deltas that came while the last event was dealt with are one: what follows costs no more for a fast model.

    `stop` ends it at the next event. It may be called from a signal handler: it takes no lock that the
    interrupted code could hold.
    """

    def __init__(self, reply: Reply, tick: float = 0.05) -> None:
        self._reply = reply
        self._tick = tick
        self._queue: SimpleQueue[Event | BaseException | None] = SimpleQueue()
        self._stopped = False

    def stop(self) -> None:
        """End the reply; what has come of it stands."""
        self._stopped = True
        self._queue.put(None)

    def __iter__(self) -> Generator[Event | Tick, None, None]:
        """Yield until the reply ends or is stopped; raise what the reply raised. The reply is closed then."""
        Thread(target=self._read, name="reply", daemon=True).start()
        try:
            while not self._stopped:
                try:
                    items = self._waiting()
                except Empty:
                    yield Tick()
                    continue
                for item in items:
                    if item is None or self._stopped:
                        return
                    if isinstance(item, BaseException):
                        raise item
                    yield item
        finally:
            self._reply.close()

    def _waiting(self) -> list[Event | BaseException | None]:
        """Return what has come, at least one item, the deltas among it joined; raise Empty when nothing comes."""
        texts = []
        item = self._queue.get(timeout=self._tick)
        while isinstance(item, Delta):
            texts.append(item.text)
            try:
                item = self._queue.get_nowait()
            except Empty:
                return [Delta("".join(texts))]
        return [Delta("".join(texts)), item] if texts else [item]

    def _read(self) -> None:
        try:
            for event in self._reply:
                self._queue.put(event)
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that asked
            self._queue.put(error)
        else:
            self._queue.put(None)
