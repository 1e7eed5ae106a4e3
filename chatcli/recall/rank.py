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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest
from operator import add
from typing import NamedTuple

from chatcli.recall.form import ANSWERS, ASKS, COUNTED, DATED, MORE_NAMES, NAMES, QUOTES
from chatcli.recall.nearness import Near
from chatcli.recall.question import Question
from chatcli.recall.rows import PARTS, Row, Rows, Units, find_rows

SHORT = 2000  # units of a session that is looked at nearly whole; in a longer one the work must not grow with it
MOST_SEEDS_OF_SHORT = 200  # messages around which is looked
MOST_SEEDS = 50
MOST_HITS = 140

_REACH = 3  # messages
_WIDEST = 12
_WIDE = 100  # seeds, times the reach around each where there are few
_DECAY = tuple(0.6**distance for distance in range(_REACH + 1))
_DECAYS = tuple(enumerate(_DECAY))[1:]
_SHARES = ((2, 0.49), (1, 0.7))


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
    """The number of a unit, what it is worth and the question's words it was found by."""

    value: float
    number: int
    words: tuple[str, ...]


def rank(question: Question, rows: Rows, before: int, near: Near | None = None) -> Iterator[Ranked]:
    """Return the units before position `before` that bear on the question, the best first; `near` in what it means."""
    end = before << PARTS
    found = find_rows(question.words, rows, end)
    seeds = _seeds(found, MOST_SEEDS_OF_SHORT if rows.units <= SHORT else MOST_SEEDS)
    seeds += near.seeds(end) if near else []
    units = rows.around(seeds, _reach(len(seeds)), end)
    features = measured(found, units, rows.mean_length)
    worths = _worths(question, units, features)
    if near:
        worths = list(map(add, worths, near.worths(units)))
    newest_first = range(len(worths) - 1, -1, -1)  # of equal ones the newest
    best = sorted(newest_first, key=worths.__getitem__, reverse=True)[:MOST_HITS]
    texts = [(row.word.text, row.scores) for row in found]
    return (Ranked(worths[at], units.numbers[at], _words(units.numbers[at], texts)) for at in best)


def _reach(seeds: int) -> int:
    """Return how far around each of the seeds is looked: the farther the fewer there are."""
    return max(_REACH, min(_WIDEST, _WIDE // max(1, seeds)))


def _words(number: int, texts: Sequence[tuple[str, Mapping[int, float]]]) -> tuple[str, ...]:
    return tuple([text for text, scores in texts if number in scores])


def _seeds(rows: Sequence[Row], most: int) -> list[int]:
    """Return the positions of the up to `most` units whose own scores are the highest."""
    total: dict[int, float] = {}
    for row in sorted(rows, key=lambda row: len(row.scores), reverse=True):  # the longest is merely copied
        if not total:
            total = dict(row.scores)
            continue
        for unit, score in row.scores.items():
            total[unit] = total.get(unit, 0.0) + score
    least = min(sorted(total.values())[-most:], default=0.0)
    best = nlargest(most, [(score, unit) for unit, score in total.items() if score >= least])
    return [unit >> PARTS for _, unit in best]  # of equal ones the newest


# The features


class Features(NamedTuple):
    """What speaks for each unit, between 0 and 1, in the order of the units."""

    words: list[float]
    covered: list[float]
    sittings: list[float]


def measured(rows: Sequence[Row], units: Units, mean_length: float) -> Features:
    """Return the features of the units, which are in the order of the history."""
    places, weights = _places(units), _weights(units.lengths, mean_length)
    at_of = {number: at for at, number in enumerate(units.numbers)}
    words, covered, exact = [0.0] * len(places), [0.0] * len(places), [0.0] * len(places)
    size = places[-1] + _REACH + 1 if places else 0
    words_around, covered_around = [0.0] * size, [0.0] * size
    for row in rows:
        scores, idf, least = row.scores, row.idf, row.exact
        own = [(at := at_of[unit], places[at], scores[unit] * weights[at]) for unit in scores.keys() & at_of.keys()]
        spread, near = _spread(own), _near(own, idf)
        for place, value in spread.items():
            words_around[place] += value
        for place, value in near.items():
            covered_around[place] += value
        for at, place, value in own:
            words[at] += max(0.0, value - spread.get(place, 0.0))
            covered[at] += idf - near.get(place, 0.0)
            if value >= least * weights[at]:
                exact[at] += value
    total = sum(row.idf for row in rows) or 1.0
    words = [own + words_around[place] for own, place in zip(words, places, strict=True)]
    most = max(words, default=0.0) or 1.0
    return Features(
        [value / most for value in words],
        [(own + covered_around[place]) / total for own, place in zip(covered, places, strict=True)],
        _sittings(units.sittings, places, exact, size),
    )


def _weights(lengths: Sequence[int], mean: float) -> list[float]:
    """Return what a word counts in units of these lengths; the mean is 0 where all have no terms."""
    return [2.2 / (1.3 + (length and 0.9 * length / mean)) for length in lengths]


def _places(units: Units) -> list[int]:
    """Return a place for each unit, so that two of one sitting are as far apart as their messages, others too far."""
    places: list[int] = []
    place, before, last = _REACH, -1, -1
    for position, sitting in zip(units.positions, units.sittings, strict=True):
        if position != before:
            place += min(position - before, _REACH + 1) if sitting == last else _REACH + 1
            before, last = position, sitting
        places.append(place)
    return places


Own = tuple[int, int, float]
"""A unit that has a word: where it stands in the list, its place, its score."""


def _spread(own: Sequence[Own]) -> dict[int, float]:
    """Return what the places around get of a row's scores."""
    spread: dict[int, float] = {}
    get = spread.get
    for distance, decay in _DECAYS:
        for _, place, score in own:
            value, before, behind = score * decay, place - distance, place + distance
            if value > get(before, 0.0):
                spread[before] = value
            if value > get(behind, 0.0):
                spread[behind] = value
    return spread


def _near(own: Sequence[Own], idf: float) -> dict[int, float]:
    """Return how much of a word that is worth `idf` the places have that are near to it."""
    near: dict[int, float] = {}
    for distance, share in _SHARES:  # the farther one first: what is nearer takes its place
        worth = share * idf
        for _, place, _ in own:
            near[place - distance] = near[place + distance] = worth
    return near


def _sittings(sittings: Sequence[int], places: Sequence[int], exact: Sequence[float], size: int) -> list[float]:
    """Return how well the sitting of each unit does: its three best exact scores, with those beside; the best has 1."""
    peaks = [0.0] * size
    for place, score in zip(places, exact, strict=True):
        if score > peaks[place]:
            peaks[place] = score
    best: defaultdict[int, list[float]] = defaultdict(list)
    for place, sitting in dict(zip(places, sittings, strict=True)).items():
        further, beside, peak, beside_too, further_too = peaks[place - 2 : place + 3]
        beside = beside if beside > beside_too else beside_too
        further = further if further > further_too else further_too
        best[sitting].append(peak + _DECAY[1] * beside + _DECAY[2] * further)
    worth = {sitting: sum(sorted(scores)[-3:]) for sitting, scores in best.items()}
    most = max(worth.values(), default=0.0) or 1.0
    return [worth[sitting] / most for sitting in sittings]


# What they add up to


def _worths(question: Question, units: Units, features: Features) -> list[float]:
    """Return what each unit is worth: the logarithm of its odds to hold the answer, a token."""
    weights = PEOPLE if question.people else ROLES
    by_sitting = weights.sitting_of_list if question.lists else weights.sitting
    looks = {form: _looks(question, form, weights) for form in set(units.forms)}
    speaks = {speaker: _speaks(question, speaker, weights) for speaker in set(units.speakers)}
    return [
        weights.words * words
        + weights.covered * covered
        + by_sitting * its_sitting
        + looks[form]
        + speaks[speaker]
        + (weights.first if position == sitting else 0.0)
        - weights.length * math.log(tokens + 1)
        for _, position, sitting, _, tokens, form, speaker, words, covered, its_sitting in zip(
            *units, *features, strict=True
        )
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
