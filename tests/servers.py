"""Real servers for the tests, on random ports of 127.0.0.1.

`ModelServer` speaks the OpenAI protocol and answers what a test tells it to; told nothing, it echoes:

    with ModelServer() as server:
        gate = Event()
        server.replies("Hel", gate, "lo")      # the next request: two deltas, the second when the gate opens
        server.refuses(RATE_LIMIT)             # the one after it: HTTP 429
        ...
        assert server.requests[0].body["messages"][-1] == {"role": "user", "content": "Hi"}

It runs on threads of the test's own process; the client may be this process or another one.
"""

import json
import select
import socket
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event, Thread
from typing import Any, Self

Body = dict[str, Any]
Counts = tuple[int, int, int | None]
"""Tokens of the prompt, of the completion, and how many of the prompt came from a cache (None: not said)."""


# What an answer is made of: text (a delta), an Event (wait until it is set), and these


@dataclass(frozen=True)
class Thought:
    """A piece of reasoning; `key` is what the endpoint calls it: `reasoning_content` or `reasoning`."""

    text: str
    key: str = "reasoning_content"


@dataclass(frozen=True)
class Raw:
    """Bytes that go into the stream as they are."""

    data: bytes


class Cut:
    """The connection is dropped here, without a word."""


Step = str | Event | Thought | Raw | type[Cut]


@dataclass(frozen=True)
class Stream:
    """An answer as server-sent events."""

    steps: tuple[Step, ...]
    finish: str | None = "stop"
    usage: Counts | None = (11, 7, None)
    done: bool = True


@dataclass(frozen=True)
class Whole:
    """An answer in one piece: any status, any body."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Silence:
    """No answer at all, until the client or the server goes away."""


@dataclass(frozen=True)
class Endless:
    """An answer that never ends: `block` again and again, until the client or the server goes away."""

    status: int
    block: bytes
    content_type: str = "application/json"


Answer = Stream | Whole | Silence | Endless


def refusal(status: int, message: str, headers: Mapping[str, str] | None = None, **error: Any) -> Whole:
    """Return an HTTP error in OpenAI's shape; `error` holds its `code`, `type`, `param`."""
    body = {"error": {"message": message, **error}}
    return Whole(status, json.dumps(body).encode(), headers=headers or {})


BAD_KEY = refusal(401, "Incorrect API key provided.", code="invalid_api_key", type="invalid_request_error")
FORBIDDEN = refusal(403, "You are not allowed to sample from this model", code="access_denied")
UNKNOWN_MODEL = refusal(404, "The model `nope` does not exist.", code="model_not_found")
TOO_LONG_OPENAI = refusal(
    400,
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
    code="context_length_exceeded",
    param="messages",
)
TOO_LONG_DASHSCOPE = refusal(
    400,
    "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 129024]",
    code="invalid_parameter_error",
)
TOO_LONG_LLAMA = refusal(
    400,
    "request (20031 tokens) exceeds the available context size (8192 tokens), try increasing it",
    code=400,
    type="exceed_context_size_error",
)
RATE_LIMIT = refusal(429, "Rate limit reached for requests", {"Retry-After": "0"}, code="rate_limit_exceeded")
NO_QUOTA = refusal(429, "You exceeded your current quota", code="insufficient_quota")
BROKEN = refusal(500, "The server had an error", code="server_error")
BUSY = refusal(503, "The engine is overloaded", code="overloaded")
WEB_PAGE = Whole(200, b"<!DOCTYPE html><html><title>Sign in</title></html>", "text/html; charset=utf-8")


@dataclass(frozen=True)
class Received:
    """A request as it arrived; header names are lower case, `body` is {} for a GET."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Body

    @property
    def texts(self) -> list[tuple[str, Any]]:
        """Role and content of each message that was sent."""
        return [(message["role"], message["content"]) for message in self.body["messages"]]


def embedded(vectors: Iterable[Iterable[float]]) -> Whole:
    """Return the answer to a request for embeddings."""
    rows = [{"object": "embedding", "index": at, "embedding": list(row)} for at, row in enumerate(vectors)]
    usage = {"prompt_tokens": 5, "total_tokens": 5}
    return Whole(200, json.dumps({"object": "list", "data": rows, "model": "embed", "usage": usage}).encode())


def echo(body: Body) -> str:
    """Return the answer to a request nobody scripted: how many turns came, and the newest input."""
    asked = [message["content"] for message in body["messages"] if message["role"] == "user"]
    said = asked[-1] if asked else ""
    text = said if isinstance(said, str) else " ".join(part.get("text", part["type"]) for part in said)
    return f"Turn {len(asked)}: {text}"


def pieces(text: str, size: int = 4) -> tuple[str, ...]:
    """Cut a text into deltas of `size` characters."""
    return tuple(text[start : start + size] for start in range(0, len(text), size))


class ModelServer:
    """An OpenAI-compatible endpoint. Attributes may be set at any time, also while it serves.

    `models` are the ids it lists; `pages` are other GET answers by path; `mind` makes the text of an answer
    that was not scripted; `embeds` answers requests for embeddings; `connections` counts those that were accepted;
    with `knows_stream_options` false, a request with that field is refused (400).
    """

    def __init__(self) -> None:
        self.models = ["test-model"]
        self.pages: dict[str, Answer] = {}
        self.mind: Callable[[Body], str] = echo
        self.embeds: Callable[[Body], Answer] | None = None
        self.knows_stream_options = True
        self.requests: list[Received] = []
        self.closing = Event()
        self._answers: deque[Answer] = deque()
        self._changed = Condition()
        self._disconnects = 0
        self.connections = 0
        self._http = _Http(self)
        self._thread = Thread(target=self._http.serve_forever, args=(0.02,), name="model server")

    # Scripting

    def replies(
        self,
        *steps: Step,
        finish: str | None = "stop",
        usage: Counts | None = (11, 7, None),
        done: bool = True,
    ) -> None:
        """Answer one request with a stream; without `done` it ends without `[DONE]`."""
        self.answers(Stream(steps, finish, usage, done))

    def refuses(self, answer: Whole, times: int = 1) -> None:
        """Answer that many requests with an HTTP error."""
        self.answers(*[answer] * times)

    def final(self, text: str, finish: str = "stop", usage: Counts | None = (11, 7, None)) -> None:
        """Answer one request with one JSON message, though a stream was asked for."""
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
        body: Body = {"object": "chat.completion", "model": self.models[0], "choices": [choice]}
        if usage is not None:
            body["usage"] = _usage(usage)
        self.answers(Whole(200, json.dumps(body, indent=1).encode()))

    def hangs(self) -> None:
        """Never answer one request."""
        self.answers(Silence())

    def redirects(self, url: str, status: int = 307) -> None:
        """Send one request elsewhere."""
        self.answers(Whole(status, b"", headers={"Location": url}))

    def answers(self, *answers: Answer) -> None:
        """Answer the next requests with these, in order."""
        with self._changed:
            self._answers.extend(answers)

    # Watching

    @property
    def url(self) -> str:
        """The base URL a client needs, ending in /v1."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def chats(self) -> list[Received]:
        """The requests for a reply, without those for the list of models and the like."""
        return [request for request in list(self.requests) if request.path.endswith("/chat/completions")]

    @property
    def embeddings(self) -> list[Body]:
        """The bodies of the requests for embeddings."""
        return [request.body for request in list(self.requests) if request.path.endswith("/embeddings")]

    def wait_chats(self, count: int, timeout: float = 20) -> list[Received]:
        """Wait until that many requests for a reply have come; fail when they do not."""
        with self._changed:
            came = self._changed.wait_for(lambda: len(self.chats) >= count, timeout)
        assert came, f"{len(self.chats)} of {count} requests came in {timeout} s"
        return self.chats

    def wait_requests(self, count: int, path: str = "", timeout: float = 20) -> None:
        """Wait until that many requests, with a path that ends so, have come; fail when they do not."""

        def came() -> int:
            return sum(request.path.endswith(path) for request in list(self.requests))

        with self._changed:
            enough = self._changed.wait_for(lambda: came() >= count, timeout)
        assert enough, f"{came()} of {count} requests came in {timeout} s"

    def wait_disconnect(self, timeout: float = 10, count: int = 1) -> bool:
        """Say whether that many clients have gone before their answer was complete."""
        with self._changed:
            return self._changed.wait_for(lambda: self._disconnects >= count, timeout)

    # Living

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.hang_up()
        self._http.server_close()
        if self._http.failures:
            raise self._http.failures[0]

    # For the connections

    def received(self, request: Received) -> None:
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()

    def disconnected(self) -> None:
        with self._changed:
            self._disconnects += 1
            self._changed.notify_all()

    def answer_to(self, request: Received) -> Answer:
        if request.method == "GET":
            return self._page(request.path)
        if request.path.endswith("/embeddings") and self.embeds is not None:
            return self.embeds(request.body)
        if not request.path.endswith("/chat/completions"):
            return refusal(404, f"Unknown request URL: POST {request.path}")
        if not self.knows_stream_options and "stream_options" in request.body:
            return refusal(400, "Unrecognized request argument supplied: stream_options")
        with self._changed:
            if self._answers:
                return self._answers.popleft()
        return self._unscripted(request.body)

    def _unscripted(self, body: Body) -> Answer:
        text = self.mind(body)
        usage = (len(json.dumps(body["messages"])) // 4, len(text) // 4 + 1, None)
        return Stream(pieces(text), usage=usage)

    def _page(self, path: str) -> Answer:
        if path in self.pages:
            return self.pages[path]
        if path == "/v1/models":
            listed = [{"id": name, "object": "model"} for name in self.models]
            return Whole(200, json.dumps({"object": "list", "data": listed}).encode())
        return refusal(404, f"Unknown request URL: GET {path}")


class _Http(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for them: no thread outlives its test
    request_queue_size = 64

    def __init__(self, owner: ModelServer) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.owner = owner
        self.failures: list[BaseException] = []
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        self.owner.connections += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError):
            self.failures.append(error)


class _Gone(Exception):
    """The client went away, or the server is closing."""


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._serve({})

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:  # the client was killed while it asked
            self.close_connection = True
            self.server.owner.disconnected()
            return
        self._serve(json.loads(body))

    def _serve(self, body: Body) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Received(self.command, self.path, headers, body)
        self.server.owner.received(request)
        answer = self.server.owner.answer_to(request)
        try:
            self._send(answer, str(body.get("model", "")))
        except (_Gone, ConnectionError):
            self.close_connection = True
            self.server.owner.disconnected()

    def _send(self, answer: Answer, model: str) -> None:
        match answer:
            case Silence():
                self._wait(Event())
            case Whole():
                self._send_whole(answer)
            case Endless():
                self._send_endless(answer)
            case Stream():
                self._send_stream(answer, model)

    def _send_whole(self, answer: Whole) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def _send_endless(self, answer: Endless) -> None:
        self._begin_chunks(answer.status, answer.content_type)
        while True:
            self._chunk(answer.block)

    def _begin_chunks(self, status: int, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _send_stream(self, answer: Stream, model: str) -> None:
        self._begin_chunks(200, "text/event-stream; charset=utf-8")
        for step in answer.steps:
            if step is Cut:
                self.close_connection = True
                return
            if isinstance(step, Event):
                self._wait(step)
            else:
                self._chunk(_encode(step, model))
        for data in _ending(answer, model):
            self._chunk(data)
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, data: bytes) -> None:
        if self.server.owner.closing.is_set() or self._client_gone(0):
            raise _Gone
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _wait(self, gate: Event) -> None:
        while not gate.is_set():
            if self.server.owner.closing.is_set() or self._client_gone(0.01):
                raise _Gone

    def _client_gone(self, seconds: float) -> bool:
        readable, _, _ = select.select([self.connection], [], [], seconds)
        return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)


def _encode(step: Step, model: str) -> bytes:
    match step:
        case Raw(data):
            return data
        case Thought(text, key):
            return _event(_chunk_of(model, {key: text}))
    return _event(_chunk_of(model, {"content": step}))


def _ending(answer: Stream, model: str) -> Iterator[bytes]:
    if answer.finish is not None:
        yield _event(_chunk_of(model, {}, answer.finish))
    if answer.usage is not None:
        yield _event({"object": "chat.completion.chunk", "choices": [], "usage": _usage(answer.usage)})
    if answer.done:
        yield b"data: [DONE]\n\n"


def _chunk_of(model: str, delta: Body, finish: str | None = None) -> Body:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": model, "choices": [choice]}


def _event(data: Body) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"


def _usage(counts: Counts) -> Body:
    prompt, completion, cached = counts
    usage: Body = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    if cached is not None:
        usage["prompt_tokens_details"] = {"cached_tokens": cached}
    return usage
