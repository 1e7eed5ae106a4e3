"""Names: which spellings are one entity, which are none, and whether a text names it."""

import re
import unicodedata

USER = "user"
"""The key of the user themself."""

LONGEST_NAME = 80
"""Characters of a name at most; what is longer is a sentence."""

_UNSPACED = (  # scripts that put no spaces between words, and Korean, whose particles cling to them
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fff\u3040-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_SPACED = rf"[^\W{_UNSPACED}]"
_APOSTROPHES = dict.fromkeys(map(ord, "\u2018\u2019\u02bc\u00b4`"), "'")
_BETWEEN_WIDE = re.compile(rf"(?<=[{_UNSPACED}]) (?=[{_UNSPACED}])")
_QUOTES = "\"'“”„«»「」『』《》〈〉*_ "
_ENDS = ".,;:!?…。，；：！？、" + _QUOTES
_BEFORE = re.compile(
    r"(the user's|user's|the|an?|my|our|this|that) (?=.)"
    r"|(我们?的|用户的)(?=.)|我们?(?=[爸妈爷奶哥姐弟妹叔伯姨舅姑婆公儿女老孩].)"
)


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split("|"))


_SELF = _set(
    "i|i'm|me|my|mine|myself|we|our|ours|ourselves|user|human|speaker|author of the message"
    "|我|我的|我们|我们的|咱|咱们|俺|本人|我本人|我自己|用户|用户本人|使用者|私|僕|俺|ユーザー|나|저|사용자"
    "|ich|mich|mir|benutzer|nutzer|je|moi|utilisateur|yo|usuario"
)
_FIRST_PERSON = re.compile(
    rf"(?<!{_SPACED})(i|me|my|mine|myself|we|our|ours|ich|mich|mir|mein\w{{0,2}}|je|j'|moi|mon|mes|yo|mi|mis)"
    rf"(?!{_SPACED})|[我咱俺私僕나저]|本人"
)
_NOBODY = _set(
    "none|n/a|n.a|na|nil|null|nan|unknown|unnamed|unspecified|not applicable|nothing|nobody|no one|no entity|entity"
    "|name|the|a|an|it|its|itself|he|him|his|himself|she|her|hers|herself|they|them|their|theirs|themselves|one|someone"
    "|somebody|something|everyone|everybody|anyone|this|that|these|those|here|there|who|what|which|you|your|yours"
    "|yourself|assistant|ai|ai assistant|chatbot|bot|model|无|没有|無|未知|不详|空|实体|名称|他|她|它|牠|他们|她们|它们"
    "|他的|她的|它的|这|那|这个|那个|这些|那些|这里|那里|谁|什么|某人|大家|别人|人家|你|您|你们|你的|您的|助手|ai助手|机器人"
    "|彼|彼女|それ|これ|あれ|er|sie|es|il|elle|ils|elles|lui|él|ella|ellos|ellas"
)
_YOU = _set("you|yourself|你|您")


def fold(text: str) -> str:
    """Return the text in the form in which texts are compared: width, case, quotes and spaces do not count."""
    if text.isascii():
        return " ".join(text.casefold().replace("`", "'").split())
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).translate(_APOSTROPHES)
    text = "".join(char for char in text if unicodedata.category(char) not in ("Cf", "Cs"))
    return _BETWEEN_WIDE.sub("", " ".join(text.split()))


def tidy(text: str) -> str:
    """Return the text in one line, without control characters."""
    return "".join(char for char in " ".join(text.split()) if unicodedata.category(char) not in ("Cc", "Cs"))


def key_of(name: str) -> str:
    """Return what all spellings of a name have in common: USER for the user themself, "" for what is no name."""
    key = _core(fold(name))
    if key in _SELF:
        return USER
    if key in _NOBODY or len(key) > LONGEST_NAME or not any(map(str.isalnum, key)):
        return ""
    return key


def meant(name: str) -> str:
    """Return the key of a name that the user wrote to us, who call the user `you`."""
    return USER if _core(fold(name)) in _YOU else key_of(name)


def _core(name: str) -> str:
    """Return a folded name without quotes, articles, possessives and what ends a sentence."""
    before = None
    while name != before:
        before = name
        name = name.lstrip(_QUOTES).rstrip(_ENDS).removesuffix("'s")
        if match := _BEFORE.match(name):
            name = name[match.end() :]
    return name


class Said:
    """A text in which names are looked for."""

    def __init__(self, text: str) -> None:
        self._plain = unicodedata.normalize("NFKC", text)
        self._folded = fold(text)

    def names(self, key: str, name: str = "") -> bool:
        """Say whether the text names the entity, in whole words; in scripts without spaces, anywhere.

        Given the `name` that it is known by, its first or last word will do: `Ada` for `Ada Lovelace`. The user is
        named by any first person.
        """
        if key == USER:
            return _FIRST_PERSON.search(self._folded) is not None
        return _stands_in(key, self._folded) or any(_stands_in(word, self._plain) for word in _short_forms(name))


def _stands_in(word: str, text: str) -> bool:
    if word not in text:
        return False
    start, stop = (f"(?<!{_SPACED})", f"(?!{_SPACED})")
    edges = (start if _is_spaced(word[0]) else "", stop if _is_spaced(word[-1]) else "")
    return re.search(edges[0] + re.escape(word) + edges[1], text) is not None


def _is_spaced(char: str) -> bool:
    return re.match(_SPACED, char) is not None


def _short_forms(name: str) -> list[str]:
    """Return the first and the last word of a name of several, if it is one by its capitals."""
    words = unicodedata.normalize("NFKC", name).split()
    if not 2 <= len(words) <= 4 or not all(word[0].isupper() for word in words):
        return []
    return [word for word in (words[0], words[-1]) if len(word) > 2 and word != "The"]


# What a text says, as a set of words


_WORD = re.compile(rf"(?P<wide>[{_UNSPACED}]+)|{_SPACED}+")
_ENDING = re.compile(r"(?<=\w{3})(ing|ed|es|e|s)$")
_EMPTY_WORDS = _set(
    "the|and|for|are|was|were|has|have|had|his|her|its|their|they|she|him|you|your|user|that|this|with|from|who|not|but"
    "|been|will|would|does|did|用户"
)


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text that say something, without endings; of unspaced scripts, pairs of characters."""
    found: set[str] = set()
    for word in _WORD.finditer(fold(text)):
        run = word[0]
        if word["wide"]:
            found.update(run[start : start + 2] for start in range(max(1, len(run) - 1)))
        elif len(run) > 2 or any(map(str.isdigit, run)):
            found.add(run)
    return frozenset(_ENDING.sub("", word) for word in found - _EMPTY_WORDS)
