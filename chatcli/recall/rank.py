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
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from typing import NamedTuple, Protocol

from chatcli.recall.form import ANSWERS, ASKS, COUNTED, DATED, MORE_NAMES, NAMES, QUOTES
from chatcli.recall.lexicon import related
from chatcli.recall.question import Question, Word

PARTS = 12
"""Bits of a unit's number that count the passages of its message."""

MOST_ROWS = 2000  # of one word
MOST_SEEDS = 300  # messages around which is looked
MOST_HITS = 256

_PREFIX = 5  # letters that two words must share to count as related
_SAME_PREFIX = 0.5
_REACH = 3  # messages
_DECAY = tuple(0.6**distance for distance in range(_REACH + 1))
_NEARBY = (1.0, 0.7, 0.49, 0.0)


class Unit(NamedTuple):
    """What ranking needs to know of a message, or of a passage of a long one. Lengths in terms and in tokens."""

    number: int
    sitting: int
    length: int
    tokens: int
    form: int
    speaker: str

    @property
    def position(self) -> int:
        """The position of its message in the history."""
        return self.number >> PARTS


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

    def around(self, positions: Iterable[int], before: int) -> list[Unit]:
        """Return the units of the messages at the positions, below unit number `before`."""
        ...


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each feature counts."""

    words: float
    covered: float
    sitting: float
    sitting_of_list: float
    first: float
    speaker: float = 0.0
    user: float = 0.0
    assistant: float = 0.0
    answers: float = 0.0
    asks: float = 0.0
    dated: float = 0.0
    counted: float = 0.0
    names: float = 0.0
    quotes: float = 0.0
    length: float = 0.9


PEOPLE = Weights(
    2.6, 4.9, 3.35, 1.15, first=1.05, speaker=1.0,
    answers=1.1, asks=-0.9, dated=1.7, counted=1.8, names=0.8, quotes=0.7,
)  # fmt: skip
"""For people who chat with each other, each message with its speaker's name."""

ROLES = Weights(3.9, 2.5, 1.6, 1.6, first=0.6, user=1.6, assistant=1.2)
"""For a user and an assistant."""


@dataclass(slots=True)
class Row:
    """The scores of one word of the question, by unit; `exact` are those that hold the word itself."""

    word: Word
    idf: float = 0.0
    scores: dict[int, float] = field(default_factory=dict)
    exact: frozenset[int] = frozenset()


class Ranked(NamedTuple):
    """A unit, what it is worth and the question's words it was found by."""

    value: float
    unit: Unit
    words: tuple[str, ...]


def rank(question: Question, rows: Rows, before: int) -> list[Ranked]:
    """Return the units before position `before` that bear on the question, the best first."""
    end = before << PARTS
    found = [row for word in question.words if (row := _row(word, rows, end)).scores]
    seeds = _seeds(found)
    close = {seed + step for seed in seeds for step in range(-_REACH, _REACH + 1)}
    units = rows.around(close, end)
    features = measured(found, units, rows.mean_length)
    weights = PEOPLE if question.people else ROLES
    ranked = [
        Ranked(worth(question, unit, features[unit.number], weights), unit, tuple(features[unit.number].found))
        for unit in units
    ]
    return nlargest(MOST_HITS, ranked)


# The rows


def _row(word: Word, rows: Rows, end: int) -> Row:
    """Return the row of a word: its inverse document frequency, less for what is only related to it."""
    row = Row(word)
    if df := rows.frequencies([word.term]).get(word.term):
        row.idf = idf(df, rows.units)
        exact = rows.matching([word.term], end, MOST_ROWS)
        row.exact = frozenset(exact)
        row.scores = dict.fromkeys(exact, row.idf)
    for discount, words in _related(word, rows).items():
        value = discount * idf(sum(words.values()), rows.units)
        row.idf = row.idf or value
        for unit in rows.matching(list(words), end, MOST_ROWS):
            if value > row.scores.get(unit, 0.0):
                row.scores[unit] = value
    return row


def _related(word: Word, rows: Rows) -> Mapping[float, Mapping[str, int]]:
    """Return the words of the index that are related to a word, by how much of a match they are."""
    found: defaultdict[float, dict[str, int]] = defaultdict(dict)
    if word.term.isascii() and word.term.isalpha() and len(word.term) >= _PREFIX:
        found[_SAME_PREFIX] |= rows.starting(word.term[:_PREFIX], 8)
        found[_SAME_PREFIX].pop(word.term, None)
    others = related(word.key)
    frequencies = rows.frequencies({term for other in others for term in other.split()})
    for other, discount in others.items():
        terms = other.split()
        if other != word.term and all(term in frequencies for term in terms):
            found[discount][other] = min(frequencies[term] for term in terms)
    return {discount: words for discount, words in found.items() if words}


def idf(df: int, units: int) -> float:
    """Return the inverse document frequency of what is in `df` of the units; never below 0.2."""
    return max(0.2, math.log(1 + (max(0, units - df) + 0.5) / (df + 0.5)))


def _seeds(rows: Sequence[Row]) -> list[int]:
    """Return the positions of the units whose own scores are the highest."""
    total: defaultdict[int, float] = defaultdict(float)
    for row in rows:
        for unit, score in row.scores.items():
            total[unit] += score
    best = nlargest(MOST_SEEDS, ((score, unit) for unit, score in total.items()))
    return [unit >> PARTS for _, unit in best]


# The features


@dataclass(slots=True)
class Features:
    """What speaks for a unit, each between 0 and 1, and the question's words that stand in it."""

    words: float = 0.0
    covered: float = 0.0
    sitting: float = 0.0
    found: list[str] = field(default_factory=list)


def measured(rows: Sequence[Row], units: Sequence[Unit], mean_length: float) -> dict[int, Features]:
    """Return the features of the units, by their numbers."""
    features = {unit.number: Features() for unit in units}
    sitting_of = {unit.position: unit.sitting for unit in units}
    weights = {unit.number: 2.2 / (1 + 1.2 * (0.25 + 0.75 * unit.length / mean_length)) for unit in units}
    total = sum(row.idf for row in rows)
    around: defaultdict[int, float] = defaultdict(float)
    nearby: defaultdict[int, float] = defaultdict(float)
    exact: defaultdict[int, float] = defaultdict(float)
    for row in rows:
        own = {unit: score * weights[unit] for unit, score in row.scores.items() if unit in weights}
        spread, near = _spread(own, sitting_of)
        for position, score in spread.items():
            around[position] += score
        for position, share in near.items():
            nearby[position] += share * row.idf
        for unit, score in own.items():
            position, f = unit >> PARTS, features[unit]
            f.words += max(0.0, score - spread.get(position, 0.0))
            f.covered += row.idf * (1.0 - near.get(position, 0.0))
            f.found.append(row.word.text)
            if unit in row.exact:
                exact[unit] += score
    worths = _sittings(exact, sitting_of)
    for unit in units:
        f = features[unit.number]
        f.words += around[unit.position]
        f.covered = (f.covered + nearby[unit.position]) / total
        f.sitting = worths.get(unit.sitting, 0.0)
    best = max((f.words for f in features.values()), default=0.0)
    for f in features.values():
        f.words /= best
    return features


def _spread(own: Mapping[int, float], sitting_of: Mapping[int, int]) -> tuple[dict[int, float], dict[int, float]]:
    """Return what the messages around get of a row's scores, and how near they are to one that has the word."""
    spread: dict[int, float] = {}
    near: dict[int, float] = {}
    for unit, score in own.items():
        position = unit >> PARTS
        sitting = sitting_of[position]
        for step in (-3, -2, -1, 1, 2, 3):
            there = position + step
            if sitting_of.get(there) == sitting:
                distance = abs(step)
                if (part := score * _DECAY[distance]) > spread.get(there, 0.0):
                    spread[there] = part
                if _NEARBY[distance] > near.get(there, 0.0):
                    near[there] = _NEARBY[distance]
    return spread, near


def _sittings(exact: Mapping[int, float], sitting_of: Mapping[int, int]) -> dict[int, float]:
    """Return how well each sitting does: the mean of its three best scores, with those beside them; the best has 1."""
    peak: defaultdict[int, float] = defaultdict(float)
    for unit, score in exact.items():
        peak[unit >> PARTS] = max(score, peak[unit >> PARTS])
    smooth: defaultdict[int, float] = defaultdict(float, peak)
    for distance in (1, 2):
        sides: dict[int, float] = {}
        for position, score in peak.items():
            for there in (position - distance, position + distance):
                if sitting_of.get(there) == sitting_of[position]:
                    sides[there] = max(score, sides.get(there, 0.0))
        for there, score in sides.items():
            smooth[there] += _DECAY[distance] * score
    best: defaultdict[int, list[float]] = defaultdict(list)
    for position, score in smooth.items():
        best[sitting_of[position]].append(score)
    worth = {sitting: sum(nlargest(3, scores)) for sitting, scores in best.items()}
    most = max(worth.values(), default=0.0)
    return {sitting: score / most for sitting, score in worth.items()}


def worth(question: Question, unit: Unit, features: Features, weights: Weights) -> float:
    """Return what a unit is worth: the logarithm of its odds to hold the answer, a token."""
    return (
        weights.words * features.words
        + weights.covered * features.covered
        + (weights.sitting_of_list if question.lists else weights.sitting) * features.sitting
        + _looks(question, unit, weights)
        - weights.length * math.log(max(1, unit.tokens))
    )


def _looks(question: Question, unit: Unit, weights: Weights) -> float:
    """Return what speaks for a unit apart from its words: who says it, and how it looks."""
    form, value = unit.form, 0.0
    if unit.position == unit.sitting:
        value += weights.first
    if unit.speaker == question.speaker:
        value += weights.speaker
    if not question.people:
        by_assistant = unit.speaker == "<assistant>"
        value += (
            (weights.assistant if by_assistant else 0.0)
            if question.to_assistant
            else (0.0 if by_assistant else weights.user)
        )
    value += weights.answers * bool(form & ANSWERS) + weights.asks * bool(form & ASKS)
    value += weights.names * (bool(form & NAMES) + bool(form & MORE_NAMES)) / 2 + weights.quotes * bool(form & QUOTES)
    if question.when:
        value += weights.dated * bool(form & DATED)
    if question.how_many:
        value += weights.counted * bool(form & COUNTED)
    return value
