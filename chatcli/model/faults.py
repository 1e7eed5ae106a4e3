"""What can be wrong with what an endpoint sends; `failures` makes a Failure of it, in the user's words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chatcli.errors import ChatError

BEGINNING = 4096
"""Bytes that are kept of what is no reply: more than is shown, so that a key is found in it before it is cut."""


class EndpointError(Exception):
    """The endpoint sent an error in place of the reply, or of its rest; `error` is that object."""

    def __init__(self, error: Any) -> None:
        super().__init__("the endpoint sent an error")
        self.error = error


class NotAReply(Exception):
    """What came does not speak the protocol; `text` is how it begins."""

    def __init__(self, text: str) -> None:
        super().__init__("not a reply")
        self.text = text


class LedAway(Exception):
    """The endpoint redirected the request to where it must not follow; `url` is where to."""

    def __init__(self, url: str) -> None:
        super().__init__("redirected")
        self.url = url


class Refused(Exception):
    """The endpoint answered with an error status; `body` is the error in it, as data or as text."""

    def __init__(self, status: int, headers: Mapping[str, str], body: Any) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.headers = headers
        self.body = body.get("error", body) if isinstance(body, Mapping) else body

    @property
    def param(self) -> str | None:
        """The parameter that is to blame, if the endpoint says so."""
        found = self.body.get("param") if isinstance(self.body, Mapping) else None
        return found if isinstance(found, str) else None


class NoAnswer(Exception):
    """The connection failed before an answer began; its cause says how."""


class TooSlow(Exception):
    """What comes is not silence, and is never whole: headers, a line or a body that drip."""


class Endless(Exception):
    """The reply went on beyond what any model says."""


class CutShort(Exception):
    """The stream ended before the reply did."""


class Withheld(Exception):
    """The endpoint's content filter stopped the reply."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request failed; `again`: it may succeed when repeated, after `seconds` if the endpoint said so."""

    error: ChatError
    again: bool = False
    seconds: float | None = None
