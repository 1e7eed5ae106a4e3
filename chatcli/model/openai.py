"""A model at an OpenAI-compatible endpoint.

openai takes half a second to import, so nothing here imports it before the first request; `preload` does it
in the background.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from threading import Event as Flag
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from chatcli.messages import Message
from chatcli.model import Event, Retrying
from chatcli.model.settings import ModelSettings, checked
from chatcli.model.wire import read_events, request_body

if TYPE_CHECKING:
    import httpx2

    from chatcli.model.connection import Connection
    from chatcli.model.failures import Failure

    Opened = tuple[Connection, httpx2.Response]
    Opening = Future[Opened]


def preload() -> Thread:
    """Import openai in the background; returns the thread, which nobody needs to wait for."""

    def load() -> None:
        import openai.resources.chat.completions  # noqa: F401

        from chatcli.model import connection, failures  # noqa: F401

    thread = Thread(target=load, name="preload openai", daemon=True)
    thread.start()
    return thread


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a request goes out, and the seconds between: doubling, a quarter more or less at random."""

    attempts: int = 4
    first: float = 0.5
    longest_asked: float = 60.0

    def pause(self, made: int, asked: float | None) -> float | None:
        """Return the seconds to wait after `made` attempts, or None to give up.

        `asked` is what the endpoint asks for; it is obeyed, but not beyond `longest_asked`: then we give up.
        """
        if made >= self.attempts or (asked or 0.0) > self.longest_asked:
            return None
        if asked is not None:
            return asked
        return self.first * 2.0 ** (made - 1) * random.uniform(0.75, 1.25)  # noqa: S311 - no secret


class OpenAIModel:
    """A model at an endpoint.

    `locate`, when given, is asked before each request where the endpoint is by now; it may block or raise a
    ChatError.
    """

    def __init__(
        self,
        settings: ModelSettings,
        retries: Retries | None = None,
        locate: Callable[[], ModelSettings] | None = None,
    ) -> None:
        self.settings = settings
        self.retries = retries or Retries()
        self.locate = locate or (lambda: checked(settings))
        self.reports_usage = True
        self._lock = Lock()
        self._idle: list[Connection] = []
        self._replies: set[_Reply] = set()

    @property
    def name(self) -> str:
        """The model's id, as the endpoint knows it."""
        return self.settings.id

    @property
    def window(self) -> int | None:
        """How many tokens a request and its reply may hold together; None when unknown."""
        return self.settings.window

    def stream(self, context: Sequence[Message], options: Mapping[str, Any]) -> "_Reply":
        """Start a reply to `context`; the request leaves when the reply is iterated."""
        return _Reply(self, tuple(context), dict(options))

    def models(self) -> list[str]:
        """Return the ids of the endpoint's models; raises ModelError."""
        connection = self.borrow()
        from chatcli.model import failures

        try:
            return connection.models()
        except failures.KNOWN as error:
            raise failures.translate(error, connection.settings).error from None
        finally:
            self.give_back(connection)

    def close(self) -> None:
        """End all replies and let go of the connections."""
        with self._lock:
            replies = list(self._replies)
        for reply in replies:
            reply.close()
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    # For its replies

    def borrow(self) -> "Connection":
        """Return a connection that nobody else uses: an idle one that leads to the right place, or a new one."""
        settings = self.locate()
        from chatcli.model.connection import Connection

        with self._lock:
            fitting = [connection for connection in self._idle if connection.settings == settings]
            if fitting:
                self._idle.remove(fitting[0])
                return fitting[0]
        return Connection(settings)

    def give_back(self, connection: "Connection") -> None:
        """Keep the connection for the next request, or close it when it was cut."""
        if connection.is_cut:
            connection.close()
            return
        with self._lock:
            self._idle.append(connection)

    def runs(self, reply: "_Reply", running: bool) -> None:
        """Note that a reply is being read, or no longer is."""
        with self._lock:
            (self._replies.add if running else self._replies.discard)(reply)


class _Failed(Exception):
    """One attempt failed."""

    def __init__(self, failure: "Failure") -> None:
        super().__init__(failure.error.message)
        self.failure = failure


class _Reply:
    """A reply while it streams.

    Whatever may block before the headers are here (importing, DNS, connecting, a model that loads) happens on
    a thread of its own, which `close` leaves behind; from then on `close` cuts the connection.
    """

    def __init__(self, model: OpenAIModel, context: Sequence[Message], options: Mapping[str, Any]) -> None:
        self._model = model
        self._context = context
        self._options = options
        self._closed = Flag()
        self._lock = Lock()
        self._opening: Opening = Future()
        self._connection: Connection | None = None

    def close(self) -> None:
        """End the reply now; any thread may, more than once."""
        with self._lock:
            self._closed.set()
            self._opening.cancel()
            if self._connection is not None:
                self._connection.cut()

    def __iter__(self) -> Iterator[Event]:
        """Yield the events; raises ChatError. After `close` it ends without one."""
        self._model.runs(self, True)
        try:
            yield from self._attempts()
        finally:
            self.close()
            self._model.runs(self, False)

    def _attempts(self) -> Iterator[Event]:
        made = 0
        while not self._closed.is_set():
            made += 1
            begun = False
            try:
                for event in self._request():
                    if self._closed.is_set():
                        return
                    begun = True
                    yield event
                return
            except _Failed as failed:
                failure = failed.failure
            seconds = self._model.retries.pause(made, failure.seconds) if failure.again and not begun else None
            if self._closed.is_set():
                return
            if seconds is None:
                raise failure.error
            yield Retrying(seconds, failure.error.message)
            self._closed.wait(seconds)

    def _request(self) -> Iterator[Event]:
        """Send the request once and yield what comes; raises _Failed, or what `locate` raises."""
        opened = self._opened()
        if opened is None:
            return
        from chatcli.model import failures

        connection, response = opened
        try:
            chunks = response.iter_bytes()
            yield from read_events(chunks)
            connection.finish(chunks)
        except failures.KNOWN as error:
            raise _Failed(failures.translate(error, connection.settings)) from None
        finally:
            response.close()
            self._release(connection)

    def _opened(self) -> "Opened | None":
        """Return a connection and a response whose body has not been read; None when `close` came first."""
        with self._lock:
            if self._closed.is_set():
                return None
            opening = self._opening = Future()
        Thread(target=self._fill, args=(opening,), name="request", daemon=True).start()
        try:
            return opening.result()
        except CancelledError:
            return None

    def _fill(self, opening: "Opening") -> None:
        """Open the response for whoever waits; when nobody does any more, let it go."""
        try:
            opened = self._open()
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for, a mistake of ours too
            with suppress(InvalidStateError):
                opening.set_exception(error)
            return
        try:
            opening.set_result(opened)
        except InvalidStateError:
            connection, response = opened
            response.close()
            self._release(connection)

    def _open(self) -> "Opened":
        connection = self._model.borrow()
        from chatcli.model import failures

        with self._lock:
            self._connection = connection
            if self._closed.is_set():
                connection.cut()
        try:
            return connection, self._post(connection)
        except failures.KNOWN as error:
            self._release(connection)
            raise _Failed(failures.translate(error, connection.settings)) from None

    def _post(self, connection: "Connection") -> "httpx2.Response":
        """Send the request; without `stream_options`, from then on, if the endpoint does not know them."""
        import openai

        from chatcli.model.failures import refuses_usage

        model = self._model
        with_usage = model.reports_usage
        try:
            return connection.post(self._body(connection, with_usage))
        except openai.APIStatusError as error:
            if not (with_usage and refuses_usage(error)):
                raise
        model.reports_usage = False
        return connection.post(self._body(connection, False))

    def _body(self, connection: "Connection", usage: bool) -> dict[str, Any]:
        return request_body(connection.settings, self._context, self._options, usage)

    def _release(self, connection: "Connection") -> None:
        with self._lock:
            self._connection = None
        self._model.give_back(connection)
