"""A rename, or a fork, in a cluster goes over two slots: wherever it stops, nothing is lost."""

import json
import threading
from contextlib import closing
from typing import Any

import pytest

from chatcli.errors import ChatError, Conflict, NotFound, StoreError
from chatcli.messages import Message
from chatcli.stores import Change, Pending, State, Store, Watermark
from chatcli.stores.redis_cluster import ClusterStore
from tests.contracts.cluster.conftest import TURN, behind
from tests.contracts.conftest import abandon
from tests.redis_cluster import RedisCluster, a_user, clustered, keys_under
from tests.redis_sentinel import wait_for


def fill(store: Store, name: str, count: int = 150) -> None:
    store.append(name, [Message("user", f"{name} {number}" + "x" * 100) for number in range(count)])
    store.append(name, [], at=count - 1)
    store.update(name, title="a title", settings={"model": "m"})
    store.put_state(name, Change("x", State({"a": 1}, Watermark(2, "")), None))
    store.begin(name, Pending("t", TURN[0], "w", partial="half"))
    abandon(store, name)


def everything(store: Store, name: str) -> Any:
    look = store.snapshot(name, 1000)
    return list(look.newest), look.session.title, look.session.settings, look.states, look.session.turns


def rename_without_the_right_to_remove(cluster: RedisCluster, prefix: str) -> None:
    """Stop a rename from `old` to `new` where its copy is visible and the old one still there."""
    readable = [f"%R~{prefix}old", f"%R~{{{prefix}old}}:*"]
    writable = [f"~{prefix}new", f"~{{{prefix}new}}:*", f"~chatcli:index:{prefix}"]
    with a_user(cluster, "limited", *readable, *writable, "+@all") as url:
        store = ClusterStore(url, prefix)
        with pytest.raises(ChatError, match="does not let this user"):
            store.rename("old", "new")
        store.close()


def test_a_rename_that_may_not_remove_the_old_one_leaves_both_and_is_finished_when_repeated(
    cluster: RedisCluster, store: ClusterStore, prefix: str, everywhere: Any
) -> None:
    fill(store, "old")
    before = everything(store, "old")
    rename_without_the_right_to_remove(cluster, prefix)
    assert everything(store, "old") == everything(store, "new") == before
    everywhere.zrem(f"chatcli:index:{prefix}", "new")  # as when it was killed before the index was told
    store.rename("old", "new")
    assert everything(store, "new") == before
    assert not store.exists("old")
    assert [session.name for session in store.sessions()] == ["new"]
    assert [turn.partial for turn in store.pending("new")] == ["half"]
    assert len(store.redo("new")) == 1
    with pytest.raises(NotFound):
        store.rename("old", "newer")
    store.append("old", TURN)
    for mark in ({}, {"moved": json.dumps({"from": "old", "digest": "?"})}):  # as when it was killed at the very end
        everywhere.hset(f"{{{prefix}new}}:info", mapping={"title": '"t"', **mark})
        with pytest.raises(Conflict, match="there is a session 'new' already"):
            store.rename("old", "new")


def test_a_copy_that_was_left_when_the_old_one_went_on_is_not_thrown_away(
    cluster: RedisCluster, store: ClusterStore, prefix: str
) -> None:
    fill(store, "old")
    rename_without_the_right_to_remove(cluster, prefix)
    store.append("old", TURN)
    with pytest.raises(Conflict) as refused:
        store.rename("old", "new")
    assert refused.value.hint == "delete 'new', then rename again"
    assert (store.length("old"), store.length("new")) == (151, 149)
    store.delete("new")
    store.rename("old", "new")
    assert (store.length("new"), store.exists("old")) == (151, False)


def test_a_rename_that_stops_before_its_copy_is_whole_shows_nothing_of_it(
    cluster: RedisCluster, store: ClusterStore, prefix: str, everywhere: Any
) -> None:
    fill(store, "old")
    before = everything(store, "old")
    with a_user(cluster, "limited", "~*", "+@all", "-rename") as url, closing(ClusterStore(url, prefix)) as limited:
        with pytest.raises(ChatError, match="does not let this user"):
            limited.rename("old", "new")
        with pytest.raises(ChatError, match="does not let this user"):
            limited.fork("old", "new")
    assert everything(store, "old") == before
    assert not store.exists("new")
    assert [session.name for session in store.sessions()] == ["old"]
    left = [key for key in keys_under(cluster, prefix) if ":coming:" in key]
    assert left
    assert all(0 < everywhere.ttl(key) <= 3600 for key in left), "what lies about goes by itself"
    store.rename("old", "new")
    assert everything(store, "new") == before


@pytest.mark.parametrize("lost", ["all", "the newer block"])
def test_a_copy_that_is_lost_before_it_has_its_name_costs_nothing(
    cluster: RedisCluster, store: ClusterStore, everywhere: Any, prefix: str, lost: str
) -> None:
    """As when the master it lies on is replaced by a replica that had not got it, or not all of it."""

    def lose() -> None:
        copy = next(key for key in keys_under(cluster, f"{prefix}new") if key.endswith(":history"))
        everywhere.delete(copy) if lost == "all" else everywhere.ltrim(copy, 0, 99)

    fill(store, "old")
    before = everything(store, "old")
    with (
        closing(ClusterStore(cluster.url, prefix)) as slow,
        behind(cluster, slow, f"{prefix}old", ["hold the reply"], meanwhile=lose),
        pytest.raises(StoreError, match="lost on the way"),
    ):
        slow.rename("old", "new")
    assert not store.exists("new")
    store.rename("old", "new")
    assert everything(store, "new") == before


def test_the_old_session_goes_when_its_copy_is_on_as_many_replicas_as_a_turn_waits_for() -> None:
    """Else a fail-over just then would take both."""
    with clustered(replicas=(0,)) as cluster, closing(ClusterStore(cluster.url, wait_replicas=1)) as store:
        guarded, alone, old = (name_on(cluster, number) for number in range(3))
        store.append(old, TURN)
        with pytest.raises(StoreError) as refused:
            store.rename(old, alone)
        assert refused.value.message == f"too few replicas have {alone!r}; nothing was changed"
        assert store.messages(old) == TURN
        assert not store.exists(alone)
        assert [session.name for session in store.sessions()] == [old]
        wait_for(lambda: renamed(store, old, guarded))
        with cluster.client(cluster.nodes[3]) as replica:
            replica.readonly()
            assert replica.llen(f"message_store:{guarded}") == 2
        assert [session.name for session in store.sessions()] == [guarded]


def renamed(store: Store, old: str, new: str) -> bool:
    """Say whether it could be renamed; under load a replica may be late."""
    try:
        store.rename(old, new)
    except StoreError:
        return False
    return True


def name_on(cluster: RedisCluster, number: int) -> str:
    """Return the name of a session that lies on that master."""
    names = map(str, range(100))
    return next(name for name in names if cluster.owner(f"message_store:{name}") is cluster.nodes[number])


def test_a_rename_that_goes_on_waits_for_replicas_too(cluster: RedisCluster, store: ClusterStore, prefix: str) -> None:
    store.append("old", TURN)
    rename_without_the_right_to_remove(cluster, prefix)
    few = pytest.raises(StoreError, match="too few replicas have 'new'; nothing was changed")
    with closing(ClusterStore(cluster.url, prefix, wait_replicas=1)) as waiting, few:
        waiting.rename("old", "new")
    assert store.messages("old") == store.messages("new") == TURN
    store.rename("old", "new")
    assert (store.exists("old"), store.messages("new")) == (False, TURN)


@pytest.mark.parametrize("verb", ["rename", "fork"])
def test_a_session_that_is_begun_while_another_is_copied_to_its_name_is_left(
    cluster: RedisCluster, store: ClusterStore, prefix: str, verb: str
) -> None:
    """The one who copies has seen that there is no session of that name, and then there is."""

    def begun() -> None:
        store.append("new", [Message("user", "mine")])

    fill(store, "old", 3)
    with (
        closing(ClusterStore(cluster.url, prefix)) as slow,
        behind(cluster, slow, f"{prefix}new", ["hold the reply"], b"EXISTS", begun),
        pytest.raises(Conflict, match="there is a session"),
    ):
        getattr(slow, verb)("old", "new")
    assert [message.text for message in store.messages("new")] == ["mine"]
    assert store.length("old") == 2


def test_a_session_that_is_written_to_while_it_is_renamed_is_copied_again(
    cluster: RedisCluster, store: ClusterStore, prefix: str
) -> None:
    """It is written to when the copy of it has just been made visible."""

    def written_to() -> None:
        store.append("old", [Message("user", "late")])

    fill(store, "old", 3)
    with (
        closing(ClusterStore(cluster.url, prefix)) as slow,
        behind(cluster, slow, f"{prefix}new", ["hold the reply"], meanwhile=written_to) as proxy,
    ):
        slow.rename("old", "new")
        assert proxy.executed > 3, "the copy was made visible, taken back, and made visible again"
    assert (store.exists("old"), store.length("new"), store.messages("new")[-1].text) == (False, 3, "late")
    assert [session.name for session in store.sessions()] == ["new"]


def test_a_copy_that_somebody_has_written_to_is_not_taken_back(
    cluster: RedisCluster, store: ClusterStore, prefix: str
) -> None:
    def written_to() -> None:
        store.append("old", TURN)
        store.append("new", TURN)

    fill(store, "old")
    with (
        closing(ClusterStore(cluster.url, prefix)) as slow,
        behind(cluster, slow, f"{prefix}new", ["hold the reply"], meanwhile=written_to),
        pytest.raises(Conflict, match="are both in use"),
    ):
        slow.rename("old", "new")
    assert (store.length("old"), store.length("new")) == (151, 151)


def test_nothing_is_lost_or_doubled_when_another_program_writes_during_renames(
    store: ClusterStore, everywhere: Any, prefix: str
) -> None:
    entry = '{"type": "human", "data": {"content": "%d"}}'
    fill(store, "a", 20)
    written = 0
    stop = threading.Event()

    def write() -> None:
        nonlocal written
        while not stop.is_set() and written < 2000:
            everywhere.lpush(f"{prefix}a", entry % written)
            written += 1

    writer = threading.Thread(target=write)
    writer.start()
    outcomes = []
    for number in range(5):
        try:
            store.rename("a", f"to {number}")
            outcomes.append("moved")
        except ChatError as error:  # written to all the time, or nothing there yet
            outcomes.append(error.message)
    stop.set()
    writer.join(60)
    found = [
        message.text for session in [*store.sessions(), *store.foreign()] for message in store.messages(session.name)
    ]
    numbers = [int(text) for text in found if text.isdigit()]
    assert sorted(numbers) == list(range(written)), outcomes


def test_a_rename_keeps_the_time_to_live(cluster: RedisCluster, prefix: str, everywhere: Any) -> None:
    with closing(ClusterStore(cluster.url, prefix, ttl=1000)) as store:
        store.append("old", TURN)
        store.rename("old", "new")
        assert 0 < everywhere.ttl(f"{prefix}new") <= 1000
        assert 0 < everywhere.ttl(f"{{{prefix}new}}:info") <= 1000
        store.fork("new", "other")
        assert 0 < everywhere.ttl(f"{prefix}other") <= 1000
    with closing(ClusterStore(cluster.url, prefix)) as store:
        store.fork("new", "for ever")
        assert everywhere.ttl(f"{prefix}for ever") == -1
        assert json.loads(everywhere.lindex(f"{prefix}for ever", 0))["type"] == "ai"
