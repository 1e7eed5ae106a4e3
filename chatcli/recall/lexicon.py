"""Words that stand for each other: everyday synonyms, and the members of everyday classes."""

from collections import defaultdict
from functools import cache
from importlib import resources

from chatcli.recall.segment import terms

SYNONYM = 0.4
MEMBER = 0.35

Related = dict[str, float]


def related(word: str) -> Related:
    """Return the words related to `word`, and how much of a match each is worth.

    A word is its terms, joined by a space: one stem in English, the pairs of characters in Chinese.
    """
    return _lexicon().get(word, {})


def is_known(word: str) -> bool:
    """Say whether the lexicon has the word, in the form that `key` gives it."""
    return word in _lexicon()


def key(word: str) -> str:
    """Return what stands for a word in the lexicon: its longest terms."""
    found = terms(word)
    most = max(map(len, found), default=0) if word and not word.isascii() else 0
    return " ".join(term for term in found if len(term) >= most)


@cache
def _lexicon() -> dict[str, Related]:
    found: defaultdict[str, Related] = defaultdict(dict)
    for name in ("lexicon_en.txt", "lexicon_zh.txt"):
        for line in resources.files(__package__).joinpath(name).read_text("utf-8").splitlines():
            if line and not line.startswith("#"):
                _take_in(found, line)
    return dict(found)


def _take_in(found: defaultdict[str, Related], line: str) -> None:
    head, colon, rest = line.partition(":")
    heads, members = [key(word) for word in head.split()], [key(word) for word in rest.split()]
    if not colon:
        members = heads
    for one in heads:
        for other in members:
            if one != other:
                _set(found[one], other, MEMBER if colon else SYNONYM)
                if not colon:
                    _set(found[other], one, SYNONYM)


def _set(words: Related, word: str, worth: float) -> None:
    words[word] = max(worth, words.get(word, 0.0))
