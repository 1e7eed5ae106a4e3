"""A network between a client and a server that may fail in every way: a TCP proxy whose weather changes."""

import contextlib
import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

Weather = Literal["fair", "drops", "delays", "resets", "half-closes", "refuses"]
CUTS: tuple[Weather, ...] = ("drops", "delays", "resets", "half-closes", "refuses")

DELAY = 0.4  # seconds that a piece is held up at most
_PIECE = 1 << 16


@dataclass
class Network:
    """Listens on a port of its own and passes on to `server_port`, as long as the weather is fair.

    It drops what is sent and never answers; delays each piece; resets connections, at once or amid a piece; closes one
    direction; refuses connections. What it dropped is lost for good, as its connections are when the weather changes.
    """

    server_port: int
    weather: Weather = "fair"
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _open: list[socket.socket] = field(default_factory=list)
    _random: random.Random = field(default_factory=lambda: random.Random(1))

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def turns(self, weather: Weather) -> None:
        """Change the weather; connections that lost something end when it is fair again."""
        broken, self.weather = self.weather, weather
        if broken in ("drops", "half-closes") or weather in ("resets", "refuses"):
            for connection in self._open:
                _reset(connection)
            self._open.clear()

    def serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.weather in ("refuses", "resets") and (self.weather == "refuses" or self._random.random() < 0.5):
                _reset(client)
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.server_port), timeout=5)
            except OSError:
                _reset(client)
                continue
            server.settimeout(None)
            self._open += [client, server]
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=[source, target], daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                match self.weather:
                    case "drops":
                        continue
                    case "delays":
                        time.sleep(self._random.uniform(0, DELAY))
                    case "resets":
                        target.sendall(piece[: len(piece) // 2])
                        _reset(source)
                        break
                    case "half-closes":
                        target.shutdown(socket.SHUT_WR)
                        continue
                target.sendall(piece)
        _reset(target)


def _reset(connection: socket.socket) -> None:
    """Close with a RST, as a broken line does."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        connection.close()


@contextmanager
def network(server_port: int) -> Iterator[Network]:
    """Run a network before a server until the block ends."""
    between = Network(server_port)
    thread = threading.Thread(target=between.serve, daemon=True)
    thread.start()
    try:
        yield between
    finally:
        between.turns("refuses")
        with contextlib.suppress(OSError):
            between.listener.shutdown(socket.SHUT_RDWR)
        between.listener.close()
        thread.join(10)
