"""A master, two replicas and three sentinels for tests: random loopback ports, stopped by their pids."""

import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar
from urllib.parse import urlencode

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.redis_server import RedisServer, free_port, running, stop, valkey_binary, wait_for_answer

SERVICE = "mymaster"
NEVER = 3_600_000  # milliseconds
LOADED = 60.0  # seconds: what a machine under load may take
T = TypeVar("T")


@dataclass(frozen=True)
class Trio:
    """The servers and sentinels; `login` is the servers', `password` the sentinels'."""

    servers: list[RedisServer]
    sentinels: list[RedisServer]
    certificates: Path | None = None
    login: str = ""
    password: str = ""

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        options = {"sentinel_password": self.password} if self.password else {}
        options |= {name: str(value) for name, value in self._files.items()}
        scheme = "rediss+sentinel" if self.certificates else "redis+sentinel"
        return f"{scheme}://{self.login}{hosts}/{SERVICE}/0?{urlencode(options)}".rstrip("?")

    @property
    def _files(self) -> dict[str, Path]:
        files = {"ssl_ca_certs": "ca.crt", "ssl_certfile": "client.crt", "ssl_keyfile": "client.key"}
        return {name: self.certificates / file for name, file in files.items()} if self.certificates else {}

    def client(self, server: RedisServer) -> redis.Redis:
        once, tls = Retry(NoBackoff(), 0), {**self._files, "ssl": bool(self.certificates)}
        password = server.password or None
        return redis.Redis("127.0.0.1", server.port, 0, password, socket_timeout=LOADED, retry=once, **tls)

    def ask(self, *command: str | int) -> list[Any]:
        """Return what each sentinel that answers replies."""
        replies = []
        for sentinel in self.sentinels:
            with suppress(redis.RedisError), self.client(sentinel) as client:
                replies.append(client.execute_command(*command))
        return replies

    def masters(self) -> list[int]:
        """Return the port that each sentinel calls the master's."""
        found = self.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        return [int(address[1]) for address in found]

    @property
    def master(self) -> RedisServer:
        """The server that all sentinels call the master, once they agree: after a fail-over one may be behind."""
        return wait_for(self._agreed)

    def _agreed(self) -> RedisServer | None:
        ports = {*self.masters()}
        return next((server for server in self.servers if {server.port} == ports), None)

    def kill_master(self) -> RedisServer:
        """Kill the master, by its pid."""
        killed = self.master
        killed.process.kill()
        killed.process.wait()
        return killed

    def wait_until_whole(self, replicas: int = 2) -> None:
        """Wait until the sentinels agree on a master that answers and has that many replicas in step."""
        wait_for(lambda: self._is_whole(replicas))

    def _is_whole(self, replicas: int) -> bool:
        quorums = [reply for reply in self.ask("SENTINEL", "CKQUORUM", SERVICE) if b"OK" in reply[:2]]
        known = [reply for reply in self.ask("SENTINEL", "REPLICAS", SERVICE) if len(reply) >= replicas]
        master = self._agreed()
        all_know = len(quorums) == len(known) == len(self.sentinels)
        return all_know and master is not None and self.in_step(master) >= replicas

    def in_step(self, server: RedisServer) -> int:
        """Return how many replicas follow the server; -1 when it is no master, or away."""
        with suppress(redis.RedisError), self.client(server) as client:
            told = client.info("replication")
            links = [value for name, value in told.items() if name.startswith("slave") and isinstance(value, dict)]
            return sum(link["state"] == "online" for link in links) if told["role"] == "master" else -1
        return -1


class ScriptedSentinel:
    """A sentinel that names these ports one after the other, and the last one for ever; keeps what it was asked."""

    def __init__(self, *ports: int) -> None:
        self.ports = [*ports]
        self.named: list[int] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        return f"redis+sentinel://127.0.0.1:{self._listener.getsockname()[1]}/{SERVICE}/0"

    def __enter__(self) -> "ScriptedSentinel":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(LOADED)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            Thread(target=self._speak, args=[client], daemon=True).start()

    def _speak(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            while request := client.recv(1 << 16):
                client.sendall(self._reply() if b"GET-MASTER-ADDR-BY-NAME" in request else b"+OK\r\n")

    def _reply(self) -> bytes:
        self.named.append(self.ports.pop(0) if len(self.ports) > 1 else self.ports[0])
        port = str(self.named[-1])
        return f"*2\r\n$9\r\n127.0.0.1\r\n${len(port)}\r\n{port}\r\n".encode()


def wait_for(holds: Callable[[], T | None], seconds: float = LOADED) -> T:
    """Wait until it holds; return what it gives then."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)
    return found


@contextmanager
def trio(
    binary: str | None = None,
    password: str = "",
    sentinel_password: str = "",
    certificates: Path | None = None,
    down_after: int = NEVER,
) -> Iterator[Trio]:
    """Run them until the block ends; with `certificates`, a folder that `certify` filled, all speak TLS only.

    A master that does not answer for `down_after` milliseconds is replaced: on a machine under load, one that is alive.
    """
    binary = binary or valkey_binary()
    tls = _tls_options(certificates)
    with ExitStack() as stack:

        def server(*more: str) -> RedisServer:
            options = ["--repl-diskless-sync-delay", "0", "--repl-timeout", "10", *more]
            options += ["--masterauth", password] if password else []
            port = free_port()
            options += [part for name, value in tls for part in (f"--{name}", value)]
            options += ["--tls-port", str(port)] if tls else []
            started = stack.enter_context(running(binary, *options, password=password, port=0 if tls else port))
            return RedisServer(port, started.process, password)

        master = server()
        servers = [master, *(server("--replicaof", "127.0.0.1", str(master.port)) for _ in range(2))]
        started = Trio(servers, [], certificates, f":{password}@" if password else "", sentinel_password)
        # A sentinel looks for replicas when it first sees the master, and then every ten seconds only.
        wait_for(lambda: started.in_step(master) == 2)
        sentinels = [
            stack.enter_context(_sentinel(binary, master, sentinel_password, tls, down_after)) for _ in range(3)
        ]
        started = replace(started, sentinels=sentinels)
        started.wait_until_whole()
        yield started


def _tls_options(certificates: Path | None) -> list[tuple[str, str]]:
    if certificates is None:
        return []
    files = [("cert-file", "server.crt"), ("key-file", "server.key"), ("ca-cert-file", "ca.crt")]
    named = [(f"tls-{name}", str(certificates / file)) for name, file in files]
    return [*named, ("tls-auth-clients", "yes"), ("tls-replication", "yes")]


@contextmanager
def _sentinel(
    binary: str, master: RedisServer, password: str, tls: list[tuple[str, str]], down_after: int
) -> Iterator[RedisServer]:
    plain, port = free_port(), free_port()
    lines = [
        f"port {plain}",
        "bind 127.0.0.1",
        *([f"tls-port {port}", *(f"{name} {value}" for name, value in tls)] if tls else []),
        f"sentinel monitor {SERVICE} 127.0.0.1 {master.port} 2",
        f"sentinel down-after-milliseconds {SERVICE} {down_after}",
        f"sentinel failover-timeout {SERVICE} 5000",
        *([f"sentinel auth-pass {SERVICE} {master.password}"] if master.password else []),
        *([f"requirepass {password}", f"sentinel sentinel-pass {password}"] if password else []),
    ]
    with tempfile.TemporaryDirectory(prefix="chatcli-sentinel-") as folder:
        config, log = Path(folder, "sentinel.conf"), Path(folder, "log")
        config.write_text("\n".join([*lines, f"dir {folder}", f"logfile {log}", ""]))
        process = subprocess.Popen([binary, str(config), "--sentinel"], stdin=subprocess.DEVNULL)
        try:
            wait_for_answer(plain, process, log)
            yield RedisServer(port if tls else plain, process, password)
        finally:
            stop(process)
