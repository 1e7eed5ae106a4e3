"""Long pastes in the edit line: each stands there as one character, shown as `[pasted 10,000 lines]`.

One character is one unit for every key there is: it is passed, removed, cut, yanked and brought back whole. The
characters are of a private-use plane that no keyboard and hardly a text has; a text that has one is folded itself.
"""

import re
from collections.abc import Iterator

FOLD_LINES = 20
FOLD_CHARS = 2_000
"""A paste with more than these is folded."""

LONG_LINES = 200
LONG_CHARS = 20_000
"""What comes from the editor or the input history may be longer, to be read; but editing must stay quick."""

_FIRST, _LAST = 0x10F000, 0x10FFFD
_UNIT = re.compile(f"[{chr(_FIRST)}-{chr(_LAST)}]")
_LONGEST_START = 200  # characters of a first line that is shown


class Folds:
    """The texts that have been folded, by their characters."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._labels: dict[str, str] = {}

    def pasted(self, text: str) -> str:
        """Return what a pasted text puts into the line: itself when it is short, else the character for it."""
        short = len(text) <= FOLD_CHARS and text.count("\n") < FOLD_LINES and not _UNIT.search(text)
        return text if short else self._unit(text, f"[pasted {_size(text)}]")

    def folded(self, text: str) -> str:
        """Return a whole text as it can be edited quickly: what was pasted into it is folded again."""
        if _is_long(text, FOLD_LINES, FOLD_CHARS):
            for unit, whole in self._texts.items():
                text = text.replace(whole, unit)
        return self.recalled(text)

    def recalled(self, text: str) -> str:
        """Return a text of an earlier run as it can be edited quickly: a long one is folded behind its first line."""
        foreign = any(unit not in self._texts for unit in _UNIT.findall(text))
        if not foreign and not _is_long(text, LONG_LINES, LONG_CHARS):
            return text
        whole = self.whole(text)
        first, _, rest = whole.partition("\n")
        if not rest or len(first) > _LONGEST_START or foreign:
            return self._unit(whole, f"[{_size(whole)}]")
        return f"{first}\n{self._unit(rest, f'[{_size(rest)} more]')}"

    def whole(self, text: str) -> str:
        """Return the text with what was folded in it."""
        return _UNIT.sub(lambda unit: self._texts.get(unit[0], unit[0]), text)

    def pieces(self, text: str) -> Iterator[tuple[str, str]]:
        """Yield the text in pieces: what stands there, and the label of what is folded, or ''."""
        start = 0
        for unit in _UNIT.finditer(text):
            if unit[0] in self._labels:
                yield text[start : unit.start()], ""
                yield unit[0], self._labels[unit[0]]
                start = unit.end()
        yield text[start:], ""

    def _unit(self, text: str, label: str) -> str:
        code = _FIRST + len(self._texts)
        if code > _LAST:  # thousands of pastes: from here on they stand there in full
            return text
        self._texts[chr(code)], self._labels[chr(code)] = text, label
        return chr(code)


def _is_long(text: str, lines: int, chars: int) -> bool:
    return len(text) > chars or text.count("\n") >= lines


def _size(text: str) -> str:
    lines = text.count("\n") + 1
    return f"{lines:,} lines" if lines > 1 else f"{len(text):,} characters"
