"""A TCP proxy before a Redis server that loses or holds replies, or loses requests, of chosen commands."""

import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

Fate = Literal["pass", "hold the reply", "lose the reply", "lose the request"]


@dataclass
class CuttingProxy:
    """Listens on `port`; the n-th request with the `marked` command meets the n-th of `fates`, later ones pass.

    `meanwhile` happens whenever something is lost, before the connection ends, or while a reply is held.
    """

    server_port: int
    fates: list[Fate]
    marked: bytes = b"EXEC"
    meanwhile: Callable[[], object] = lambda: None
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    executed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.listener.getsockname()[1]}/0"

    def serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._speak, args=[client], daemon=True).start()

    def _speak(self, client: socket.socket) -> None:
        fate: Fate = "pass"  # of what was asked and not answered yet
        with client, socket.create_connection(("127.0.0.1", self.server_port)) as server, suppress(OSError):
            while True:
                readable, _, _ = select.select([client, server], [], [])
                if client in readable:
                    request = client.recv(1 << 20)
                    fate = self._fate(request) if fate == "pass" else fate
                    if fate == "lose the request":
                        self.meanwhile()
                    if not request or fate == "lose the request":
                        return
                    server.sendall(request)
                else:
                    reply = server.recv(1 << 20)
                    if fate != "pass":
                        self.meanwhile()
                    if not reply or fate == "lose the reply":
                        return
                    client.sendall(reply)
                    fate = "pass"

    def _fate(self, request: bytes) -> Fate:
        if self.marked + b"\r\n" not in request:
            return "pass"
        with self.lock:
            self.executed += 1
            return self.fates[self.executed - 1] if self.executed <= len(self.fates) else "pass"


@contextmanager
def cutting(
    server_port: int, fates: list[Fate], marked: bytes = b"EXEC", meanwhile: Callable[[], object] = lambda: None
) -> Iterator[CuttingProxy]:
    """Run a proxy until the block ends."""
    proxy = CuttingProxy(server_port, fates, marked, meanwhile)
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.listener.shutdown(socket.SHUT_RDWR)
        proxy.listener.close()
        thread.join(10)
