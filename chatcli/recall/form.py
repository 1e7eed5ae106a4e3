"""What a message looks like, apart from its words: whether it asks, answers, has dates, numbers or names in it."""

import re

ASKS = 1
"""It ends with a question mark."""
ANSWERS = 2
"""The message before it, of the same sitting, asks."""
DATED = 4
"""It says when."""
COUNTED = 8
"""It says how many."""
NAMES = 16
"""A word in the middle of a sentence has a capital letter."""
MORE_NAMES = 32
"""More than one has."""
QUOTES = 64
"""It quotes or gives a title."""

_MARKED = re.compile(r"[?？]\W*\Z")
_CAPTION = re.compile(r"\s*\[image: [^\]]*\]\s*\Z")
_WORD = re.compile(r"\w+")
_DATES = frozenset(
    "yesterday today tonight tomorrow last next ago week weekend month year morning since recently soon monday tuesday"  # noqa: SIM905
    " wednesday thursday friday saturday sunday january february march april may june july august september october"
    " november december".split()
)
_DATED = re.compile("[年月日号周]|昨|今天|明天")
_NUMBERS = frozenset("one two three four five six seven eight nine ten twice several couple dozen".split())  # noqa: SIM905
_COUNTED = re.compile(r"[\d一二三四五六七八九十两百千万]")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+")
_QUOTED = re.compile(r'["“][^"”]{2,60}["”]|《')
_LOOKED_AT = 2000  # characters; what is longer has everything


def form(text: str) -> int:
    """Return what a text looks like, without whether it answers."""
    text = _CAPTION.sub("", text[-_LOOKED_AT:])
    words = frozenset(_WORD.findall(text.lower()))  # of a pattern with all of them each place would be tried
    names = len(_NAME.findall(text))
    return (
        ASKS * bool(_MARKED.search(text[-20:]))
        + DATED * (not words.isdisjoint(_DATES) or any(map(_is_year, words)) or bool(_DATED.search(text)))
        + COUNTED * (not words.isdisjoint(_NUMBERS) or bool(_COUNTED.search(text)))
        + NAMES * (names > 0)
        + MORE_NAMES * (names > 1)
        + QUOTES * bool(_QUOTED.search(text))
    )


def _is_year(word: str) -> bool:
    return len(word) == 4 and word.isdecimal()
