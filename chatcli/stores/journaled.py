"""A store that may go away while a chat goes on.

While the store answers, verbs go straight to it. When it does not, or takes nothing (cut off, locked, full, forbidden),
it counts as away: reads are answered from what this process saw of it last, writes go to the journal, and a thread
knocks at the store until it takes them. The ids of turns make that safe: a turn whose outcome was unknown is committed
once, however often it is put there.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chatcli.errors import Conflict, StoreError
from chatcli.messages import Message
from chatcli.stores import Change, Pending, Repair, Session, Snapshot, Store
from chatcli.stores.outage import HURRIED, MANY, SIGN, Outage, as_unavailable
from chatcli.stores.seen import HIDDEN

if TYPE_CHECKING:
    from chatcli.stores.journal import Entry


class Journaled(Outage):
    """A store with a journal for the time it is away: see Outage. Any thread may call."""

    durable = True

    @property
    def warning(self) -> str:
        """See Store."""
        return "" if self._away is not None else self._inner.warning

    # Reading

    def snapshot(self, session: str, newest: int) -> Snapshot:
        """See Store."""

        def ask() -> Snapshot:
            look = self._inner.snapshot(session, newest)
            self._note(lambda seen: seen.snapshot(session, look))
            return look

        return self._read(session, ask, lambda here: here.snapshot(session, newest), patient=newest > MANY)

    def messages(self, session: str, start: int | None = None, stop: int | None = None) -> list[Message]:
        """See Store. While the store is away, those that were not seen have the role `unreadable`."""

        def ask() -> list[Message]:
            found = self._inner.messages(session, start, stop)
            self._note(lambda seen: seen.messages(session, start, found))
            return found

        few = start is not None and stop is not None and 0 <= stop - start <= MANY
        found = self._read(session, ask, lambda here: here.messages(session, start, stop), patient=not few)
        return self._looked_up(session, start, stop, found) if HIDDEN in found else found

    def length(self, session: str) -> int:
        """See Store."""

        def ask() -> int:
            length = self._inner.length(session)
            self._note(lambda seen: seen.length(session, length))
            return length

        return self._read(session, ask, lambda here: here.length(session))

    def exists(self, session: str) -> bool:
        """See Store."""
        return self._read(session, lambda: self._inner.exists(session), lambda here: here.exists(session))

    def pending(self, session: str) -> list[Pending]:
        """See Store. While the store is away, other processes' turns are left out."""

        def ask() -> list[Pending]:
            turns = self._inner.pending(session)
            self._note(lambda seen: seen.turns(session, turns))
            return turns

        return self._read(session, ask, lambda here: here.pending(session))

    def sessions(self, limit: int | None = None, offset: int = 0) -> list[Session]:
        """See Store; raises StoreUnavailable while the store does not answer."""
        return self._there(lambda: self._inner.sessions(limit, offset))

    def foreign(self) -> Iterator[Session]:
        """See Store; raises StoreUnavailable while the store does not answer."""
        return self._there(self._inner.foreign)

    # Writing

    def update(
        self,
        session: str,
        title: str | None = None,
        settings: Mapping[str, Any] | None = None,
        times: tuple[float, float] | None = None,
    ) -> None:
        """See Store."""

        def ask() -> None:
            self._inner.update(session, title, settings, times)
            self._note(lambda seen: seen.update(session, title, settings))

        self._write(
            session,
            ask,
            lambda here: here.update(session, title, settings, times),
            lambda: _entry("updated", session, title, settings, times),
        )

    def put_state(self, session: str, change: Change) -> bool:
        """See Store."""

        def ask() -> bool:
            taken = self._inner.put_state(session, change)
            self._note(lambda seen: seen.changed(session, [change] if taken else []))
            return taken

        return self._write(
            session, ask, lambda here: here.put_state(session, change), lambda: _entry("changed", session, change)
        )

    # A turn under way

    def begin(self, session: str, pending: Pending) -> None:
        """See Store."""

        def ask() -> None:
            self._inner.begin(session, pending)
            self._note(lambda seen: seen.begun(session, pending))

        self._write(session, ask, lambda here: here.begin(session, pending), lambda: _entry("begun", session, pending))

    def checkpoint(self, session: str, turn: str, partial: str) -> None:
        """See Store."""

        def ask() -> None:
            self._inner.checkpoint(session, turn, partial)
            self._note(lambda seen: seen.checkpointed(session, turn, partial))

        self._write(session, ask, lambda _: self._meanwhile.checkpoint(session, turn, partial), bound=HURRIED)

    def commit(
        self,
        session: str,
        turn: str,
        messages: Sequence[Message],
        at: int | None = None,
        expected_length: int | None = None,
        changes: Sequence[Change] = (),
    ) -> int:
        """See Store. A turn with its reply is kept, whatever the store says against it, but a Conflict."""

        def ask() -> int:
            try:
                length = self._inner.commit(session, turn, messages, at, expected_length, changes)
            except Conflict:
                raise
            except StoreError as error:
                raise as_unavailable(error) from error
            self._note(lambda seen: seen.committed(session, turn, length, messages, changes))
            return length

        replaced = None if at is None else list[Message]()

        def instead(here: Store) -> int:
            if replaced is not None:
                replaced[:] = here.messages(session, at)
            return here.commit(session, turn, messages, at, expected_length, changes)

        return self._write(
            session, ask, instead, lambda: _entry("committed", session, turn, messages, changes, replaced)
        )

    def drop(self, session: str, turn: str) -> None:
        """See Store."""

        def ask() -> None:
            self._inner.drop(session, turn)
            self._note(lambda seen: seen.ended(session, turn))

        self._write(session, ask, lambda here: here.drop(session, turn), lambda: _entry("dropped", session, turn))

    # Whole sessions, and their ends: only where the store is

    def append(
        self, session: str, messages: Sequence[Message], at: int | None = None, expected_length: int | None = None
    ) -> int:
        """See Store; raises StoreUnavailable while the store is away."""
        self._check_there(session)
        length = self._inner.append(session, messages, at, expected_length)
        self._seen.length(session, length, messages)
        return length

    def redo(self, session: str) -> list[Message]:
        """See Store; raises StoreUnavailable while the store is away."""
        self._check_there(session)
        return self._inner.redo(session)

    def clear(self, session: str, expected_length: int | None = None) -> int:
        """See Store; raises StoreUnavailable while the store is away."""
        self._check_there(session)
        self._seen.forget(session)
        return self._inner.clear(session, expected_length)

    def delete(self, session: str) -> bool:
        """See Store; raises StoreUnavailable while the store is away."""
        self._check_there(session)
        self._seen.forget(session)
        return self._inner.delete(session)

    def rename(self, old: str, new: str) -> None:
        """See Store; raises StoreUnavailable while the store is away."""
        self._check_there(old)
        self._seen.forget(old)
        self._inner.rename(old, new)

    def fork(self, session: str, new: str, stop: int | None = None) -> None:
        """See Store; raises StoreUnavailable while the store is away."""
        self._check_there(session)
        self._inner.fork(session, new, stop)

    def expire(self, session: str, lifetime: int | None) -> None:
        """See Store; raises StoreUnavailable while the store is away."""
        self._check_there(session)
        self._inner.expire(session, lifetime)

    def repair(self, dry_run: bool = False) -> Iterator[Repair]:
        """See Store; the journal is no part of what is looked at."""
        return self._inner.repair(dry_run)

    def _looked_up(self, session: str, start: int | None, stop: int | None, found: list[Message]) -> list[Message]:
        """Return the messages with those that were not seen, if the store answers what is read."""
        if self._mute or self._away is None:
            return found
        first, end, _ = slice(start, stop).indices(self.length(session))
        task = self._workers.begin(lambda: self._inner.messages(session, first, end))
        try:
            there = task.result() if task.is_done(SIGN) else None
        except StoreError:
            there = None
        if there is None:
            self._mute = True
            return found
        there += found[len(there) :]
        return [other if message is HIDDEN else message for message, other in zip(found, there, strict=False)]


def _entry(kind: str, *given: Any) -> "Entry":
    """Return the entry that `replay` makes of what a verb was given."""
    from chatcli.stores import replay

    entry: Entry = getattr(replay, kind)(*given)
    return entry
