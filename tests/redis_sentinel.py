"""A master, two replicas and three sentinels for tests: random loopback ports, stopped by their pids.

`python -m tests.redis_sentinel TURNS` runs a chat's store through TURNS turns while the master is killed, and prints
the longest pause.
"""

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.redis_server import RedisServer, _wait_for_answer, free_port, running, valkey_binary

SERVICE = "mymaster"
LOADED = 60.0  # seconds: what a machine under load may take


@dataclass(frozen=True)
class Trio:
    """The servers and sentinels; `query` is what the address says beside them."""

    servers: list[RedisServer]
    sentinels: list[RedisServer]
    scheme: str = "redis+sentinel"
    login: str = ""
    query: str = ""

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"{self.scheme}://{self.login}{hosts}/{SERVICE}/0{self.query}"

    def ask(self, *command: str | int) -> list[Any]:
        """Return what each sentinel that answers replies."""
        replies = []
        for sentinel in self.sentinels:
            with suppress(redis.RedisError), _client(sentinel) as client:
                replies.append(client.execute_command(*command))
        return replies

    def masters(self) -> list[int]:
        """Return the port that each sentinel calls the master's."""
        found = self.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        return [int(address[1]) for address in found]

    @property
    def master(self) -> RedisServer:
        """The server that all sentinels call the master."""
        (port,) = {*self.masters()}
        return next(server for server in self.servers if server.port == port)

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
        agreed = len({*self.masters()}) == 1 and len(quorums) == len(known) == len(self.sentinels)
        return agreed and replicas_in_step(self.master) >= replicas


def replicas_in_step(server: RedisServer) -> int:
    """Return how many replicas follow the server; -1 when it is no master, or away."""
    with suppress(redis.RedisError), _client(server) as client:
        told = client.info("replication")
        links = [value for name, value in told.items() if name.startswith("slave") and isinstance(value, dict)]
        return sum(link["state"] == "online" for link in links) if told["role"] == "master" else -1
    return -1


def wait_for(holds: Callable[[], bool], seconds: float = LOADED) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)


def _client(server: RedisServer) -> "redis.Redis":
    once = Retry(NoBackoff(), 0)
    return redis.Redis(port=server.port, password=server.password or None, socket_timeout=LOADED, retry=once)


@contextmanager
def trio(binary: str | None = None, *options: str, password: str = "", sentinel_password: str = "") -> Iterator[Trio]:
    """Run them until the block ends. `options` are those of the servers."""
    binary = binary or valkey_binary()
    secret = ["--masterauth", password] if password else []
    with ExitStack() as stack:

        def server(*more: str) -> RedisServer:
            quick = ["--repl-diskless-sync-delay", "0", "--repl-timeout", "10"]
            return stack.enter_context(running(binary, *quick, *secret, *more, *options, password=password))

        master = server()
        servers = [master, *(server("--replicaof", "127.0.0.1", str(master.port)) for _ in range(2))]
        # A sentinel looks for replicas when it first sees the master, and then every ten seconds only.
        wait_for(lambda: replicas_in_step(master) == 2)
        sentinels = [stack.enter_context(_sentinel(binary, master, sentinel_password)) for _ in range(3)]
        query = f"?sentinel_password={sentinel_password}" if sentinel_password else ""
        started = Trio(servers, sentinels, login=f":{password}@" if password else "", query=query)
        started.wait_until_whole()
        yield started


@contextmanager
def _sentinel(binary: str, master: RedisServer, password: str) -> Iterator[RedisServer]:
    port = free_port()
    lines = [
        f"port {port}",
        "bind 127.0.0.1",
        f"sentinel monitor {SERVICE} 127.0.0.1 {master.port} 2",
        f"sentinel down-after-milliseconds {SERVICE} 1000",
        f"sentinel failover-timeout {SERVICE} 5000",
        *([f"sentinel auth-pass {SERVICE} {master.password}"] if master.password else []),
        *([f"requirepass {password}", f"sentinel sentinel-pass {password}"] if password else []),
    ]
    with tempfile.TemporaryDirectory(prefix="chatcli-sentinel-") as folder:
        config, log = Path(folder, "sentinel.conf"), Path(folder, "log")
        config.write_text("\n".join([*lines, f"dir {folder}", f"logfile {log}", ""]))
        process = subprocess.Popen([binary, str(config), "--sentinel"], stdin=subprocess.DEVNULL)
        try:
            _wait_for_answer(port, process, log)
            yield RedisServer(port, process, password)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
