"""A TCP proxy before a server that counts the round trips of its clients."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class CountingProxy:
    """Passes everything on; `trips` counts each request that follows a reply.

    That is what a client sends in one go and then waits for. A server next door hides what waiting costs; the number
    does not.
    """

    def __init__(self, server_port: int) -> None:
        self.trips = 0
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """The address of the proxy, as that of a Redis server."""
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    def serve(self) -> None:
        """Take connections until the proxy is closed."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._speak, args=[client], daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _speak(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._server_port)) as server, suppress(OSError):
            answered = True
            while True:
                for readable in select.select([client, server], [], [])[0]:
                    data = readable.recv(1 << 20)
                    if not data:
                        return
                    if readable is server:
                        answered = True
                        client.sendall(data)
                        continue
                    with self._lock:
                        self.trips += answered
                    answered = False
                    server.sendall(data)


@contextmanager
def counting(server_port: int) -> Iterator[CountingProxy]:
    """Run a proxy until the block ends."""
    proxy = CountingProxy(server_port)
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join(10)
