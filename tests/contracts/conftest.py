"""The stores under contract: each kind is a place where histories are kept, which can be opened many times."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from chatcli.stores import Store
from chatcli.stores.address import open_store
from chatcli.stores.in_memory import InMemoryStore
from chatcli.stores.journal import Journal
from chatcli.stores.journaled import Journaled
from chatcli.stores.redis import RedisStore
from chatcli.stores.redis_cluster import ClusterStore
from chatcli.stores.sqlite import SqliteStore
from tests.redis_cluster import RedisCluster, clustered
from tests.redis_sentinel import Trio, trio
from tests.redis_server import RedisServer, binaries, readme_user, running

_prefixes = itertools.count()
USER = "chatcli:geheim@"  # the README's, in an address


@dataclass
class Place:
    """Where one test's histories are kept. `open()` opens it again, as another process would."""

    address: str
    folder: Path
    prefix: str
    opened: list[Store]
    journaled: bool = False

    def open(self, ttl: int | None = None) -> Store:
        store = open_store(self.address, data_folder=self.folder, key_prefix=self.prefix, ttl=ttl)
        if self.journaled:
            store = Journaled(store, partial(Journal, self.folder / "journal.db", self.address))
        self.opened.append(store)
        return store


def abandon(store: Store, session: str) -> None:
    """Make all turns under way look as if they had shown no sign of life for long."""
    if isinstance(store, Journaled):
        store = store._inner
    match store:
        case InMemoryStore():
            turns = store._sessions[session].pending
            turns |= {turn: (pending, 0.0) for turn, (pending, _) in turns.items()}
        case SqliteStore():
            store._db.execute("UPDATE signs SET beat = 0")
        case RedisStore():
            keys = store._keys(session)
            store._wire.ask(*(("HSET", keys.pending, f"{turn.id}/beat", 0) for turn in store.pending(session)))


def raw(place: Place, store: Store, *commands: tuple[Any, ...]) -> list[Any]:
    """Give a Redis the commands as one who may do everything; return the replies."""
    assert isinstance(store, RedisStore)
    if USER not in place.address:
        return store._wire.ask(*commands)
    with redis.Redis.from_url(place.address.replace(USER, ""), protocol=2) as client:
        return [client.execute_command(*command) for command in commands]


def allowed(store: Store, name: str) -> str:
    """Return the name, or one that is as odd where the store can have no brace in it."""
    return name.replace("{", "(").replace("}", ")") if isinstance(store, ClusterStore) else name


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, RedisServer]]:
    """Each real server there is, by name."""
    found = binaries()
    with running(found["valkey"]) as valkey:
        if "redis" in found:
            with running(found["redis"]) as redis:
                yield {"valkey": valkey, "redis": redis}
        else:
            yield {"valkey": valkey}


@pytest.fixture(scope="session")
def cluster() -> Iterator[RedisCluster]:
    """A cluster of three masters."""
    with clustered() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def addresses(servers: dict[str, RedisServer]) -> dict[str, str]:
    """The address of each server; on Valkey, for the README's user, who may do what chatcli needs and nothing else."""
    return {name: readme_user(server, "test*") if name == "valkey" else server.url for name, server in servers.items()}


@pytest.fixture(scope="session")
def sentinels() -> Iterator[Trio]:
    """A master with two replicas behind sentinels."""
    with trio() as started:
        yield started


def _address(kind: str, request: pytest.FixtureRequest) -> str:
    if kind in ("memory", "sqlite"):
        return {"memory": "memory:", "sqlite": "sqlite"}[kind]
    if kind == "cluster":
        return str(request.getfixturevalue("cluster").url)
    if kind == "sentinel":
        return str(request.getfixturevalue("sentinels").url)
    return str(request.getfixturevalue("addresses")[kind])


def _place(kind: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    kind, _, journaled = kind.partition(", ")
    address = _address(kind, request)
    place = Place(address, folder, f"test{next(_prefixes)}:", [], bool(journaled))
    yield place
    for store in place.opened:
        store.close()


JOURNALED = ["memory, journaled", "sqlite, journaled", "valkey, journaled"]


@pytest.fixture(params=["memory", "sqlite", *binaries(), "cluster", "sentinel", *JOURNALED])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Every kind of store."""
    yield from _place(request.param, tmp_path, request)


@pytest.fixture(params=["sqlite", *binaries(), "cluster", "sentinel", *JOURNALED[1:]])
def durable_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Every kind of store that other processes can open."""
    yield from _place(request.param, tmp_path, request)


@pytest.fixture
def store(place: Place) -> Store:
    return place.open()
