"""A model server that speaks HTTP wrongly, in every way we could think of: raw bytes on a socket.

with FaultyServer() as server:
    server.fault = FAULTS["a header bomb"]     # what the next request meets, and all after it
    server.fault = None                        # from here on it answers: "Turn 2: <the newest input>"
"""

import gzip
import json
import random
import select
import socket
import socketserver
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self


class Peer:
    """The client's end of a connection; what cannot be sent any more ends the fault."""

    def __init__(self, connection: socket.socket, closing: threading.Event) -> None:
        self.connection = connection
        self._closing = closing

    def send(self, *data: bytes) -> None:
        for piece in data:
            self.connection.sendall(piece)

    def endlessly(self, piece: bytes, seconds: float = 0.0) -> None:
        """Send the same again and again, with a pause between."""
        while not self.gone(seconds):
            self.send(piece)

    def drip(self, data: bytes, seconds: float) -> None:
        """Send byte by byte."""
        for byte in data:
            if self.gone(seconds):
                return
            self.send(bytes([byte]))

    def hold(self) -> None:
        """Say nothing more until the client goes away."""
        while not self.gone(0.05):
            pass

    def reset(self) -> None:
        """Tear the connection down instead of closing it."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def gone(self, seconds: float) -> bool:
        if self._closing.is_set():
            return True
        readable, _, _ = select.select([self.connection], [], [], seconds)
        return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)


Fault = Callable[[Peer], None]


# A good answer, and its parts

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
DONE = b"data: [DONE]\n\n"


def event(text: str | None, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice]}, ensure_ascii=False).encode() + b"\n\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def answer(*texts: str) -> bytes:
    """Return a whole answer."""
    events = [*map(event, texts), event(None, "stop"), DONE]
    return HEAD + b"".join(map(chunk, events)) + b"0\r\n\r\n"


def sends(*data: bytes) -> Fault:
    """Send that and hang up."""
    return lambda peer: peer.send(*data)


def _endless(start: bytes, piece: bytes) -> Fault:
    def fault(peer: Peer) -> None:
        peer.send(start)
        peer.endlessly(piece)

    return fault


def _drips(start: bytes, data: bytes, seconds: float = 0.02) -> Fault:
    def fault(peer: Peer) -> None:
        peer.send(start)
        peer.drip(data, seconds)
        peer.hold()

    return fault


def _half_closed(data: bytes) -> Fault:
    def fault(peer: Peer) -> None:
        peer.send(data)
        peer.connection.shutdown(socket.SHUT_WR)
        peer.hold()

    return fault


def reset_after(data: bytes) -> Fault:
    def fault(peer: Peer) -> None:
        peer.send(data)
        peer.reset()

    return fault


def _status(line: bytes, body: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 " + line, b"Content-Length: %d" % len(body), *headers, b"", body])


def zipped(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n"
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


ERROR = b'{"error": {"message": "slow down"}}'
NOISE = random.Random(7).randbytes(20_000)

AT_ONCE: dict[str, Fault] = {
    "nothing": sends(),
    "a reset": reset_after(b""),
    "half-closed": _half_closed(b""),
    "half-closed after the headers": _half_closed(HEAD),
    "garbage": sends(NOISE),
    "garbage after the headers": sends(HEAD, NOISE),
    "a TLS alert": sends(b"\x15\x03\x01\x00\x02\x02\x28"),
    "HTTP/0.9": sends(b"<html>hello</html>"),
    "HTTP/2": sends(b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00@\x00"),
    "Redis": sends(b"-ERR unknown command 'POST'\r\n"),
    "SSH": sends(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "a status that is none": sends(b"HTTP/1.1 9999 Odd\r\n\r\n"),
    "an endless status line": _endless(b"HTTP/1.1 200 ", b"A" * 65536),
    "a header bomb": _endless(b"HTTP/1.1 200 OK\r\n", b"X-Bomb: " + b"b" * 4000 + b"\r\n"),
    "one endless header": _endless(b"HTTP/1.1 200 OK\r\nX-Bomb: ", b"b" * 65536),
    "a switch of protocols": sends(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
    "no content": sends(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "a body shorter than it says": sends(_status(b"200 OK", b'{"choi', b"X: y").replace(b": 6", b": 600")),
    "a body longer than it says": sends(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + b'{"choices": []}'),
    "a length below zero": sends(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello"),
    "two lengths": sends(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nhello!!"),
    "a chunk shorter than it says": sends(HEAD, b"ffff\r\n" + event("Half")[:10]),
    "a chunk longer than it says": sends(HEAD, b"5\r\n" + event("Half") + b"\r\n0\r\n\r\n"),
    "a chunk of no number": sends(HEAD, b"zz\r\nhello\r\n"),
    "a chunk below zero": sends(HEAD, b"-5\r\nhello\r\n"),
    "a chunk of sixteen exabytes": sends(HEAD, b"ffffffffffffffff\r\nhello"),
    "an endless chunk extension": _endless(HEAD + b"5;", b"x" * 65536),
    "an image": sends(_status(b"200 OK", b"\x89PNG\r\n\x1a\n" + NOISE, b"Content-Type: image/png")),
    "a web page": sends(_status(b"200 OK", b"<!DOCTYPE html><html>Sign in</html>", b"Content-Type: text/html")),
    "a line of 50 MB": sends(HEAD, *[chunk(b"data: " + b"x" * 2**20)], *[chunk(b"x" * 2**20)] * 50),
    "an event of 20 MB of short lines": sends(HEAD, *[chunk(b"data: x\n" * 2**17)] * 20),
    "a gzip bomb": sends(zipped(gzip.compress(b"x" * 2**28))),
    "gzip that is none": sends(zipped(NOISE)),
    "429 without Retry-After": sends(_status(b"429 Too Many Requests", ERROR)),
    "429 with Retry-After 0": sends(_status(b"429 Too Many Requests", ERROR, b"Retry-After: 0")),
    "429 for an hour": sends(_status(b"429 Too Many Requests", ERROR, b"Retry-After: 3600")),
    "redirects to itself": sends(_status(b"307 Temporary Redirect", b"", b"Location: /v1/chat/completions")),
    "a redirect to another host": sends(_status(b"307 Temporary Redirect", b"", b"Location: http://127.0.0.2:9/v1")),
    "a redirect nowhere": sends(_status(b"307 Temporary Redirect", b"", b"Location: http://[")),
    "events without data": sends(HEAD, chunk(b": ping\n\nid: 1\n\nretry: 5\n\nevent: x\n\n\x00\n\n") + b"0\r\n\r\n"),
    "lines that end in CR": sends(PLAIN, event("Half").replace(b"\n", b"\r") + DONE.replace(b"\n", b"\r")),
}
"""What ends by itself, or is left, before anything of a reply has come."""

AFTER_HALF: dict[str, Fault] = {
    "cut after a delta": sends(HEAD, chunk(event("Half"))),
    "reset after a delta": reset_after(HEAD + chunk(event("Half"))),
    "half-closed after a delta": _half_closed(HEAD + chunk(event("Half"))),
    "garbage after a delta": sends(HEAD, chunk(event("Half")), chunk(b"data: " + NOISE.replace(b"\n", b" ") + b"\n\n")),
    "a chunk lies after a delta": sends(HEAD, chunk(event("Half")), b"zz\r\n"),
    "a gzip bomb of events": sends(zipped(gzip.compress(event("Half") + event("x" * 2**16) * 2**11))),
    "an endless reply": _endless(HEAD + chunk(event("Half")), chunk(event("x" * 2**16))),
    "endless thoughts": _endless(
        HEAD + chunk(event("Half")), chunk(event("x" * 2**16).replace(b"content", b"reasoning_content"))
    ),
}
"""What breaks off when `Half` of the reply has come."""

HANGING: dict[str, Fault] = {
    "silence": Peer.hold,
    "headers that drip": _drips(b"", b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 10**6),
    "endless 1xx": _endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "a line that drips": _drips(HEAD, b"".join(chunk(bytes([byte])) for byte in b"data: " + b"x" * 10**6)),
    "an error that drips": _drips(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 900000\r\n\r\n", b"x" * 900_000),
}
"""What never ends by itself: the timeout ends it, or `^C`."""

READABLE: dict[str, tuple[Fault, str]] = {
    "a byte order mark": (sends(HEAD, chunk(b"\xef\xbb\xbf\n" + event("Good") + event(None, "stop") + DONE)), "Good"),
    "bytes that are no UTF-8": (sends(HEAD, chunk(event("G?d").replace(b"?", b"\xff\xc3") + event(None, "stop"))
                                      + chunk(DONE) + b"0\r\n\r\n"), "G\ufffd\ufffdd"),
    "a character cut by chunks": (sends(HEAD, *[chunk(bytes([byte])) for byte in event("你好") + DONE], b"0\r\n\r\n"),
                                  "你好"),
    "100 Continue first": (sends(b"HTTP/1.1 100 Continue\r\n\r\n" * 3, answer("Good")), "Good"),
    "another content type": (sends(answer("Good").replace(b"text/event-stream", b"text/html")), "Good"),
    "lines that end in CR LF": (sends(PLAIN, (event("Good") + DONE).replace(b"\n", b"\r\n")), "Good"),
    "no space behind the colon": (sends(PLAIN, (event("Good") + DONE).replace(b"data: ", b"data:")), "Good"),
    "fields between the data": (sends(PLAIN, b"id: 7\nevent: message\nretry: 10\n" + event("Good") + DONE), "Good"),
    "no end of the chunks": (sends(HEAD, chunk(event("Good") + event(None, "stop") + DONE)), "Good"),
}  # fmt: skip
"""What is odd and can be read, and the reply in it."""


class _Connection(socketserver.StreamRequestHandler):
    server: "_Server"

    def handle(self) -> None:
        while (line := self.rfile.readline()).strip():
            headers = {}
            while (header := self.rfile.readline()).strip():
                name, _, value = header.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            body = self.rfile.read(int(headers.get("content-length", 0)))
            if not self._answer(line.split()[0], body):
                return

    def _answer(self, method: bytes, body: bytes) -> bool:
        """Answer the request; say whether the connection can stay."""
        owner = self.server.owner
        if method != b"POST" and not owner.faulty_lists:
            self.wfile.write(_status(b"404 Not Found", b"{}"))
            return True
        asked = json.loads(body or b"{}")
        owner.requests.append(asked)
        fault = owner.fault
        if fault is not None:
            with suppress(OSError):
                fault(Peer(self.connection, owner.closing))
            return False
        said = [message["content"] for message in asked["messages"] if message["role"] == "user"]
        self.wfile.write(answer("Turn ", f"{len(said)}: {said[-1]}"))
        return True


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = False
    request_queue_size = 64

    def __init__(self, owner: "FaultyServer") -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.owner = owner

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that hung up


class FaultyServer:
    """The server; `fault` is what requests for a reply meet, with `faulty_lists` those for lists too."""

    def __init__(self) -> None:
        self.fault: Fault | None = None
        self.faulty_lists = False
        self.requests: list[dict[str, Any]] = []
        self.closing = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
