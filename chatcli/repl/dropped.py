"""Files that are dropped on the terminal: it pastes their paths, quoted in the way of one shell or another."""

import shlex
from pathlib import Path

from chatcli.mentions import mention_of

_BEGINNINGS = ("/", "~/", "./", "../", "file://")
_LONGEST = 16_384


def mentions_of_dropped(text: str) -> list[str]:
    """Return what mentions the files that a pasted text consists of; none when it is anything else."""
    mentioned = [mention_of(path) for path in dropped_files(text)]
    return mentioned if all(mentioned) else []


def dropped_files(text: str) -> list[str]:
    """Return the paths of the files that a pasted text consists of; none when it is anything else."""
    text = text.strip()
    if len(text) > _LONGEST or not text.lstrip("'\"").startswith(_BEGINNINGS):
        return []
    for words in ([text], text.split("\n"), _shell_words(text)):
        paths = [_local(word) for word in words]
        if paths and all(map(_is_file, paths)):
            return paths
    return []


def _shell_words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # an open quote
        return []


def _local(word: str) -> str:
    """Return the path that a word stands for: the word itself, or that of a `file:` address."""
    word = word.strip()
    if not word.startswith("file://"):
        return word
    from urllib.parse import unquote, urlsplit

    return unquote(urlsplit(word).path)


def _is_file(path: str) -> bool:
    try:
        return path.startswith(_BEGINNINGS) and Path(path).expanduser().is_file()
    except (OSError, RuntimeError, ValueError):  # ~nobody, a NUL, too long
        return False
