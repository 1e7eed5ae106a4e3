"""RedisJSON before a real server that has no modules: answers JSON.GET, and SCAN for its type, from a dict.

What it answers was taken from Redis Stack 7.4 (RedisJSON 2.8).
"""

import json
import socket
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

MISTAKEN = b"-Existing key has wrong Redis type\r\n"


class _Connection(socketserver.StreamRequestHandler):
    server: "_Server"

    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.behind)) as upstream:
            back = threading.Thread(target=self._back, args=(upstream,))
            back.start()
            with suppress(OSError):
                while command := self._command():
                    reply = self.server.answer(command)
                    if reply is None:
                        upstream.sendall(b"*%d\r\n" % len(command) + b"".join(map(_bulk, command)))
                    else:
                        self.wfile.write(reply)
            with suppress(OSError):
                upstream.shutdown(socket.SHUT_RDWR)
            back.join()

    def _command(self) -> list[bytes]:
        count = self.rfile.readline()
        words = []
        for _ in range(int(count[1:]) if count else 0):
            size = int(self.rfile.readline()[1:])
            words.append(self.rfile.read(size + 2)[:-2])
        return words

    def _back(self, upstream: socket.socket) -> None:
        with suppress(OSError):
            while data := upstream.recv(65536):
                self.wfile.write(data)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, behind: int, documents: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.behind = behind
        self.documents = documents

    def answer(self, command: list[bytes]) -> bytes | None:
        """Return the reply to a command of RedisJSON's; None: it is the server's."""
        words = [word.decode("utf-8", "surrogateescape") for word in command]
        if words[0].upper() == "SCAN" and "ReJSON-RL" in words:
            keys = [_bulk(key.encode()) for key in self.documents]
            return b"*2\r\n" + _bulk(b"0") + b"*%d\r\n" % len(keys) + b"".join(keys)
        if words[0].upper() != "JSON.GET":
            return None
        raw = self.documents.get(words[1])
        if raw is None:
            return b"$-1\r\n"
        if raw == "no document":
            return MISTAKEN
        return _bulk(_looked_up(raw, words[2:]).encode())


def _looked_up(raw: str, paths: list[str]) -> str:
    if not paths:
        return raw
    document: dict[str, Any] = json.loads(raw)
    return json.dumps({path: [document[path[2:]]] if path[2:] in document else [] for path in paths})


def _bulk(data: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(data), data)


@contextmanager
def with_documents(port: int, documents: Mapping[str, str]) -> Iterator[str]:
    """Give the address of the server at `port` as one that holds these documents too, by key."""
    with _Server(port, documents) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"redis://127.0.0.1:{server.server_address[1]}/0"
        finally:
            server.shutdown()
            thread.join()
