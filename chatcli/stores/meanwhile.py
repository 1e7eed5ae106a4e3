"""What stands in for a store that is away: its sessions as they were seen last, and what was kept since."""

from contextlib import suppress

from chatcli.errors import StoreError
from chatcli.stores import Store
from chatcli.stores.in_memory import InMemoryStore
from chatcli.stores.journal import Entry, Journal, Tally
from chatcli.stores.replay import Replayed, begun, put_into, replay
from chatcli.stores.seen import KEPT, Seen


class Meanwhile:
    """The time while a store is away. One thread at a time may call, and another one `keep_rest` and `put_into`."""

    def __init__(self, journal: Journal, seen: Seen) -> None:
        self._journal = journal
        self._seen = seen
        self._store = InMemoryStore()
        self._titles: dict[str, bool] = {}  # the sessions in it, and whether their titles are known
        self._only_here: list[Entry] = []  # what not even the journal took
        self._refused: set[str] = set()
        self._news: list[str] = []
        self._tally = Tally()

    @property
    def turns(self) -> int:
        """How many turns wait, of this process or another, as far as was seen."""
        return self._tally.turns

    def sessions(self, name: str) -> Store:
        """Return the store that stands in, with this session in it."""
        if name not in self._titles:
            waiting = self._waiting(name)
            self._titles[name] = self._seen.copy_to(self._store, name)
            for entry in waiting:
                with suppress(StoreError):  # what is damaged is told when the store is to take it
                    put_into(self._store, entry)
        return self._store

    def keep(self, entry: Entry) -> None:
        """Keep what was done in the store that stands in.

        Raises StoreError when the journal does not take it; it is undone then, but for a turn with its reply, which
        stays with this process.
        """
        if entry.verb == "update":
            entry = entry._replace(data={**entry.data, "unseen": not self._titles[entry.session]})
        try:
            self.keep_rest()
            self._journal.keep(entry)
        except StoreError as error:
            if entry.verb != "commit":
                self._forget(entry.session)
                raise
            self._only_here.append(entry)
            self._news.append(f"{error.message}: the last turn is nowhere but on this screen; {error.hint}")
        if entry.verb in ("begin", "commit"):
            self._tally.add(entry)  # to count all that waits at each turn would take longer with each
        else:
            self._count()

    def keep_rest(self) -> None:
        """Have the journal take what it did not take when it was said. Raises StoreError when it still does not."""
        for entry in tuple(self._only_here):
            self._journal.keep(entry)
            with suppress(ValueError):  # the store was faster
                self._only_here.remove(entry)

    def checkpoint(self, session: str, turn: str, partial: str) -> None:
        """Keep what has come of a reply; nothing when the turn is not under way. Raises StoreError."""
        store = self.sessions(session)
        store.checkpoint(session, turn, partial)
        if not self._journal.checkpoint(turn, partial):
            for pending in store.pending(session):
                if pending.id == turn:
                    self.keep(begun(session, pending))

    def waiting(self) -> list[Entry]:
        """Return what the store is to take, oldest first, but for sessions that it refused. Raises StoreError."""
        return [entry for entry in self._waiting() if entry.session not in self._refused]

    def put_into(self, store: Store) -> Replayed:
        """Put what waits into the store, as far as it takes it. Raises StoreError when the journal cannot be read."""
        done = replay(store, self.waiting(), self._remove)
        for session, error in done.refused.items():
            self._refused.add(session)
            self._news.append(f"what is kept here for {session} is not taken: {error.message}; {error.hint}")
        self._count()
        return done

    def begin(self) -> None:
        """The store went away."""
        self._refused.clear()
        self._count()

    def end(self) -> None:
        """The store is back, with all of it: what was seen is what stood in for it."""
        for name in self._titles:
            self._seen.snapshot(name, self._store.snapshot(name, KEPT))
            self._seen.turns(name, self._store.pending(name))
        self._store, self._titles = InMemoryStore(), {}

    @property
    def unkept(self) -> int:
        """How many turns are nowhere but in this process."""
        return len(self._only_here)

    def news(self) -> list[str]:
        """Return what happened since it was last asked."""
        news, self._news = self._news, []
        return news

    def close(self) -> None:
        """Let go of the journal; `turns` is what it has then."""
        self._count()
        self._journal.close()

    def _waiting(self, session: str | None = None) -> list[Entry]:
        here = [entry for entry in self._only_here if session in (None, entry.session)]
        return [*self._journal.entries(session), *here]

    def _remove(self, entry: Entry) -> None:
        try:
            self._only_here.remove(entry)
        except ValueError:  # the journal has it
            self._journal.remove(entry)

    def _forget(self, session: str) -> None:
        """Have the session made anew from what was kept of it."""
        del self._titles[session]
        self._store.delete(session)

    def _count(self) -> None:
        with suppress(StoreError):  # it is told, no more: whoever needs what is there says what is wrong
            self._tally = Tally(self._waiting())
