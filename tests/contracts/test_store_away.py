"""Real stores that take nothing for a while: the chat's verbs go on, and afterwards every turn is there, once."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from chatcli.messages import Message, new_id
from chatcli.stores import Pending, Store
from chatcli.stores.journal import Journal
from chatcli.stores.journaled import Journaled
from chatcli.stores.redis import RedisStore
from chatcli.stores.sqlite import SqliteStore
from chatcli.writer import this_writer
from tests.redis_server import RedisServer, running

Break = Callable[[Any], Any]
"""Breaks a store; what it returns mends it."""


def say(store: Store, text: str) -> None:
    user = Message("user", text, id=new_id(), time=1.0)
    pending = Pending(new_id(), user, this_writer())
    store.begin("s", pending)
    store.checkpoint("s", pending.id, "re")
    store.snapshot("s", 10)
    store.commit("s", pending.id, [user, Message("assistant", f"re: {text}", id=new_id(), time=2.0)])


def said(store: Store) -> list[str]:
    return [message.text for message in store.messages("s")]


def live_through(
    inner: Store, journal: Journal, broken: Callable[[], Any], why: str, mend: Callable[[], Any], pad: str = ""
) -> None:
    """Say something before, while and after the store takes nothing; it must be there once."""
    store, back = Journaled(inner, lambda: journal, pauses=[0.05]), threading.Event()
    say(store, f"one{pad}")
    broken()
    say(store, f"two{pad}")
    say(store, f"three{pad}")
    assert store.state == "store away · 2 turns kept here"
    (told,) = store.news()
    assert told.startswith("the store is away: the chat goes on, its turns are kept here until it is back (")
    assert why in told
    store.on_change = lambda: store.state or back.set()
    mend()
    assert back.wait(30)
    assert store.news() == ["the store is back; 2 turns kept here are in it now"]
    say(store, f"four{pad}")
    assert store.state == ""
    assert said(inner) == [
        text for name in ("one", "two", "three", "four") for text in (name + pad, f"re: {name}{pad}")
    ]
    assert inner.pending("s") == []
    assert journal.entries() == []
    store.close()


# SQLite


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / "s.db"


def test_another_program_that_keeps_the_file_locked(file: Path, tmp_path: Path) -> None:
    store = SqliteStore(file)
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    live_through(
        store,
        Journal(tmp_path / "j.db", "x"),
        lambda: other.execute("BEGIN IMMEDIATE"),
        "does not answer in time",
        lambda: other.execute("ROLLBACK"),
    )
    other.close()


def test_a_full_disk(file: Path, tmp_path: Path) -> None:
    store = SqliteStore(file)

    # SQLite's own limit answers just as the system does when the disk is full.
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    live_through(
        store,
        Journal(tmp_path / "j.db", "x"),
        lambda: store._db.execute(f"PRAGMA max_page_count = {pages + 9}"),
        "is full",
        lambda: store._db.execute("PRAGMA max_page_count = 99999"),
        pad="x" * 10_000,
    )


def test_a_file_that_may_only_be_read(file: Path, tmp_path: Path) -> None:
    store = SqliteStore(file)
    live_through(
        store,
        Journal(tmp_path / "j.db", "x"),
        lambda: store._db.execute("PRAGMA query_only = 1"),
        "cannot be opened for writing",
        lambda: store._db.execute("PRAGMA query_only = 0"),
    )


def test_a_folder_that_is_gone_for_a_while(file: Path, tmp_path: Path) -> None:
    away = tmp_path / "unmounted"
    live_through(
        SqliteStore(file),
        Journal(tmp_path / "j.db", "x"),
        lambda: file.parent.rename(away),
        "was deleted or replaced",
        lambda: away.rename(file.parent),
    )


def test_a_clock_that_is_set_back_changes_no_order_and_ends_no_turn(file: Path, tmp_path: Path) -> None:
    now = [2_000_000.0]
    inner = SqliteStore(file, clock=lambda: now[0])
    store = Journaled(inner, lambda: Journal(tmp_path / "j.db", "x", clock=lambda: now[0]), pauses=[3600])
    say(store, "one")
    pending = Pending(new_id(), Message("user", "under way", id=new_id()), this_writer())
    store.begin("s", pending)
    now[0] -= 1_000_000
    assert [turn.age for turn in store.pending("s")] == [0.0]
    file.parent.rename(tmp_path / "away")
    say(store, "two")
    now[0] -= 500_000
    say(store, "three")
    (tmp_path / "away").rename(file.parent)
    assert store.knock()
    assert said(inner)[::2] == ["one", "two", "three"]
    assert [turn.id for turn in inner.pending("s")] == [pending.id]
    store.close()


# Redis


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with running() as found:
        yield found


@contextmanager
def speaking(server: RedisServer) -> Iterator["redis.Redis"]:
    client = redis.Redis(host="127.0.0.1", port=server.port)
    client.ping()
    try:
        yield client
    finally:
        client.close()


@pytest.mark.parametrize(
    ("broken", "why", "mended"),
    [
        ("ACL SETUSER default -@write", "does not let this user in", "ACL SETUSER default +@all"),
        ("CONFIG SET maxmemory 1", "out of memory", "CONFIG SET maxmemory 0"),
        ("REPLICAOF 127.0.0.1 1", "read-only replica", "REPLICAOF NO ONE"),
        ("CLIENT PAUSE 4000 ALL", "does not answer", "PING"),
    ],
    ids=["rights lost", "out of memory", "a replica by now", "hangs"],
)
def test_a_server_that_takes_nothing(server: RedisServer, tmp_path: Path, broken: str, why: str, mended: str) -> None:
    with speaking(server) as client:
        client.flushall()
        live_through(
            RedisStore(server.url),
            Journal(tmp_path / "j.db", "x"),
            lambda: client.execute_command(*broken.split()),
            why,
            lambda: client.execute_command(*mended.split()),
        )


@pytest.mark.parametrize("fsync", ["everysec", "always"])
def test_a_server_that_is_killed_and_starts_again(tmp_path: Path, fsync: str) -> None:
    options = ("--appendonly", "yes", "--appendfsync", fsync, "--dir", str(tmp_path))
    with running(None, *options) as first:
        store = RedisStore(first.url)
        again = running(None, *options, port=first.port)

        def kill() -> None:
            first.process.kill()
            first.process.wait()

        live_through(store, Journal(tmp_path / "j.db", "x"), kill, "", again.__enter__)
        again.__exit__(None, None, None)
