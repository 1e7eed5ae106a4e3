"""How the index's file is searched."""

import math
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain

from chatcli.memory.strategy import Hit
from chatcli.messages import is_count
from chatcli.recall.entries import TextRow, to_message
from chatcli.recall.nearness import Nearness
from chatcli.recall.question import understand
from chatcli.recall.rank import Ranked, rank
from chatcli.recall.rows import PARTS, Units

_MOST_NAMES = 64
_TEXTS = "SELECT number, role, name, time, '', text, whole, '' FROM texts WHERE number IN ({})"
"""Rows of texts without the columns that only writing needs, whose reading takes as long as that of the others."""


def find(db: sqlite3.Connection, question: str, before: int, nearness: Nearness | None = None) -> Iterator[Ranked]:
    """Return what bears on the question before position `before`, the best first; `nearness` in what it means."""
    tables = Tables(db)
    return rank(understand(question, tables.names()), tables, before, nearness.within(db) if nearness else None)


def read(db: sqlite3.Connection, found: Sequence[Ranked]) -> list[Hit]:
    """Return what is said in the units that were found, without those that are not there any more."""
    rows = {row[0]: row for row in db.execute(_TEXTS.format(",".join([str(ranked.number) for ranked in found])))}
    return [_hit(ranked, rows[ranked.number]) for ranked in found if ranked.number in rows]


def _hit(ranked: Ranked, row: TextRow) -> Hit:
    number = ranked.number
    if not math.isfinite(ranked.value):
        raise ValueError(f"no value: {ranked.value}")
    part = number & ((1 << PARTS) - 1)
    return Hit(number >> PARTS, to_message(row), ranked.value, ranked.words, bool(row[6]), part)


class Tables:
    """The tables of the file, as ranking asks for them."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.units, length = db.execute("SELECT units, length FROM totals").fetchone()
        if not (is_count(self.units) and is_count(length)):
            raise ValueError(f"no totals: {self.units!r}, {length!r}")
        self.mean_length = length / max(1, self.units)

    def names(self) -> list[str]:
        """Return the names of the speakers; none when most messages have no name."""
        rows = self._db.execute(
            "SELECT name, units FROM speakers ORDER BY units DESC LIMIT ?", (_MOST_NAMES,)
        ).fetchall()
        return [name for name, _ in rows] if 2 * sum(units for _, units in rows) > self.units else []

    def frequencies(self, terms: Collection[str]) -> Mapping[str, int]:
        """Return in how many units each of the terms is, without those that are in none."""
        wanted = list(terms)
        marks = ",".join("?" * len(wanted))
        return dict(self._db.execute(f"SELECT term, units FROM frequencies WHERE term IN ({marks})", wanted))  # noqa: S608

    def starting(self, prefix: str, most: int) -> Mapping[str, int]:
        """Return terms that begin with `prefix`, and in how many units each is."""
        query = "SELECT term, units FROM frequencies WHERE term >= ? AND term < ? LIMIT ?"
        return dict(self._db.execute(query, (prefix, prefix + "\U0010ffff", most)))

    def matching(self, words: Sequence[str], before: int, most: int) -> list[int]:
        """Return the newest units that hold one of the words (all its terms), below unit number `before`."""
        query = "SELECT rowid FROM words WHERE words MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT ?"
        expression = " OR ".join("(" + " AND ".join(f'"{term}"' for term in word.split()) + ")" for word in words)
        return [number for (number,) in self._db.execute(query, (expression, before, most))]

    def around(self, positions: Iterable[int], reach: int, before: int) -> Units:
        """Return the units of the messages at most `reach` from the positions, below unit number `before`, in order."""
        ranges = [(first << PARTS, min((last + 1) << PARTS, before)) for first, last in _ranges(positions, reach)]
        if not ranges:
            return Units()
        wanted = ",".join(["(?, ?)"] * len(ranges))
        rows = self._db.execute(_AROUND.format(wanted), [*chain.from_iterable(ranges)])
        return Units(*zip(*rows, strict=True))


_AROUND = f"""
WITH wanted(low, high) AS (VALUES {{}})
SELECT number, number >> {PARTS}, sitting, length, tokens, form, speaker
FROM wanted CROSS JOIN units ON number >= low AND number < high
"""  # noqa: S608


def _ranges(positions: Iterable[int], reach: int) -> list[tuple[int, int]]:
    """Return first and last of each run of what is at most `reach` from one of the positions, in order."""
    found: list[tuple[int, int]] = []
    for position in sorted(positions):
        first, last = max(0, position - reach), position + reach
        if found and first <= found[-1][1] + 1:
            first, _ = found.pop()
        found.append((first, last))
    return found
