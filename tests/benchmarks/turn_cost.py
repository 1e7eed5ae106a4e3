"""What one turn's store work costs, in a short and in a long session: `python -m tests.benchmarks.turn_cost`.

A turn of `window:10`: one look at the newest 22 messages, the pending turn, the commit. Short and long take turns, so
that whatever else the machine does falls on both; what is printed is the median and the ratio, target at most 1.5.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from chatcli.messages import Message, new_id
from chatcli.stores import Pending, Store
from chatcli.stores.redis import RedisStore
from chatcli.stores.sqlite import SqliteStore
from tests.redis_server import running

SIZES = (100, 100_000)
RUNS = 300
TEXT = "What the user asks and what the model answers, " * 7


def fill(store: Store, size: int) -> None:
    """Give the store a session of `size` messages, named by it."""
    turn = [Message("user", TEXT, id=new_id(), time=1.5), Message("assistant", TEXT, id=new_id(), time=2.5)]
    for start in range(0, size, 1000):
        store.append(str(size), turn * (min(1000, size - start) // 2))


def one_turn(store: Store, session: str) -> float:
    """Do one turn's store work; return its milliseconds."""
    begin = time.perf_counter()
    look = store.snapshot(session, newest=22)
    pending = Pending(new_id(), Message("user", TEXT, id=new_id(), time=1.5), "bench/1/1")
    store.begin(session, pending)
    reply = Message("assistant", TEXT, id=new_id(), time=2.5, model="m", finish="stop")
    store.commit(session, pending.id, [pending.user, reply], expected_length=look.length)
    return (time.perf_counter() - begin) * 1000


def measure(name: str, store: Store) -> float:
    """Print the medians and return their ratio."""
    for size in SIZES:
        fill(store, size)
    costs: dict[int, list[float]] = {size: [] for size in SIZES}
    for _ in range(RUNS):
        for size in SIZES:
            costs[size].append(one_turn(store, str(size)))
    short, long = (statistics.median(costs[size]) for size in SIZES)
    medians = "   ".join(
        f"{size:,} messages {median:.3f} ms" for size, median in zip(SIZES, (short, long), strict=True)
    )
    print(f"{name:8} {medians}   ratio {long / short:.2f}")
    store.close()
    return long / short


def main() -> int:
    """Measure SQLite and Redis; return 1 when a ratio is beyond 1.5."""
    ratios: list[float] = []
    with tempfile.TemporaryDirectory() as folder, running() as server:
        stores: dict[str, Callable[[], Store]] = {
            "sqlite": lambda: SqliteStore(Path(folder, "s.db")),
            "redis": lambda: RedisStore(server.url),
        }
        for name, make in stores.items():
            ratios.append(measure(name, make()))
    return int(max(ratios) > 1.5)


if __name__ == "__main__":
    sys.exit(main())
