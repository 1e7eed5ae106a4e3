"""What the user looks for: words, "quoted phrases", beginnings of words*. Nothing they type is an error to SQLite."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from chatcli.errors import UsageError
from chatcli.recall.forms import BASE_OF
from chatcli.recall.question import is_stop_word
from chatcli.recall.stem import stem
from chatcli.search.terms import cut, is_run

_LONGEST = 4000
"""Characters of a query that are looked at."""

_MOST = 40
"""Clauses of a query that are looked for, the first."""

_MOST_FORMS = 32
_PART = re.compile(r'"([^"]*)"|“([^”]*)”|([^\s"“”]+)')

Vocabulary = Callable[[str], Iterable[str]]
"""Gives the terms of the index that begin with a text."""


@dataclass(frozen=True, slots=True)
class Clause:
    """Terms that must follow each other. `open`: more letters may follow the last; `word`: any form of it will do."""

    terms: tuple[str, ...]
    open: bool = False
    word: bool = False

    def matches(self, term: str, at: int) -> bool:
        """Say whether the term of a text can be the one at place `at` of the clause."""
        wanted = self.terms[at]
        if term == wanted or (self.open and at == len(self.terms) - 1 and term.startswith(wanted)):
            return True
        return self.word and stem(term) == stem(wanted)


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: messages with all of the clauses; `loose`: with any of them."""

    clauses: tuple[Clause, ...]
    loose: bool = False


def parse(text: str) -> Query:
    """Return what `text` asks for; raise UsageError when there is nothing to look for in it."""
    clauses = tuple(dict.fromkeys(_clauses(text[:_LONGEST])))[:_MOST]
    if not clauses:
        raise UsageError("there is no word in that to look for", 'write some: words, "a phrase", or begin*')
    return Query(clauses)


def _clauses(text: str) -> Iterator[Clause]:
    for part in _PART.finditer(text):
        quoted = part[1] or part[2]
        found = _clause(quoted or part[3] or "", quoted is not None)
        if found:
            yield found


def _clause(text: str, quoted: bool) -> Clause | None:
    found = list(cut(text))
    if not found:
        return None
    whole = (found[0].start, found[0].end)
    if not is_run(found[0].term) and all(whole[0] <= one.start and one.end <= whole[1] for one in found):
        found = found[:1]  # one word, in camel case or not
    terms = tuple(one.term for one in found)
    if is_run(terms[-1]):  # the last character of a run, which may have another one behind it in the text
        is_paired = len(found) > 1 and found[-2].end == found[-1].end
        return Clause(terms[:-1]) if is_paired else Clause(terms, open=True)
    is_open = not quoted and text.endswith("*")
    return Clause(terms, open=is_open, word=not quoted and not is_open and len(terms) == 1)


def loosened(query: Query) -> Query:
    """Return the query for messages that hold any of the words, without those that stand everywhere."""
    parts = [part for clause in query.clauses for part in _parts(clause)]
    telling = [part for part in parts if not is_stop_word(part.terms[0])]
    return Query(tuple(dict.fromkeys(telling or parts))[:_MOST], loose=True)


def _parts(clause: Clause) -> Iterator[Clause]:
    """Yield the clause's terms one by one; a single character that a pair has as well is left out."""
    pairs = [term for term in clause.terms if len(term) > 1 or not is_run(term)]
    for term in pairs or clause.terms:
        is_single = is_run(term) and len(term) == 1
        yield Clause((term,), open=clause.open or is_single, word=not is_run(term) and not clause.open)


def expression(query: Query, vocabulary: Vocabulary) -> str:
    """Return the query in FTS5's language."""
    return (" OR " if query.loose else " AND ").join(_expression(clause, vocabulary) for clause in query.clauses)


def _expression(clause: Clause, vocabulary: Vocabulary) -> str:
    if clause.word:
        return f"({' OR '.join(map(_quoted, forms(clause.terms[0], vocabulary)))})"
    return _quoted(" ".join(clause.terms)) + (" *" if clause.open else "")


def _quoted(terms: str) -> str:
    return f'"{terms}"'


def forms(word: str, vocabulary: Vocabulary) -> Sequence[str]:
    """Return the word and the other terms of the index that have its stem."""
    root = stem(word)
    regular = vocabulary(root[: max(1, min(4, len(root) - 1))]) if len(word) > 2 else ()
    found = [term for term in regular if stem(term) == root]
    found += [term for term in BASE_OF if stem(term) == root]
    return list(dict.fromkeys([word, *found]))[:_MOST_FORMS]
