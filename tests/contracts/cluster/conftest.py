"""A cluster of three masters, and a store there whose sessions are one test's alone."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
import redis
from redis.crc import key_slot

from chatcli.messages import Message
from chatcli.stores.redis_cluster import ClusterStore
from tests.cutting_proxy import CuttingProxy, Fate, cutting
from tests.redis_cluster import RedisCluster

TURN = [Message("user", "你好", id="u1"), Message("assistant", "hello", id="a1", finish="stop")]
_prefixes = itertools.count()


@pytest.fixture
def prefix() -> str:
    return f"special{next(_prefixes)}:"


@pytest.fixture
def store(cluster: RedisCluster, prefix: str) -> Iterator[ClusterStore]:
    with closing(ClusterStore(cluster.url, prefix)) as store:
        yield store


@pytest.fixture
def everywhere(cluster: RedisCluster) -> Iterator[Any]:
    client = redis.RedisCluster(startup_nodes=[redis.cluster.ClusterNode("127.0.0.1", cluster.nodes[0].port)])
    yield client
    client.close()


@contextmanager
def behind(
    cluster: RedisCluster,
    store: ClusterStore,
    key: str,
    fates: list[Fate],
    marked: bytes = b"EXEC",
    meanwhile: Callable[[], object] = lambda: None,
) -> Iterator[CuttingProxy]:
    """Let the store reach the slot of the key through a proxy; see CuttingProxy."""
    store.length("s")  # now it has heard where everything is
    with cutting(cluster.owner(key).port, fates, marked, meanwhile) as proxy:
        store._slots.moved(key_slot(key.encode()), ("127.0.0.1", proxy.listener.getsockname()[1]))
        yield proxy
