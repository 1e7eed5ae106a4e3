"""The rows of scores, one for each word of a question: BM25's inverse document frequency, by message.

Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009. How often a word is in a message does not count:
conversations are short of repetition, and it was measured to make no difference.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from chatcli.recall.lexicon import related
from chatcli.recall.question import Word

PARTS = 12
"""Bits of a unit's number that count the passages of its message."""

MOST_WORDS = 40  # of a question, the rarest
MOST_ROWS = 2500  # messages of all words together; the rarest word is looked up first
LEAST_ROWS = 200  # of each word, all the same

_PREFIX = 5  # letters that two words must share to count as related
_SAME_PREFIX = 0.5


class Units(NamedTuple):
    """What ranking needs to know of messages, or of passages of long ones, by columns: a tenth less work than rows.

    Lengths are in terms and in tokens.
    """

    numbers: Sequence[int] = ()
    positions: Sequence[int] = ()
    sittings: Sequence[int] = ()
    lengths: Sequence[int] = ()
    tokens: Sequence[int] = ()
    forms: Sequence[int] = ()
    speakers: Sequence[str] = ()


class Rows(Protocol):
    """What is asked of the index. Each answer costs at most what it returns."""

    units: int
    mean_length: float

    def frequencies(self, terms: Collection[str]) -> Mapping[str, int]:
        """Return in how many units each of the terms is, without those that are in none."""
        ...

    def starting(self, prefix: str, most: int) -> Mapping[str, int]:
        """Return terms that begin with `prefix`, and in how many units each is."""
        ...

    def matching(self, words: Sequence[str], before: int, most: int) -> list[int]:
        """Return the newest units that hold one of the words (all its terms), below unit number `before`."""
        ...

    def around(self, positions: Iterable[int], reach: int, before: int) -> Units:
        """Return the units of the messages at most `reach` from the positions, below unit number `before`, in order."""
        ...


@dataclass(slots=True)
class Row:
    """The scores of one word of the question, by unit; those of at least `exact` hold the word itself."""

    word: Word
    idf: float = 0.0
    scores: dict[int, float] = field(default_factory=dict)
    exact: float = math.inf


def find_rows(words: Sequence[Word], rows: Rows, end: int) -> list[Row]:
    """Return the rows of the words that are found; the newest messages only, where a word is in very many."""
    frequencies = rows.frequencies({word.term for word in words})
    rarest = sorted(words, key=lambda word: frequencies.get(word.term, math.inf))[:MOST_WORDS]
    found, left = [], MOST_ROWS
    for word in rarest:
        row = Row(word)
        if df := frequencies.get(word.term):
            row.idf = idf(df, rows.units)
            exact = rows.matching([word.term], end, max(LEAST_ROWS, left))
            row.exact = row.idf
            row.scores = dict.fromkeys(exact, row.idf)
            left -= len(exact)
        found.append(row)
    for row, others in zip(found, _related(rarest, rows), strict=True):
        for discount, similar in others.items():
            left -= _add_related(row, discount * idf(sum(similar.values()), rows.units), list(similar), rows, end, left)
    return [row for row in found if row.scores]


def _add_related(row: Row, value: float, words: list[str], rows: Rows, end: int, left: int) -> int:
    """Give the units that hold one of the words this value in the row, if they have no higher; return how many."""
    found = dict.fromkeys(rows.matching(words, end, max(LEAST_ROWS, left)), value)
    row.idf = row.idf or value
    for unit in found.keys() & row.scores.keys():
        found[unit] = max(value, row.scores[unit])
    row.scores |= found
    return len(found)


def _related(words: Sequence[Word], rows: Rows) -> Iterator[Mapping[float, Mapping[str, int]]]:
    """Yield for each word those of the index that are related to it, by how much of a match they are."""
    others = [related(word.key) for word in words]
    frequencies = rows.frequencies({term for some in others for other in some for term in other.split()})
    for word, some in zip(words, others, strict=True):
        found: defaultdict[float, dict[str, int]] = defaultdict(dict)
        if word.term.isascii() and word.term.isalpha() and len(word.term) >= _PREFIX:
            found[_SAME_PREFIX] |= rows.starting(word.term[:_PREFIX], 8)
            found[_SAME_PREFIX].pop(word.term, None)
        for other, discount in some.items():
            terms = other.split()
            if other != word.term and all(term in frequencies for term in terms):
                found[discount][other] = min(frequencies[term] for term in terms)
        yield {discount: similar for discount, similar in found.items() if similar}


def idf(df: int, units: int) -> float:
    """Return the inverse document frequency of what is in `df` of the units; never below 0.2."""
    return max(0.2, math.log(1 + (max(0, units - df) + 0.5) / (df + 0.5)))
