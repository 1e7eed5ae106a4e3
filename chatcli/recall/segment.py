"""Cut text into the terms that are indexed and looked up.

Words of scripts with spaces are taken whole, in their stem; Chinese, Japanese, Korean and Thai are taken
as characters and pairs of them: most Chinese words have two. A term never holds a space or ASCII punctuation.
"""

import re
import time
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache

from chatcli.recall.stem import stem

_SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_SPACELESS += "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
PIECE = re.compile(rf"(?P<run>[{_SPACELESS}]+)|(?P<number>\d[\d,]*\d|\d)|(?P<word>[^\W\d_{_SPACELESS}]+)")
HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_MARKS = re.compile(r"[\u0300-\u036f]")
_OWNER = re.compile(r"['’]s\b")
_LONGEST = 64  # characters of a word that tell it from others
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+$")

_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "俩": 2}
_UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10_000}
_NUMERAL = re.compile("[零〇一二三四五六七八九十百千万两]{2,}")
_MONTHS = "january february march april may june july august september october november december".split()  # noqa: SIM905


def terms(text: str) -> list[str]:
    """Return the terms of `text` in order, as often as they occur."""
    return [term for _, found in pieces(text) for term in found]


def pieces(text: str) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield each word or run of `text` as it stands there, and its terms."""
    text = unicodedata.normalize("NFKC", _OWNER.sub(" ", text))
    for piece in PIECE.finditer(text):
        match piece.lastgroup:
            case "run":
                yield piece[0], _of_run(piece[0])
            case "number":
                yield piece[0], of_number(piece[0])
            case _:
                yield piece[0], _of_word(piece[0])


def _of_run(run: str) -> list[str]:
    pairs = [run[at : at + 2] for at in range(len(run) - 1)]
    return [*run, *pairs, *(str(number(found[0])) for found in _NUMERAL.finditer(run))]


def of_number(digits: str) -> list[str]:
    """Return the terms of figures that commas may divide: 1,000 is one number, 1,2 are two."""
    digits = digits[:_LONGEST]
    if _THOUSANDS.match(digits):
        return [digits.replace(",", "")]
    return [part.lstrip("0") or "0" for part in digits.split(",") if part]


@lru_cache(maxsize=20_000)
def _of_word(word: str) -> tuple[str, ...]:
    word = plain(word)
    humps = HUMP.split(word) if not word.islower() else []
    whole = stem(word.lower())
    return (whole, *(stem(hump.lower()) for hump in humps)) if len(humps) > 1 else (whole,)


def plain(word: str) -> str:
    """Return a word without the marks on its letters, and no longer than tells it from others."""
    word = word[:_LONGEST]
    return word if word.isascii() else _MARKS.sub("", unicodedata.normalize("NFKD", word))


def number(numeral: str) -> int:
    """Return the value of a Chinese numeral: 四十六万 is 460000; figure by figure when it has no units."""
    if not any(character in _UNITS for character in numeral):
        return int("".join(str(_DIGITS[character]) for character in numeral)[:18])
    total, section, digit = 0, 0, 0
    for character in numeral:
        if character in _DIGITS:
            digit = _DIGITS[character]
        elif character == "万":
            total, section, digit = min(total + (section + digit or 1) * 10_000, 10**15), 0, 0
        else:
            section, digit = section + (digit or 1) * _UNITS[character], 0
    return total + section + digit


def date_terms(when: float | None) -> list[str]:
    """Return the terms of a message's date, in local time."""
    if when is None:
        return []
    try:
        day = time.localtime(when)
    except (OverflowError, ValueError, OSError):
        return []
    return [stem(_MONTHS[day.tm_mon - 1]), str(day.tm_mday), str(day.tm_year)]
