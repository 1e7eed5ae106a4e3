"""A model at an OpenAI-compatible endpoint.

The HTTP client takes its time to import, so nothing here imports it before the first request; `preload` does it in the
background.
"""

from collections.abc import Callable, Mapping, Sequence
from threading import Thread
from typing import Any

from chatcli.messages import Message
from chatcli.model.answer import window_listed
from chatcli.model.endpoint import Endpoint
from chatcli.model.reply import EndpointReply, Retries
from chatcli.model.settings import ModelSettings


def preload() -> Thread:
    """Import the client in the background; returns the thread, which nobody needs to wait for."""

    def load() -> None:
        from chatcli.model import connection, failures  # noqa: F401

    thread = Thread(target=load, name="preload the client", daemon=True)
    thread.start()
    return thread


class OpenAIModel:
    """A model at an endpoint; `locate` as for an Endpoint."""

    def __init__(
        self,
        settings: ModelSettings,
        retries: Retries | None = None,
        locate: Callable[[], ModelSettings] | None = None,
    ) -> None:
        self.settings = settings
        self._endpoint = Endpoint(settings, locate)
        self._retries = retries or Retries()

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
        return EndpointReply(self._endpoint, self._retries, tuple(context), dict(options))

    def models(self) -> list[str]:
        """Return the ids of the endpoint's models; raises ModelError."""
        return [str(entry["id"]) for entry in self._listed()]

    def listed_window(self) -> int | None:
        """Return the window that the endpoint's list says; None when it says none. Raises ModelError."""
        own = (entry for entry in self._listed() if entry["id"] == self.settings.id)
        return next(map(window_listed, own), None)

    def _listed(self) -> list[dict[str, Any]]:
        """Return the endpoint's list of models."""
        connection = self._endpoint.borrow()
        from chatcli.model import failures

        try:
            return connection.models()
        except failures.KNOWN as error:
            raise failures.translate(error, connection.settings).error from None
        except Exception as error:  # whatever else the client makes of a list that is none
            raise failures.unreadable(error, connection.settings.place) from error
        finally:
            self._endpoint.give_back(connection)

    def close(self) -> None:
        """End all replies and let go of the connections."""
        self._endpoint.close()
