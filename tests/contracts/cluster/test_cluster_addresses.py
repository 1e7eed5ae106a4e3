"""Where a session is in a Redis cluster, who may go there, and what a LangChain program sees of it."""

import warnings
from contextlib import closing
from pathlib import Path

import pytest
from redis import exceptions as failures
from redis.crc import key_slot

from chatcli.errors import StoreUnavailable, UsageError
from chatcli.messages import Message
from chatcli.stores import Change, Pending, State, Store, Watermark
from chatcli.stores.redis import RedisStore
from chatcli.stores.redis_cluster import ClusterStore
from chatcli.stores.redis_errors import ours
from tests.certificates import certify
from tests.contracts.cluster.conftest import TURN
from tests.redis_cluster import RedisCluster, a_user, clustered, keys_under
from tests.redis_server import RedisServer, binaries, free_port, running

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from langchain_community.chat_message_histories import RedisChatMessageHistory


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
