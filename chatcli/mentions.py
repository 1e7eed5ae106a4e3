"""`@path` in what the user writes: a file that is named in the middle of a message.

A mention is an `@` at the start of a word and a path behind it: `@notes.md`, `@~/x.png`, `@"two words.txt"`. It counts
only where the file exists: `@home` and `me@example.org` are text like any other.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LONGEST = 1024  # characters of a path; systems allow more, people do not write more
_WIDE = "\u2e80-\u9fff\uac00-\ud7af\uff00-\uffef"  # Chinese, Japanese and Korean put no space before a word
BEFORE = rf"""\s(\[{{'"{_WIDE}"""
"""What may stand before a mention, as the inside of a regular expression's class."""
_MENTION = re.compile(rf"""(?<![^{BEFORE}])@(?:"(?P<quoted>[^"\n]+)"|(?P<word>[^\s"]{{1,{_LONGEST}}}))""")
_IN_ASCII = re.compile(r"[!-~]*")
_PATH = re.compile(r"(?=.*\w)[^@\n()<>]*(?:/|\.[A-Za-z0-9]{1,4}\Z)[^@\n()<>]*")
_AFTER_A_WORD = ".,;:!?)]}'…，。；：！？）】」』"


@dataclass(frozen=True, slots=True)
class Mention:
    """A file named in a text: where the text names it, `@` and quotes included, and its path with `~` expanded."""

    start: int
    stop: int
    path: Path


def mentions(text: str) -> Iterator[Mention]:
    """Yield the files that `text` names, in its order; of a folder, too."""
    at = 0
    while match := _MENTION.search(text, at):
        if match["quoted"]:
            found, cut = _existing(match["quoted"]), 0
        else:
            found, cut = _in_word(match["word"])
        at = match.start() + 1
        if found is not None:
            at = match.end() - cut
            yield Mention(match.start(), at, found)


def unknown_files(text: str) -> list[str]:
    """Return what stands behind an `@` in `text` and looks like a file's path, but is none, each once.

    It has a slash or a file's ending: `@notes.txt`, `@src/main`. Other words (`@home`, `@a@example.org`) are none.
    """
    known = {mention.start for mention in mentions(text)}
    words = [
        match["quoted"] or match["word"].rstrip(_AFTER_A_WORD)
        for match in _MENTION.finditer(text)
        if match.start() not in known
    ]
    return list(dict.fromkeys(word for word in words if _PATH.fullmatch(word)))


def mention_of(path: str) -> str:
    """Return what names the file in a message; '' for a name that no mention can hold: a quote or a newline in it."""
    if '"' in path or "\n" in path:
        return ""
    plain = not re.search(r"\s", path) and path[-1:] not in _AFTER_A_WORD
    return f"@{path}" if plain else f'@"{path}"'


def _in_word(word: str) -> tuple[Path | None, int]:
    """Return the file a word names, and how many characters at its end belong to the sentence."""
    ascii_ = _IN_ASCII.match(word)
    bare = [text.rstrip(_AFTER_A_WORD) for text in (word, ascii_[0] if ascii_ else "")]
    for name in dict.fromkeys((word, *bare)):
        if found := _existing(name):
            return found, len(word) - len(name)
    return None, 0


def _existing(name: str) -> Path | None:
    if not name.strip("./") or len(name) > _LONGEST:
        return None
    try:
        path = Path(name).expanduser()
        return path if path.exists() else None
    except (OSError, RuntimeError, ValueError):  # ~nobody, a NUL, a name that is too long
        return None
