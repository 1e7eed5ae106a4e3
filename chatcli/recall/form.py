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
_DATED = re.compile(
    r"\b(yesterday|today|tonight|tomorrow|last|next|ago|week|weekend|month|year|morning|since|recently|soon|\d{4}"
    r"|(mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|may|june|july|august|september|october"
    r"|november|december)\b|[年月日号周]|昨|今天|明天",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    r"\d|\b(one|two|three|four|five|six|seven|eight|nine|ten|twice|several|couple|dozen)\b|[一二三四五六七八九十两百千万]",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+")
_QUOTED = re.compile(r'["“][^"”]{2,60}["”]|《')
_LOOKED_AT = 2000  # characters; what is longer has everything


def form(text: str) -> int:
    """Return what a text looks like, without whether it answers."""
    text = _CAPTION.sub("", text[-_LOOKED_AT:])
    names = len(_NAME.findall(text))
    return (
        ASKS * bool(_MARKED.search(text[-20:]))
        + DATED * bool(_DATED.search(text))
        + COUNTED * bool(_COUNTED.search(text))
        + NAMES * (names > 0)
        + MORE_NAMES * (names > 1)
        + QUOTES * bool(_QUOTED.search(text))
    )
