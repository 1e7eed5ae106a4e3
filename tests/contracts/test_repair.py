"""`repair` makes a store's index and counts say what is there, and never costs a message."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chatcli.errors import StoreError
from chatcli.messages import Message
from chatcli.stores.redis import RedisStore
from chatcli.stores.redis_keys import index_key
from chatcli.stores.sqlite import SqliteStore
from tests.contracts.conftest import Place, raw
from tests.contracts.test_stores import turn

IMAGE = "data:image/png;base64," + "AAAA" * 3000


@pytest.fixture
def file(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "s.db")
    store.append("a", [*turn("one"), *turn("two")])
    store.append("b", [Message("user", ({"type": "image_url", "image_url": {"url": IMAGE}},)), *turn("x")[1:]])
    yield store
    store.close()


def _said(store: SqliteStore | RedisStore) -> dict[str, list[Message]]:
    return {one.name: store.messages(one.name) for one in store.sessions()}


def _wrong_count(store: SqliteStore) -> None:
    store._db.execute("UPDATE sessions SET messages = 1, turns = 'x' WHERE name = 'a'")


def _gap(store: SqliteStore) -> None:
    store._db.execute("UPDATE messages SET position = position + 7 WHERE session = 1 AND position > 1")


def _odd_positions(store: SqliteStore) -> None:
    store._db.execute("UPDATE messages SET position = 'soon' WHERE session = 1 AND position = 3")
    store._db.execute("UPDATE messages SET position = -9223372036854775808 WHERE session = 1 AND position = 0")


def _lost_use(store: SqliteStore) -> None:
    store._db.execute("DELETE FROM uses")


@pytest.mark.parametrize("damage", [_wrong_count, _gap, _odd_positions, _lost_use])
def test_counts_numbers_and_attachments_of_a_file_are_right_again(
    file: SqliteStore, damage: Callable[[SqliteStore], None]
) -> None:
    before = _said(file)
    damage(file)
    told = list(file.repair(dry_run=True))
    assert told
    assert list(file.repair()) == told
    assert list(file.repair()) == []
    assert _said(file) == before
    assert {one.name: (one.messages, one.turns) for one in file.sessions()} == {"a": (4, 2), "b": (2, 1)}


def test_messages_that_belong_to_no_session_come_back_as_one(file: SqliteStore) -> None:
    said = file.messages("a")
    file._db.execute("PRAGMA foreign_keys = OFF")
    file._db.execute("DELETE FROM sessions WHERE name = 'a'")
    file._db.execute("PRAGMA foreign_keys = ON")
    told = list(file.repair())
    assert told[0].session == "recovered-1"
    assert file.messages("recovered-1") == said
    assert list(file.repair()) == []


@pytest.mark.parametrize("odd", ["x'61ff'", "CAST(x'61ff' AS TEXT)", "''", "char(27)", "printf('%201c', 'x')"])
def test_a_session_that_nothing_can_be_called_as_is_in_nobodys_way_and_comes_back(file: SqliteStore, odd: str) -> None:
    said = file.messages("a")
    file._db.execute(f"UPDATE sessions SET name = {odd} WHERE name = 'a'")
    assert [one.name for one in file.sessions()] == ["b"]
    assert [one.session for one in file.repair()] == ["recovered-1"]
    assert file.messages("recovered-1") == said
    assert list(file.repair()) == []


def test_what_belongs_to_a_session_of_another_kind_ends_no_repair(file: SqliteStore) -> None:
    before = _said(file)
    file._db.execute("PRAGMA foreign_keys = OFF")
    file._db.execute("INSERT INTO messages VALUES ('soon', 0, 'user', '{}'), (x'ff', 0, 'user', '{}')")
    assert list(file.repair()) == []
    assert _said(file) == before


def test_only_attachments_that_nobody_uses_are_removed(file: SqliteStore) -> None:
    before = _said(file)
    file._db.execute("INSERT INTO blobs VALUES ('stray', x'00')")
    file._db.execute("INSERT INTO uses VALUES (1, (SELECT sha256 FROM blobs WHERE sha256 != 'stray'))")
    assert [one.session for one in file.repair()] == ["a", ""]
    assert file._db.execute("SELECT count(*) FROM blobs").fetchone() == (1,)
    assert _said(file) == before


def test_a_damaged_file_is_not_repaired_further(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    for number in range(50):
        store.append("a", turn(f"{number}" * 500))
    store.close()
    with (tmp_path / "s.db").open("r+b") as raw:
        raw.seek(4096 * 12)
        raw.write(b"\xff" * 4096 * 4)
    store = SqliteStore(tmp_path / "s.db")
    with pytest.raises(StoreError, match="damaged"):
        list(store.repair())
    store.close()


def test_redis_lists_what_is_there_and_nothing_else(durable_place: Place) -> None:
    store = durable_place.open()
    if not isinstance(store, RedisStore):
        pytest.skip("the index is Redis's")
    names = ["a", "中国", "a b/%7B%", "100%"]
    for name in names:
        store.append(name, [*turn("one"), *turn("two")])
    index = index_key(durable_place.prefix)
    used = {one.name: one.used for one in store.sessions()}
    raw(durable_place, store, ("DEL", index))
    raw(durable_place, store, ("ZADD", index, 1, "ghost", 2, b"\xff\xfe"))
    raw(durable_place, store, ("HSET", store._keys("a").info, "turns", 99))
    raw(
        durable_place, store, ("RPUSH", durable_place.prefix + "foreign", '{"type": "human", "data": {"content": "x"}}')
    )
    told = list(store.repair(dry_run=True))
    assert {one.session for one in told} == {"ghost", *names}
    assert raw(durable_place, store, ("ZCARD", index)) == [2], "a dry run writes nothing"
    found = list(store.repair())
    assert {one.session for one in found} == {"ghost", *names}
    assert {one.name: one.used for one in store.sessions()} == used
    assert {one.turns for one in store.sessions()} == {2}
    assert [one.name for one in store.foreign()] == ["foreign"]
    assert list(store.repair()) == []


def test_turns_that_others_appended_are_counted_and_not_guessed(durable_place: Place) -> None:
    store = durable_place.open()
    if not isinstance(store, RedisStore):
        pytest.skip("others append to Redis only")
    store.append("s", turn("one"))
    for _ in range(3):
        raw(durable_place, store, ("LPUSH", store._keys("s").history, '{"type": "ai", "data": {"content": "x"}}'))
    assert store.sessions()[0].turns == 3
    assert [one.what for one in store.repair()] == ["counted again: turns 1, not 3"]
    assert store.sessions()[0].turns == 1
    assert store.length("s") == 5


def test_a_key_of_another_type_stops_no_repair(durable_place: Place) -> None:
    store = durable_place.open()
    if not isinstance(store, RedisStore):
        pytest.skip("keys are Redis's")
    store.append("a", turn("one"))
    store.append("b", turn("one"))
    raw(durable_place, store, ("DEL", store._keys("a").history))
    raw(durable_place, store, ("SET", store._keys("a").history, "not a list"))
    raw(durable_place, store, ("HSET", store._keys("b").info, "turns", 7))
    assert [one.session for one in store.repair()] == ["b"]
    assert raw(durable_place, store, ("GET", store._keys("a").history)) == [b"not a list"]
