"""A slot of a cluster moves to another master, or that one takes no writes for a while."""

import threading
from contextlib import closing
from typing import Any

import pytest

from chatcli.stores import Pending
from chatcli.stores.redis_cluster import ClusterStore
from chatcli.stores.redis_exchange import Ask, Plan
from tests.contracts.cluster.conftest import TURN
from tests.redis_cluster import RedisCluster, refusing


def test_a_write_whose_slot_moves_between_its_look_and_its_multi_begins_again_over_there(
    cluster: RedisCluster, store: ClusterStore, prefix: str
) -> None:
    key = f"{prefix}s"
    store.append("s", TURN)
    owners = [cluster.owner(key).port]

    def plan(replies: list[Any], _: Ask) -> Plan[int]:
        if len(owners) == 1:
            cluster.move(key)
            owners.append(cluster.owner(key).port)
        return Plan(replies[0], [("LPUSH", key, "x")])

    assert store._wire.transact([key], [("LLEN", key)], plan) == 2
    assert store.length("s") == 3
    assert owners[0] != owners[1]


def test_reading_goes_on_while_half_of_a_slot_is_over_there(
    cluster: RedisCluster, store: ClusterStore, prefix: str
) -> None:
    store.append("s", TURN)
    store.begin("s", Pending("t", TURN[0], "w"))
    seen: list[Any] = []

    def look() -> None:
        with closing(ClusterStore(cluster.url, prefix)) as other:
            readers = (store, other)
            seen.extend((one.messages("s"), one.length("s"), [turn.id for turn in one.pending("s")]) for one in readers)

    cluster.move(f"{prefix}s", during=look)
    assert seen == [(TURN, 2, ["t"])] * 2


def test_a_write_waits_until_its_slot_has_moved(cluster: RedisCluster, store: ClusterStore, prefix: str) -> None:
    store.append("s", TURN)
    store.update("s", title="x")
    writer = threading.Thread(target=lambda: store.append("s", TURN))
    cluster.move(f"{prefix}s", during=writer.start)
    writer.join(60)
    assert store.length("s") == 4
    assert store.snapshot("s", 0).session.title == "x"


def test_a_write_waits_until_its_master_has_replicas_enough(
    cluster: RedisCluster, store: ClusterStore, prefix: str
) -> None:
    store.append("s", TURN)
    looked = threading.Event()

    def plan(replies: list[Any], _: Ask) -> Plan[int]:
        looked.set()
        return Plan(replies[0], [("LPUSH", f"{prefix}s", "x")])

    with refusing(cluster, f"{prefix}s"):
        writer = threading.Thread(target=lambda: store._wire.transact([f"{prefix}s"], [("LLEN", f"{prefix}s")], plan))
        writer.start()
        assert looked.wait(30)
        looked.clear()
        assert looked.wait(30), "it was refused, and looked again"
    writer.join(30)
    assert store.length("s") == 3


@pytest.mark.parametrize("known", [False, True])
def test_a_list_whose_slot_moves_to_a_master_that_was_searched_is_found(
    cluster: RedisCluster, store: ClusterStore, everywhere: Any, prefix: str, known: bool
) -> None:
    names = {cluster.owner(f"{prefix}{number}").port: str(number) for number in range(100)}
    found = store._wire.keys(f"{prefix}*", "list")
    first, *_, last = (node[1] for node in store._wire._slots.masters() or learnt(store))
    everywhere.lpush(f"{prefix}{names[first]}", "x")
    everywhere.lpush(f"{prefix}{names[last]}", "x")
    seen = {*next(found)}
    while cluster.owner(f"{prefix}{names[last]}").port != first:
        cluster.move(f"{prefix}{names[last]}")
    if known:
        assert store.length(names[last]) == 1, "now this process has heard where it is"
    for piece in found:
        seen |= {*piece}
    assert {f"{prefix}{names[first]}".encode(), f"{prefix}{names[last]}".encode()} <= seen


def learnt(store: ClusterStore) -> list[Any]:
    """Return the masters, as one who has asked knows them."""
    store.length("s")
    return store._slots.masters()
