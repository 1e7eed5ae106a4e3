"""The README's Redis user: may do what chatcli needs (the whole contract suite runs as that user), and nothing else."""

import re
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from chatcli.errors import StoreUnavailable
from chatcli.messages import Message
from chatcli.stores import Change, Pending, State, Watermark
from chatcli.stores.redis import RedisStore
from chatcli.stores.redis_cluster import ClusterStore
from tests.contracts.conftest import abandon
from tests.redis_cluster import clustered
from tests.redis_server import RedisServer, binaries, readme_user, running

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from langchain_community.chat_message_histories import RedisChatMessageHistory

TURN = [Message("user", "hello"), Message("assistant", "hi")]
README = Path(__file__).parents[2] / "README.md"
# A connection's own: AUTH and RESET need no right; what an option or another database of the address asks for.
OF_ADDRESSES = {"ping", "select"}

OTHERS = [
    "FLUSHALL", "FLUSHDB", "CONFIG GET *", "CONFIG SET maxmemory 1", "KEYS *", "DBSIZE", "RANDOMKEY", "SHUTDOWN",
    "SAVE", "BGSAVE", "REPLICAOF NO ONE", "ACL LIST", "ACL WHOAMI", "CLIENT LIST", "CLIENT KILL TYPE normal",
    "MONITOR", "PUBLISH c m", "SUBSCRIBE c", "PSUBSCRIBE *", "EVAL return(1) 0", "FUNCTION LIST", "SCRIPT FLUSH",
    "SWAPDB 0 1", "MIGRATE h 1 message_store:s 0 1", "DUMP message_store:s", "GET other", "SET other 1", "DEL other",
    "TYPE other", "EXISTS other", "LRANGE other 0 -1", "LPUSH other x", "HGETALL other", "HGETALL {other}:info",
    "ZADD chatcli:index:other: 1 x", "RENAME message_store:s other", "RENAME other message_store:s",
    "COPY message_store:s other", "EXPIRE other 1", "GET message_store:s", "SORT message_store:s",
    "LMOVE message_store:s message_store:t LEFT LEFT", "OBJECT ENCODING message_store:s",
]  # fmt: skip


@pytest.fixture(scope="module", params=binaries())
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with running(binaries()[request.param]) as server:
        yield server


def granted() -> set[str]:
    """Return the commands that the README's line allows."""
    (line,) = re.findall(r"^ACL SETUSER chatcli .*$", README.read_text(encoding="utf-8"), re.MULTILINE)
    return {word[1:] for word in line.split() if word.startswith("+")}


def use(store: RedisStore, name: str) -> None:
    """Do with a session what can be done; what every verb comes to, in all its branches, is the contract suite's."""
    store.begin(name, Pending("t", TURN[0], "w"))
    store.checkpoint(name, "t", "h")
    store.checkpoint(name, "another", "which is not under way")
    change = Change("x", State({}, Watermark(2, "")), None)
    store.commit(name, "t", TURN, changes=[change])
    store.append(name, TURN, at=0)
    store.append(name, [], at=1)
    store.redo(name)
    store.append(name, TURN)
    store.update(name, title="title", settings={"a": 1})
    store.put_state(name, Change("y", State({}, Watermark(1, "")), None))
    store.begin(name, Pending("u", TURN[0], "w"))
    abandon(store, name)
    store.snapshot(name, 2), store.messages(name), store.length(name), store.exists(name), store.sessions()
    store.fork(name, f"{name}2", 1)
    store.rename(name, f"{name}3")
    store.drop(f"{name}3", "u")
    store.expire(f"{name}3", 60)
    store.expire(f"{name}3", None)
    list(store.repair())
    store.clear(f"{name}3")
    for left in (f"{name}2", f"{name}3"):
        store.delete(left)


def test_the_user_is_allowed_what_chatcli_does_and_no_command_more(server: RedisServer) -> None:
    with (
        redis.Redis.from_url(server.url) as admin,
        closing(RedisStore(readme_user(server), ttl=100, wait_replicas=1)) as store,
    ):
        admin.lpush("message_store:foreign", "{}")
        admin.config_resetstat()
        use(store, "s")
        store.standing()
        assert [session.name for session in store.foreign()] == ["foreign"]
        admin.set("message_store:odd", "a string, so that its type is asked for")
        with pytest.raises(Exception, match="holds a string"):
            store.append("odd", TURN)
        used = {name.removeprefix("cmdstat_") for name in admin.info("commandstats")}
    assert granted() - OF_ADDRESSES - used == set(), "allowed, and not needed"


@pytest.mark.parametrize("command", OTHERS)
def test_anything_else_is_refused(server: RedisServer, command: str) -> None:
    address = readme_user(server)
    with redis.Redis.from_url(server.url) as admin:
        admin.lpush("message_store:s", "x")
    with redis.Redis.from_url(address, protocol=2, driver_info=None) as user:
        assert user.llen("message_store:s") >= 1
        with pytest.raises((redis.exceptions.NoPermissionError, redis.exceptions.ResponseError)) as refused:
            user.execute_command(*command.split())
    assert "permission" in str(refused.value).lower()


def test_a_missing_right_is_told_in_two_lines(server: RedisServer) -> None:
    address = readme_user(server)
    with redis.Redis.from_url(server.url) as admin:
        admin.execute_command("ACL", "SETUSER", "chatcli", "-lpush")
    with closing(RedisStore(address)) as store, pytest.raises(StoreUnavailable) as refused:
        store.append("s", TURN)
    assert "lpush" in refused.value.message
    assert "ACL" in refused.value.hint
    assert "geheim" not in refused.value.message + refused.value.hint


def test_on_a_cluster_the_user_needs_what_the_readme_says_besides() -> None:
    (rights,) = re.findall(r"On a cluster that user needs `([^`]*)` besides", README.read_text(encoding="utf-8"))
    with clustered() as cluster:
        for node in cluster.nodes:
            readme_user(node, more=rights.split())
            with cluster.client(node) as admin:
                admin.config_resetstat()
        with closing(ClusterStore(cluster.url.replace("://", "://chatcli:geheim@"), ttl=100)) as store:
            use(store, "s")
            store.append("here", TURN)
            store.rename("here", "there")
            assert store.messages("there") == TURN
            assert store.delete("there")
        used = set[str]()
        for node in cluster.nodes:
            with cluster.client(node) as admin:
                used |= {name.removeprefix("cmdstat_") for name in admin.info("commandstats")}
    assert {right[1:] for right in rights.split()} - used == {"asking"}, "that is for a slot on its way"


def test_a_langchain_program_needs_what_the_readme_says_of_it(server: RedisServer) -> None:
    (rights,) = re.findall(r"A LangChain program .*? needs `([^`]*)`", README.read_text(encoding="utf-8"))
    with redis.Redis.from_url(server.url) as admin, closing(RedisStore(readme_user(server))) as store:
        admin.execute_command("ACL", "SETUSER", "langchain", "reset", "on", ">pw", *rights.split())
        history = RedisChatMessageHistory("live", url=server.url.replace("redis://", "redis://langchain:pw@"), ttl=100)
        history.add_user_message("from LangChain")
        store.append("live", TURN)
        assert [message.content for message in history.messages] == ["from LangChain", "hello", "hi"]
        assert [message.text for message in store.messages("live")] == ["from LangChain", "hello", "hi"]
        history.clear()
        assert store.length("live") == 0
        history.redis_client.close()
