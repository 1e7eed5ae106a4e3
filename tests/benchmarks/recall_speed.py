"""What recall costs: `python -m tests.benchmarks.recall_speed [FILE…]`.

The messages of the files (default: the two conversations of tests/benchmarks/data) are repeated, with some words
exchanged, to sessions of several lengths, and their questions asked. Printed are medians in milliseconds, of the
process's own time, and ratios; what is compared takes turns, so that whatever else the machine does falls on both.

A search ranks everything, and its hits are taken until no more fit into recall's largest share of a context: how many
that are is found out beforehand, since counting tokens is no part of the search. What it costs to take them all, as
was measured before hits were read one by one, is printed beside it.

Targets: one input over 50,000 turns (a user's message and its answer each) at most 3 times the FTS5 queries that it
makes, and over as many messages; under 20 ms over 5,000; under 1 ms to index a turn. Returns 1 when one is missed. One
plain query for the same words in the order of bm25 is printed as well.
"""

import argparse
import dataclasses
import random
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from chatcli.memory.auto import recalling
from chatcli.memory.history import History
from chatcli.memory.recall import fitting
from chatcli.memory.strategy import Hit, View
from chatcli.messages import Message
from chatcli.recall import reading
from chatcli.recall.index import MessageIndex
from chatcli.recall.rank import MOST_HITS
from chatcli.stores import Session, Snapshot
from tests.benchmarks.recall import load

FILES = [Path(__file__).parent / "data" / name for name in ("en-dev.json", "zh-dev.json")]
LONG = 50_000
SIZES = (1000, 5000, LONG, 2 * LONG)  # messages
ROUNDS = 3  # of each question
SITTING = 25  # messages
WINDOW = 128_000  # tokens; recall takes 2,000 of them
DAY = 86_400.0


class Recorded(reading.Tables):
    """The tables, noting each FTS5 query."""

    def __init__(self, db: sqlite3.Connection) -> None:
        super().__init__(db)
        self.asked: list[tuple[tuple[str, ...], int, int]] = []

    def matching(self, words: Sequence[str], before: int, most: int) -> list[int]:
        self.asked.append((tuple(words), before, most))
        return super().matching(words, before, most)


def session(source: Sequence[Message], size: int) -> list[Message]:
    """Return `size` messages like those of the source: each fifth word is another one's."""
    dice = random.Random(7)
    words = [word for message in source for word in message.text.split(" ")]

    def varied(at: int) -> Message:
        said = source[at % len(source)]
        text = " ".join(dice.choice(words) if dice.random() < 0.2 else word for word in said.text.split(" "))
        return dataclasses.replace(said, content=text, time=1e9 + at // SITTING * DAY + at % SITTING)

    return [varied(at) for at in range(size)]


def timed(work: Callable[[], object]) -> float:
    """Return how many milliseconds of the process's time the work takes."""
    begin = time.process_time()
    work()
    return (time.process_time() - begin) * 1000


def indexed(messages: Sequence[Message]) -> tuple[MessageIndex, float]:
    """Return an index of the messages, and the milliseconds that each took."""
    index = MessageIndex(None)
    history = History(Snapshot(Session("s"), len(messages), (), {}), lambda start, stop: list(messages[start:stop]))
    return index, timed(lambda: index.follow(history)) / len(messages)


def looked_at(index: MessageIndex, question: str, size: int) -> int:
    """Return how many hits recall looks at beside a model with a large window."""
    count = 0

    def hits() -> Iterator[Hit]:
        nonlocal count
        for hit in index.search(question, size):
            count += 1
            yield hit

    view = View(History(Snapshot(Session("s"), 0, (), {}), lambda start, stop: []))
    fitting(hits(), recalling(WINDOW).limit, view)
    return count


def searching(index: MessageIndex, question: str, size: int, most: int) -> Callable[[], object]:
    """Return what searches and takes the best `most` hits."""
    return lambda: list(islice(index.search(question, size), most))


def bare(index: MessageIndex, question: str, size: int) -> Callable[[], object]:
    """Return what makes only the FTS5 queries of a question."""

    def record(db: sqlite3.Connection) -> Recorded:
        tables = Recorded(db)
        reading.rank(reading.understand(question, tables.names()), tables, size)
        return tables

    asked = index.file.use(record).asked
    return lambda: index.file.use(lambda db: [reading.Tables(db).matching(*query) for query in asked])


def plain(index: MessageIndex, question: str) -> Callable[[], object]:
    """Return one query for the words of a question, the best by bm25 first."""
    words = reading.understand(question).words
    query = "SELECT rowid FROM words WHERE words MATCH ? ORDER BY bm25(words) LIMIT 100"
    expression = " OR ".join(f'"{word.term}"' for word in words)
    return lambda: index.file.use(lambda db: db.execute(query, (expression,)).fetchall()) if words else None


def measure(index: MessageIndex, questions: Sequence[str], size: int) -> tuple[float, ...]:
    """Return the medians of a search, of one with all its hits, of its bare queries, and of a plain one."""
    costs: list[tuple[float, ...]] = []
    for question in questions:
        works = (
            searching(index, question, size, looked_at(index, question, size)),
            searching(index, question, size, MOST_HITS),
            bare(index, question, size), plain(index, question),
        )  # fmt: skip
        rounds = [[timed(work) for work in works] for _ in range(ROUNDS)]
        costs.append(tuple(map(statistics.median, zip(*rounds, strict=True))))
    return tuple(map(statistics.median, zip(*costs, strict=True)))


def main() -> int:
    """Measure, print, and say whether a target is missed."""
    parser = argparse.ArgumentParser(description="What recall costs.")
    parser.add_argument("files", nargs="*", type=Path, default=FILES, metavar="FILE")
    conversations = [talk for path in parser.parse_args().files for talk in load(path)]
    source = [message for talk in conversations for message in talk.messages]
    questions = [question.text for talk in conversations for question in talk.questions]
    questions = random.Random(1).sample(questions, min(150, len(questions)))
    missed = False
    for size in SIZES:
        index, each = indexed(session(source, size))
        list(index.search(questions[0], size))
        whole, every, queries, simple = measure(index, questions, size)
        print(
            f"{size:6,} messages   indexing a turn {2 * each:.2f} ms   a search {whole:.1f} ms"
            f"   its FTS5 queries {queries:.1f} ms   ratio {whole / queries:.2f}, with all hits {every / queries:.2f}"
            f"   a plain query {simple:.1f} ms   ratio {whole / simple:.2f}",
            flush=True,
        )
        missed |= 2 * each > 1 or (size == 5000 and whole > 20) or (size >= LONG and whole > 3 * queries)
        index.close()
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
