"""Which sessions a picker shows, and what it shows of them: apart from the terminal it is drawn on."""

import time
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import islice

from chatcli.memory.numbering import open_numbered
from chatcli.messages import Message
from chatcli.render.history import describe
from chatcli.render.safe import cells, neutralise, one_line
from chatcli.repl.last_turns import asked_by
from chatcli.stores import Session, Store

_TURNS = 3  # of a session that are previewed
_LOOKED_AT = 3000  # characters of a message, the last
_DATE_FROM = 50  # cells of a line that has room for the date
_TITLE_ROOM = 14


class Choices:
    """Sessions, those of them that what was `typed` fits, and the one that is highlighted.

    `widest` is how many cells the longest name takes, so that titles stand below each other.
    """

    def __init__(self, sessions: Iterable[Session]) -> None:
        self._all: list[tuple[str, Session]] = []
        self.typed = ""
        self.matching: list[Session] = []
        self.at = self.widest = 0
        self.add(sessions)

    def __len__(self) -> int:
        return len(self._all)

    @property
    def current(self) -> Session | None:
        """The highlighted one; None when nothing fits."""
        return self.matching[self.at] if self.matching else None

    def add(self, sessions: Iterable[Session]) -> None:
        """Add sessions behind the others."""
        entries = [(_folded(f"{session.name}\n{session.title}"), session) for session in sessions]
        self._all += entries
        self.widest = max([self.widest, *(cells(session.name) for _, session in entries)])
        self.matching += _fitting(entries, self.typed)

    def filter(self, typed: str) -> None:
        """Show those whose name or title holds every word of `typed`, in upper or lower case; highlight the first."""
        if typed != self.typed:
            self.typed, self.at = typed, 0
            self.matching = _fitting(self._all, typed)

    def move(self, by: int) -> None:
        """Highlight the one that is so many lines further down, or the first or the last."""
        self.at = max(0, min(len(self.matching) - 1, self.at + by))

    def shown(self, height: int) -> tuple[Sequence[Session], int]:
        """Return those that fit `height` lines, and which of them is highlighted."""
        first = max(0, min(self.at - height // 2, len(self.matching) - height))
        return self.matching[first : first + height], self.at - first


def _fitting(entries: Sequence[tuple[str, Session]], typed: str) -> list[Session]:
    words = _folded(typed).split()
    return [session for text, session in entries if all(word in text for word in words)]


def _folded(text: str) -> str:
    return text.casefold() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


def line(session: Session, width: int, column: int = 0) -> str:
    """Return a session in one line of exactly `width` cells: its name, its title and its turns, when it was used.

    Names take `column` cells where there is room for that; a longer one takes what it needs.
    """
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(session.used)) if session.used else ""
    end = f"  {session.turns:>4} turn{'s' if session.turns != 1 else ' '}  {when}" if width >= _DATE_FROM else ""
    room = width - len(end)
    name = one_line(session.name, min(room, max(20, room // 2)))
    column = min(column, max(20, room // 3))
    name = _padded(name, column if room - column >= _TITLE_ROOM else 0)
    title = ""
    if room - cells(name) >= _TITLE_ROOM and session.title:
        title = "  " + one_line(session.title, room - cells(name) - 2)
    return _padded(name + title, room) + end


def _padded(text: str, width: int) -> str:
    return text + " " * max(0, width - cells(text))


def preview(store: Store, session: str, width: int, height: int) -> list[str]:
    """Return the last lines of the newest turns of a session, at most `height` of at most `width` cells."""
    history, _ = open_numbered(store, session, newest=2 * _TURNS)
    turns = list(islice(history.turns(), _TURNS))
    lines: list[str] = []
    for turn in turns:  # the newest first
        lines = [line for message in turn.messages for line in _said(message, width)] + lines
        if len(lines) >= height:
            break
    return lines[-height:]


def _said(message: Message, width: int) -> list[str]:
    said = neutralise(describe(message)[-_LOOKED_AT:])
    if message.role == "user":
        said = f"{asked_by(message) or 'you'}> {said}"
    return [part for line in said.splitlines() if line.strip() for part in folded(line.expandtabs(4), width)]


def folded(line: str, width: int) -> list[str]:
    """Return the line cut into lines of at most `width` cells, between words where that leaves no gap."""
    lines = []
    while cells(line) > width:
        end = _fits(line, width)
        space = line.rfind(" ", end * 2 // 3, end + 1)
        end = space if space > 0 else end
        lines.append(line[:end].rstrip())
        line = line[end:].lstrip()
    return [*lines, line]


def _fits(line: str, width: int) -> int:
    """Return how many characters of the line fit so many cells; one at least."""
    used = 0
    for at, char in enumerate(line):
        used += cells(char)
        if used > width:
            return max(at, 1)
    return len(line)
