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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from typing import NamedTuple

from chatcli.recall.form import ANSWERS, ASKS, COUNTED, DATED, MORE_NAMES, NAMES, QUOTES
from chatcli.recall.question import Question
from chatcli.recall.rows import PARTS, Row, Rows, Unit, find_rows

MOST_SEEDS = 120  # messages around which is looked
MOST_HITS = 160

_REACH = 3  # messages
_DECAY = tuple(0.6**distance for distance in range(_REACH + 1))
_STEPS = tuple((step, _DECAY[abs(step)], (1.0, 0.7, 0.49, 0.0)[abs(step)]) for step in (-3, -2, -1, 1, 2, 3))


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


class Ranked(NamedTuple):
    """A unit, what it is worth and the question's words it was found by."""

    value: float
    unit: Unit
    words: tuple[str, ...]


def rank(question: Question, rows: Rows, before: int) -> list[Ranked]:
    """Return the units before position `before` that bear on the question, the best first."""
    end = before << PARTS
    found = find_rows(question.words, rows, end)
    seeds = _seeds(found)
    close = {seed + step for seed in seeds for step in range(-_REACH, _REACH + 1)}
    units = rows.around(close, end)
    features = measured(found, units, rows.mean_length)
    worths = _worths(question, units, features)
    best = nlargest(MOST_HITS, zip(worths, range(len(units)), strict=True))
    return [Ranked(value, units[at], tuple(features[at].found)) for value, at in best]


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
    """What speaks for a unit, and the question's words that stand in it; between 0 and 1 when all is added."""

    words: float = 0.0
    covered: float = 0.0
    sitting: float = 0.0
    exact: float = 0.0
    found: list[str] = field(default_factory=list)


def measured(rows: Sequence[Row], units: Sequence[Unit], mean_length: float) -> list[Features]:
    """Return the features of the units, which are in the order of the history."""
    features = [Features() for _ in units]
    places = _places(units)
    size = (places[-1] if places else 0) + _REACH + 1
    around, nearby, exact = [0.0] * size, [0.0] * size, [0.0] * size
    at_of = {unit.number: at for at, unit in enumerate(units)}
    weights = [2.2 / (1 + 1.2 * (0.25 + 0.75 * unit.length / mean_length)) for unit in units]
    for row in rows:
        own = [(at_of[unit], score) for unit, score in row.scores.items() if unit in at_of]
        own = [(at, score * weights[at]) for at, score in own]
        spread, near = _spread((places[at], score) for at, score in own)
        for place, score in spread.items():
            around[place] += score
        for place, share in near.items():
            nearby[place] += share * row.idf
        text, idf_, holds = row.word.text, row.idf, row.exact
        for at, score in own:
            place, f = places[at], features[at]
            f.words += max(0.0, score - spread.get(place, 0.0))
            f.covered += idf_ * (1.0 - near.get(place, 0.0))
            f.found.append(text)
            if units[at].number in holds:
                f.exact += score
    total = sum(row.idf for row in rows)
    for f, place in zip(features, places, strict=True):
        f.words += around[place]
        f.covered = (f.covered + nearby[place]) / total
        exact[place] = max(exact[place], f.exact)
    _scale(features)
    _add_sittings(features, units, places, exact)
    return features


def _places(units: Sequence[Unit]) -> list[int]:
    """Return a place for each unit, so that two of one sitting are as far apart as their messages, others too far."""
    places: list[int] = []
    place, last = _REACH, units[0] if units else None
    for unit in units:
        if last is not None and unit.position != last.position:
            far = unit.position - last.position if unit.sitting == last.sitting else _REACH + 1
            place += min(far, _REACH + 1)
        places.append(place)
        last = unit
    return places


def _spread(own: Iterable[tuple[int, float]]) -> tuple[dict[int, float], dict[int, float]]:
    """Return what the places around get of a row's scores, and how near they are to one that has the word."""
    spread: dict[int, float] = {}
    near: dict[int, float] = {}
    for place, score in own:
        for step, decay, nearby in _STEPS:
            there = place + step
            if score * decay > spread.get(there, 0.0):
                spread[there] = score * decay
            if nearby > near.get(there, 0.0):
                near[there] = nearby
    return spread, near


def _scale(features: Sequence[Features]) -> None:
    best = max((f.words for f in features), default=0.0)
    for f in features:
        f.words /= best


def _add_sittings(
    features: Sequence[Features], units: Sequence[Unit], places: Sequence[int], exact: Sequence[float]
) -> None:
    """Set how well the sitting of each unit does: its three best exact scores, with those beside them."""
    best: defaultdict[int, dict[int, float]] = defaultdict(dict)
    for unit, place in zip(units, places, strict=True):
        smooth = exact[place]
        for distance in (1, 2):
            smooth += _DECAY[distance] * max(exact[place - distance], exact[place + distance])
        best[unit.sitting][place] = smooth
    worth = {sitting: sum(nlargest(3, scores.values())) for sitting, scores in best.items()}
    most = max(worth.values(), default=0.0) or 1.0
    for f, unit in zip(features, units, strict=True):
        f.sitting = worth[unit.sitting] / most


# What they add up to


def _worths(question: Question, units: Sequence[Unit], features: Sequence[Features]) -> list[float]:
    """Return what each unit is worth: the logarithm of its odds to hold the answer, a token."""
    weights = PEOPLE if question.people else ROLES
    sitting = weights.sitting_of_list if question.lists else weights.sitting
    looks = {form: _looks(question, form, weights) for form in {unit.form for unit in units}}
    speaks = {speaker: _speaks(question, speaker, weights) for speaker in {unit.speaker for unit in units}}
    return [
        weights.words * f.words
        + weights.covered * f.covered
        + sitting * f.sitting
        + looks[unit.form]
        + speaks[unit.speaker]
        + (weights.first if unit.position == unit.sitting else 0.0)
        - weights.length * math.log(unit.tokens + 1)
        for unit, f in zip(units, features, strict=True)
    ]


def _looks(question: Question, form: int, weights: Weights) -> float:
    """Return what speaks for messages that look so."""
    value = weights.answers * bool(form & ANSWERS) + weights.asks * bool(form & ASKS)
    value += weights.names * (bool(form & NAMES) + bool(form & MORE_NAMES)) / 2 + weights.quotes * bool(form & QUOTES)
    value += weights.dated * (question.when and bool(form & DATED))
    return value + weights.counted * (question.how_many and bool(form & COUNTED))


def _speaks(question: Question, speaker: str, weights: Weights) -> float:
    """Return what speaks for what this speaker says."""
    if question.people:
        return weights.speaker if speaker == question.speaker else 0.0
    if question.to_assistant:
        return weights.assistant if speaker == "<assistant>" else 0.0
    return weights.user if speaker == "<user>" else 0.0
