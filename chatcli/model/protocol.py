"""What answers: a model is anything that streams events for a list of messages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from chatcli.messages import Finish, Message, Usage


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of the reply."""

    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """The next piece of what the model thinks before it answers; shown, never stored as reply."""

    text: str


@dataclass(frozen=True, slots=True)
class Used:
    """The endpoint's token counts of this request."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class Finished:
    """The reply ended by itself: `stop`, or `length` when it was cut at the token limit."""

    finish: Finish


@dataclass(frozen=True, slots=True)
class Retrying:
    """The request failed before its first delta and goes out again in `seconds`; `reason` is one short line."""

    seconds: float
    reason: str


Event = Delta | Reasoning | Used | Finished | Retrying


class Reply(Protocol):
    """One reply while it streams: iterate it once, close it from any thread."""

    def __iter__(self) -> Iterator[Event]:
        """Yield events as they come; raise ModelError when the request or the stream fails.

        A reply that ended well yields exactly one Finished, as its last or (before Used) last but one event.
        """
        ...

    def close(self) -> None:
        """End the reply now: the connection is shut, a blocked reader returns. Safe from any thread, twice."""
        ...


class Model(Protocol):
    """A model at an endpoint."""

    @property
    def name(self) -> str:
        """The model's id, as the endpoint knows it."""
        ...

    @property
    def host(self) -> str:
        """The host and port it is asked at, which tell it from another one of that id; '' for a process of our own."""
        ...

    @property
    def window(self) -> int | None:
        """How many tokens a request and its reply may hold together; None when unknown."""
        ...

    @property
    def images(self) -> bool | None:
        """Whether it takes images; None when unknown: then the endpoint is asked, by sending one."""
        ...

    @property
    def local(self) -> bool:
        """Whether it runs on this machine, where a second request stands in the way of the first."""
        ...

    def stream(self, context: Sequence[Message], options: Mapping[str, Any]) -> Reply:
        """Start a reply to `context`; returns at once, the request leaves when the reply is iterated.

        `options` are the protocol's own: temperature, max_tokens, seed, …
        """
        ...

    def models(self) -> list[str]:
        """Return the ids of the models at its endpoint; raises ModelError."""
        ...

    def listed_window(self) -> int | None:
        """Return the window that its endpoint's list of models says, in tokens; may block, raises ModelError."""
        ...

    def close(self) -> None:
        """Let go of connections and of whatever the model runs."""
        ...
