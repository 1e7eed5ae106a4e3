"""What is attached stands in the SQLite file once, as long as anything needs it."""

import base64
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatcli.messages import Message, new_id
from chatcli.stores import Pending
from chatcli.stores.blobs import LARGE, of_session, release
from chatcli.stores.sqlite import SqliteStore
from chatcli.stores.sqlite_file import APPLICATION, MIGRATIONS

IMAGE = os.urandom(2_000_000)
NOTES = "notes.md:\n```\n" + "中文 and more\n" * 1000 + "```"


def asked(text: str = "What is it?") -> Message:
    url = f"data:image/png;base64,{base64.b64encode(IMAGE).decode()}"
    parts = (
        {"type": "text", "text": text},
        {"type": "text", "text": NOTES},
        {"type": "image_url", "image_url": {"url": url}},
    )
    return Message("user", parts, id=new_id(), time=1.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(path)
    yield opened
    opened.close()


def kept(path: Path) -> list[int]:
    """Return the sizes of the blobs in the file."""
    db = sqlite3.connect(path)
    try:
        return sorted(size for (size,) in db.execute("SELECT length(data) FROM blobs"))
    finally:
        db.close()


BOTH = sorted([len(IMAGE), len(NOTES.encode())])


def test_an_image_sent_retried_and_forked_ten_times_is_in_the_file_once(path: Path, store: SqliteStore) -> None:
    message = asked()
    for _ in range(3):  # sent and refused, sent again
        store.begin("s", Pending("t1", message, "host/1/2"))
    store.commit("s", "t1", [message, Message("assistant", "A cat")])
    store.begin("s", Pending("t2", message, "host/1/2", at=0, length=2))  # another reply
    store.commit("s", "t2", [message, Message("assistant", "A dog")], at=0, expected_length=2)
    for number in range(10):
        store.append(f"fork {number}", store.messages("s"))
    assert kept(path) == BOTH
    assert store.messages("fork 9")[0] == message
    store.close()
    assert path.stat().st_size < 1.1 * len(IMAGE)


def test_a_blob_goes_with_the_last_that_needs_it(path: Path, store: SqliteStore) -> None:
    for name in ("one", "two"):
        store.append(name, [asked(), Message("assistant", "A cat")])
    store.delete("one")
    assert kept(path) == BOTH
    store.append("two", [], at=0)
    assert kept(path) == BOTH, "it can be brought back"
    store.redo("two")
    store.clear("two")
    assert kept(path) == []


def test_a_dropped_turn_takes_along_only_what_nothing_else_in_its_session_has(path: Path, store: SqliteStore) -> None:
    message = asked()
    store.begin("s", Pending("t1", message, "host/1/2"))
    store.drop("s", "t1")
    assert kept(path) == []
    store.append("s", [message])
    store.begin("s", Pending("t2", message, "host/1/2"))
    store.drop("s", "t2")
    assert kept(path) == BOTH
    assert store.messages("s") == [message]


def test_a_dropped_turn_leaves_what_another_turn_under_way_or_an_undone_one_needs(
    path: Path, store: SqliteStore
) -> None:
    message = asked()
    store.append("undone", [message])
    store.append("undone", [], at=0)
    store.begin("undone", Pending("t1", message, "host/1/2"))
    store.drop("undone", "t1")
    assert store.redo("undone") == [message]
    store.delete("undone")
    for turn in ("t2", "t3"):
        store.begin("under way", Pending(turn, message, "host/1/2"))
    store.drop("under way", "t2")
    assert [one.user for one in store.pending("under way")] == [message]
    store.drop("under way", "t3")
    assert kept(path) == []


def test_a_fork_takes_along_only_what_its_messages_need(path: Path, store: SqliteStore) -> None:
    store.append("s", [Message("user", ({"type": "text", "text": str(n) * LARGE},)) for n in range(3)])
    store.fork("s", "start", 2)
    store.delete("s")
    assert (kept(path), len(store.messages("start"))) == ([LARGE, LARGE], 2)


def test_a_fork_of_many_messages_with_many_blobs_reads_each_message_once(path: Path, store: SqliteStore) -> None:
    store.append("s", [Message("assistant", "x" * 2000)] * 10_000)
    store.append("s", [Message("user", ({"type": "text", "text": f"{n} " + "y" * LARGE},)) for n in range(200)])
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    db = sqlite3.connect(path)
    db.set_progress_handler(count, 1000)
    (key,) = db.execute("SELECT id FROM sessions").fetchone()
    release(db, key, of_session(db, key))
    assert db.execute("SELECT count(*) FROM uses").fetchone() == (200,)
    db.close()
    assert steps < 1000, "one look at each message for all blobs, not for each"


def test_a_data_url_that_is_written_otherwise_comes_back_as_it_was(store: SqliteStore) -> None:
    url = "data:image/png;base64," + "A" * LARGE + "AB=="  # bits of the last character are set that hold nothing
    message = Message("user", ({"type": "image_url", "image_url": {"url": url}},))
    store.append("s", [message])
    assert store.messages("s") == [message]


def test_a_write_that_fails_leaves_no_blob_behind(path: Path, store: SqliteStore) -> None:
    with pytest.raises(Exception, match="changed meanwhile"):
        store.append("s", [asked()], expected_length=7)
    assert kept(path) == []


def test_small_parts_stay_in_their_message(path: Path, store: SqliteStore) -> None:
    small = "x" * (LARGE - 1)
    store.append("s", [Message("user", ({"type": "text", "text": small},)), Message("assistant", "y" * 10 * LARGE)])
    assert kept(path) == []


def test_a_message_whose_blob_is_gone_hides_no_other(path: Path, store: SqliteStore) -> None:
    store.append("s", [asked("first"), Message("assistant", "A cat")])
    db = sqlite3.connect(path)
    db.execute("UPDATE blobs SET data = 5 WHERE length(data) = ?", [len(IMAGE)])
    db.commit()
    db.close()
    broken, whole = store.messages("s")
    assert (broken.role, whole.text) == ("unreadable", "A cat")
    store.append("s", [], at=0)
    assert [message.role for message in store.redo("s")] == ["unreadable", "assistant"]


def test_a_file_from_before_there_were_blobs_is_brought_up_to_date_and_reads_as_before(path: Path) -> None:
    db = sqlite3.connect(path)
    for statement in MIGRATIONS[0].split(";"):
        db.execute(statement)
    db.execute("PRAGMA user_version = 1")
    db.execute(f"PRAGMA application_id = {APPLICATION}")
    db.execute("INSERT INTO sessions(id, name, created, used, messages, turns) VALUES (1, 's', 1, 1, 1, 1)")
    data = '{"role": "user", "content": [{"type": "text", "text": "' + "x" * 9000 + '"}]}'
    db.execute("INSERT INTO messages VALUES (1, 0, 'user', ?)", [data])
    db.commit()
    db.close()
    opened = SqliteStore(path)
    try:
        assert opened.messages("s")[0].text == "x" * 9000
        opened.append("s", [asked()])
        assert opened.length("s") == 2
    finally:
        opened.close()
    assert kept(path) == BOTH
