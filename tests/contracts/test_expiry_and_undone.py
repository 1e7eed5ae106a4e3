"""How long a store keeps a session, how much of what was undone, and what it can put right by itself."""

import time
from pathlib import Path

import pytest

from chatcli.errors import NotFound, UsageError
from chatcli.messages import Message, new_id
from chatcli.stores import Pending, Store, rules
from chatcli.stores.in_memory import InMemoryStore
from chatcli.stores.redis import RedisStore
from chatcli.stores.sqlite import SqliteStore
from tests.contracts.conftest import Place, raw
from tests.contracts.test_stores import a_change, turn

# What was undone


def test_the_newest_undone_steps_are_kept_and_no_more(store: Store) -> None:
    count = rules.UNDO_STEPS + 5
    store.append("s", [Message("user", str(number)) for number in range(count)])
    for number in reversed(range(count)):
        store.append("s", [], at=number)
    redone = 0
    while messages := store.redo("s"):
        assert messages == [Message("user", str(redone))]
        redone += 1
    assert redone == rules.UNDO_STEPS
    assert store.length("s") == rules.UNDO_STEPS


def test_large_undone_steps_go_earlier_but_never_the_newest(store: Store) -> None:
    large = "x" * (rules.UNDO_SIZE // 3)
    store.append("s", [Message("user", f"{number}{large}") for number in range(6)])
    for number in reversed(range(1, 6)):
        store.append("s", [], at=number)
    steps = [store.redo("s") for _ in range(6)]
    assert [step[0].text[0] for step in steps if step] == ["1", "2"]
    store.append("s", [Message("user", large * 4)], at=0)
    store.append("s", [], at=0)
    assert len(store.redo("s")) == 1


def test_what_was_undone_does_not_grow_with_retries(durable_place: Place) -> None:
    store = durable_place.open()
    image = ({"type": "image_url", "image_url": {"url": "data:image/png;base64," + "AAAA" * 3000}},)
    store.append("s", turn("one"))
    for number in range(3 * rules.UNDO_STEPS):
        store.append("s", [Message("user", (*image, {"type": "text", "text": str(number)}))], at=0)
    match store:
        case SqliteStore():
            (steps,) = store._db.execute("SELECT count(DISTINCT step) FROM undone").fetchone()
        case RedisStore():
            (steps,) = raw(durable_place, store, ("LLEN", store._keys("s").undone))
        case _:
            pytest.skip("the same stores without a journal are looked into")
    assert steps == rules.UNDO_STEPS
    assert [one.content[0] for one in store.messages("s")] == [*image]


def test_images_of_undone_steps_go_with_them(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    for number in range(rules.UNDO_STEPS + 3):
        url = f"data:image/png;base64,{number:04}" + "AAAA" * 3000
        store.append("s", [Message("user", ({"type": "image_url", "image_url": {"url": url}},))], at=0)
    assert store._db.execute("SELECT count(*) FROM blobs").fetchone() == (rules.UNDO_STEPS + 1,)
    store.close()


def test_undone_steps_that_an_older_chatcli_kept_can_be_put_back(durable_place: Place) -> None:
    store = durable_place.open()
    store.append("s", [Message("user", str(number)) for number in range(4)])
    store.append("s", [], at=2)
    if isinstance(store, RedisStore):
        raw(durable_place, store, ("HDEL", store._keys("s").info, "undone"))
    store.append("s", [], at=1)
    assert [[one.text for one in store.redo("s")] for _ in range(3)] == [["1"], ["2", "3"], []]


# Expiry


def test_a_session_has_no_end_until_it_is_given_one(store: Store) -> None:
    store.append("s", turn("one"))
    assert (store.sessions()[0].lifetime, store.sessions()[0].expires) == (0, 0.0)
    store.expire("s", None)
    with pytest.raises(NotFound):
        store.expire("none", 60)
    assert not store.exists("none")


def test_memory_says_that_it_cannot_expire_anything() -> None:
    store = InMemoryStore()
    store.append("s", turn("one"))
    with pytest.raises(UsageError, match="memory:"):
        store.expire("s", 60)


def test_every_write_begins_the_time_anew_and_keeps_it(durable_place: Place) -> None:
    store = durable_place.open()
    store.append("s", turn("one"))
    store.expire("s", 1000)
    writes = [
        lambda: store.append("s", turn("two")),
        lambda: store.append("s", [], at=2),
        lambda: store.redo("s"),
        lambda: store.begin("s", Pending("t", Message("user", "x"), "w")),
        lambda: store.commit("s", "t", turn("three")),
        lambda: store.update("s", title="new", settings={"memory": "buffer"}),
        lambda: store.rename("s", "s2"),
        lambda: store.rename("s2", "s"),
        lambda: store.put_state("s", a_change("x", 2, None)),
        lambda: store.clear("s"),
    ]
    for write in writes:
        write()
        (one,) = store.sessions()
        assert one.lifetime == 1000
        assert 800 < one.expires - time.time() <= 1001
        _all_expire(durable_place, store, one.name, 1000)
    store.expire("s", None)
    assert store.sessions()[0].expires == 0
    store.append("s", turn("four"))
    assert store.sessions()[0].expires == 0
    _all_expire(durable_place, store, "s", None)


def _all_expire(durable_place: Place, store: Store, session: str, lifetime: int | None) -> None:
    """Check that all keys that there are expire alike."""
    if isinstance(store, RedisStore):
        left = raw(durable_place, store, *(("TTL", key) for key in store._keys(session).all))
        there = [seconds for seconds in left if seconds != -2]
        assert there
        assert all(seconds == -1 if lifetime is None else 800 < seconds <= lifetime for seconds in there), left


def test_a_session_whose_time_is_over_is_gone(durable_place: Place) -> None:
    store = durable_place.open()
    store.append("s", turn("one"))
    store.append("other", turn("one"))
    store.expire("s", 1)
    deadline = time.monotonic() + 30
    while [one.name for one in store.sessions()] != ["other"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not durable_place.open().exists("s")
    assert store.messages("s") == []


def test_a_file_lets_go_of_what_is_over_when_it_is_opened(tmp_path: Path) -> None:
    now = [1000.0]
    first = SqliteStore(tmp_path / "s.db", clock=lambda: now[0])
    first.append("s", [Message("user", "x" * 5000)])
    first.append("long", turn("one"))
    first.expire("s", 60)
    first.expire("long", 600)
    first.close()
    now[0] += 61
    again = SqliteStore(tmp_path / "s.db", clock=lambda: now[0])
    assert [again.exists(name) for name in ("s", "long")] == [False, True]
    assert again._db.execute("SELECT count(*) FROM blobs").fetchone() == (0,)
    again.close()


def test_the_sessions_own_time_goes_before_the_stores_ttl(durable_place: Place) -> None:
    store = durable_place.open(ttl=5000)
    if not isinstance(store, RedisStore):
        pytest.skip("a ttl of the whole store is Redis's")
    store.append("s", turn("one"))
    assert 4900 < store.sessions()[0].expires - time.time() <= 5001
    store.expire("s", 100)
    store.append("s", turn("two"))
    _all_expire_within(durable_place, store, 100)
    store.expire("s", None)
    store.append("s", turn("three"))
    _all_expire(durable_place, store, "s", None)


def _all_expire_within(durable_place: Place, store: RedisStore, most: int) -> None:
    left = raw(durable_place, store, *(("TTL", key) for key in store._keys("s").all))
    assert all(seconds == -2 or 0 < seconds <= most for seconds in left), left


def test_a_list_that_another_program_lets_expire_takes_nothing_else_along(durable_place: Place) -> None:
    store = durable_place.open()
    if not isinstance(store, RedisStore):
        pytest.skip("other programs write into Redis only")
    store.append("s", turn("one"))
    store.update("s", title="kept")
    store.put_state("s", a_change("x", 2, None))
    store.expire("s", 1000)
    raw(durable_place, store, ("PEXPIRE", store._keys("s").history, 1))  # as LangChain's ttl does, to the list alone
    deadline = time.monotonic() + 30
    while store.length("s"):
        assert time.monotonic() < deadline
    assert [(one.name, one.title, one.messages, one.turns) for one in store.sessions()] == [("s", "kept", 0, 0)]
    assert store.commit("s", new_id(), turn("two")) == 2
    assert store.sessions()[0].turns == 1
    _all_expire(durable_place, store, "s", 1000)


# Repair


def test_nothing_is_wrong_with_what_we_wrote(store: Store) -> None:
    for name in ("a", "中国", "a/b"):
        store.append(name, turn("one"))
        store.commit(name, new_id(), turn("two"))
    before = store.sessions()
    assert list(store.repair(dry_run=True)) == []
    assert list(store.repair()) == []
    assert store.sessions() == before
