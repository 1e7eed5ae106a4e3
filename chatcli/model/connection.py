"""One connection to an endpoint, which another thread can cut at any moment."""

import json
import os
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Lock, Timer
from typing import Any

import httpcore2  # noqa: F401 - the client would import it when it is first made: in front of a reply
import httpx2

from chatcli import __version__
from chatcli.errors import UsageError
from chatcli.model.answer import LONGEST
from chatcli.model.faults import BEGINNING, LedAway, NoAnswer, NotAReply, Refused, TooSlow
from chatcli.model.proxy import proxy_of
from chatcli.model.settings import ModelSettings

CONNECT_SECONDS = 10.0
IDLE_SECONDS = 55.0
"""How long a connection is kept for the next turn; servers commonly let go after a minute."""
ENDING_SECONDS = 0.3
"""How long the end of a stream is waited for, after everything in it was read, to keep the connection."""
LONGEST_ERROR = 2**20
"""Bytes of the body of an error or a redirect, beyond which it is not read."""
KEEP_THE_REQUEST = (307, 308)
"""Statuses of a redirect that repeats a POST as it is."""
DRIP_SECONDS = 0.5
"""How much longer than silence a drip is waited for, so that silence is told as what it is."""
COMPRESSED = 64
"""How many times fewer bytes may come when they are compressed; texts shrink to a fifth, a bomb to a thousandth."""

CHAT, EMBEDDINGS, MODELS = "/chat/completions", "/embeddings", "/models"
"""Where an endpoint takes what, behind its base_url."""

_NAME_OF_A_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Connection:
    """A client that holds a single connection, and so knows the socket its request runs on.

    It is an HTTP client, not the openai library's: that one takes half a second to import, nine tenths of it for types
    of answers that chatcli reads by itself (`wire`), and of what is left only the headers are of use here. The
    transport has no way to end a request from another thread. Its `trace` extension shows each socket it opens:
    shutting that down wakes whoever reads from it, and tells the endpoint to stop computing.
    """

    def __init__(self, settings: ModelSettings) -> None:
        self.settings = settings
        self._lock = Lock()
        self._socket: socket.socket | None = None
        self._is_cut = False
        self._is_late = False
        self._timer: Timer | None = None
        self._headers = _headers(settings, os.environ)
        self._http = httpx2.Client(
            timeout=httpx2.Timeout(settings.timeout, connect=min(CONNECT_SECONDS, settings.timeout)),
            transport=_transport(settings),
            follow_redirects=True,  # within the origin: `_stays` sees to that
            event_hooks={"request": [self._watch], "response": [_stays, _bound]},
        )

    def post(self, body: Mapping[str, Any]) -> httpx2.Response:
        """Ask for a reply; return once its headers are here. Raises Refused, NoAnswer, or what httpx2 raises."""
        return self._answer("POST", CHAT, body)

    def embed(self, body: Mapping[str, Any]) -> bytes:
        """Ask for the vectors of texts; return the body of the answer. Raises what `post` raises."""
        return self._read(self._answer("POST", EMBEDDINGS, body))

    def models(self) -> list[dict[str, Any]]:
        """Return what the endpoint says of its models, in its order; each has an `id`. Raises what `post` raises."""
        body = self._read(self._answer("GET", MODELS))
        try:
            listed = json.loads(body)["data"]
            return [{**entry, "id": str(entry["id"])} for entry in listed]
        except (ValueError, TypeError, KeyError, RecursionError):
            raise NotAReply(body[:BEGINNING].decode("utf-8", "replace")) from None

    def _answer(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> httpx2.Response:
        base = httpx2.URL(self.settings.base_url)
        url = base.copy_with(path=base.path.rstrip("/") + path)
        request = self._http.build_request(
            method, url, headers=self._headers, json=None if body is None else dict(body)
        )
        with _before_an_answer(), self._in_time():
            response = self._http.send(request, stream=True)
        if not response.is_success:
            text = self._error(response).decode("utf-8", "replace").strip()
            raise Refused(response.status_code, response.headers, _data(text))
        return response

    def _read(self, response: httpx2.Response) -> bytes:
        """Return the whole body, which `_bound` bounds."""
        try:
            with _before_an_answer(), self._in_time():
                self._hurry()
                return response.read()
        finally:
            response.close()

    def _error(self, response: httpx2.Response) -> bytes:
        """Return the body of an error, or what `_bound` lets through: the status counts, however long the page."""
        kept = bytearray()
        try:
            with suppress(NotAReply, TooSlow), _before_an_answer(), self._in_time():
                self._hurry()
                for chunk in response.iter_bytes():
                    kept += chunk
        finally:
            response.close()
        return bytes(kept)

    def finish(self, chunks: Iterable[bytes]) -> None:
        """Read what is left of a body that was understood to its end, so that the connection can stay."""
        deadline = Timer(ENDING_SECONDS, self.cut)
        deadline.daemon = True
        deadline.start()
        with suppress(httpx2.HTTPError):
            for _ in chunks:
                pass
        deadline.cancel()

    @property
    def is_cut(self) -> bool:
        """Whether it is of no more use."""
        return self._is_cut

    def cut(self) -> None:
        """Shut the socket, now or as soon as there is one; a blocked reader gets an error. Any thread may."""
        with self._lock:
            self._is_cut = True
            if self._socket is not None:
                _shut(self._socket)

    def close(self) -> None:
        """Let go of the connection; only when no other thread uses it."""
        self._http.close()

    def _watch(self, request: httpx2.Request) -> None:
        request.extensions = {**request.extensions, "trace": self._trace}

    @contextmanager
    def _in_time(self) -> Iterator[None]:
        """Raise TooSlow for what is not whole some time after `_hurry`: each byte of a drip ends the silence anew."""
        self._is_late = False
        try:
            yield
        except httpx2.HTTPError:
            if self._is_late:
                raise TooSlow from None
            raise
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _hurry(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = Timer(self.settings.timeout + DRIP_SECONDS, self._give_up)
        self._timer.daemon = True
        self._timer.start()

    def _give_up(self) -> None:
        self._is_late = True
        self.cut()

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith("send_request_body.complete"):
            self._hurry()
        if event.endswith(("connect_tcp.complete", "connect_unix_socket.complete", "start_tls.complete")):
            with self._lock:
                self._socket = info["return_value"].get_extra_info("socket")
                if self._is_cut and self._socket is not None:
                    _shut(self._socket)


def _transport(settings: ModelSettings) -> httpx2.HTTPTransport:
    """Return a transport of one connection; raises UsageError for a proxy that cannot be used."""
    proxy = proxy_of(settings)
    limits = httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=IDLE_SECONDS)
    return httpx2.HTTPTransport(limits=limits, proxy=proxy.url if proxy else None)


def _stays(response: httpx2.Response) -> None:
    """Raise LedAway for a redirect to another origin, or one that would drop what is asked.

    The user chose whom to tell all this, not the endpoint; and clients repeat a POST as a GET without its body, unless
    the status forbids it.
    """
    if response.has_redirect_location:
        request, here = response.request, response.request.url
        there = here.join(response.headers["location"])
        is_elsewhere = (there.scheme, there.host, there.port) != (here.scheme, here.host, here.port)
        if is_elsewhere or (request.method == "POST" and response.status_code not in KEEP_THE_REQUEST):
            raise LedAway(str(there.copy_with(userinfo=b"", query=None, fragment=None)))


def _bound(response: httpx2.Response) -> None:
    """Bound what the client reads into memory at once: all but a reply, whose own reader bounds it."""
    request = response.request
    encodings = response.headers.get_list("content-encoding", split_commas=True)
    if len(encodings) > 1:  # compressed again, a bomb shrinks to a millionth: nobody does that to a text
        response.stream = _Bounded(response.stream, 0)
        return
    if response.is_success and request.method == "POST" and not request.url.path.endswith(EMBEDDINGS):
        return
    most = LONGEST if response.is_success else LONGEST_ERROR
    response.stream = _Bounded(response.stream, most // COMPRESSED if encodings else most)


class _Bounded(httpx2.SyncByteStream):
    """A body that raises NotAReply when it goes on beyond so many bytes."""

    def __init__(self, stream: Any, most: int) -> None:
        self._stream = stream
        self._most = most

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._stream:
            size += len(chunk)
            if size > self._most:
                raise NotAReply(f"more than {self._most} bytes")
            yield chunk

    def close(self) -> None:
        self._stream.close()


def _shut(connected: socket.socket) -> None:
    """Shut the TCP connection below a possible TLS layer, whose own state belongs to the reading thread."""
    with suppress(OSError):
        socket.socket.shutdown(connected, socket.SHUT_RDWR)


@contextmanager
def _before_an_answer() -> Iterator[None]:
    """Raise NoAnswer for a connection that fails; silence stays what it is, and so does a circle of redirects."""
    try:
        yield
    except (httpx2.TimeoutException, httpx2.TooManyRedirects):
        raise
    except httpx2.HTTPError as error:
        raise NoAnswer(str(error)) from error


def _data(text: str) -> Any:
    """Return what an error's body says: data if it is JSON, else the text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _headers(settings: ModelSettings, environ: Mapping[str, str]) -> dict[str, str]:
    """Return a request's headers; OpenAI's own (organization, project, what the user adds) go with its key alone."""
    headers = {"Accept": "application/json", "User-Agent": f"chatcli/{__version__}"}
    if settings.api_key:
        headers["Authorization"] = f"Bearer {settings.api_key}"
    if settings.key_env != "OPENAI_API_KEY":
        return headers
    own = {"OpenAI-Organization": environ.get("OPENAI_ORG_ID"), "OpenAI-Project": environ.get("OPENAI_PROJECT_ID")}
    own |= _added(environ.get("OPENAI_CUSTOM_HEADERS", ""))
    for name, value in own.items():
        if value and not (_NAME_OF_A_HEADER.fullmatch(name) and value.isascii() and value.isprintable()):
            raise UsageError(
                "OPENAI_CUSTOM_HEADERS, OPENAI_ORG_ID or OPENAI_PROJECT_ID holds what no HTTP header can hold",
                "write ASCII there; OPENAI_CUSTOM_HEADERS has a line `Name: value` for each header",
            )
    return headers | {name: value for name, value in own.items() if value}


def _added(lines: str) -> dict[str, str]:
    parts = (line.partition(":") for line in lines.splitlines())
    return {name.strip(): value.strip() for name, colon, value in parts if colon and name.strip()}
