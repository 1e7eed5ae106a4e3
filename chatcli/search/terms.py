"""Cut text into the terms that are searched for, and say where each of them stands.

A word is taken in lower case, without the marks on its letters; its other forms are found by their stem when one
searches. Of a script without spaces each pair of neighbours is a term, and the last character of a run alone, so that
one character is found as the beginning of a term.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from chatcli.recall.segment import HUMP, PIECE, of_number, plain


class Term(NamedTuple):
    """A term, and the characters of the text that it stands for."""

    term: str
    start: int
    end: int


def cut(text: str) -> Iterator[Term]:
    """Yield the terms of `text` in order. What stands in camel case yields its parts behind the whole."""
    for piece in PIECE.finditer(text):
        found, start, end = piece[0], piece.start(), piece.end()
        if not found.isascii():
            found = unicodedata.normalize("NFKC", found)
        match piece.lastgroup:
            case "run":
                yield from _of_run(found, start, end)
            case "number":
                yield from (Term(number, start, end) for number in of_number(found))
            case _:
                yield from _of_word(plain(found), start, end)


def joined(text: str) -> str:
    """Return the terms of `text` in order, divided by spaces: what `cut` yields, quicker."""
    if text.isascii():
        return " ".join(map(_known, _ASCII.findall(text)))
    found: list[str] = []
    for piece in PIECE.finditer(text):
        if piece.lastgroup == "run":
            run = unicodedata.normalize("NFKC", piece[0])
            found += [run[at : at + 2] for at in range(len(run))]
        else:
            found.append(_known(piece[0]))
    return " ".join(found)


_ASCII = re.compile(r"[A-Za-z]+|\d[\d,]*\d|\d")  # the pieces of a text that is ASCII


@lru_cache(maxsize=50_000)
def _known(piece: str) -> str:
    return " ".join(term for term, _, _ in cut(piece))


# One character may have become several ("¼" is "1⁄4"): no term stands beyond the end of what it was made of.


def _of_run(run: str, start: int, end: int) -> Iterator[Term]:
    for at in range(len(run)):
        yield Term(run[at : at + 2], min(start + at, end - 1), min(start + at + 2, end))


def _of_word(word: str, start: int, end: int) -> Iterator[Term]:
    yield Term(word.lower(), start, end)
    if not word.islower() and len(humps := HUMP.split(word)) > 1:
        for hump in humps:
            yield Term(hump.lower(), min(start, end - 1), min(start + len(hump), end))
            start += len(hump)


def is_run(term: str) -> bool:
    """Say whether the term is of a script without spaces."""
    match = PIECE.match(term)
    return match is not None and match.lastgroup == "run"
