"""One reply of a model at an endpoint, while it streams."""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from threading import Event as Flag
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from chatcli.errors import BadKey, ChatError
from chatcli.messages import Message
from chatcli.model import Event, Retrying
from chatcli.model.answer import read_events
from chatcli.model.endpoint import Endpoint
from chatcli.model.faults import Failure, Refused
from chatcli.model.keys import renewed
from chatcli.model.settings import ModelSettings
from chatcli.model.wire import request_body

if TYPE_CHECKING:
    import httpx2

    from chatcli.model.connection import Connection

    Opened = tuple[Connection, httpx2.Response]
    Opening = Future[Opened]

_PIECE = 2**16  # bytes of an answer that are read at once


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


class _Failed(Exception):
    """One attempt failed."""

    def __init__(self, error: Exception, settings: ModelSettings) -> None:
        from chatcli.model.failures import translate

        self.failure: Failure = translate(error, settings)
        self.settings = settings
        super().__init__(self.failure.error.message)


class EndpointReply:
    """A reply while it streams.

    Whatever may block before the headers are here (importing, DNS, connecting, a model that loads) happens on
    a thread of its own, which `close` leaves behind; from then on `close` cuts the connection.
    """

    def __init__(
        self, endpoint: Endpoint, retries: Retries, context: Sequence[Message], options: Mapping[str, Any]
    ) -> None:
        self._endpoint = endpoint
        self._retries = retries
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
        try:
            with self._endpoint.ended_by(self.close):
                yield from self._attempts()
        except ChatError:
            raise
        except Exception as error:
            # the border: an endpoint can send what no reader here foresaw (nested, huge, of the wrong kind), and
            # a traceback would take the turn and the chat with it
            from chatcli.model.failures import unreadable

            raise unreadable(error, self._endpoint.settings.place) from error
        finally:
            self.close()

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
            seconds = self._retries.pause(made, failure.seconds) if failure.again and not begun else None
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
            yield from read_events(self._wanted(chunks), connection.settings.timeout)
            connection.finish(chunks)
        except failures.KNOWN as error:
            raise _Failed(error, connection.settings) from None
        finally:
            response.close()
            self._release(connection)

    def _wanted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the bytes piece by piece until `close`: of what was compressed a chunk may hold millions of lines."""
        for chunk in chunks:
            for start in range(0, len(chunk), _PIECE):
                if self._closed.is_set():
                    return
                yield chunk[start : start + _PIECE]

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
        """Send the request; once more when the endpoint refused a key that has changed where it is kept."""
        try:
            return self._open_once()
        except _Failed as failed:
            if not (isinstance(failed.failure.error, BadKey) and renewed(failed.settings)):
                raise
        return self._open_once()

    def _open_once(self) -> "Opened":
        connection = self._endpoint.borrow()
        from chatcli.model import failures

        with self._lock:
            self._connection = connection
            if self._closed.is_set():
                connection.cut()
        with ExitStack() as unless_opened:
            unless_opened.callback(self._release, connection)
            try:
                response = self._post(connection)
            except failures.KNOWN as error:
                raise _Failed(error, connection.settings) from None
            unless_opened.pop_all()
        return connection, response

    def _post(self, connection: "Connection") -> "httpx2.Response":
        """Send the request; without `stream_options`, from then on, if the endpoint does not know them."""
        from chatcli.model.clues import refuses_usage

        with_usage = self._endpoint.reports_usage
        try:
            return connection.post(self._body(connection, with_usage))
        except Refused as refused:
            if not (with_usage and refuses_usage(refused.status, refused.param, refused.body)):
                raise
        self._endpoint.reports_usage = False
        return connection.post(self._body(connection, False))

    def _body(self, connection: "Connection", usage: bool) -> dict[str, Any]:
        return request_body(connection.settings, self._context, self._options, usage)

    def _release(self, connection: "Connection") -> None:
        with self._lock:
            self._connection = None
        self._endpoint.give_back(connection)
