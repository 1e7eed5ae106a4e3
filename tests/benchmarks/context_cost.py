"""What the context of `auto` costs in a short and in a long session: `python -m tests.benchmarks.context_cost`.

Both sessions have a summary and a whole index; their texts are made of the sentences of `tests/benchmarks/data`, put
together anew. The questions are the data's own. Short and long take turns, so that whatever else the machine does falls
on both; what is printed is the median in ms and the ratio (target: at most 1.5), for SQLite and Redis: of `auto`, of
the same without recall, and of the search alone. Returns 1 when the target is missed. Indexing takes a minute.
"""

import argparse
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

from chatcli.aids import Aids
from chatcli.chat import Chat
from chatcli.memory import Index, parse_memory, summary
from chatcli.memory.history import open_history
from chatcli.messages import Message, new_id
from chatcli.model.unasked import UnaskedModel
from chatcli.recall import open_index
from chatcli.stores import Change, State, Store
from chatcli.stores.redis import RedisStore
from chatcli.stores.sqlite import SqliteStore
from tests.benchmarks.recall import load
from tests.redis_server import running

SIZES = (1_000, 100_000)
RUNS = 150
TARGET = 1.5
KEPT = 24
"""Messages after the summary."""

DATA = Path(__file__).parent / "data" / "en-dev.json"
WITHOUT_RECALL = "summary-buffer:3072"


def talk(size: int) -> Iterator[Message]:
    """Yield the messages of a session: sentences of the data put together anew, one turn after another."""
    source = random.Random(size)
    messages = [message for conversation in load(DATA) for message in conversation.messages]
    sentences = [one for message in messages for one in re.split(r"(?<=[.!?])\s+", message.text) if one.strip()]
    when = 1_600_000_000.0
    for position in range(size):
        when += source.choice((20, 90, 600, 40_000))
        said = source.sample(sentences, source.choice((1, 1, 2, 3) if position % 2 == 0 else (2, 3, 4, 6)))
        yield Message("assistant" if position % 2 else "user", " ".join(said), id=new_id(), time=when)


def questions() -> list[str]:
    """Return what the data asks."""
    return [one.text for conversation in load(DATA) for one in conversation.questions]


def fill(store: Store, messages: Sequence[Message]) -> None:
    """Give the store a session, named by its size, and a summary of all but its newest messages."""
    name = str(len(messages))
    for start in range(0, len(messages), 1000):
        store.append(name, messages[start : start + 1000])
    history = open_history(store, name, 0)
    mark = history.watermark(len(messages) - KEPT)
    version = {"position": mark.position, "fingerprint": mark.fingerprint, "turns": mark.position // 2}
    text = " ".join(message.text for message in messages[:12])[:1600]
    assert store.put_state(name, Change(summary.STATE, State({"versions": [version | {"text": text}]}, mark), None))


def chat_of(store: Store, size: int, spec: str, index: Index | None) -> Chat:
    """Return a chat in the session of that size; nobody answers in it."""
    return Chat(store, str(size), UnaskedModel("m", 8192), parse_memory(spec), aids=Aids(index=index))


def cost(work: Callable[[str], object], question: str) -> float:
    """Return the milliseconds that the work takes."""
    begin = time.perf_counter()
    work(question)
    return (time.perf_counter() - begin) * 1000


def ratio_of(what: str, short: Callable[[str], object], long: Callable[[str], object]) -> float:
    """Print the medians of the two and return their ratio."""
    asked = questions()
    for question in asked[:5]:
        short(question), long(question)
    costs = [(cost(short, question), cost(long, question)) for question in islice(asked * RUNS, RUNS)]
    medians: list[float] = [statistics.median(one) for one in zip(*costs, strict=True)]
    worst = [statistics.quantiles(one, n=20)[-1] for one in zip(*costs, strict=True)]
    print(
        f"{what:28} {medians[0]:8.2f} {medians[1]:8.2f} ms, of 20 the slowest {worst[0]:6.1f} {worst[1]:6.1f} ms   "
        f"ratio {medians[1] / medians[0]:.2f}",
        flush=True,
    )
    return medians[1] / medians[0]


def measure(name: str, store: Store, indexes: Sequence[Index]) -> float:
    """Print the figures of a store; return the ratio of `auto`."""
    memories: dict[str, Sequence[Index | None]] = {"auto": indexes, WITHOUT_RECALL: (None, None)}
    ratios = []
    for spec, used in memories.items():
        short, long = (chat_of(store, size, spec, index) for size, index in zip(SIZES, used, strict=True))
        for chat in (short, long):
            context = chat.context("What was it?")
            assert {"summary", "tail", "input"} <= {part.kind for part in context.parts}
            assert not any("searched" in note for note in context.notes)
        ratios.append(ratio_of(f"{name} {spec}", short.context, long.context))
    return ratios[0]


def main() -> int:
    """Measure SQLite and Redis; return 1 when the target is missed."""
    argparse.ArgumentParser(description="What it costs to build the context of auto.").parse_args()
    sessions = [list(talk(size)) for size in SIZES]
    with (
        tempfile.TemporaryDirectory() as folder,
        running() as server,
        closing(SqliteStore(Path(folder, "s.db"))) as sqlite,
        closing(RedisStore(server.url)) as redis,
    ):
        indexes = [open_index(Path(folder, "recall", f"{size}.db")) for size in SIZES]
        for session in sessions:
            fill(sqlite, session)
            fill(redis, session)
        for size, index in zip(SIZES, indexes, strict=True):
            begin = time.perf_counter()
            index.follow(open_history(sqlite, str(size), 0))
            print(f"indexed {size:,} messages, {(time.perf_counter() - begin) * 1000 / size:.2f} ms each", flush=True)
        print(f"{'':28} {SIZES[0]:8,} {SIZES[1]:8,} messages, medians")
        ratios = [measure("sqlite", sqlite, indexes), measure("redis", redis, indexes)]
        searches = [
            lambda asked, i=i, s=s: list(i.search(asked, s - KEPT)) for i, s in zip(indexes, SIZES, strict=True)
        ]
        ratio_of("the search alone", *searches)
        for index in indexes:
            index.close()
    return int(max(ratios) > TARGET)


if __name__ == "__main__":
    sys.exit(main())
