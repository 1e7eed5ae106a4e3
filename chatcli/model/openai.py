"""A model at an OpenAI-compatible endpoint.

The HTTP client takes its time to import, so nothing here imports it before the first request; `preload` does it in the
background.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from chatcli.messages import Message
from chatcli.model.answer import window_listed
from chatcli.model.keys import with_key
from chatcli.model.reply import EndpointReply
from chatcli.model.settings import ModelSettings, checked

if TYPE_CHECKING:
    from chatcli.model.connection import Connection


def preload() -> Thread:
    """Import the client in the background; returns the thread, which nobody needs to wait for."""

    def load() -> None:
        from chatcli.model import connection, failures  # noqa: F401

    thread = Thread(target=load, name="preload the client", daemon=True)
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
        self.locate = locate or (lambda: checked(with_key(settings)))
        self.reports_usage = True
        self._lock = Lock()
        self._idle: list[Connection] = []
        self._is_closed = False
        self._replies: set[EndpointReply] = set()

    @property
    def name(self) -> str:
        """The model's id, as the endpoint knows it."""
        return self.settings.id

    @property
    def host(self) -> str:
        """The endpoint's host and port."""
        return self.settings.host

    @property
    def window(self) -> int | None:
        """How many tokens a request and its reply may hold together; None when unknown."""
        return self.settings.window

    @property
    def images(self) -> bool | None:
        """Whether it takes images, as far as the config says."""
        return self.settings.images

    @property
    def local(self) -> bool:
        """Whether the endpoint is on this machine."""
        return self.settings.local

    def stream(self, context: Sequence[Message], options: Mapping[str, Any]) -> EndpointReply:
        """Start a reply to `context`; the request leaves when the reply is iterated."""
        return EndpointReply(self, tuple(context), dict(options))

    def models(self) -> list[str]:
        """Return the ids of the endpoint's models; raises ModelError."""
        return [str(entry["id"]) for entry in self._listed()]

    def listed_window(self) -> int | None:
        """Return the window that the endpoint's list says; None when it says none. Raises ModelError."""
        own = (entry for entry in self._listed() if entry["id"] == self.settings.id)
        return next(map(window_listed, own), None)

    def _listed(self) -> list[dict[str, Any]]:
        """Return the endpoint's list of models."""
        connection = self.borrow()
        from chatcli.model import failures

        try:
            return connection.models()
        except failures.KNOWN as error:
            raise failures.translate(error, connection.settings).error from None
        except Exception as error:  # whatever else the client makes of a list that is none
            raise failures.unreadable(error, connection.settings.place) from error
        finally:
            self.give_back(connection)

    def close(self) -> None:
        """End all replies and let go of the connections."""
        with self._lock:
            replies = list(self._replies)
        for reply in replies:
            reply.close()
        with self._lock:
            self._is_closed = True
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
        """Keep the connection for the next request, unless it was cut or there will be none."""
        with self._lock:
            if not (connection.is_cut or self._is_closed):
                self._idle.append(connection)
                return
        connection.close()

    def runs(self, reply: EndpointReply, running: bool) -> None:
        """Note that a reply is being read, or no longer is."""
        with self._lock:
            (self._replies.add if running else self._replies.discard)(reply)
