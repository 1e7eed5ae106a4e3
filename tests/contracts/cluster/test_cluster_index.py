"""The index of sessions lies on one master of a cluster, the sessions on all of them."""

from contextlib import closing
from typing import Any

import pytest

from chatcli.errors import StoreUnavailable
from chatcli.stores import Pending, Store
from chatcli.stores.redis_cluster import ClusterStore
from tests.contracts.cluster.conftest import TURN, behind
from tests.cutting_proxy import Fate
from tests.redis_cluster import RedisCluster, refusing


def test_the_lists_that_others_wrote_are_found_on_every_master(store: Store, everywhere: Any, prefix: str) -> None:
    for number in range(300):
        everywhere.lpush(f"{prefix}{number}", "x")
    everywhere.lpush(f"{prefix}with {{a}} brace", "x")
    store.append("7", TURN)
    assert sorted(int(session.name) for session in store.foreign()) == [n for n in range(300) if n != 7]
    assert [session.name for session in store.sessions()] == ["7"]


def reads(cluster: RedisCluster) -> int:
    """Return how often the nodes have read what a client sent; asking counts too, once for each."""
    clients = [cluster.client(node) for node in cluster.nodes]
    total = sum(int(client.info("stats")["total_reads_processed"]) for client in clients)
    for client in clients:
        client.close()
    return total


def test_a_commit_is_three_exchanges_and_a_page_one_and_one_more_for_each_master(
    cluster: RedisCluster, store: Store
) -> None:
    for name in map(str, range(40)):
        store.commit(name, "t", TURN)
    assert {cluster.owner(store._keys(str(name)).history).port for name in range(40)} == {  # type: ignore[attr-defined]
        node.port for node in cluster.nodes
    }
    reads(cluster)
    asking = -reads(cluster) + reads(cluster)
    for act, exchanges in ((lambda: store.commit("7", "t2", TURN), 3), (lambda: store.sessions(limit=30), 4)):
        before = reads(cluster)
        act()
        assert reads(cluster) - before - asking == exchanges


@pytest.mark.parametrize("fate", ["lose the reply", "lose the request"])
def test_a_write_whose_outcome_was_lost_is_done_once_and_listed(
    cluster: RedisCluster, store: ClusterStore, prefix: str, fate: Fate
) -> None:
    with behind(cluster, store, f"{prefix}s", [fate]) as proxy:
        assert store.append("s", TURN) == 2
        assert proxy.executed == (1 if fate == "lose the reply" else 2)
    assert store.messages("s") == TURN
    assert [session.name for session in store.sessions()] == ["s"]


def test_a_session_that_is_begun_anew_while_it_is_deleted_stays_listed(
    cluster: RedisCluster, store: ClusterStore, prefix: str
) -> None:
    """The one who deletes tells the index when the other has told it of the new session."""

    def begun() -> None:
        store.append("s", TURN)

    store.append("s", TURN)
    with (
        closing(ClusterStore(cluster.url, prefix)) as slow,
        behind(cluster, slow, f"{prefix}s", ["hold the reply"], meanwhile=begun),
    ):
        assert slow.delete("s")
    assert [session.name for session in store.sessions()] == ["s"]


def test_a_turn_is_kept_when_the_index_cannot_be_written(store: Store, everywhere: Any, prefix: str) -> None:
    everywhere.set(f"chatcli:index:{prefix}", "no sorted set")
    store.begin("s", Pending("t", TURN[0], "w"))
    assert store.commit("s", "t", TURN) == 2
    everywhere.delete(f"chatcli:index:{prefix}")
    assert [session.name for session in store.foreign()] == ["s"], "found by a search through all keys"
    store.append("s", TURN)
    assert [session.name for session in store.sessions()] == ["s"]


def elsewhere(cluster: RedisCluster, prefix: str) -> str:
    """Return the name of a session that lies on another master than the index."""
    index = cluster.owner(f"chatcli:index:{prefix}").port
    return next(name for name in map(str, range(100)) if cluster.owner(f"{prefix}{name}").port != index)


def test_the_index_is_told_later_when_its_master_takes_no_writes(cluster: RedisCluster, prefix: str) -> None:
    with closing(ClusterStore(cluster.url, prefix)) as store:
        with refusing(cluster, f"chatcli:index:{prefix}"):
            assert store.append(elsewhere(cluster, prefix), TURN) == 2
        assert store.sessions() == []
    with closing(ClusterStore(cluster.url, prefix)) as store:
        assert [session.name for session in store.sessions()] == [elsewhere(cluster, prefix)], "told in the end"


def test_what_the_index_is_told_late_does_not_hide_a_session_that_was_begun_anew(
    cluster: RedisCluster, prefix: str
) -> None:
    name = elsewhere(cluster, prefix)
    with closing(ClusterStore(cluster.url, prefix)) as other:
        with closing(ClusterStore(cluster.url, prefix)) as store:
            store.append(name, TURN)
            with refusing(cluster, f"chatcli:index:{prefix}"):
                assert store.delete(name)
            other.append(name, TURN)
        assert [session.name for session in other.sessions()] == [name]


def test_names_without_a_session_hide_nothing_when_they_cannot_be_taken_off(
    cluster: RedisCluster, store: Store, everywhere: Any, prefix: str
) -> None:
    for name in "abc":
        store.append(name, TURN)
    everywhere.zadd(f"chatcli:index:{prefix}", {"gone": 9e11, "gone too": 9e11})
    with refusing(cluster, f"chatcli:index:{prefix}"):
        assert [session.name for session in store.sessions()] == ["c", "b", "a"]
        assert [session.name for session in store.sessions(limit=2)] == ["c", "b"]
        assert len(store.sessions(limit=1, offset=3)) == 1
    assert [session.name for session in store.sessions(limit=2)] == ["c", "b"]
    assert everywhere.zcard(f"chatcli:index:{prefix}") == 3


def test_a_session_that_the_index_was_never_told_of_is_found_by_repair_and_not_said_to_be_when_it_cannot_be(
    cluster: RedisCluster, store: Store, everywhere: Any, prefix: str
) -> None:
    index = f"chatcli:index:{prefix}"
    store.append("told", TURN)
    store.append("killed", TURN)
    store.begin("begun", Pending("t", TURN[0], "w"))
    everywhere.zrem(index, "killed", "begun")  # as when the process ends behind its MULTI
    with refusing(cluster, index), pytest.raises(StoreUnavailable, match="too few replicas"):
        list(store.repair())
    assert [session.name for session in store.sessions()] == ["told"]
    assert {one.session for one in store.repair()} == {"killed", "begun"}
    assert [session.name for session in store.sessions()] == ["begun", "killed", "told"]


def test_a_name_without_a_session_is_taken_off_the_index(store: Store, everywhere: Any, prefix: str) -> None:
    store.append("s", TURN)
    everywhere.zadd(f"chatcli:index:{prefix}", {"gone": 1, "has {a} brace": 2})
    assert [session.name for session in store.sessions()] == ["s"]
    assert everywhere.zscore(f"chatcli:index:{prefix}", "gone") is None
