"""Stores that fail: two lines that say what and what to do, and nothing lost."""

import json
import os
import shutil
import socket
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatcli.errors import StoreAway, StoreError, StoreUnavailable
from chatcli.messages import Message, to_dict
from chatcli.stores import Change, Pending, State, Store, Watermark
from chatcli.stores.redis import RedisStore
from chatcli.stores.redis_rows import to_raw
from chatcli.stores.sqlite import SqliteStore
from tests.cutting_proxy import cutting
from tests.redis_server import RedisServer, free_port, running

TURN = [Message("user", "hello"), Message("assistant", "hi")]


def failure(call: Callable[[], object], kind: type[StoreError] = StoreUnavailable) -> str:
    """Return the two lines of the error that the call raises."""
    with pytest.raises(StoreError) as caught:
        call()
    assert type(caught.value) in ((kind, StoreAway) if kind is StoreUnavailable else (kind,))
    error = caught.value
    assert error.exit_code == 3
    assert error.hint
    assert "\n" not in error.message + error.hint
    assert "secret" not in error.message + error.hint
    return f"{error.message}\n{error.hint}"


# SQLite


def test_a_text_file_is_no_store_and_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("these are my notes, not a database\n" * 100)
    before = file.read_bytes()
    assert "notes.txt is not a SQLite database" in failure(lambda: SqliteStore(file))
    assert file.read_bytes() == before


def test_another_programs_database_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "places.sqlite"
    db = sqlite3.connect(file)
    db.execute("CREATE TABLE bookmarks (url)")
    db.close()
    before = file.read_bytes()
    assert "of another program" in failure(lambda: SqliteStore(file))
    assert file.read_bytes() == before


def test_a_newer_schema_asks_for_an_upgrade(tmp_path: Path) -> None:
    file = tmp_path / "s.db"
    store = SqliteStore(file)
    store.append("s", TURN)
    store.close()
    db = sqlite3.connect(file)
    db.execute("PRAGMA user_version = 99")
    db.close()
    text = failure(lambda: SqliteStore(file))
    assert "written by a newer chatcli" in text
    assert "upgrade chatcli" in text


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "s.db"
    store = SqliteStore(file)
    store.append("s", [Message("user", "x" * 5000)] * 20)
    store.close()
    with file.open("r+b") as damaged:
        damaged.seek(4096)
        damaged.write(b"\xff" * (file.stat().st_size - 4096))
    assert "s.db is damaged" in failure(lambda: SqliteStore(file).messages("s"), StoreError)


@pytest.mark.parametrize("path", ["a file/s.db", "a file/deeper/s.db", "."])
def test_a_path_that_can_be_no_file_is_named(tmp_path: Path, path: str) -> None:
    (tmp_path / "a file").write_text("x")
    assert "cannot be opened for writing" in failure(lambda: SqliteStore(tmp_path / path))


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """A folder of our own, and no more rights than its owner: root may write everywhere."""
    folder = Path(tempfile.mkdtemp(prefix="chatcli-test-"))
    root = os.geteuid() == 0
    if root:
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o700)
        shutil.rmtree(folder)


def test_a_folder_that_may_only_be_read_is_named(as_nobody: Path) -> None:
    as_nobody.chmod(0o500)
    for path in ("s.db", "deeper/s.db"):
        text = failure(lambda path=path: SqliteStore(as_nobody / path))
        assert f"{path} cannot be opened for writing: Permission denied" in text
        assert "memory:" in text


def test_a_file_that_may_only_be_read_is_named_and_keeps_what_it_has(as_nobody: Path) -> None:
    file = as_nobody / "s.db"
    store = SqliteStore(file)
    store.append("s", TURN)
    store.close()
    file.chmod(0o400)
    assert "cannot be opened for writing" in failure(lambda: SqliteStore(file))
    file.chmod(0o600)
    store = SqliteStore(file)
    assert store.messages("s") == TURN
    store.close()


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    store.append("s", TURN)
    pending = Pending("t1", TURN[0], "w")
    store.begin("s", pending)
    big = [TURN[0], Message("assistant", "x" * 200_000)]
    # SQLite's own limit answers just as the system does when the disk is full.
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count = {pages + 3}")
    for write in (
        lambda: store.commit("s", "t1", big, changes=[Change("x", State({}, Watermark(0)), None)]),
        lambda: store.append("s", big),
        lambda: store.append("s", big, at=1),
        lambda: store.begin("s", Pending("t2", big[1], "w")),
    ):
        assert "is full; nothing was changed" in failure(write)
        assert store.messages("s") == TURN
        assert [turn.id for turn in store.pending("s")] == ["t1"]
    assert store.snapshot("s", 0).states == {}
    store._db.execute("PRAGMA max_page_count = 1000000")
    assert store.commit("s", "t1", big) == 4
    store.close()


def test_another_program_that_keeps_the_file_locked_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "s.db"
    store = SqliteStore(file, patience=0.05)
    store.append("s", TURN)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert "locked" in failure(lambda: store.append("s", TURN))
    assert store.messages("s") == TURN
    other.execute("ROLLBACK")
    other.close()
    assert store.append("s", TURN) == 4
    store.close()


def test_a_closed_store_fails_in_our_words(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    store.close()
    store.close()
    assert "closed" in failure(lambda: store.length("s"), StoreError)


# Redis


@pytest.fixture
def opened() -> Iterator[Callable[[str], RedisStore]]:
    stores: list[RedisStore] = []

    def open_redis(url: str) -> RedisStore:
        stores.append(RedisStore(url))
        return stores[-1]

    yield open_redis
    for store in stores:
        store.close()


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with running() as server:
        yield server


Opened = Callable[[str], RedisStore]
VERBS: list[Callable[[Store], object]] = [
    lambda store: store.snapshot("s", 5),
    lambda store: store.messages("s"),
    lambda store: store.sessions(),
    lambda store: list(store.foreign()),
    lambda store: store.append("s", TURN),
    lambda store: store.commit("s", "t", TURN),
    lambda store: store.begin("s", Pending("t", TURN[0], "w")),
    lambda store: store.checkpoint("s", "t", "x"),
    lambda store: store.pending("s"),
    lambda store: store.drop("s", "t"),
    lambda store: store.clear("s"),
    lambda store: store.delete("s"),
    lambda store: store.rename("s", "t"),
]


def test_redis_that_is_down_is_named_by_host_and_port(opened: Opened) -> None:
    port = free_port()
    store = opened(f"redis://:secret@127.0.0.1:{port}/0")
    for verb in VERBS:
        text = failure(lambda verb=verb: verb(store))
        assert f"redis://:***@127.0.0.1:{port}/0 cannot be reached: Connection refused" in text
        assert text.count(str(port)) == 1
        assert "--store sqlite" in text


def test_a_socket_that_is_not_there_and_a_host_without_a_name(opened: Opened, tmp_path: Path) -> None:
    assert "nowhere.sock" in failure(lambda: opened(f"unix://{tmp_path}/nowhere.sock").length("s"))
    assert "redis://no..host" in failure(lambda: opened("redis://no..host:1").length("s"))


def test_a_server_that_accepts_and_says_nothing_is_given_up(opened: Opened) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = opened(f"redis://127.0.0.1:{silent.getsockname()[1]}/0?socket_timeout=0.05")
        assert "does not answer" in failure(lambda: store.append("s", TURN))


def test_a_server_that_hangs_up_on_every_write_is_given_up(opened: Opened, server: RedisServer) -> None:
    with cutting(server.port, ["lose the request"] * 3) as proxy:
        assert "hangs up" in failure(lambda: opened(proxy.url).append("hung up", TURN))


def test_a_server_that_is_no_redis_is_an_error_in_our_words(opened: Opened) -> None:
    with socket.create_server(("127.0.0.1", 0)) as web:

        def answer() -> None:
            connection, _ = web.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        store = opened(f"redis://127.0.0.1:{web.getsockname()[1]}/0")
        assert "is no Redis server" in failure(lambda: store.length("s"))
        thread.join(10)


def test_a_password_that_is_needed_or_wrong_is_told_apart(opened: Opened) -> None:
    with running(password="secret") as server:
        bare = server.url.replace(":secret@", "")
        assert "needs a password" in failure(lambda: opened(bare).append("s", TURN))
        assert "needs a password" in failure(lambda: opened(bare.replace("/0", "/3")).length("s"))
        wrong = server.url.replace("secret", "wrongsecret")
        assert "does not accept this user and password" in failure(lambda: opened(wrong).length("s"))
        nobody = server.url.replace(":secret@", "nobody:secret@")
        assert "does not accept this user and password" in failure(lambda: opened(nobody).length("s"))
        assert opened(server.url).append("s", TURN) == 2


def test_a_password_that_nobody_asked_for_is_named(opened: Opened, server: RedisServer) -> None:
    url = server.url.replace("redis://", "redis://someone:secret@")
    assert "does not accept this user and password" in failure(lambda: opened(url).length("s"))


def test_a_user_without_rights_is_told(opened: Opened, server: RedisServer) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.execute_command("ACL", "SETUSER", "guest", "on", ">secret", "~other:*", "+@all")
        client.lpush("message_store:s", "x")
        store = opened(server.url.replace("redis://", "redis://guest:secret@"))
        for verb in (VERBS[0], VERBS[4], VERBS[5]):
            assert "does not let this user in here" in failure(lambda verb=verb: verb(store))
        assert client.lrange("message_store:s", 0, -1) == [b"x"]


@pytest.mark.parametrize("what", ["", "info", "states", "pending", "undone", "written"])
def test_a_key_of_another_type_is_named_and_nothing_is_touched(opened: Opened, server: RedisServer, what: str) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.flushdb()
        store = opened(server.url)
        store.append("other", TURN)
        key = f"{{message_store:s}}:{what}" if what else "message_store:s"
        client.set(key, "mine")
        for verb in (VERBS[4], VERBS[5], VERBS[6]):
            text = failure(lambda verb=verb: verb(store), StoreError)
            assert f"the key {key!r} holds a string, not a" in text
        assert set(client.keys("*s}*") + client.keys("*:s")) == {key.encode()}
        assert client.get(key) == b"mine"
        assert [session.name for session in store.sessions()] == ["other"]


def test_an_entry_that_is_no_json_does_not_hide_the_others(opened: Opened, server: RedisServer) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.flushdb()
        store = opened(server.url)
        store.append("s", TURN)
        client.lpush("message_store:s", "not json")
        store.append("s", TURN)
        assert [message.role for message in store.messages("s")] == [
            "user", "assistant", "unreadable", "user", "assistant",
        ]  # fmt: skip
        assert client.lindex("message_store:s", 2) == b"not json"


def test_a_server_out_of_memory_takes_nothing_half(opened: Opened) -> None:
    with running(None, "--maxmemory", "4mb", "--maxmemory-policy", "noeviction") as server:
        store = opened(server.url)
        store.append("s", TURN)
        store.begin("s", Pending("t", TURN[0], "w"))
        big = [TURN[0], Message("assistant", "x" * 1_000_000)]
        assert "out of memory" in failure(lambda: [store.append("fill", big) for _ in range(10)])
        failure(lambda: store.commit("s", "t", big))
        assert store.messages("s") == TURN
        assert [turn.id for turn in store.pending("s")] == ["t"]


def test_a_replica_takes_no_writes(opened: Opened, server: RedisServer) -> None:
    with running(None, "--replicaof", f"127.0.0.1 {server.port}") as replica:
        assert "read-only replica" in failure(lambda: opened(replica.url).append("s", TURN))


def test_a_server_that_went_away_and_came_back_is_used_again(opened: Opened) -> None:
    port = free_port()
    store = opened(f"redis://127.0.0.1:{port}/0")
    with running(port=port):
        assert store.append("s", TURN) == 2
    failure(lambda: store.append("s", TURN))
    with running(port=port):
        assert store.append("s", TURN) == 2


# A checkpoint is in a hurry


def test_a_checkpoint_gives_up_a_locked_file_at_once_and_other_writes_are_patient_again(tmp_path: Path) -> None:
    file = tmp_path / "s.db"
    store = SqliteStore(file)
    store.begin("s", Pending("t", TURN[0], "w"))
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    begun = time.monotonic()
    assert "locked for 0.25 s" in failure(lambda: store.checkpoint("s", "t", "half"))
    assert time.monotonic() - begun < 1
    other.execute("ROLLBACK")
    other.close()
    assert store.append("s", TURN) == 2
    assert store._db.execute("PRAGMA busy_timeout").fetchone() == (10_000,)
    store.close()


def test_a_checkpoint_does_not_wait_for_another_thread_of_ours(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    begun, ended = threading.Event(), threading.Event()

    def write() -> None:
        with store._writing():
            begun.set()
            ended.wait(20)

    thread = threading.Thread(target=write)
    thread.start()
    assert begun.wait(10)
    assert "locked for 0.25 s" in failure(lambda: store.checkpoint("s", "t", "half"))
    ended.set()
    thread.join(10)
    store.close()


def test_a_checkpoint_gives_up_a_silent_server_within_a_second(opened: Opened) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = opened(f"redis://127.0.0.1:{silent.getsockname()[1]}/0?socket_timeout=60")
        begun = time.monotonic()
        assert "does not answer" in failure(lambda: store.checkpoint("s", "t", "half"))
        assert time.monotonic() - begun < 1


# The file itself goes away


def deleted(file: Path) -> None:
    file.unlink()


def replaced(file: Path) -> None:
    shutil.copy(file, file.with_suffix(".copy"))
    file.with_suffix(".copy").replace(file)


def moved(file: Path) -> None:
    file.rename(file.with_suffix(".old"))


@pytest.mark.parametrize("gone", [deleted, replaced, moved])
def test_nothing_is_saved_into_a_file_that_is_no_longer_there(tmp_path: Path, gone: Callable[[Path], None]) -> None:
    file = tmp_path / "s.db"
    store = SqliteStore(file)
    store.append("s", TURN)
    store.begin("s", Pending("t", TURN[0], "w"))
    gone(file)
    for write in (VERBS[4], VERBS[5], VERBS[6], VERBS[7], VERBS[9], VERBS[10], VERBS[11], VERBS[12]):
        text = failure(lambda write=write: write(store))
        assert f"the file {file} was deleted or replaced while it was open; nothing was written" in text
        assert "what is on the screen can be copied" in text
    assert store.messages("s") == TURN
    store.close()


# Damaged or foreign data

ODD = [
    "",
    "not json",
    "null",
    "5",
    "[]",
    "{}",
    '"\\ud800"',
    "NaN",
    '{"role":"user"}',
    '{"value":1}',
    "[" * 5000,
    "\xff",
]


def all_of(store: Store) -> list[object]:
    """Read everything there is of the session `s`."""
    look, listed = store.snapshot("s", 99), store.sessions()
    return [look, store.messages("s"), store.pending("s"), listed, list(store.foreign()), store.exists("s")]


@pytest.mark.parametrize("odd", [*ODD, b"\xff\xfe", 7, None])
def test_damaged_rows_are_shown_or_left_out_and_never_written_over(tmp_path: Path, odd: object) -> None:
    store = SqliteStore(tmp_path / "s.db")
    store.append("s", TURN * 2)
    store.append("s", [], at=2)
    store.begin("s", Pending("t", TURN[0], "w"))
    store.put_state("s", Change("sum", State({}, Watermark(2, "f")), None))
    db = store._db
    kept = odd if odd is not None else "None"  # its columns are NOT NULL
    no_object = "[]" if str(kept).startswith("{") else kept
    db.execute("UPDATE messages SET data = ? WHERE position = 1", [kept])
    db.execute("UPDATE undone SET data = ?", [kept])
    db.execute("UPDATE states SET value = ?", [no_object])
    db.execute("UPDATE pending SET user = ?", [kept])
    db.execute("UPDATE signs SET partial = ?", [kept])
    db.execute("UPDATE sessions SET title = ?, settings = ?, used = 'soon'", [kept, no_object])
    all_of(store)
    assert [message.role for message in store.messages("s")] == ["user", "unreadable"]
    assert store.snapshot("s", 0).states == {}
    assert store.pending("s") == []
    assert "is damaged" in failure(lambda: store.update("s", settings={"a": 1}), StoreError)
    for expected in (None, State({}, Watermark(2, "f"))):
        assert not store.put_state("s", Change("sum", State({}, Watermark(2)), expected))
    assert [message.role for message in store.redo("s")] == ["unreadable"] * 2
    found = db.execute("SELECT data, typeof(data) FROM messages WHERE position > 0 ORDER BY position").fetchall()
    assert found == [(found[0][0], found[0][1])] * 3
    store.update("s", title="readable")
    assert store.commit("s", "t2", TURN) == 6
    store.close()


@pytest.mark.parametrize("count", [2**50, 10**6, 3, 1, 0, -1, "x"])
def test_a_count_that_is_not_true_sends_nobody_looking_for_what_is_not_there(tmp_path: Path, count: object) -> None:
    store = SqliteStore(tmp_path / "s.db")
    store.append("s", TURN * 2)

    def lie() -> None:
        store._db.execute("UPDATE sessions SET messages = ?", [count])

    lie()
    look = store.snapshot("s", 3)
    assert (look.length, look.session.messages, list(look.newest)) == (4, 4, [TURN[1], *TURN])
    assert (store.length("s"), store.messages("s")) == (4, TURN * 2)
    assert store.append("s", TURN) == 6
    lie()
    assert store.append("s", TURN[:1], at=4, expected_length=6) == 5
    lie()
    assert store.append("s", [], at=4) == 4
    assert store.redo("s") == TURN[:1]
    assert store.messages("s") == [*TURN, *TURN, *TURN[:1]]
    lie()
    assert store.clear("s", expected_length=5) == 5
    store.close()


@pytest.mark.parametrize("key", ["model", "memory", "prompt", "system", "origin", "variables", "options"])
@pytest.mark.parametrize("odd", [5, None, True, [], ["x"], {"k": 5}])
def test_a_setting_of_another_kind_is_left_out_and_never_written_over(
    tmp_path: Path, opened: Opened, server: RedisServer, key: str, odd: object
) -> None:
    file = SqliteStore(tmp_path / "s.db")
    raw = json.dumps({key: odd, "colour": [1]})
    with redis.Redis.from_url(server.url) as client:
        client.flushdb()
        stores: list[Store] = [file, opened(server.url)]
        for store in stores:
            store.append("s", TURN)
        client.hset("{message_store:s}:info", "settings", raw)
        file._db.execute("UPDATE sessions SET settings = ?", [raw])
        for store in stores:
            kept = {key: odd} if key == "options" and odd == {"k": 5} else {}
            assert store.snapshot("s", 0).session.settings == {**kept, "colour": [1]}
            assert store.sessions()[0].settings == {**kept, "colour": [1]}
            store.update("s", settings={"other": 1})
        assert json.loads(client.hget("{message_store:s}:info", "settings") or "")["colour"] == [1]
        (now,) = file._db.execute("SELECT settings FROM sessions").fetchone()
        assert odd is None or json.loads(now)[key] == odd
    file.close()


def test_a_file_that_a_newer_version_changed_meanwhile_is_read_on(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    store.append("s", TURN)
    store._db.execute("ALTER TABLE sessions ADD COLUMN colour TEXT")
    assert store.snapshot("s", 2).newest == TURN
    assert [one.name for one in store.sessions()] == ["s"]
    store.close()


def test_an_odd_field_of_a_row_is_left_out_and_kept_beside(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    store.append("s", TURN)
    odd = {"time": 1e300, "usage": 3, "tool_calls": [5], "finish": [], "name": 4, "extra": 1}
    row = {"role": "user", "content": "x", **odd}
    store._db.execute("UPDATE messages SET data = ? WHERE position = 0", [json.dumps(row)])
    assert store.messages("s")[0] == Message("user", "x", extra={"odd": odd})
    store.close()


SIDES = ["info", "states", "pending", "undone"]


@pytest.mark.parametrize("odd", ODD)
def test_damaged_keys_are_left_out_or_named_and_never_written_over(
    opened: Opened, server: RedisServer, odd: str
) -> None:
    raw = odd.encode("latin-1")
    with redis.Redis.from_url(server.url) as client:
        client.flushdb()
        store = opened(server.url)
        store.append("s", TURN)
        info, states, pending, undone = (f"{{message_store:s}}:{side}" for side in SIDES)
        for field in ("title", "settings", "turns", "counted", "created", "used"):
            client.hset(info, field, raw)
        client.hset(states, "sum", raw)
        client.hset(pending, mapping={"t/turn": raw, "t/partial": raw, "t/beat": raw, "odd/turn": "{}"})
        client.lpush(undone, raw)
        before = [client.hgetall(states), client.hgetall(pending), client.lrange(undone, 0, -1)]
        all_of(store)
        assert store.snapshot("s", 0).states == {}
        assert store.pending("s") == []
        assert "what was undone last in 's' is damaged" in failure(lambda: store.redo("s"), StoreError)
        if not odd.startswith("{"):
            assert "what is set on the session 's'" in failure(lambda: store.update("s", settings={}), StoreError)
        for expected in (None, State({}, Watermark(2, "f"))):
            assert not store.put_state("s", Change("sum", State({}, Watermark(2)), expected))
        assert [client.hgetall(states), client.hgetall(pending), client.lrange(undone, 0, -1)] == before
        assert store.commit("s", "t2", TURN) == 4
        assert store.snapshot("s", 0).session.turns == 2


def test_a_pending_turn_of_an_older_version_lacks_fields(opened: Opened, server: RedisServer) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.flushdb()
        turn = {"user": json.dumps({"type": "human", "data": {"content": "hello"}})}
        client.hset("{message_store:s}:pending", "t/turn", json.dumps(turn))
        (found,) = opened(server.url).pending("s")
    assert (found.id, found.user.text, found.partial, found.at, found.length) == ("t", "hello", "", None, None)
    assert found.age > 1000, "nobody is answering it"


FIELDS = [
    *("content", "response_metadata", "chatcli", "additional_kwargs", "tool_calls", "function", "arguments", "args"),
    *("time", "usage", "usage_metadata", "input_tokens", "output_tokens", "prompt", "completion", "cached", "extra"),
    *("type", "text", "image_url", "url", "id", "name", "finish", "model", "tool_call_id", "langchain", "raw", "role"),
    *("value", "position", "fingerprint", "user", "writer", "begun", "at", "length", "before", "messages", "data"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=8,
)
ENTRIES = st.builds(lambda value: json.dumps(value).encode(), JSON) | st.binary(max_size=9)
MESSAGES = st.builds(
    lambda kind, data: json.dumps({"type": kind, "data": data}).encode(),
    st.sampled_from(["human", "ai", "tool", "chat"]),
    st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5),
)


@pytest.fixture(scope="module")
def fuzzed(server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    store, copy = RedisStore(server.url), SqliteStore(tmp_path_factory.mktemp("copy") / "s.db")
    with redis.Redis.from_url(server.url) as client:
        yield store, copy, client
    store.close()
    copy.close()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(MESSAGES | ENTRIES, min_size=1, max_size=3), ENTRIES, ENTRIES)
def test_whatever_stands_in_redis_is_read_or_named(
    fuzzed: tuple[RedisStore, SqliteStore, Any], entries: list[bytes], one: bytes, other: bytes
) -> None:
    store, copy, client = fuzzed
    client.flushdb()
    client.lpush("message_store:s", *entries)
    info, states, pending, undone = (f"{{message_store:s}}:{side}" for side in SIDES)
    client.hset(info, mapping={"title": one, "settings": other, "turns": one, "counted": other, "used": one})
    client.hset(states, mapping={"sum": one, other: one})
    client.hset(pending, mapping={"t/turn": one, "u/turn": other, "t/beat": other, "t/partial": one, other: one})
    client.lpush(undone, one)
    client.zadd("chatcli:index:message_store:", {"s": 1, one: 2})
    all_of(store)
    messages = store.messages("s")
    assert [to_raw(message) for message in messages if message.role == "unreadable"] == [
        raw for raw, message in zip(entries, messages, strict=True) if message.role == "unreadable"
    ]
    with suppress(StoreError):
        store.redo("s")
    copy.delete("s")
    copy.append("s", messages)
    for message, again in zip(messages, copy.messages("s"), strict=True):
        assert json.dumps(to_dict(message)) == json.dumps(to_dict(again))
        assert message.time is None or datetime.fromtimestamp(message.time)
        assert message.text is not None
        assert all(dict(call) == call for call in message.tool_calls)
