"""How near messages are to a question in what they mean: the product of their vectors."""

import sqlite3
import struct
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from heapq import nlargest
from importlib import import_module
from itertools import repeat
from operator import mul, sub
from typing import Any, NamedTuple

from chatcli.recall.rows import PARTS, Units

MEANING = 3.0
"""How much it counts that a message is the nearest; measured, 2 to 4 do alike."""

MOST_NEAREST = 40
"""Messages around which is looked because of what they mean."""

MOST_PRODUCTS = 1_500_000
"""Numbers of all vectors together that are multiplied without numpy: about 20 ms. Beyond, only candidates are."""

_DECAY = (1.0, 0.6, 0.36, 0.216)  # of what messages beside a near one get
_ZERO = 128  # in a vector's bytes
_LARGEST = 1 << 20  # numbers of a vector


class Kept(NamedTuple):
    """Whose vectors the file holds, and how many numbers each has."""

    model: str
    size: int


def has_vectors(db: sqlite3.Connection) -> bool:
    """Say whether the file has the tables for vectors."""
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = 'vectors_follow_texts'").fetchone() is not None


def kept(db: sqlite3.Connection, model: str | None = None) -> Kept | None:
    """Return whose vectors are there, if there are any (of that model)."""
    if not has_vectors(db):
        return None
    row = db.execute("SELECT model, size FROM embedding WHERE EXISTS (SELECT 1 FROM vectors)").fetchone()
    if not row or model not in (None, row[0]):
        return None
    found = Kept(*row)
    if not (isinstance(found.size, int) and 0 < found.size <= _LARGEST):
        raise ValueError(f"no vectors have {found.size!r} numbers")
    return found


def pack(vector: "array[float]") -> tuple[float, bytes]:
    """Return the vector in a byte a number, and what those are to be multiplied with."""
    scale = max(map(abs, vector)) / 127
    return (scale, bytes(round(number / scale) + _ZERO for number in vector)) if scale else (0.0, bytes(len(vector)))


def unpacked(vector: bytes) -> tuple[int, ...]:
    """Return the numbers of a packed vector."""
    return tuple(byte - _ZERO for byte in vector)


class Near:
    """What ranking asks: which units of the file are near to the question, and how much that is worth."""

    def __init__(self, nearness: "Nearness", db: sqlite3.Connection) -> None:
        self._nearness = nearness
        self._db = db
        self._all: Mapping[int, float] | None = None

    def seeds(self, end: int) -> list[int]:
        """Return the positions of the nearest units below number `end`; none when all are too many to look at."""
        self._all = self._nearness.scores(self._db, end)
        scores = self._all or {}
        return [unit >> PARTS for _, unit in nlargest(MOST_NEAREST, zip(scores.values(), scores, strict=True))]

    def worths(self, units: Units) -> list[float]:
        """Return what is to be added to the worth of each unit: for itself, or for one beside it in its sitting."""
        scores = self._all
        if scores is None:
            scores = self._nearness.among(self._db, units.numbers)
        own = _scaled([scores.get(number, 0.0) for number in units.numbers], scores.values())
        places = list(zip(units.sittings, units.positions, strict=True))
        best: dict[tuple[int, int], float] = {}
        for place, score in zip(places, own, strict=True):
            best[place] = max(best.get(place, 0.0), score)
        return [MEANING * max(score, _beside(best, *place)) for place, score in zip(places, own, strict=True)]


def _scaled(some: Sequence[float], scores: Collection[float]) -> list[float]:
    """Bring some of the scores to 0 to 1: models differ in how near they put what has nothing in common."""
    least, most = max(0.0, min(scores, default=0.0)), max(scores, default=0.0)
    return [max(0.0, score - least) / (most - least) if most > least else 0.0 for score in some]


def _beside(best: Mapping[tuple[int, int], float], sitting: int, position: int) -> float:
    return max(_DECAY[abs(step)] * best.get((sitting, position + step), 0.0) for step in (-3, -2, -1, 1, 2, 3))


@dataclass(frozen=True, slots=True)
class Nearness:
    """Tells how near units are to a question, whose vector is `numbers`, by the vectors `kept` of one model."""

    kept: Kept
    numbers: tuple[int, ...]

    def within(self, db: sqlite3.Connection) -> Near:
        """Return it for one search in the file."""
        return Near(self, db)

    def scores(self, db: sqlite3.Connection, end: int) -> Mapping[int, float] | None:
        """Return a number for each unit below number `end` that has a vector, higher for nearer; None: too many."""
        if kept(db, self.kept.model) != self.kept:
            return {}
        if not _numpy():
            (count,) = db.execute("SELECT count(*) FROM vectors WHERE number < ?", (end,)).fetchone()
            if count * self.kept.size > MOST_PRODUCTS:
                return None
        return self._scores(db, f"number < {end}")

    def among(self, db: sqlite3.Connection, units: Iterable[int]) -> Mapping[int, float]:
        """Return a number for each of the units that has a vector, higher for nearer."""
        if kept(db, self.kept.model) != self.kept:
            return {}
        return self._scores(db, f"number IN ({','.join(map(str, units))})")

    def _scores(self, db: sqlite3.Connection, where: str) -> Mapping[int, float]:
        rows = db.execute(f"SELECT number, scale, vector FROM vectors WHERE {where}").fetchall()  # noqa: S608
        if not rows:
            return {}
        numbers, scales, vectors = zip(*rows, strict=True)
        products = _products(b"".join(vectors), len(rows), self.numbers)
        return dict(zip(numbers, map(mul, scales, products), strict=True))


def _products(vectors: bytes, count: int, question: Sequence[int]) -> Iterable[float]:
    """Return the product of each of the `count` vectors with the question's."""
    offset = _ZERO * sum(question)
    if numpy := _numpy():
        rows = numpy.frombuffer(vectors, numpy.uint8).reshape(count, len(question)).astype(numpy.float32)
        products: list[float] = (rows @ numpy.array(question, numpy.float32) - offset).tolist()
        return products
    return map(sub, _in_lanes(vectors, count, question), repeat(offset))


def _in_lanes(vectors: bytes, count: int, question: Sequence[int]) -> Iterable[int]:
    """Multiply with large integers, in which each vector has 32 bits: four times as fast as number by number."""
    sums = [0, 0]
    lanes = bytearray(4 * count)
    for at, factor in enumerate(question):
        lanes[::4] = vectors[at :: len(question)]
        sums[factor < 0] += int.from_bytes(lanes, "little") * abs(factor)
    more, less = (struct.unpack(f"<{count}I", total.to_bytes(4 * count, "little")) for total in sums)
    return map(sub, more, less)


@lru_cache
def _numpy() -> Any:
    """Return numpy where it is installed, else None."""
    with suppress(Exception):
        return import_module("numpy")
    return None
