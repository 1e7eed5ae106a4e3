"""What others did to a history since it was looked at last: added turns, took some back, emptied it.

Others append to a session, and take back what stands at its end. So a look compares the last message that was seen
with what stands there now: as long as it is the same, all that is new stands behind it. That is one small question to
a store, of any kind, as often as somebody likes to ask.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from chatcli.messages import Message, fingerprint
from chatcli.stores import Store

MOST = 10
"""Messages that are read at a look; of more only the number is told."""

REMEMBERED = 40
"""Messages at the end of what was seen that are told from others: so far back it is known what was taken."""


class Mark(NamedTuple):
    """What tells a message from every other one, and whether a turn begins with it."""

    fingerprint: str
    asks: bool


class Seen(NamedTuple):
    """How long a history was when it was seen, and what its last messages were, oldest first."""

    length: int
    marks: tuple[Mark, ...] = ()

    @property
    def start(self) -> int:
        """The position of the first message that is remembered."""
        return self.length - len(self.marks)


class News(NamedTuple):
    """What others did.

    They `added` messages, `total` in all: where these are many only that is told. Something was `taken` back: so many
    `turns`, 0 where it was a reply alone, None where nobody can tell, `before_own` where this chat went on behind it;
    or all that was seen: the session was `emptied`, by `author` where that is known, or is `gone`: deleted,
    renamed, or lost by the store.
    """

    added: tuple[Message, ...] = ()
    total: int = 0
    taken: bool = False
    turns: int | None = None
    before_own: bool = False
    emptied: bool = False
    gone: bool = False
    author: str = ""


@dataclass
class OwnWriting:
    """What this chat did to the history itself: that is no news. Any thread may look."""

    written: set[str] = field(default_factory=set)
    took_from: int | None = None
    """The position from which on it took messages out of the history, or replaced them, since somebody asked last."""

    def wrote(self, messages: Iterable[Message]) -> None:
        """These messages are put into the history by this chat."""
        self.written.update(map(fingerprint, messages))

    def took(self, position: int) -> None:
        """What stood from this position on was taken out, or replaced, by this chat."""
        self.took_from = position if self.took_from is None else min(position, self.took_from)

    def among(self, messages: Iterable[Message]) -> int:
        """Return how many of the messages this chat put into the history."""
        return sum(fingerprint(message) in self.written for message in messages)

    def lost(self, fingerprints: set[str]) -> None:
        """These messages were taken out by somebody else: where they come back, that is news."""
        self.written -= fingerprints


NOTHING = News()


def seen(length: int, newest: Sequence[Message]) -> Seen:
    """Return what was seen of a history of that length, which ends with the `newest` messages."""
    return Seen(length, tuple(map(_mark, newest[-REMEMBERED:])))


def look(store: Store, session: str, before: Seen, own: OwnWriting) -> tuple[News, Seen]:
    """Return what others did since the history was seen, and what is seen of it now. Raises StoreError."""
    start = max(before.length - 1, before.start)
    found = store.messages(session, start, before.length + MOST + 1)
    known = before.marks[start - before.start :]
    if tuple(map(_mark, found[: len(known)])) == known:
        return _grown(store, session, before, found[len(known) :], own)
    return _shrunk(store, session, before, own)


def _grown(store: Store, session: str, kept: Seen, new: Sequence[Message], own: OwnWriting) -> tuple[News, Seen]:
    """Return the news of `new` messages behind those that were kept; of many only how many they are."""
    if not new:
        return NOTHING, kept
    if len(new) > MOST:
        now, newest = look_anew(store, session)
        newest = newest[kept.length - now.length :]
        if now.start > kept.length and (own.among(new) or own.among(newest)):  # as after a /redo of many turns
            newest = store.messages(session, kept.length, now.length)
        return News(total=max(0, now.length - kept.length - own.among(newest))), now
    added = tuple(message for message in new if fingerprint(message) not in own.written)
    marks = (*kept.marks, *map(_mark, new))
    return News(added, len(added)), Seen(kept.length + len(new), marks[-REMEMBERED:])


def look_anew(store: Store, session: str) -> tuple[Seen, Sequence[Message]]:
    """Return what there is to be seen of a history, and its newest messages."""
    look = store.snapshot(session, REMEMBERED)
    return seen(look.length, look.newest), look.newest


def _shrunk(store: Store, session: str, before: Seen, own: OwnWriting) -> tuple[News, Seen]:
    """Return the news of a history that lost some of what was seen, and may have got other messages there."""
    found = store.messages(session, before.start, before.length + MOST + 1)
    same = _same(before.marks, found)
    if before.start and not same:  # it changed further back than is remembered
        now, _ = look_anew(store, session)
        return News(taken=own.took_from is None or own.took_from > before.start), now
    kept = Seen(before.start + same, before.marks[:same])
    news, now = _grown(store, session, kept, found[same:], own)
    if own.took_from is not None and own.took_from <= kept.length:
        return news, now
    end = None if own.took_from is None else own.took_from - before.start
    behind = set(map(fingerprint, found[same:]))
    own.lost({mark.fingerprint for mark in before.marks[same:]} - behind)
    news = news._replace(taken=True, before_own=not own.written.isdisjoint(behind))
    if not kept.length:
        return _emptied(store, session, before, news), now
    return news._replace(turns=sum(mark.asks for mark in before.marks[same:end])), now


def _emptied(store: Store, session: str, before: Seen, news: News) -> News:
    """Return the news of a session of which nothing is left that was seen."""
    look = store.snapshot(session, 0)
    if not look.length and not store.exists(session):
        return news._replace(gone=True)
    noted = look.session.settings.get(EMPTIED)
    by, last = (noted.get("by"), noted.get("last")) if isinstance(noted, Mapping) else (None, None)
    known = any(mark.fingerprint == last for mark in before.marks)
    return news._replace(emptied=True, author=by if known and isinstance(by, str) else "")


def emptying(author: str | None, newest: Sequence[Message]) -> Mapping[str, Any]:
    """Return what is to be kept with a session that is about to be emptied: who does that, and its last message."""
    last = fingerprint(newest[-1]) if newest else ""
    return {EMPTIED: {"by": author, "last": last} if author else None}


EMPTIED = "emptied"
"""The setting of a session that says who emptied it last, and what its last message was then."""


def _same(marks: Sequence[Mark], found: Sequence[Message]) -> int:
    """Return how many of the messages that were seen stand there still."""
    pairs = enumerate(zip(marks, found, strict=False))
    return next((at for at, (mark, message) in pairs if mark != _mark(message)), min(len(marks), len(found)))


def _mark(message: Message) -> Mark:
    return Mark(fingerprint(message), message.role == "user")
