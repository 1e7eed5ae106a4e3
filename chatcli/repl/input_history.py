"""What was typed at the prompt before, for the up key and ^R: one file per user, mode 0600.

The file is prompt_toolkit's own format. Lines that hold a key or a token, and lines that start with a space,
are kept neither in the file nor for the up key.
"""

import contextlib
import datetime
import os
import re
from collections.abc import Iterable
from pathlib import Path

from prompt_toolkit.history import History

from chatcli.private import private_folder
from chatcli.repl.folds import Folds

_NEWEST = 512 * 1024  # bytes read at start: thousands of lines, however large the file has grown

_CONFIDENTIAL = (
    r"(?i)\b(sk|rk|pk)-[\w-]{12,}"  # OpenAI and those who follow it
    r"|\b(gh[pousr]|github_pat|glpat|hf|gsk|xox[abp])[_-]\w{12,}"
    r"|\bAIza[\w-]{30,}"
    r"|\bBearer\s+\S{12,}"
    r"|\b\w*(api|secret|access)[_-]?key\b\s*[=:\s]\s*\S"
    r"|\bpass(word|wd)\s*[=:]\s*\S"
    r"|://[^/\s:@]*:[^/\s@]+@"  # a password in an address
)
_SEARCHED_AT_ONCE = 4_000
_MARKS = ("sk-", "rk-", "pk-", "gh", "glpat", "hf", "gsk", "xox", "aiza", "bearer", "key", "passw", "://")


def worth_keeping(text: str) -> bool:
    """Return whether `text` may be kept: it holds no secret and does not start with a space."""
    return bool(text.strip()) and not text.startswith(" ") and not _holds_secret(text)


def _holds_secret(text: str) -> bool:
    """Look for secrets; in a long text only where a word stands that goes with them, or it would take a second."""
    if len(text) <= _SEARCHED_AT_ONCE:
        return re.search(_CONFIDENTIAL, text) is not None
    lines = text.split("\n")
    told = [number for number, line in enumerate(text.casefold().split("\n")) if any(mark in line for mark in _MARKS)]
    return any(re.search(_CONFIDENTIAL, "\n".join(lines[number : number + 2])) for number in told)


class InputHistory(History):
    """The lines typed before, newest first; in memory alone when `path` is None.

    The file has every text whole; the up key brings a long one back folded, as it stood in the line. A file that
    cannot be read or written costs only the memory of it: the prompt works on.
    """

    def __init__(self, path: Path | None, folds: Folds | None = None) -> None:
        super().__init__()
        self._path = path
        self._folds = folds or Folds()

    def append_string(self, string: str) -> None:
        """Add a line, unless it is not worth keeping."""
        if worth_keeping(self._folds.whole(string)):
            super().append_string(string)

    def load_history_strings(self) -> Iterable[str]:
        """Return the lines of the file, newest first."""
        if self._path is None:
            return []
        try:
            data = _end_of(self._path)
        except OSError:
            return []
        return (self._folds.recalled(entry) for entry in reversed(_entries(data.decode("utf-8", "replace"))))

    def store_string(self, string: str) -> None:
        """Write a line to the file."""
        if self._path is None:
            return
        lines = "".join(f"+{line}\n" for line in self._folds.whole(string).split("\n"))
        entry = f"\n# {datetime.datetime.now()}\n{lines}"
        with contextlib.suppress(OSError):
            _append(self._path, entry.encode("utf-8", "replace"))


def _end_of(path: Path) -> bytes:
    """Return the newest entries of the file, whole ones: as much as it takes to have one at least."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        taken = _NEWEST
        while True:
            file.seek(max(0, size - taken))
            data = file.read()
            if taken >= size:
                return data
            _, start, entries = data.partition(b"\n\n# ")
            if start:
                return start + entries
            taken *= 4


def _entries(text: str) -> list[str]:
    entries: list[list[str]] = []
    going_on = False
    for line in text.split("\n"):
        if line.startswith("+") and going_on:
            entries[-1].append(line[1:])
        elif line.startswith("+"):
            entries.append([line[1:]])
        going_on = line.startswith("+")
    return ["\n".join(lines) for lines in entries]


def _append(path: Path, data: bytes) -> None:
    private_folder(path.parent)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.fchmod(file, 0o600)  # also one that was made before with other rights
        os.write(file, data)
    finally:
        os.close(file)
