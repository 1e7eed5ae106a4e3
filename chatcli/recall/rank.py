"""Which messages bear on a question.

Each word of the question has a row of scores, one a message: BM25's term weight (Robertson and Zaragoza, "The
Probabilistic Relevance Framework", 2009), less for words that are only related to it. A row is spread to the
messages next to it, since an answer often shares no word with the question while the message before it does.
What a message is worth is the sum of its rows, the share of the question's words found nearby, and how well its
sitting does as a whole, less for its length. The weights are a softmax regression on which messages
hold the answer, measured with tests/benchmarks/recall.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from typing import NamedTuple, Protocol

from chatcli.recall.question import Question, Word

PARTS = 12  # bits of a unit's number that count the passages of its message

MOST_ROWS = 2000  # of one word
MOST_SEEDS = 300  # messages around which is looked
MOST_HITS = 256

REACH = 3
_DECAY = tuple(0.6**distance for distance in range(REACH + 1))
_NEARBY = (1.0, 0.7, 0.49)


class Unit(NamedTuple):
    """What ranking needs to know of a message, or of a passage of a long one. Lengths in terms and in tokens."""

    number: int
    sitting: int
    length: int
    tokens: int
    speaker: str

    @property
    def position(self) -> int:
        """The position of its message in the history."""
        return self.number >> PARTS


class Rows(Protocol):
    """What is asked of the index. Each question costs at most what it returns."""

    units: int
    mean_length: float

    def frequencies(self, terms: Iterable[str]) -> Mapping[str, int]:
        """Return in how many units each of the terms is, without those that are in none."""
        ...

    def starting(self, prefix: str, most: int) -> Mapping[str, int]:
        """Return terms that begin with `prefix`, and in how many units each is."""
        ...

    def matching(self, terms: Sequence[str], before: int, most: int) -> list[int]:
        """Return the newest units that hold one of the terms, below unit number `before`."""
        ...

    def around(self, positions: Iterable[int], before: int) -> list[Unit]:
        """Return the units of the messages at the positions."""
        ...


@dataclass(slots=True)
class Row:
    """The scores of one word of the question, by unit."""

    word: Word
    idf: float
    scores: dict[int, float] = field(default_factory=dict)
    exact: frozenset[int] = frozenset()


class Ranked(NamedTuple):
    """A unit, what it is worth and the question's words it was found by."""

    value: float
    unit: Unit
    words: tuple[str, ...]


def rank(question: Question, rows: Rows, before: int) -> list[Ranked]:
    """Return the units below number `before` that bear on the question, the best first."""
    found = [row for word in question.words if (row := _row(word, rows, before)).scores]
    if not found:
        return []
    seeds = _seeds(found)
    close = {position + step for position in seeds for step in range(-REACH, REACH + 1)}
    units = rows.around(close, before << PARTS)
    return _valued(question, found, units, rows.mean_length)


def _row(word: Word, rows: Rows, before: int) -> Row:
    """Return the row of a word, each score its inverse document frequency, less for what is only related."""
    df = rows.frequencies([word.term])
    row = Row(word, 0.0)
    if word.term in df:
        row.idf = idf(df[word.term], rows.units)
        exact = rows.matching([word.term], before << PARTS, MOST_ROWS)
        row.exact = frozenset(exact)
        row.scores = dict.fromkeys(exact, row.idf)
    for discount, terms in _related(word, rows):
        frequency = sum(terms.values())
        value = discount * idf(frequency, rows.units)
        row.idf = row.idf or value
        for unit in rows.matching(list(terms), before << PARTS, MOST_ROWS):
            if value > row.scores.get(unit, 0.0):
                row.scores[unit] = value
    return row


def _related(word: Word, rows: Rows) -> Iterable[tuple[float, Mapping[str, int]]]:
    if word.term.isascii() and word.term.isalpha() and len(word.term) >= 5:
        same = {term: df for term, df in rows.starting(word.term[:5], 8).items() if term != word.term}
        if same:
            yield 0.5, same


def idf(df: int, units: int) -> float:
    """Return the inverse document frequency of what is in `df` of the units; never below 0.2."""
    return max(0.2, math.log(1 + (units - df + 0.5) / (df + 0.5)))


def _seeds(rows: Sequence[Row]) -> list[int]:
    """Return the positions of the units whose own scores are the highest."""
    total: defaultdict[int, float] = defaultdict(float)
    for row in rows:
        for unit, score in row.scores.items():
            total[unit] += score
    return [unit >> PARTS for unit in nlargest(MOST_SEEDS, total, key=lambda unit: (total[unit], unit))]


@dataclass(slots=True)
class Features:
    """What speaks for a unit; each between 0 and about 1."""

    words: float = 0.0
    covered: float = 0.0
    sitting: float = 0.0
    exact: float = 0.0
    speaker: float = 0.0


def _valued(question: Question, rows: Sequence[Row], units: Sequence[Unit], mean: float) -> list[Ranked]:
    features, words = measured(question, rows, units, mean)
    ranked = [Ranked(value(question, f, u), u, tuple(words[u.number])) for u, f in zip(units, features, strict=True)]
    return nlargest(MOST_HITS, ranked)


def value(question: Question, features: Features, unit: Unit) -> float:
    """Return what a unit is worth, as the logarithm of its odds per token."""
    return (
        3.58 * features.words
        + 4.01 * features.covered
        + (0.97 if question.lists else 2.57) * features.sitting
        + 1.15 * features.speaker
        - 0.9 * math.log(unit.tokens)
    )


def measured(
    question: Question, rows: Sequence[Row], units: Sequence[Unit], mean: float
) -> tuple[list[Features], dict[int, list[str]]]:
    """Return the features of the units, and the words each was found by."""
    features = {unit.number: Features() for unit in units}
    words: dict[int, list[str]] = {unit.number: [] for unit in units}
    sitting_of = {unit.position: unit.sitting for unit in units}
    total = sum(row.idf for row in rows)
    weights = {u.number: 2.2 / (1 + 1.2 * (0.25 + 0.75 * u.length / mean)) for u in units}
    for row in rows:
        own = {unit: row.scores[unit] * weight for unit, weight in weights.items() if unit in row.scores}
        spread, nearby = _spread(own, sitting_of)
        for unit in units:
            f, number, position = features[unit.number], unit.number, unit.position
            score = own.get(number, 0.0)
            f.words += max(score, spread.get(position, 0.0))
            f.covered += row.idf / total * (1.0 if number in own else nearby.get(position, 0.0))
            if number in row.exact:
                f.exact += score
            if number in own:
                words[number].append(row.word.text)
    _scale(features)
    _add_sittings(features, units, sitting_of)
    for unit in units:
        features[unit.number].speaker = float(unit.speaker == question.speaker)
    return list(features.values()), words


def _scale(features: Mapping[int, Features]) -> None:
    best = max((f.words for f in features.values()), default=0) or 1.0
    for f in features.values():
        f.words /= best


def _spread(own: Mapping[int, float], sitting_of: Mapping[int, int]) -> tuple[dict[int, float], dict[int, float]]:
    """Return what the messages around get of a row's scores, and how near to a match they are."""
    spread: dict[int, float] = {}
    nearby: dict[int, float] = {}
    for unit, score in own.items():
        position = unit >> PARTS
        sitting = sitting_of[position]
        for step in range(-REACH, REACH + 1):
            there = position + step
            if step and sitting_of.get(there) == sitting:
                spread[there] = max(spread.get(there, 0.0), score * _DECAY[abs(step)])
                if abs(step) < len(_NEARBY):
                    nearby[there] = max(nearby.get(there, 0.0), _NEARBY[abs(step)])
    return spread, nearby


def _add_sittings(features: Mapping[int, Features], units: Sequence[Unit], sitting_of: Mapping[int, int]) -> None:
    """Set how well the sitting of each unit does: the mean of its three best exact scores, smoothed."""
    exact: dict[int, float] = defaultdict(float)
    for unit in units:
        exact[unit.position] = max(exact[unit.position], features[unit.number].exact)
    best: dict[int, list[float]] = defaultdict(list)
    for position, score in exact.items():
        sitting = sitting_of[position]
        for step in (1, 2):
            sides = (exact.get(p, 0.0) for p in (position - step, position + step) if sitting_of.get(p) == sitting)
            score += _DECAY[step] * max(sides, default=0.0)
        best[sitting].append(score)
    worth = {sitting: sum(nlargest(3, scores)) / 3 for sitting, scores in best.items()}
    top = max(worth.values(), default=0.0) or 1.0
    for unit in units:
        features[unit.number].sitting = worth[unit.sitting] / top
