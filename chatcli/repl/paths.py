"""What Tab offers for the path of a file, in a message (`@notes.md`) and behind a slash command."""

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from chatcli.mentions import BEFORE, mention_of
from chatcli.render.safe import neutralise, one_line
from chatcli.repl.suggestions import Suggestion

_MENTION = re.compile(rf"""(?<![^{BEFORE}])@(?:"(?P<quoted>[^"\n]*)|(?P<word>[^\s"]*))\Z""")
_LAST_WORD = re.compile(r"""(?:^|(?<=\s))(?:"(?P<quoted>[^"\n]*)|(?P<word>(?:\\.|[^\s"\\])*))\Z""")
_LOOKED_AT = 20_000  # entries of a folder
_MOST = 100


def mention_suggestions(before: str) -> Iterator[Suggestion]:
    """Yield the files that the `@…` at the end of `before` may become; none where there is no such word."""
    match = _MENTION.search(before)
    if match is None:
        return
    typed = match["quoted"] if match["quoted"] is not None else match["word"]
    for path in _entries(typed):
        named = mention_of(path)
        if named and named != match[0]:
            yield Suggestion(_left(named, path), _shown(path), replaces=len(match[0]))


def path_suggestions(argument: str) -> Iterator[Suggestion]:
    """Yield the files that the last word of a command's argument may become, in quotes where a name has spaces."""
    match = _LAST_WORD.search(argument)
    if match is None:
        return
    typed = match["quoted"] if match["quoted"] is not None else match["word"].replace("\\", "")
    for path in _entries(typed):
        quoted = path if re.fullmatch(r"[^\s'\"\\]+", path) else f'"{path}"'
        if '"' not in path and quoted != match[0]:
            yield Suggestion(_left(quoted, path), _shown(path), replaces=len(match[0]))


def _left(written: str, path: str) -> str:
    """Return what is written for a path, so that typing goes on: in the folder, or behind the file."""
    return written.removesuffix('"') if path.endswith("/") else f"{written} "


def begins_mention(before: str) -> bool:
    """Return whether `before` ends in the middle of an `@path`."""
    return "@" in before and _MENTION.search(before) is not None


def _entries(typed: str) -> Iterator[str]:
    """Yield the paths that begin with what was typed, folders with a slash behind; the hidden ones on request."""
    if typed == "~":
        yield "~/"
        return
    folder, slash, begun = typed.rpartition("/")
    try:
        with os.scandir(Path(f"{folder}{slash}" or ".").expanduser()) as entries:
            fitting = [entry for entry in islice(entries, _LOOKED_AT) if _fits(entry.name, begun)]
            found = [f"{folder}{slash}{entry.name}{'/' if entry.is_dir() else ''}" for entry in fitting]
    except (OSError, RuntimeError, ValueError):  # no such folder, ~nobody, a NUL
        return
    yield from sorted(found, key=str.casefold)[:_MOST]


def _fits(name: str, begun: str) -> bool:
    hidden = name.startswith(".") and not begun.startswith(".")
    return not hidden and name.casefold().startswith(begun.casefold()) and neutralise(name) == name and "\n" not in name


def _shown(path: str) -> str:
    name = path.removesuffix("/").rpartition("/")[2]
    return one_line(name, 60) + ("/" if path.endswith("/") else "")
