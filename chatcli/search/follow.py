"""Brings the index up to date with a store: reads what is new, and nothing else."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

from chatcli.memory.history import History, open_history
from chatcli.messages import Message, fingerprint, is_time
from chatcli.names import is_generated, title_of
from chatcli.search.index import TITLE, Addition, Known, SearchIndex, Unit
from chatcli.search.terms import joined
from chatcli.stores import Session, Store, Watermark

BATCH = 500
"""Messages that are read at once."""

_WRITTEN = 4_000_000
"""Characters of terms that are written at once: FTS5 then has less to merge."""

_FIRST_LOOK = 32
_BEGINNING = 4  # messages among which the first of the user's is
_UNFINISHED = -1.0
"""When a session was used that was not taken in to its end."""

Progress = Callable[[int, int], object]
"""Is told how many sessions of how many were taken in."""


def follow(
    index: SearchIndex,
    store: Store,
    listed: Sequence[Session],
    foreign: Collection[str] = (),
    gone: bool = True,
    again: Collection[str] = (),
    progress: Progress = lambda done, of: None,
) -> None:
    """Take in what is new in the sessions that are `listed`; with `gone`, take out those that are not.

    `foreign` names those that only other programs wrote; `again` those that changed though they do not look so.
    Raises StoreError, and Busy when another process keeps the index locked.
    """
    seen = index.seen()
    changed = [one for one in listed if one.name in again or seen.get(one.name, ())[:2] != (one.used, one.messages)]
    names = {session.name for session in listed} if gone else seen.keys()
    lost = [name for name, (_, _, is_foreign) in seen.items() if name not in names and not is_foreign]
    batch: list[Addition] = []
    size = 0
    for done, session in enumerate(changed):
        start = _start(index, store, session, session.name in again)
        for addition in _additions(start, session, session.name in foreign):
            batch.append(addition)
            size += sum(len(unit.text) for unit in addition.units)
            if size >= _WRITTEN:
                index.add(batch, lost)
                batch, lost, size = [], [], 0
        progress(done + 1, len(changed))
    if batch or lost:
        index.add(batch, lost)


class _Start(NamedTuple):
    """Where to begin with a session: what the index has of it, its history, and up to where (which turn) they agree."""

    known: Known | None
    history: History
    mark: Watermark
    turns: int


def _start(index: SearchIndex, store: Store, session: Session, anew: bool) -> _Start:
    """Return how far the index and the history of the session are the same: not at all when it is read `anew`."""
    known = index.known(session.name)
    new = session.messages - (known.mark.position if known else 0)
    history = open_history(store, session.name, max(_FIRST_LOOK, min(new + 1, BATCH)))
    if known is None or anew:
        return _Start(known, history, Watermark(0), 0)
    if history.holds(known.mark):
        return _Start(known, history, known.mark, known.turns)
    back, position = 1, min(known.mark.position, history.length + 1) - 1
    while place := index.place_before(session.name, position):
        mark = Watermark(place.position + 1, place.fingerprint)
        if history.holds(mark):
            return _Start(known, history, mark, place.turn)
        position, back = place.position + 1 - back, 2 * back
    return _Start(known, history, Watermark(0), 0)


def _additions(start: _Start, session: Session, is_foreign: bool) -> Iterator[Addition]:
    """Yield what is new of a session, batch by batch; only with the last one it counts as known."""
    before, history, mark, turns = start
    while True:
        keep, stop = mark.position, min(mark.position + BATCH, history.length)
        messages = history.between(keep, stop)
        units = [_title(session, history), *_units(messages, keep, turns)]
        turns += sum(message.role == "user" for message in messages)
        mark, is_all = history.watermark(stop), stop == history.length
        after = Known(session.used if is_all else _UNFINISHED, session.messages, is_foreign, mark, turns)
        yield Addition(session.name, before, keep, units, after)
        if is_all:
            return
        before = after


def _title(session: Session, history: History) -> Unit:
    """Return the unit that a session is found by though nobody said it there: the name and title it was given."""
    first = next((message for message in history.between(0, _BEGINNING) if message.role == "user"), None)
    title = "" if first is not None and session.title == title_of(first) else session.title
    name = "" if is_generated(session.name) else session.name
    return Unit(TITLE, 0, "title", session.used or None, "", joined(f"{name}\n{title}"))


def _units(messages: Sequence[Message], start: int, turn: int) -> Iterator[Unit]:
    for position, message in enumerate(messages, start):
        turn += message.role == "user"
        if message.role in ("user", "assistant") and (text := joined(message.text)):
            when = message.time if is_time(message.time) else None
            yield Unit(position, turn, message.role, when, fingerprint(message), text)
