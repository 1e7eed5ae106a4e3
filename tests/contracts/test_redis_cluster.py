"""What is special about a store in a Redis cluster; the contract itself is kept there like everywhere."""

import itertools
import json
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from redis import exceptions as failures
from redis.crc import key_slot

from chatcli.errors import ChatError, Conflict, NotFound, StoreError, StoreUnavailable, UsageError
from chatcli.messages import Message
from chatcli.stores import Change, Pending, State, Store, Watermark
from chatcli.stores.redis import RedisStore
from chatcli.stores.redis_cluster import ClusterStore
from chatcli.stores.redis_errors import ours
from chatcli.stores.redis_exchange import Ask, Plan
from tests.certificates import certify
from tests.contracts.conftest import abandon
from tests.cutting_proxy import CuttingProxy, Fate, cutting
from tests.redis_cluster import RedisCluster, clustered
from tests.redis_server import RedisServer, binaries, free_port, running

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from langchain_community.chat_message_histories import RedisChatMessageHistory

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


def keys_under(cluster: RedisCluster, text: str) -> list[str]:
    """Return the keys of all masters that have the text in their name."""
    found = []
    for node in cluster.nodes:
        with cluster.client(node) as client:
            found += [key.decode() for key in client.keys(f"*{text}*")]
    return sorted(found)


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


# Names and addresses


def test_all_keys_of_a_session_lie_in_one_slot_and_those_of_many_on_every_master(
    cluster: RedisCluster, store: Store, prefix: str
) -> None:
    names = ["名 %", "%7B", "a:info", *map(str, range(30))]
    for name in names:
        store.append(name, [*TURN, *TURN])
        store.append(name, [], at=2)
        store.put_state(name, Change("x", State({}, Watermark(2, "")), None))
        store.begin(name, Pending("t", TURN[0], "w"))
    owners = set()
    for name in names:
        keys = keys_under(cluster, f"{prefix}{name}".replace("%", "\\%"))
        mine = [key for key in keys if key == prefix + name or key.startswith(f"{{{prefix}{name}}}")]
        assert len(mine) == 6
        assert len({key_slot(key.encode()) for key in mine}) == 1
        owners.add(cluster.owner(mine[0]).port)
    assert len(owners) == 3


@pytest.mark.parametrize("name", ["{a}", "a{", "}a", "a{b}c", "{}"])
def test_a_name_with_a_brace_is_refused_by_every_verb_and_nothing_is_written(
    cluster: RedisCluster, store: Store, prefix: str, name: str
) -> None:
    store.append("there", TURN)
    for verb in (
        lambda: store.append(name, TURN),
        lambda: store.begin(name, Pending("t", TURN[0], "w")),
        lambda: store.commit(name, "t", TURN),
        lambda: store.snapshot(name, 3),
        lambda: store.rename("there", name),
        lambda: store.fork("there", name),
    ):
        with pytest.raises(UsageError) as refused:
            verb()
        assert refused.value.message.endswith("has a brace: a Redis cluster cannot keep its keys together")
        assert refused.value.hint == "choose a name without { and }"
    assert {key for key in keys_under(cluster, prefix) if "there" not in key} == {f"chatcli:index:{prefix}"}


def test_a_prefix_with_a_brace_is_refused_when_the_store_is_opened(cluster: RedisCluster) -> None:
    with pytest.raises(UsageError, match=r"key prefix 'a\{b\}:' has a brace"):
        ClusterStore(cluster.url, "a{b}:")


@pytest.mark.parametrize("number", range(3))
def test_a_plain_address_of_a_cluster_is_told_what_to_write_instead(
    cluster: RedisCluster, prefix: str, number: int
) -> None:
    port = cluster.nodes[number].port
    with closing(RedisStore(f"redis://127.0.0.1:{port}/0", prefix)) as store:
        for name in "abcdef":
            with pytest.raises(StoreUnavailable) as refused:
                store.append(name, TURN)
            assert refused.value.message == f"Redis at redis://127.0.0.1:{port}/0 is part of a cluster"
            assert refused.value.hint == f"write redis+cluster://127.0.0.1:{port}/"
    assert keys_under(cluster, prefix) == []


def test_a_plain_address_with_a_database_is_told_that_a_cluster_has_one(cluster: RedisCluster) -> None:
    port = cluster.nodes[0].port
    with closing(RedisStore(f"redis://127.0.0.1:{port}/3")) as store, pytest.raises(StoreUnavailable) as refused:
        store.sessions()
    assert refused.value.message == f"Redis at redis://127.0.0.1:{port}/3 has no such database"
    older = failures.ResponseError("SELECT is not allowed in cluster mode")
    assert ours(older, "rediss://u:***@h:1/3?socket_timeout=4").hint == (
        "write rediss+cluster://u:***@h:1/?socket_timeout=4"
    )


def test_the_address_of_one_server_as_a_cluster_says_so(servers: dict[str, RedisServer]) -> None:
    for server in servers.values():
        with closing(ClusterStore(f"redis+cluster://127.0.0.1:{server.port}/")) as store:
            with pytest.raises(StoreUnavailable) as refused:
                store.append("s", TURN)
            assert "is one server, no cluster" in refused.value.message
            assert refused.value.hint == "write redis://HOST:PORT/DB"


def test_one_node_that_answers_is_enough_and_none_is_told_at_once(cluster: RedisCluster, prefix: str) -> None:
    away = f"127.0.0.1:{free_port()},127.0.0.1:{free_port()}"
    with closing(ClusterStore(f"redis+cluster://{away},127.0.0.1:{cluster.nodes[2].port}/", prefix)) as store:
        assert store.append("s", TURN) == 2
    with closing(ClusterStore(f"redis+cluster://:secret@{away}/", prefix)) as store:
        with pytest.raises(StoreUnavailable) as refused:
            store.append("s", TURN)
        assert f"redis+cluster://:***@{away}/ cannot be reached" in refused.value.message


def test_a_node_that_is_in_no_cluster_any_more_is_passed_over(cluster: RedisCluster, prefix: str) -> None:
    with running(None, "--cluster-enabled", "yes", "--cluster-port", str(free_port())) as alone:
        url = cluster.url.replace("://", f"://127.0.0.1:{alone.port},")
        with closing(ClusterStore(url, prefix)) as store:
            assert store.append("s", TURN) == 2
        nobody = pytest.raises(StoreUnavailable, match="no node has slots")
        with closing(ClusterStore(f"redis+cluster://127.0.0.1:{alone.port}/", prefix)) as store, nobody:
            store.append("s", TURN)


def test_a_password_and_a_user_go_to_every_node(cluster: RedisCluster, prefix: str) -> None:
    with a_user(cluster, "ada", "~*", "+@all") as url, closing(ClusterStore(url, prefix)) as store:
        for name in "abcdef":
            assert store.append(name, TURN) == 2
        assert len(store.sessions()) == 6
        assert "s%23cret" not in store.address
        assert "ada:***@" in store.address
    wrong = pytest.raises(StoreUnavailable, match="does not accept this user and password")
    with closing(ClusterStore(cluster.url.replace("://", "://ada:wrong@"), prefix)) as store, wrong:
        store.length("s")


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


@pytest.mark.parametrize("name", [name for name in binaries() if name == "redis"] or ["no server with TLS"])
def test_a_cluster_by_tls_is_a_store_like_the_others(name: str, tmp_path: Path) -> None:
    if name not in binaries():
        return
    certify(tmp_path)
    with clustered(binaries()[name], certified=tmp_path) as cluster, a_user(cluster, "ada", "~*", "+@all"):
        address = f"rediss+cluster://ada:s%23cret@localhost:{cluster.tls[cluster.nodes[0].port]}/"
        with closing(ClusterStore(f"{address}?ssl_ca_certs={tmp_path}/ca.crt")) as store:
            for session in "abcdef":
                store.begin(session, Pending("t", TURN[0], "w"))
                assert store.commit(session, "t", TURN) == 2
            assert [session.name for session in store.sessions()] == list("fedcba")
            cluster.move("message_store:a")
            store.rename("a", "g")
            assert store.messages("g") == TURN
        with closing(ClusterStore(address)) as store, pytest.raises(StoreUnavailable) as refused:
            store.length("a")
        assert "ssl_ca_certs" in refused.value.hint


# Lists and the index


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


# LangChain


def test_langchain_reads_and_writes_the_same_session_on_the_cluster(cluster: RedisCluster) -> None:
    url = f"redis://127.0.0.1:{cluster.nodes[0].port}/0"
    theirs = RedisChatMessageHistory("JavaEdge", url=url)
    with closing(ClusterStore(cluster.url)) as store:
        store.delete("JavaEdge")
        store.commit("JavaEdge", "t1", TURN)
        theirs.add_user_message("theirs")
        theirs.add_ai_message("their reply")
        store.commit("JavaEdge", "t2", [Message("user", "ours again")])
        said = ["你好", "hello", "theirs", "their reply", "ours again"]
        assert [message.content for message in theirs.messages] == said
        assert [message.text for message in store.messages("JavaEdge")] == said
        assert store.snapshot("JavaEdge", 1).session.turns == 3
        store.delete("JavaEdge")
    theirs.redis_client.close()


# A slot that moves


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


# A rename goes over two slots


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
    store: ClusterStore, everywhere: Any, prefix: str, lost: str
) -> None:
    """As when the master it lies on is replaced by a replica that had not got it, or not all of it."""
    fill(store, "old")
    before = everything(store, "old")
    staged = store._staged("old", "new")
    copy = next(key for key in staged.lifetimes if key.endswith("history"))
    everywhere.delete(copy) if lost == "all" else everywhere.ltrim(copy, 0, 99)
    with pytest.raises(StoreError, match="lost on the way"):
        store._publish("old", "new", staged)
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
        assert refused.value.message == f"the copy of {old!r} is on too few replicas; nothing was changed"
        assert store.messages(old) == TURN
        assert not store.exists(alone)
        assert [session.name for session in store.sessions()] == [old]
        store.rename(old, guarded)
        with cluster.client(cluster.nodes[3]) as replica:
            replica.readonly()
            assert replica.llen(f"message_store:{guarded}") == 2
        assert [session.name for session in store.sessions()] == [guarded]


def name_on(cluster: RedisCluster, number: int) -> str:
    """Return the name of a session that lies on that master."""
    names = map(str, range(100))
    return next(name for name in names if cluster.owner(f"message_store:{name}") is cluster.nodes[number])


def test_a_rename_that_goes_on_waits_for_replicas_too(cluster: RedisCluster, store: ClusterStore, prefix: str) -> None:
    store.append("old", TURN)
    rename_without_the_right_to_remove(cluster, prefix)
    with closing(ClusterStore(cluster.url, prefix, wait_replicas=1)) as waiting:
        for _ in range(2):
            with pytest.raises(StoreError, match="on too few replicas; nothing was changed"):
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


def test_a_copy_that_somebody_has_written_to_is_not_taken_back(store: ClusterStore) -> None:
    fill(store, "old")
    staged = store._staged("old", "new")
    store._publish("old", "new", staged)
    store.append("new", TURN)
    with pytest.raises(Conflict, match="are both in use"):
        store._take_back("new", staged)
    assert store.length("new") == 151


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
