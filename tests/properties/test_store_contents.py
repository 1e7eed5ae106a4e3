"""Whatever stands in a store: no verb crashes, and none writes to what is not its session's.

Thousands of contents a run, in Redis and SQLite: what chatcli and LangChain write, with values of another type,
broken JSON, half characters, fields missing, keys of other types, and sizes out of proportion. CHATCLI_FUZZ=5000
makes that many sessions in each store, each with seven keys or some twenty values that are odd.
"""

import json
import os
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from chatcli.errors import ChatError
from chatcli.messages import Message
from chatcli.stores import Change, Pending, State, Store, Watermark
from chatcli.stores.redis import RedisStore
from chatcli.stores.sqlite import SqliteStore
from tests.redis_server import RedisServer, running

SESSIONS = int(os.environ.get("CHATCLI_FUZZ", "800"))
"""In each store."""
SEED = 7357

FIELDS = ["content", "type", "data", "role", "response_metadata", "chatcli", "time", "usage", "position", "fingerprint"]
FIELDS += ["value", "user", "writer", "at", "length", "before", "messages", "tool_calls", "id", "settings", "model"]
HUMAN = {"type": "human", "data": {"content": "hello", "response_metadata": {"chatcli": {"id": "x", "time": 5.0}}}}
SEEDS: tuple[Any, ...] = (
    *(HUMAN, {"type": "ai", "data": {"content": [{"type": "text", "text": "hi"}], "tool_calls": [{"name": "f"}]}}),
    *({"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi", "usage": {"prompt": 1}}),
    *({"value": {"text": "sum"}, "position": 2, "fingerprint": "ab"}, {"at": 2, "before": "", "messages": ["{}"]}),
    *({"user": HUMAN, "writer": "host/1/2", "at": 0, "length": 2, "begun": 1.0}, {"model": "m", "memory": "auto"}),
    *("a title", 17.5, "0", [], None),
)
SIDES = ("info", "states", "pending", "undone", "written")


class Junk:
    """Random contents, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def value(self, depth: int = 0) -> Any:
        """Return something that JSON can hold."""
        roll = self.chance.randrange(12 if depth < 3 else 8)
        if roll >= 10:
            return {self.chance.choice(FIELDS): self.value(depth + 1) for _ in range(self.chance.randrange(4))}
        if roll >= 8:
            return [self.value(depth + 1) for _ in range(self.chance.randrange(4))]
        odd = (None, True, 0, -1, 2**70, 1e308, "", "text", "\x1b]52;c;\x07", "x" * 50_000, "human", float("nan"))
        return self.chance.choice(odd)

    def changed(self, value: Any) -> Any:
        """Return the value with one part of it missing or another."""
        if isinstance(value, dict) and value and self.chance.random() < 0.8:
            name = self.chance.choice(sorted(value))
            rest = {key: kept for key, kept in value.items() if key != name}
            return rest if self.chance.random() < 0.3 else {**rest, name: self.changed(value[name])}
        return self.value()

    def raw(self) -> bytes:
        """Return an entry: whole, changed, broken, or bytes that are no text."""
        seed = self.chance.choice(SEEDS)
        text = json.dumps(seed if self.chance.random() < 0.3 else self.changed(seed)).encode()
        roll = self.chance.random()
        if roll < 0.1:
            return text[: self.chance.randrange(len(text) + 1)]
        if roll < 0.2:
            return self.chance.randbytes(self.chance.randrange(12))
        if roll < 0.23:
            return b"[" * 3000
        return text


def verbs(store: Store, junk: Junk) -> Iterator[Callable[[], object]]:
    """Yield each verb of a store on the session `s`, in random order."""
    message = Message("user", "new", id="n")
    pending = Pending("p1", message, "writer")
    change = Change("sum", State({"text": "x"}, Watermark(1, "f")), junk.chance.choice([None, State({}, Watermark(0))]))
    at = junk.chance.randrange(-1, 4)
    calls: list[Callable[[], object]] = [
        lambda: store.snapshot("s", 50),
        lambda: store.messages("s", junk.chance.randrange(-3, 3)),
        lambda: store.length("s"),
        lambda: store.exists("s"),
        lambda: store.sessions(10),
        lambda: list(store.foreign()),
        lambda: store.pending("s"),
        lambda: store.append("s", [message], at=at if at >= 0 else None),
        lambda: store.redo("s"),
        lambda: store.update("s", title="t", settings={"model": "m"}),
        lambda: store.put_state("s", change),
        lambda: store.begin("s", pending),
        lambda: store.checkpoint("s", "p1", "so far"),
        lambda: store.commit("s", "p1", [message], changes=[change]),
        lambda: store.drop("s", "t"),
        lambda: store.fork("s", "f"),
        lambda: store.rename("f", "g"),
        lambda: store.clear("g"),
        lambda: store.delete("g"),
    ]
    junk.chance.shuffle(calls)
    yield from calls
    yield lambda: store.clear("s")
    yield lambda: store.delete("s")


def use(store: Store, junk: Junk) -> None:
    """Use all of the store; what cannot be done is said in our words, with what to do."""
    for verb in verbs(store, junk):
        try:
            verb()
        except ChatError as error:
            said = error
        else:
            continue
        assert said.message
        assert said.hint


pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with running() as server:
        yield server


def put(pipe: Any, key: str, junk: Junk) -> None:
    """Fill a key with a value of one of Redis's types."""
    kind = junk.chance.choice(["string", "list", "hash", "set", "zset"])
    if kind == "string":
        pipe.set(key, junk.raw())
    elif kind == "list":
        pipe.lpush(key, *(junk.raw() for _ in range(junk.chance.randrange(1, 4))))
    elif kind == "hash":
        pipe.hset(key, mapping={junk.chance.choice(NAMES): junk.raw() for _ in range(junk.chance.randrange(1, 5))})
    elif kind == "set":
        pipe.sadd(key, junk.raw())
    else:
        pipe.zadd(key, {junk.raw(): junk.chance.choice([0, -5, 1e300, float("inf")])})


NAMES = [b"title", b"settings", b"turns", b"counted", b"created", b"used", b"sum", b"t/turn", b"t/partial", b"t/beat"]
NAMES += [b"p1/turn", b"/", b"", b"\xff", b"t/odd"]


def invade(client: Any, junk: Junk) -> None:
    """Fill the keys of the session `s`, most with their own type."""
    raws = lambda count: [junk.raw() for _ in range(junk.chance.randrange(1, count))]  # noqa: E731
    with client.pipeline(transaction=False) as pipe:
        own: dict[str, Callable[[str], Any]] = {
            "message_store:s": lambda key: pipe.lpush(key, *raws(7)),
            "{message_store:s}:info": lambda key: pipe.hset(key, mapping={n: junk.raw() for n in NAMES[:6]}),
            "{message_store:s}:states": lambda key: pipe.hset(key, mapping={b"sum": junk.raw(), b"x": junk.raw()}),
            "{message_store:s}:pending": lambda key: pipe.hset(key, mapping={n: junk.raw() for n in NAMES[7:]}),
            "{message_store:s}:undone": lambda key: pipe.lpush(key, *raws(3)),
            "{message_store:s}:written": lambda key: pipe.zadd(key, {b"p1": 1.0}),
            "chatcli:index:message_store:": lambda key: pipe.zadd(key, {b"s": 1.0, junk.raw()[:90]: 2.0}),
        }
        for key, fill in own.items():
            roll = junk.chance.random()
            if roll < 0.06:
                put(pipe, key, junk)
            elif roll < 0.85:
                fill(key)
        pipe.execute(raise_on_error=False)


def bystanders(client: Any) -> None:
    """Put keys beside the session that no verb on it may touch."""
    client.lpush("message_store:other", json.dumps(HUMAN))
    client.hset("{message_store:other}:info", mapping={"title": '"mine"'})
    client.lpush("message_store:s2", "x")
    client.set("message_store:", "theirs")
    client.set("s", "theirs")
    client.hset("{message_store:s}:infos", "a", "b")


OTHERS = ("message_store:other", "{message_store:other}:info", "message_store:s2", "message_store:", "s")
OTHERS += ("{message_store:s}:infos",)


def test_whatever_stands_in_the_keys_of_a_session(server: RedisServer) -> None:
    store = RedisStore(server.url)
    with redis.Redis.from_url(server.url) as client:
        bystanders(client)
        before = [client.dump(key) for key in OTHERS]
        for number in range(SESSIONS):
            junk = Junk(SEED + number)
            invade(client, junk)
            use(store, junk)
            assert [client.dump(key) for key in OTHERS] == before, number
            owned = {key for key in client.scan_iter(count=1000) if key.decode() not in OTHERS}
            if owned:
                client.delete(*owned)
    store.close()


COLUMNS = {
    "messages": ("position", "role", "data"),
    "undone": ("step", "position", "data"),
    "states": ("name", "value", "position", "fingerprint"),
    "pending": ("turn", "user", "writer", "at", "length"),
    "signs": ("partial", "beat"),
    "sessions": ("title", "created", "used", "messages", "turns", "settings"),
    "committed": ("turn",),
    "blobs": ("data",),
}


def cleaned(db: sqlite3.Connection) -> None:
    """Remove all but the first session, also what no longer belongs to one."""
    for table in sorted({*COLUMNS} - {"blobs", "sessions"}):
        db.execute(f"DELETE FROM {table} WHERE session IS NOT 1")
    db.execute("DELETE FROM sessions WHERE id IS NOT 1")


def prepared(store: Store) -> None:
    """Give the session `s` something in every table."""
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 4000}}
    store.append("s", [Message("user", "hello"), Message("assistant", "hi"), Message("user", (picture,))])
    store.append("s", [], at=2)
    store.begin("s", Pending("t", Message("user", "under way"), "w"))
    store.checkpoint("s", "t", "so")
    store.put_state("s", Change("sum", State({"text": "x"}, Watermark(2, "f")), None))


def disturb(db: sqlite3.Connection, junk: Junk) -> None:
    """Put other values into the rows of the session `s`."""
    (session,) = db.execute("SELECT id FROM sessions WHERE name = 's'").fetchone()
    for table, columns in COLUMNS.items():
        for column in columns:
            if junk.chance.random() < 0.25:
                raw = junk.raw()
                value = junk.chance.choice([raw, raw.decode("latin-1"), 7, -(2**62), 1e300, None, b""])
                mine = "1" if table == "blobs" else "id = ?" if table == "sessions" else "session = ?"
                with suppress(sqlite3.Error):  # a rule of the table that even a stranger cannot break
                    db.execute(f"UPDATE {table} SET {column} = ? WHERE {mine}", [value, *([session] * (mine != "1"))])


def test_whatever_stands_in_the_rows_of_a_session(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    store.append("other", [Message("user", "mine"), Message("assistant", "yours")])
    before = store.messages("other"), store.snapshot("other", 5)
    db = sqlite3.connect(tmp_path / "s.db", isolation_level=None)
    for connection in (store._db, db):
        connection.execute("PRAGMA synchronous = OFF")
    for number in range(SESSIONS):
        junk = Junk(SEED + number)
        cleaned(db)
        prepared(store)
        disturb(db, junk)
        use(store, junk)
        assert (store.messages("other"), store.snapshot("other", 5)) == before, number
    db.close()
    store.close()
