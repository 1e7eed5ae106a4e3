"""What one turn's store work costs, in short and long sessions: `python -m tests.benchmarks.turn_cost`.

A turn of `window:10`: one look at the newest 22 messages, the pending turn, the commit. The sessions take turns, so
that whatever else the machine does falls on all of them; what is printed is the fastest tenth and the ratio. Redis has
100, 10,000 and 1,000,000 messages and a target of at most 1.3, SQLite 100 and 100,000 and at most 1.5.

Then the first page of 100,000 sessions in Redis, against the same commands on the bare connection, which are two as
well: ZREVRANGE, then an HMGET and an LLEN for each session; and against ZREVRANGE and HMGET alone. Target: at most
twice the latter.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from chatcli.messages import Message, new_id
from chatcli.stores import Pending, Store
from chatcli.stores.redis import RedisStore
from chatcli.stores.redis_keys import index_key, keys_of
from chatcli.stores.sqlite import SqliteStore
from tests.filled_redis import PREFIX, lengthen, multiply, turn
from tests.redis_server import RedisServer, running

REDIS_SIZES = (100, 10_000, 1_000_000)
SQLITE_SIZES = (100, 100_000)
SESSIONS = 100_000
PAGE = 20
RUNS = 300
TEXT = "What the user asks and what the model answers, " * 7
Work = Callable[[], object]


def each(runs: int, *works: Work) -> list[float]:
    """Do each work so many times, one after the other; return the milliseconds that each takes undisturbed.

    That is what the fastest tenth takes at most: the median of a busy machine says how busy it is.
    """
    costs: list[list[float]] = [[] for _ in works]
    for _ in range(runs):
        for work, taken in zip(works, costs, strict=True):
            begin = time.perf_counter()
            work()
            taken.append((time.perf_counter() - begin) * 1000)
    return [statistics.quantiles(taken, n=10)[0] for taken in costs]


def one_turn(store: Store, session: str) -> None:
    """Do one turn's store work."""
    look = store.snapshot(session, newest=22)
    pending = Pending(new_id(), Message("user", TEXT, id=new_id(), time=1.5), "bench/1/1")
    store.begin(session, pending)
    reply = Message("assistant", TEXT, id=new_id(), time=2.5, model="m", finish="stop")
    store.commit(session, pending.id, [pending.user, reply], expected_length=look.length)


def turn_costs(store: Store, sizes: Sequence[int], runs: int = RUNS) -> list[float]:
    """Return the milliseconds of a turn in each of the sessions, which are named by their sizes."""
    return each(runs, *(lambda name=str(size): one_turn(store, name) for size in sizes))  # type: ignore[misc]


def filled(server: RedisServer, sizes: Sequence[int] = REDIS_SIZES, text: str = TEXT) -> RedisStore:
    """Return a store with a session of each size."""
    for size in sizes:
        lengthen(server.url, str(size), size, text)
    return RedisStore(server.url)


def page_costs(url: str, runs: int = RUNS) -> list[float]:
    """Return the milliseconds of a first page: as a store gives it, by its commands, by two commands alone."""
    store, bare = RedisStore(url), RedisStore(url)
    fields = ("title", "created", "used", "turns", "counted", "settings")

    def asked(*more: str) -> None:
        (names,) = bare._wire.ask(("ZREVRANGE", index_key(PREFIX), 0, PAGE - 1))
        keys = [keys_of(PREFIX, name.decode()) for name in names]
        lengths = [("LLEN", key.history) for key in keys if more]
        bare._wire.ask(*(("HMGET", key.info, *fields) for key in keys), *lengths)

    costs = each(runs, lambda: store.sessions(PAGE), lambda: asked("LLEN"), asked)
    store.close()
    bare.close()
    return costs


def filled_file(folder: str) -> SqliteStore:
    """Return a store in a file with a session of each size."""
    store = SqliteStore(Path(folder, "s.db"))
    for size in SQLITE_SIZES:
        for start in range(0, size, 1000):
            store.append(str(size), turn(TEXT) * (min(1000, size - start) // 2))
    return store


def told(name: str, sizes: Sequence[int], costs: Sequence[float]) -> float:
    """Print the costs; return the ratio of the largest to that of the shortest session."""
    line = "   ".join(f"{size:,} messages {cost:.3f} ms" for size, cost in zip(sizes, costs, strict=True))
    ratio = max(costs) / costs[0]
    print(f"{name:8} {line}   ratio {ratio:.2f}")
    return ratio


def main() -> int:
    """Measure; return 1 when a target is missed."""
    argparse.ArgumentParser(description="What one turn's store work costs.").parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = filled_file(folder)
        in_file = told("sqlite", SQLITE_SIZES, turn_costs(file, SQLITE_SIZES))
        file.close()
    with running() as server:
        store = filled(server)
        in_redis = told("redis", REDIS_SIZES, turn_costs(store, REDIS_SIZES))
        store.close()
    with running() as server:
        multiply(server.url, SESSIONS, TEXT)
        page, same, bare = page_costs(server.url)
    print(f"first {PAGE} of {SESSIONS:,} sessions {page:.3f} ms   its commands {same:.3f} ms   two alone {bare:.3f} ms")
    return int(in_file > 1.5 or in_redis > 1.3 or page > 2 * bare)


if __name__ == "__main__":
    sys.exit(main())
