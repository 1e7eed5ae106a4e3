"""The part of a text around what was looked for."""

from collections.abc import Sequence
from dataclasses import dataclass

from chatcli.search.query import Query
from chatcli.search.terms import Term, cut

Span = tuple[int, int]
"""First character, and the one behind the last."""

_LEAD = 0.3
"""How much of an excerpt stands before the first thing that was looked for."""

_WORD = 20  # characters that are given up at most to begin at a word


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A part of a text in one line, where in it stands what was looked for, and whether there is more around it."""

    text: str
    matches: tuple[Span, ...]
    more_before: bool
    more_after: bool


def spans(text: str, query: Query) -> list[Span]:
    """Return where in the text the query's clauses stand, in order, none inside another."""
    terms = list(cut(text))
    found: list[Span] = []
    for clause in query.clauses:
        length = len(clause.terms)
        found += [
            _span(terms[at : at + length], clause.terms)
            for at in range(len(terms) - length + 1)
            if all(clause.matches(terms[at + n].term, n) for n in range(length))
        ]
    return _joined(sorted(found))


def _span(terms: Sequence[Term], wanted: Sequence[str]) -> Span:
    """Return the characters of the terms; of a pair that was found by its first character that one alone."""
    last = terms[-1]
    end = last.end
    if last.end - last.start == len(last.term) > len(wanted[-1]) and len(last.term) == 2 and not last.term.isascii():
        end = last.start + len(wanted[-1])
    return terms[0].start, end


def _joined(found: Sequence[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in found:
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def excerpt(text: str, query: Query, width: int) -> Excerpt:
    """Return about `width` characters of the text, where most of what was looked for is close together."""
    found = spans(text, query)
    start = _start(text, _densest(found, width), width)
    stop = min(len(text), start + width)
    inside = tuple((a - start, b - start) for a, b in found if start <= a and b <= stop)
    return Excerpt(_flat(text[start:stop]), inside, start > 0, stop < len(text))


def _densest(found: Sequence[Span], width: int) -> int:
    """Return where the `width` characters begin that hold the most of what was found."""
    best, most, last = 0, 0, 0
    for first, (start, _) in enumerate(found):
        while last < len(found) and found[last][1] <= start + width:
            last += 1
        if last - first > most:
            best, most = start, last - first
    return best


def _start(text: str, wanted: int, width: int) -> int:
    """Return where the excerpt begins: some way before `wanted`, at a word, and so that it is as long as it can be."""
    start = max(0, min(wanted - int(width * _LEAD), len(text) - width))
    if start == 0:
        return 0
    space = max(text.find(" ", start, min(start + _WORD, wanted)), text.find("\n", start, min(start + _WORD, wanted)))
    return start if space < 0 else space + 1


def _flat(text: str) -> str:
    """Return the text in one line, each character where it was."""
    return "".join(" " if char.isspace() else char for char in text)
