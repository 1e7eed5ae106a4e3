"""Whatever is done to them, the stores look the same."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatcli.errors import ChatError
from chatcli.messages import Message
from chatcli.stores import Change, Pending, State, Store, Watermark
from chatcli.stores.in_memory import InMemoryStore
from chatcli.stores.redis import RedisStore
from chatcli.stores.redis_cluster import ClusterStore
from chatcli.stores.sqlite import SqliteStore
from tests.redis_cluster import clustered
from tests.redis_server import running

Act = tuple[str, dict[str, Any]]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Store]]:
    folder: Path = tmp_path_factory.mktemp("agree")
    with running() as server:
        stores: list[Store] = [InMemoryStore(), SqliteStore(folder / "s.db"), RedisStore(server.url)]
        yield stores
        for store in stores:
            store.close()


@pytest.fixture(scope="module")
def clusters() -> Iterator[list[Store]]:
    with clustered() as cluster:
        stores: list[Store] = [InMemoryStore(), ClusterStore(cluster.url)]
        yield stores
        for store in stores:
            store.close()


NAMES = ("a", "b", "{a}")
ON_A_CLUSTER = ("a", "b", "%a")  # three slots, of two masters
TURNS = st.sampled_from(["t1", "t2", "t3"])
ROLES = st.sampled_from(["system", "user", "assistant"])
MESSAGES = st.lists(st.builds(Message, ROLES, st.sampled_from(["x", "你好", ""])), max_size=4)
AT = st.none() | st.integers(-1, 9)
LENGTH = st.none() | st.integers(0, 6)
WATERMARKS = st.builds(Watermark, st.integers(0, 2), st.just("f"))
STATES = st.builds(State, st.dictionaries(st.sampled_from("xy"), st.integers(), max_size=1), WATERMARKS)
CHANGES = st.builds(Change, st.sampled_from(["sum", "cut"]), STATES, st.none() | STATES)
PENDING = st.builds(Pending, TURNS, st.builds(Message, st.just("user"), st.text(max_size=3)), st.just("w"), at=LENGTH)
SETTINGS = st.none() | st.dictionaries(st.sampled_from(["model", "memory"]), st.none() | st.text(max_size=3))


def acts(names: Sequence[str]) -> st.SearchStrategy[list[Act]]:
    sessions = st.sampled_from(names)

    def act(verb: str, **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Act]:
        return st.tuples(st.just(verb), st.fixed_dictionaries({"session": sessions, **arguments}))

    all_acts = st.one_of(
        act("append", messages=MESSAGES, at=AT, expected_length=LENGTH),
        act("append", messages=MESSAGES),
        act("append", messages=st.just([]), at=st.integers(0, 4)),
        act("commit", turn=TURNS, messages=MESSAGES, at=AT, changes=st.lists(CHANGES, max_size=2)),
        act("redo"),
        act("update", title=st.none() | st.text(max_size=3), settings=SETTINGS),
        act("put_state", change=CHANGES),
        act("begin", pending=PENDING),
        act("checkpoint", turn=TURNS, partial=st.text(max_size=3)),
        act("drop", turn=TURNS),
        act("clear"),
        act("delete"),
        st.tuples(st.just("rename"), st.fixed_dictionaries({"old": sessions, "new": sessions})),
    )
    return st.lists(all_acts, max_size=14)


def outcome(store: Store, verb: str, arguments: dict[str, Any]) -> Any:
    """Return the verb's result, or the error's class and text."""
    try:
        return getattr(store, verb)(**arguments)
    except ChatError as error:
        return type(error), error.message


def look(store: Store, names: Sequence[str]) -> Any:
    """Return all that can be seen, but for times."""
    listed = store.sessions()
    return [
        [
            (one.name, one.title, one.messages, one.turns, one.settings, bool(one.created), store.exists(one.name))
            for one in listed
        ],
        [(list(seen.newest), seen.length, seen.states) for one in listed for seen in [store.snapshot(one.name, 3)]],
        [store.messages(one.name) for one in listed],
        [(turn.id, turn.user, turn.partial, turn.at) for one in listed for turn in store.pending(one.name)],
        [store.exists(name) for name in names],
    ]


BOUND = st.none() | st.integers(-6, 6)


def assert_they_agree(stores: list[Store], names: Sequence[str], acts: list[Act], start: Any, stop: Any) -> None:
    for store in stores:
        for session in names:
            store.delete(session)
    for verb, arguments in acts:
        in_memory, *others = [outcome(store, verb, arguments) for store in stores]
        assert others == [in_memory] * len(others), (verb, arguments)
    in_memory, *others = [look(store, names) for store in stores]
    assert others == [in_memory] * len(others)
    in_memory, *others = [store.messages("a", start, stop) for store in stores]
    assert others == [in_memory] * len(others)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts(NAMES), BOUND, BOUND)
def test_the_stores_agree(stores: list[Store], acts: list[Act], start: int | None, stop: int | None) -> None:
    assert_they_agree(stores, NAMES, acts, start, stop)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts(ON_A_CLUSTER), BOUND, BOUND)
def test_a_cluster_agrees(clusters: list[Store], acts: list[Act], start: int | None, stop: int | None) -> None:
    assert_they_agree(clusters, ON_A_CLUSTER, acts, start, stop)
