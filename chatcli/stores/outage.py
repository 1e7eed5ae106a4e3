"""When a store is away, and when it is back: who waits how long, what is told of it, who knocks."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain, repeat
from math import inf
from threading import Event, RLock, Thread
from typing import TYPE_CHECKING, TypeVar

from chatcli.errors import StoreAway, StoreError, StoreUnavailable
from chatcli.stores import Store
from chatcli.stores.bounded import Patience, Workers
from chatcli.stores.seen import Seen

if TYPE_CHECKING:  # what a store that is there needs not is imported when it goes away
    from chatcli.stores.journal import Entry, Journal
    from chatcli.stores.meanwhile import Meanwhile

BOUND = 1.3
"""Seconds that verbs in a row may take; then the outcome counts as unknown, and the store as away."""

HURRIED = 0.9
"""Seconds that a checkpoint may take."""

UNHURRIED = 60.0
"""Seconds that a verb may take where nobody sits at a prompt: longer than any store waits by itself."""

LEAVING = 10.0
"""Seconds that a chat which ends gives a store in all to take what waits."""

SIGN = 0.5
"""Seconds in which a store that takes longer for many messages must answer a small question, to be waited for."""

MANY = 100
"""Messages from which a read may take longer."""

PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds between two knocks at a store that is away; the last one again and again."""

T = TypeVar("T")


class Outage:
    """The store `inner`, with a journal for the time it is away.

    `journal` opens that; `waits`: something of an earlier run may wait there. Where it is
    `needed`, it is waited for as long as it waits itself, and an error when it has taken nothing yet. One that never
    answered is an error if it does not let us in. Any thread may call.
    """

    def __init__(
        self,
        inner: Store,
        journal: "Callable[[], Journal]",
        waits: bool = True,
        needed: bool = False,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self.address = inner.address
        self.on_change: Callable[[], object] = lambda: None
        """Called, in any thread, when there is something new to tell."""
        self.on_slow_end: Callable[[], object] = lambda: None
        """Called when the end of the chat waits for a store that takes its time for what waits."""
        self._inner = inner
        self._journal = journal
        self._waits = waits
        self._needed = needed
        self._pauses = pauses
        self._answered = self._took = False
        self._workers = Workers()
        self._patience = Patience()
        self._seen = Seen()
        self._lock = RLock()  # held while something is kept, and while the store is found to be back
        self._stands_in: Meanwhile | None = None
        self._away: StoreUnavailable | None = None
        self._mute = False  # whether it does not even answer what is read
        self._session = ""  # what was asked for last
        self._told = False  # whether it was said that it is away
        self._put = 0
        self._news: list[str] = []
        self._closed = Event()
        self._knocker: Thread | None = None

    @property
    def inner(self) -> Store:
        """The store itself, for who may wait for it."""
        return self._inner

    # What is told of it

    @property
    def state(self) -> str:
        """What there is to know about the store in a few words: '' while it is there."""
        if self._away is None:
            return ""
        kept = self._meanwhile.turns
        return f"store away · {turns(kept)} kept here" if kept else "store away"

    def news(self) -> list[str]:
        """Return what happened since it was last asked, one line each."""
        with self._lock:
            news, self._news = self._news, []
            return [*news, *(self._stands_in.news() if self._stands_in else ())]

    def open(self) -> None:
        """Put in what waits from an earlier run, as long as the store takes it; raises what the first verb raises."""
        if not (self._waits and self._meanwhile.waiting()):
            return
        self._away = StoreAway(f"{self.address} takes its time for what waits here", "wait a moment")
        self._put_in(UNHURRIED if self._needed else BOUND)
        if self._away is not None:
            error, self._away = self._away, None
            self._leave(error, mute=True)

    def knock(self) -> bool:
        """Put what waits into the store, if it takes it; say whether it is back."""
        with suppress(StoreError):  # it was told
            self._meanwhile.keep_rest()
        try:
            self._inner.exists(self._session or "session")
            while True:
                done = self._meanwhile.put_into(self._inner)
                with self._lock:
                    self._put += done.turns
                    if done.away is not None:
                        raise done.away
                    if not self._meanwhile.waiting():
                        self._return()
                        return True
        except StoreError as error:
            with self._lock:  # another knock may find it back
                self._away = self._away and as_unavailable(error)
        return False

    @property
    def farewell(self) -> str:
        """What there is to say when the chat has ended: '' when the store has all of it."""
        if self._away is None or not self._meanwhile.turns:
            return ""
        kept, them = turns(self._meanwhile.turns), "it" if self._meanwhile.turns == 1 else "them"
        return f"{kept} kept here for {self.address}; the next command that reaches it puts {them} there"

    @property
    def lost(self) -> bool:
        """Whether there is a turn that neither the store nor the journal took."""
        return self._stands_in is not None and self._stands_in.unkept > 0

    def close(self) -> None:
        """Let go of the store, which is offered once more what waits, for some seconds; ^C ends that."""
        self._closed.set()
        if self._away is not None:
            with suppress(StoreError, KeyboardInterrupt):  # what is left is told
                self._put_in(BOUND, LEAVING, self.on_slow_end)
        self._workers.begin(self._inner.close).is_done(BOUND)
        self._workers.close()
        if self._stands_in is not None:
            with suppress(StoreError):
                self._stands_in.close()

    # How it is done

    def _put_in(self, patience: float, in_all: float = inf, tell: Callable[[], object] | None = None) -> None:
        """Have the store take what waits, as long as it takes some of it within `patience`; both in seconds.

        `tell` is called when it takes longer than that.
        """
        until, left = time.monotonic() + in_all, len(self._meanwhile.waiting())
        knock = self._workers.begin(self.knock)
        while not knock.is_done(min(patience, max(0.0, until - time.monotonic()))):
            before, left = left, len(self._meanwhile.waiting())
            if left >= before or time.monotonic() >= until:
                break
            if tell is not None:
                tell()
                tell = None

    def _read(self, session: str, ask: Callable[[], T], instead: Callable[[Store], T], patient: bool = False) -> T:
        if self._away is None:
            try:
                return self._asked(session, ask, BOUND, patient)
            except StoreUnavailable as error:
                self._leave(error, mute=True)
        with self._lock:
            if self._away is not None:
                return instead(self._meanwhile.sessions(session))
        return self._read(session, ask, instead, patient)  # it came back

    def _write(
        self,
        session: str,
        ask: Callable[[], T],
        instead: Callable[[Store], T],
        entry: "Callable[[], Entry] | None" = None,
        bound: float = BOUND,
    ) -> T:
        if self._away is None:
            try:
                done = self._asked(session, ask, bound)
                self._took = True
                return done
            except StoreUnavailable as error:
                self._leave(error)
        with self._lock:
            if self._away is not None:
                done = instead(self._meanwhile.sessions(session))
                if entry is not None:
                    self._meanwhile.keep(entry())
                return done
        return self._write(session, ask, instead, entry, bound)  # it came back

    def _asked(self, session: str, ask: Callable[[], T], bound: float, patient: bool = False) -> T:
        """Return what the store answers; raise StoreAway when it does not within what is left of the bound.

        Who is patient waits on while the store answers other questions: many messages come over a slow line.
        """
        self._session = session or self._session
        began, task = time.monotonic(), self._workers.begin(ask)
        while not task.is_done(UNHURRIED if self._needed else self._patience.left(bound)):
            if not patient or not self._workers.begin(self._probe).is_done(SIGN):
                raise StoreAway(f"{self.address} does not answer in time", "wait a moment, or look after it")
        self._patience.waited(began)
        result = task.result()
        self._answered = True
        return result

    @property
    def _meanwhile(self) -> "Meanwhile":
        """What stands in for the store, made when it is first needed."""
        with self._lock:
            if self._stands_in is None:
                from chatcli.stores.meanwhile import Meanwhile

                self._stands_in = Meanwhile(self._journal(), self._seen)
            return self._stands_in

    def _probe(self) -> None:
        self._inner.exists(self._session or "session")

    def _note(self, what: Callable[[Seen], object]) -> None:
        if self._away is None:
            what(self._seen)

    def _leave(self, error: StoreUnavailable, mute: bool = False) -> None:
        """The store is away: from now on the journal stands in. Raises the error where nothing stands in for it."""
        if not self._took if self._needed else not (self._answered or isinstance(error, StoreAway)):
            raise error
        with self._lock:
            if self._away is not None:
                return
            self._away, self._mute, self._told, self._put = error, mute, True, 0
            self._meanwhile.begin()
            past = "" if self._answered else ", without what was said before"
            news = f"the store is away: the chat goes on{past}, its turns are kept here until it is back"
            self._news.append(f"{news} ({error.message.rstrip('.')})")
            if self._knocker is None:
                self._knocker = Thread(target=self._knock_until_back, name="knocking", daemon=True)
                self._knocker.start()
        self.on_change()

    def _return(self) -> None:
        """The store is back, and has all that waited."""
        if self._away is None:
            return
        self._away = None
        self._meanwhile.end()
        if self._put or self._told:
            self._news.append("; ".join(["the store is back", *([put(self._put)] if self._put else [])]))
        if self._put and self._inner.warning:
            self._news.append(self._inner.warning)
        self._told = False

    def _knock_until_back(self) -> None:
        for pause in chain(self._pauses, repeat(self._pauses[-1])):
            if self._closed.wait(pause):
                return
            self.knock()
            with self._lock:
                if self._away is None:
                    self._knocker = None
                    break
        self.on_change()

    def _there(self, ask: Callable[[], T]) -> T:
        """Return what the store itself answers; raise StoreUnavailable when it does not."""
        if self._away is not None and self._mute:
            raise self._gone(self._away)
        try:
            return self._asked("", ask, BOUND, patient=True)
        except StoreUnavailable as error:
            self._leave(error)
            self._mute = True
            raise

    def _check_there(self, session: str) -> None:
        """Raise StoreUnavailable when the store is away; it is asked, for what follows may take its time."""
        if self._away is None:
            try:
                self._asked(session, self._probe, BOUND)
                return
            except StoreUnavailable as error:
                self._leave(error, mute=True)
        if self._away is not None:
            raise self._gone(self._away)

    def _gone(self, error: StoreUnavailable) -> StoreUnavailable:
        return StoreUnavailable(
            f"the store is away: {error.message.rstrip('.')}", "repeat this when it is back; the chat goes on meanwhile"
        )


def turns(count: int) -> str:
    """Return the number of turns in words."""
    return f"{count} turn{'s' * (count != 1)}"


def put(count: int) -> str:
    """Return what became of so many turns that waited."""
    return f"{turns(count)} kept here {'is' if count == 1 else 'are'} in it now"


def as_unavailable(error: StoreError) -> StoreUnavailable:
    """Return the error of a store that takes nothing now."""
    return error if isinstance(error, StoreUnavailable) else StoreUnavailable(error.message, error.hint)
