"""A real Redis Cluster for tests: three masters on random loopback ports, with replicas if wanted; stopped by pid."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import redis
from redis.crc import key_slot

from tests.redis_server import RedisServer, free_port, running

SLOTS = 16384
PATIENCE = 60  # seconds for what takes two when nothing else runs


@dataclass
class RedisCluster:
    """Running nodes: the masters first, each with a third of the slots, then their replicas."""

    nodes: list[RedisServer]
    masters: int
    ids: dict[int, str] = field(default_factory=dict)  # by port
    tls: dict[int, int] = field(default_factory=dict)  # the ports of those that speak TLS, by their other port

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes[: self.masters])
        return f"redis+cluster://{hosts}/"

    def client(self, node: RedisServer) -> redis.Redis:
        return redis.Redis(port=node.port, socket_timeout=30)

    def owner(self, key: str) -> RedisServer:
        """Return the node that has the key's slot now, by what the nodes themselves say."""
        slot = key_slot(key.encode())
        for node in self.nodes:
            if node.process.poll() is not None:
                continue
            with self.client(node) as client:
                for first, last, master, *_ in client.execute_command("CLUSTER SLOTS"):
                    if first <= slot <= last and master[2].decode() == self.ids[node.port]:
                        return node
        raise AssertionError(f"nobody has the slot of {key!r}")

    def flush(self) -> None:
        """Empty it."""
        for node in self.nodes[: self.masters]:
            with self.client(node) as client:
                client.flushall()

    def move(self, key: str, during: Callable[[], None] = lambda: None) -> None:
        """Move the slot of `key` to the next master, as redis-cli's reshard does; `during` when half of it is there."""
        slot, source = key_slot(key.encode()), self.owner(key)
        masters = self.nodes[: self.masters]
        target = masters[(masters.index(source) + 1) % len(masters)]
        with self.client(source) as here, self.client(target) as there:
            there.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", self.ids[source.port])
            here.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", self.ids[target.port])
            there_port = self.tls.get(target.port, target.port)
            during_once = [during]
            while keys := here.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 2):
                here.execute_command("MIGRATE", "127.0.0.1", there_port, "", 0, 30_000, "KEYS", *keys)
                while during_once:
                    during_once.pop()()
            for client in (there, here):
                client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", self.ids[target.port])
            for node in masters:
                with self.client(node) as client:
                    client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", self.ids[target.port])


def keys_under(cluster: RedisCluster, text: str) -> list[str]:
    """Return the keys of all masters that have the text in their name."""
    found = []
    for node in cluster.nodes:
        with cluster.client(node) as client:
            found += [key.decode() for key in client.keys(f"*{text}*")]
    return sorted(found)


@contextmanager
def a_user(cluster: RedisCluster, name: str, *rules: str) -> Iterator[str]:
    """Let the cluster have one user more; yield the address with it."""
    for node in cluster.nodes:
        with cluster.client(node) as client:
            client.execute_command("ACL", "SETUSER", name, "reset", "on", ">s#cret", *rules)
    yield cluster.url.replace("://", f"://{name}:s%23cret@")
    for node in cluster.nodes:
        with cluster.client(node) as client:
            client.execute_command("ACL", "DELUSER", name)


@contextmanager
def refusing(cluster: RedisCluster, key: str) -> Iterator[RedisServer]:
    """Let the master of the key take no writes: it has too few replicas."""
    owner = cluster.owner(key)
    with cluster.client(owner) as client:
        client.config_set("min-replicas-to-write", 1)
        try:
            yield owner
        finally:
            client.config_set("min-replicas-to-write", 0)


@contextmanager
def clustered(
    binary: str | None = None, replicas: Sequence[int] = (), certified: Path | None = None
) -> Iterator[RedisCluster]:
    """Run a cluster of three masters until the block ends; `replicas`: for each, of which master (0, 1, 2) it is.

    With `certified`, a folder with `server.crt`, `server.key` and `ca.crt`, it speaks TLS, also among its nodes.
    """
    with ExitStack() as stack:
        cluster = RedisCluster([], 3)
        for _ in range(3 + len(replicas)):
            port = free_port()
            tls = _tls(certified, port) if certified else ()
            cluster.nodes.append(node := stack.enter_context(_node(binary, bool(replicas), *tls)))
            if certified:
                cluster.tls[node.port] = port
        nodes = cluster.nodes
        for node in nodes:
            with cluster.client(node) as client:
                cluster.ids[node.port] = client.execute_command("CLUSTER MYID").decode()
        _meet(cluster)
        for node, master in zip(nodes[3:], replicas, strict=True):
            with cluster.client(node) as client:
                client.execute_command("CLUSTER", "REPLICATE", cluster.ids[nodes[master].port])
        _wait("the replicas are linked", lambda: _linked(cluster, replicas))
        yield cluster


def _tls(folder: Path, port: int) -> Sequence[str]:
    files = ["--tls-cert-file", f"{folder}/server.crt", "--tls-key-file", f"{folder}/server.key"]
    files += ["--tls-ca-cert-file", f"{folder}/ca.crt", "--tls-auth-clients", "no"]
    return [*files, "--tls-port", str(port), "--tls-cluster", "yes"]


@contextmanager
def _node(binary: str | None, fails_over: bool, *others: str) -> Iterator[RedisServer]:
    # The port of the cluster's own bus is 10,000 higher unless it is named.
    options = ["--cluster-enabled", "yes", "--cluster-port", str(free_port())]
    # Where nobody could take over, a busy machine must not look like a dead node.
    timeout = "3000" if fails_over else "60000"
    options += ["--cluster-node-timeout", timeout, "--cluster-replica-validity-factor", "0"]
    with running(binary, *options, "--repl-diskless-sync-delay", "0", *others) as server:
        yield server


def _meet(cluster: RedisCluster) -> None:
    share = -(-SLOTS // cluster.masters)
    for number, node in enumerate(cluster.nodes):
        with cluster.client(node) as client:
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            if number < cluster.masters:
                last = min(SLOTS, (number + 1) * share) - 1
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", number * share, last)
    with cluster.client(cluster.nodes[0]) as client:
        for node in cluster.nodes[1:]:
            port = cluster.tls.get(node.port, node.port)
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", port, _bus(cluster, node))
    _wait("all nodes know each other", lambda: all(_knows_all(cluster, node) for node in cluster.nodes))


def _bus(cluster: RedisCluster, node: RedisServer) -> int:
    with cluster.client(node) as client:
        return int(client.config_get("cluster-port")["cluster-port"])


def _knows_all(cluster: RedisCluster, node: RedisServer) -> bool:
    with cluster.client(node) as client:
        state = client.execute_command("CLUSTER INFO")
    told = (
        state if isinstance(state, dict) else dict(line.split(":", 1) for line in state.decode().split() if ":" in line)
    )
    return told["cluster_state"] == "ok" and int(told["cluster_known_nodes"]) == len(cluster.nodes)


def _linked(cluster: RedisCluster, replicas: Sequence[int]) -> bool:
    """Say whether what is written on each master reaches its replicas: it does a while after they are `online`."""
    for number in set(replicas):
        with cluster.client(cluster.nodes[number]) as client:
            client.flushall()
            if client.execute_command("WAIT", list(replicas).count(number), 100) < list(replicas).count(number):
                return False
    return True


def _wait(what: str, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(redis.RedisError):
            if holds():
                return
        time.sleep(0.02)
    raise AssertionError(f"never: {what}")
