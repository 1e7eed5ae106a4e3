"""Where requests go: the connections to an endpoint, each lent to one request at a time.

The HTTP client takes its time to import, so nothing here imports it before the first request.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from chatcli.model.keys import with_key
from chatcli.model.settings import ModelSettings, checked

if TYPE_CHECKING:
    from chatcli.model.connection import Connection


class Endpoint:
    """The endpoint of a model.

    `locate`, when given, is asked before each request where it is by now; it may block or raise a ChatError. As long
    as it `reports_usage`, it is asked for that.
    """

    def __init__(self, settings: ModelSettings, locate: Callable[[], ModelSettings] | None = None) -> None:
        self.settings = settings
        self.reports_usage = True
        self._locate = locate or (lambda: checked(with_key(settings)))
        self._lock = Lock()
        self._idle: list[Connection] = []
        self._is_closed = False
        self._ends: set[Callable[[], None]] = set()

    def borrow(self) -> "Connection":
        """Return a connection that nobody else uses: an idle one that leads to the right place, or a new one."""
        settings = self._locate()
        from chatcli.model.connection import Connection

        with self._lock:
            fitting = [connection for connection in self._idle if connection.settings == settings]
            if fitting:
                self._idle.remove(fitting[0])
                return fitting[0]
        return Connection(settings)

    def give_back(self, connection: "Connection") -> None:
        """Keep the connection for the next request, unless it was cut or there will be none."""
        with self._lock:
            if not (connection.is_cut or self._is_closed):
                self._idle.append(connection)
                return
        connection.close()

    @contextmanager
    def ended_by(self, end: Callable[[], None]) -> Iterator[None]:
        """Have `end` called should the endpoint be closed while the block runs."""
        with self._lock:
            self._ends.add(end)
        try:
            yield
        finally:
            with self._lock:
                self._ends.discard(end)

    def close(self) -> None:
        """End what runs, and let go of the connections."""
        with self._lock:
            ends = list(self._ends)
        for end in ends:
            end()
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
