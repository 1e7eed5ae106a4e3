"""Where a reply goes on from what was there before: nothing said twice, a space where there should be one.

A model that is asked to go on cannot be relied on for either. It is asked to begin with the last words that are there:
what it repeats exactly shows where it takes up the text. One that does not repeat them is joined by rule.
"""

import re

LEAST = 12
"""Characters that must be the same before they count as said again; fewer only where no more were there."""

_MOST = 2000  # characters back to look for what is said again
_SHOWN = 60  # characters of the end that the model is to begin with
_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_CODE, _LINES = 3, 20  # lines of an open block that are shown again
_FIRST_WITHOUT_SPACES = "\u2e80"  # from here on, scripts that put none between words


def last_words(text: str) -> str:
    """Return the end of `text` that the model is to begin with: a few words."""
    end = text.rstrip()[-_SHOWN:]
    first, space, rest = end.partition(" ")
    return rest if space and len(first) < _SHOWN // 2 < len(end) else end


class Seam:
    """Takes what comes after the text `before`, piece by piece, and gives what is to be added to `base`."""

    def __init__(self, before: str) -> None:
        self.base = before.rstrip()
        self._between = before[len(self.base) :]
        self._tail = self.base[-_MOST:]
        self._held: str | None = "" if self.base else None

    def feed(self, text: str) -> str:
        """Return what can be added now: nothing while it may still be what is there already."""
        if self._held is None:
            return text
        self._held += text
        said = self._held.lstrip()
        return "" if said in self._tail and len(said) < _MOST else self.rest()

    def rest(self) -> str:
        """Return what is still held back, now that no more comes to tell by."""
        held, self._held = self._held, None
        if not held or held.isspace():
            return ""
        said = held.lstrip()
        again = _overlap(self._tail, said)
        return said[again:] if again else _space(self.base, self._between, held) + _trimmed(self._between, held)


def _overlap(tail: str, said: str) -> int:
    """Return how many characters of `said` stand at the end of `tail` already."""
    least = min(LEAST, len(tail))
    return next((size for size in range(min(len(said), len(tail)), least - 1, -1) if tail.endswith(said[:size])), 0)


def _trimmed(between: str, said: str) -> str:
    """Return `said` without the spaces that stand there already; those that indent a new line stay."""
    if between.endswith("\n"):
        return said.lstrip("\n")
    return said.lstrip(" ") if between else said


def _space(base: str, between: str, said: str) -> str:
    """Return what belongs between the two; where a word may have been cut in the middle: nothing."""
    last, first = base[-1], said[0]
    if between or first >= _FIRST_WITHOUT_SPACES or not first.isalpha() or _in_code(base):
        return between
    new_sentence = last in ".!?" and first.isupper()
    return " " if new_sentence or last in ",;:)" or (last.islower() and first.isupper()) else ""


def _in_code(text: str) -> bool:
    """Say whether `text` ends in the middle of a fenced block, or of code in a line."""
    return bool(_open_fence(text)) or text.rpartition("\n")[2].count("`") % 2 == 1


def _open_fence(text: str) -> str:
    """Return the line that opens the fenced block at the end of `text`; '' when none is open."""
    opened, mark = "", ""
    for line in text.split("\n"):
        found = _FENCE.match(line)
        if found and not opened:
            opened, mark = line, found[1]
        elif found and found[1].startswith(mark) and not line.strip().strip(mark[0]):
            opened = ""
    return opened


def open_block(text: str) -> str:
    """Return the block that `text` ends in the middle of, as markdown: its last paragraph, or its code's last lines."""
    text = text.rstrip()
    if fence := _open_fence(text):
        return "\n".join([fence, *text.split(f"{fence}\n")[-1].split("\n")[-_CODE:]])
    return "\n".join(text.rpartition("\n\n")[2].split("\n")[-_LINES:])
