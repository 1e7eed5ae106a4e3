"""What a write in Redis does when the connection is lost while its outcome is on the way."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from chatcli.errors import StoreUnavailable
from chatcli.messages import Message
from chatcli.stores import Change, Pending, State, Watermark
from chatcli.stores.redis import RedisStore
from tests.contracts.conftest import abandon
from tests.cutting_proxy import Fate, cutting
from tests.redis_server import RedisServer

TURN = [Message("user", "q", id="u"), Message("assistant", "a", id="a")]
LOST: list[list[Fate]] = [
    ["lose the reply"],
    ["lose the request"],
    ["lose the reply", "lose the reply"],
    ["lose the request", "lose the reply"],
    ["lose the request", "lose the request"],
]


@pytest.fixture
def server(servers: dict[str, RedisServer]) -> RedisServer:
    with redis.Redis.from_url(servers["valkey"].url) as client:
        client.flushdb()
    return servers["valkey"]


@pytest.fixture
def direct(server: RedisServer) -> Iterator[RedisStore]:
    store = RedisStore(server.url)
    yield store
    store.close()


def through(server: RedisServer, fates: list[Fate], verb: Any, meanwhile: Any = lambda: None) -> Any:
    """Do the verb on a connection that fails as `fates` say; `meanwhile` somebody else does something."""
    with cutting(server.port, fates, meanwhile=meanwhile) as proxy:
        store = RedisStore(proxy.url)
        try:
            return verb(store)
        finally:
            store.close()
            assert proxy.executed, "nothing was cut"


@pytest.mark.parametrize("fates", LOST, ids=", ".join)
def test_a_turn_is_there_exactly_once(server: RedisServer, direct: RedisStore, fates: list[Fate]) -> None:
    direct.append("s", TURN)
    direct.begin("s", Pending("t1", TURN[0], "w"))
    change = Change("x", State({}, Watermark(4, "")), None)
    length = through(server, fates, lambda store: store.commit("s", "t1", TURN, expected_length=2, changes=[change]))
    assert length == 4
    assert direct.messages("s") == [*TURN, *TURN]
    assert direct.pending("s") == []
    assert direct.snapshot("s", 0).states["x"].watermark.position == 4


@pytest.mark.parametrize("fates", LOST, ids=", ".join)
def test_every_other_write_is_done_once_and_returns_its_result(
    server: RedisServer, direct: RedisStore, fates: list[Fate]
) -> None:
    assert through(server, fates, lambda store: store.append("s", TURN)) == 2
    assert through(server, fates, lambda store: store.append("s", TURN, expected_length=2)) == 4
    assert through(server, fates, lambda store: store.append("s", [], at=2)) == 2
    assert through(server, fates, lambda store: store.redo("s")) == TURN
    assert direct.redo("s") == []
    change = Change("x", State({}, Watermark(2, "")), None)
    assert through(server, fates, lambda store: store.put_state("s", change)) is True
    through(server, fates, lambda store: store.begin("s", Pending("t", TURN[0], "w")))
    through(server, fates, lambda store: store.checkpoint("s", "t", "par"))
    through(server, fates, lambda store: store.update("s", title="title", settings={"a": 1}))
    abandon(direct, "s")
    through(server, fates, lambda store: store.rename("s", "new"))
    assert [turn.partial for turn in direct.pending("new")] == ["par"]
    assert direct.messages("new") == [*TURN, *TURN]
    assert direct.snapshot("new", 0).session.title == "title"
    assert through(server, fates, lambda store: store.clear("new")) == 4
    assert through(server, fates, lambda store: store.delete("new")) is True
    assert direct.sessions() == []


def test_what_was_lost_and_somebody_else_made_impossible_is_not_said_to_be_done(
    server: RedisServer, direct: RedisStore
) -> None:
    lost: list[Fate] = ["lose the request"]
    direct.append("s", TURN)
    direct.append("s", [], at=0)
    assert through(server, lost, lambda store: store.redo("s"), lambda: direct.append("s", TURN)) == []
    assert direct.messages("s") == TURN
    ours, theirs = (Change("x", State({"text": who}, Watermark(2, "")), None) for who in ("ours", "theirs"))
    assert not through(server, lost, lambda store: store.put_state("s", ours), lambda: direct.put_state("s", theirs))
    assert direct.snapshot("s", 0).states["x"].value == {"text": "theirs"}


def test_a_commit_whose_outcome_stays_unknown_says_so_and_can_be_repeated(
    server: RedisServer, direct: RedisStore
) -> None:
    fates: list[Fate] = ["lose the request", "lose the request", "lose the reply"]
    with pytest.raises(StoreUnavailable):
        through(server, fates, lambda store: store.commit("s", "t1", TURN))
    assert direct.commit("s", "t1", TURN) == 2
    assert direct.messages("s") == TURN
