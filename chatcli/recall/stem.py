"""Bring the forms of an English word together: M. F. Porter, "An algorithm for suffix stripping", 1980.

Irregular forms and number words are brought to their base first: went, gone → go; twenty → 20.
"""

import re
from functools import lru_cache

from chatcli.recall.forms import BASE_OF

_C, _V = "[^aeiou]", "[aeiouy]"
_CONSONANTS, _VOWELS = f"{_C}[^aeiouy]*", f"{_V}[aeiou]*"
_ONE_OR_MORE = re.compile(f"^({_CONSONANTS})?{_VOWELS}{_CONSONANTS}")
_EXACTLY_ONE = re.compile(f"^({_CONSONANTS})?{_VOWELS}{_CONSONANTS}({_VOWELS})?$")
_TWO_OR_MORE = re.compile(f"^({_CONSONANTS})?{_VOWELS}{_CONSONANTS}{_VOWELS}{_CONSONANTS}")
_HAS_VOWEL = re.compile(f"^({_CONSONANTS})?{_V}")
_SHORT_END = re.compile(f"^{_CONSONANTS}{_V}[^aeiouwxy]$")
_DOUBLE_END = re.compile(r"([^aeioulsz])\1$")

_STEP_2 = {
    "ational": "ate", "tional": "tion", "enci": "ence", "anci": "ance", "izer": "ize", "bli": "ble", "alli": "al",
    "entli": "ent", "eli": "e", "ousli": "ous", "ization": "ize", "ation": "ate", "ator": "ate", "alism": "al",
    "iveness": "ive", "fulness": "ful", "ousness": "ous", "aliti": "al", "iviti": "ive", "biliti": "ble", "logi": "log",
}  # fmt: skip
_STEP_3 = {"icate": "ic", "ative": "", "alize": "al", "iciti": "ic", "ical": "ic", "ful": "", "ness": ""}
_STEP_4 = re.compile("^(.+?)(al|ance|ence|er|ic|able|ible|ant|ement|ment|ent|(?<=[st])ion|ou|ism|ate|iti|ous|ive|ize)$")
_ENDS_2 = re.compile(f"^(.+?)({'|'.join(sorted(_STEP_2, key=len, reverse=True))})$")
_ENDS_3 = re.compile(f"^(.+?)({'|'.join(sorted(_STEP_3, key=len, reverse=True))})$")


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Return what the forms of `word`, which is in lower case, have in common."""
    word = BASE_OF.get(word, word)
    if len(word) < 3 or not (word.isascii() and word.isalpha()):
        return word
    first, word = word[0], word[1:] if word[0] == "y" else word
    word = ("Y" if first == "y" else "") + word  # a y in front is a consonant
    word = _past(_plural(word))
    if word.endswith("y") and _HAS_VOWEL.match(word[:-1]):
        word = word[:-1] + "i"
    word = _replaced(_ENDS_2, _STEP_2, word)
    word = _replaced(_ENDS_3, _STEP_3, word)
    if (found := _STEP_4.match(word)) and _TWO_OR_MORE.match(found[1]):
        word = found[1]
    return _without_final_e(word).lower()


def _plural(word: str) -> str:
    if word.endswith(("sses", "ies")):
        return word[:-2]
    if word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word


def _past(word: str) -> str:
    if word.endswith("eed"):
        return word[:-1] if _ONE_OR_MORE.match(word[:-3]) else word
    for end in ("ed", "ing"):
        if word.endswith(end) and _HAS_VOWEL.match(stump := word[: -len(end)]):
            if stump.endswith(("at", "bl", "iz")) or _SHORT_END.match(stump):
                return stump + "e"
            return stump[:-1] if _DOUBLE_END.search(stump) else stump
    return word


def _replaced(ends: re.Pattern[str], by: dict[str, str], word: str) -> str:
    found = ends.match(word)
    return found[1] + by[found[2]] if found and _ONE_OR_MORE.match(found[1]) else word


def _without_final_e(word: str) -> str:
    if word.endswith("e"):
        stump = word[:-1]
        one = _EXACTLY_ONE.match(stump) and not _SHORT_END.match(stump)
        if _TWO_OR_MORE.match(stump) or one:
            word = stump
    return word[:-1] if word.endswith("ll") and _TWO_OR_MORE.match(word) else word
