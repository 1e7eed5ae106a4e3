"""Reads JSON piece by piece, so that a file larger than the memory can be read.

reader = JsonReader(file)
for _ in reader.items():            # an array, item by item
    for key in reader.members():    # in it an object, member by member
        value = reader.value()      # in that a value as a whole
"""

import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any, TextIO

PIECE = 2**20
"""Characters that are read at once."""

LONGEST = 2**27
"""Characters of one value at most: what is longer is no message and no conversation."""

MOST_PARTS = 1_000_000
"""Items and members of one value at most, however deep: each takes up to a hundred bytes, and three characters."""

_STEP = 2**21  # characters that a value grows by at most
_SPACE = " \t\n\r"
_AFTER = ",]}" + _SPACE  # what can stand after a value
_MARKS = "[{,"  # one at least for each part of a value
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NEAR_THE_END = 16  # characters; what is wrong there may only be cut: tru, -, \ud83d\u


class BadJson(Exception):
    """The text is no JSON; `reason` says what is wrong, and where, to the user."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class JsonReader:
    """A place in a text of JSON values. Each verb takes exactly what it names; all raise BadJson."""

    def __init__(self, file: TextIO, longest: int = LONGEST, most_parts: int = MOST_PARTS) -> None:
        self._file = file
        self._longest = longest
        self._most_parts = most_parts
        self._decode = json.JSONDecoder().raw_decode
        self._text = ""
        self._at = 0
        self._before = 0  # characters that were let go of
        self._ended = False

    def peek(self) -> str:
        """Return the next character that is no white space, '' at the end; it stays there."""
        while True:
            while self._at < len(self._text):
                char = self._text[self._at]
                if char not in _SPACE:
                    return char
                self._at += 1
            if not self._read(PIECE):
                return ""

    def ahead(self, count: int) -> str:
        """Return up to `count` characters of what comes next; they stay there."""
        self.peek()
        return self._text[self._at : self._at + count]

    def items(self) -> Iterator[None]:
        """Yield at the beginning of each item of an array; the item is to be taken before the next."""
        yield from self._between("[", "]")

    def members(self) -> Iterator[str]:
        """Yield each key of an object; its value is to be taken before the next."""
        for _ in self._between("{", "}"):
            key = self.value() if self.peek() == '"' else None
            if not isinstance(key, str):
                raise self._wrong()
            self._expect(":")
            yield key

    def value(self) -> Any:
        """Return the next value."""
        self.peek()
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if not self._may_go_on(error):
                    raise self._wrong(error.pos) from None
            except (RecursionError, ValueError) as error:  # thousands of brackets, thousands of digits
                raise BadJson(f"holds a value that is nested too deep or too long, at {self._place()}") from error
            else:
                if self._ended or self._is_whole(value, end):
                    self._at = end
                    return value
            if len(self._text) - self._at > self._longest:
                raise BadJson(f"holds a value of more than {self._longest >> 20} MB, at {self._place()}")
            self._check_parts()
            # As much again, so that what is long is tried few times; what is read has not been checked yet.
            if not self._read(min(_STEP, max(PIECE, len(self._text) - self._at))) and not self._ended:
                raise self._wrong()

    def _check_parts(self) -> None:
        """Raise BadJson when the value, of which all that was read is a part, would take more memory than it may."""
        if sum(self._text.count(mark, self._at) for mark in _MARKS) <= self._most_parts:
            return  # those in strings are counted, too
        parts, at = 0, self._at
        for string in chain(_STRING.finditer(self._text, self._at), [None]):
            end = string.start() if string else len(self._text)
            parts += sum(self._text.count(mark, at, end) for mark in _MARKS)
            at = string.end() if string else end
        if parts > self._most_parts:
            raise BadJson(f"holds a value of more than {self._most_parts:,} parts, at {self._place()}")

    def _is_whole(self, value: Any, end: int) -> bool:
        """Say whether the value that ends at `end` can be no longer; 1.5e3 may be cut after 1, 1. and 1.5e."""
        after = self._text[end : end + _NEAR_THE_END]
        is_number = isinstance(value, (int, float))
        return not is_number or len(after) == _NEAR_THE_END or (after != "" and after[0] in _AFTER)

    def _may_go_on(self, error: json.JSONDecodeError) -> bool:
        """Say whether the rest of the text may make a value of it."""
        cut = error.msg.startswith("Unterminated string") or error.pos > len(self._text) - _NEAR_THE_END
        return cut and not self._ended

    def _between(self, first: str, last: str) -> Iterator[None]:
        self._expect(first)
        if self.peek() == last:
            self._at += 1
            return
        while True:
            yield
            if self.peek() == last:
                self._at += 1
                return
            self._expect(",")

    def _expect(self, char: str) -> None:
        if self.peek() != char:
            raise self._wrong()
        self._at += 1

    def _read(self, count: int) -> bool:
        """Read on; say whether there was more."""
        piece = self._file.read(count)
        self._before += self._at
        self._text, self._at = self._text[self._at :] + piece, 0
        self._ended = not piece
        return bool(piece)

    def _wrong(self, at: int | None = None) -> BadJson:
        self._at = self._at if at is None else at
        if not self.peek():
            return BadJson("is cut off: it ends in the middle")
        return BadJson(f"is no JSON at {self._place()}: {self._text[self._at : self._at + 20]!r}")

    def _place(self) -> str:
        return f"character {self._before + self._at + 1:,}"
