"""Split what is too long to be quoted whole."""

import re
from collections.abc import Iterator

WHOLE = 800
"""Tokens up to which a message stays one unit: measured, a reply is found better whole than in passages."""

PASSAGE = 140
"""Tokens of a passage, about."""

MOST = 2000
"""Passages of one message; a longer one has longer passages."""

_SENTENCE = re.compile(r".+?(?:[.!?](?=\s)|[。！？；\n]|\Z)\s*", re.DOTALL)
_LONGEST = 2000  # characters of what is measured as one sentence


def length(text: str) -> int:
    """Return roughly how many tokens `text` is, at once: ranking compares lengths, nothing is budgeted by them."""
    ascii_only = len(text.encode("ascii", "ignore"))
    return ascii_only // 4 + len(text) - ascii_only


def passages(text: str, total: int) -> list[str]:
    """Return `text`, of `total` tokens, whole or cut at the ends of sentences into passages that together are it."""
    if total <= WHOLE:
        return [text]
    size = max(PASSAGE, total // MOST)
    found, current, cost = [], "", 0
    for sentence in _sentences(text, size):
        tokens = length(sentence)
        if current and cost + tokens > size:
            found.append(current)
            current, cost = "", 0
        current, cost = current + sentence, cost + tokens
    found.append(current)
    return [passage for passage in found if passage.strip()]


def _sentences(text: str, size: int) -> Iterator[str]:
    longest = max(_LONGEST, 2 * size)
    for sentence in _SENTENCE.finditer(text):
        for start in range(0, len(sentence[0]), longest):
            yield sentence[0][start : start + longest]
