"""A history seen from its end: pages are read only as far back as somebody looks."""

from collections.abc import Callable, Iterator, Sequence

from chatcli.messages import Message, Turn, fingerprint
from chatcli.stores import Snapshot, State, Store, Watermark

Fetch = Callable[[int, int], Sequence[Message]]

LAST_TURNS = 16
"""Messages that are read at first where the last turns matter most."""

_TURN = 8  # messages: more than most turns have
_PAGE = 64
_LARGEST_PAGE = 4096


class History:
    """The messages of a session before position `stop`, and what was derived from them.

    `fetch(start, stop)` reads a slice; it is called for what the snapshot does not hold, in growing pages.
    """

    def __init__(self, snapshot: Snapshot, fetch: Fetch, stop: int | None = None) -> None:
        self.length = snapshot.length if stop is None else min(stop, snapshot.length)
        self.is_whole = self.length == snapshot.length
        self._states = snapshot.states
        self._fetch = fetch
        self._turns: dict[int, Turn | None] = {}
        first = snapshot.length - len(snapshot.newest)
        self._start = min(first, self.length)
        self._loaded = list(snapshot.newest[: self.length - self._start]) if first < self.length else []

    def at(self, position: int) -> Message:
        """Return the message at `position`, reading back to it."""
        while position < self._start:
            self._read_page()
        return self._loaded[position - self._start]

    def since(self, position: int) -> list[Message]:
        """Return the messages from `position` on."""
        while position < self._start:
            self._read_page(at_least=self._start - position)
        return self._loaded[position - self._start :]

    def between(self, start: int, stop: int) -> list[Message]:
        """Return the messages from `start` to before `stop`, reading nothing that lies elsewhere."""
        start, stop = max(0, start), min(stop, self.length)
        if start >= self._start:
            return self._loaded[start - self._start : max(0, stop - self._start)]
        return list(self._fetch(start, stop)) if start < stop else []

    def turn_at(self, start: int) -> Turn | None:
        """Return the turn that begins at `start`; None when none does. Each is read once."""
        if start not in self._turns:
            self._turns[start] = self._read_turn(start)
        return self._turns[start]

    def _read_turn(self, start: int) -> Turn | None:
        messages: list[Message] = []
        while page := self.between(start + len(messages), start + len(messages) + _TURN):
            for message in page:
                if message.role == "user" and messages:
                    return Turn(start, tuple(messages))
                if message.role != "user" and not messages and start > 0:
                    return None
                messages.append(message)
        return Turn(start, tuple(messages)) if messages else None

    def turns(self) -> Iterator[Turn]:
        """Yield whole turns, the newest first."""
        stop = self.length
        for position in range(self.length - 1, -1, -1):
            if self.at(position).role == "user" or position == 0:
                yield Turn(position, tuple(self._loaded[position - self._start : stop - self._start]))
                stop = position

    def state(self, name: str) -> State | None:
        """Return what was derived under `name`, whether or not it still holds (see `holds`)."""
        return self._states.get(name)

    def holds(self, watermark: Watermark) -> bool:
        """Say whether the history is still the one that `watermark` was set in."""
        return watermark.position <= self.length and self.watermark(watermark.position) == watermark

    def watermark(self, position: int) -> Watermark:
        """Return the mark that covers everything before `position`."""
        if position == 0:
            return Watermark(0)
        before = self.between(position - 1, position)
        return Watermark(position, fingerprint(before[0] if before else _GONE))

    def _read_page(self, at_least: int = 0) -> None:
        size = max(at_least, min(_LARGEST_PAGE, max(_PAGE, len(self._loaded))))
        start = max(0, self._start - size)
        page = self._fetch(start, self._start)
        if len(page) != self._start - start:
            page = [*page, *[_GONE] * (self._start - start - len(page))]
        self._loaded[:0] = page
        self._start = start


def open_history(store: Store, session: str, newest: int = LAST_TURNS, stop: int | None = None) -> History:
    """Return the history of a session as it is now; one look reads its `newest` messages. Raises StoreError."""
    return History(store.snapshot(session, newest), lambda start, end: store.messages(session, start, end), stop)


_GONE = Message("unreadable", "removed by another program while it was read")
