"""What others write into the session that is open, while the prompt waits: seen within a second, shown above it.

A thread of its own asks the store, on a connection of its own where one serves all threads. While a turn runs, or a
command, nobody asks: what came meanwhile is shown with the next prompt. Nobody waits for that thread, and a store that
does not answer it is asked less often; it is for the next turn to say so.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from threading import Condition, Lock, Thread
from typing import TYPE_CHECKING, NamedTuple

from chatcli.errors import ChatError, StoreError
from chatcli.stores import Store

if TYPE_CHECKING:
    from chatcli.chat import Chat
    from chatcli.following import News, Seen
    from chatcli.render.history import Excerpt

PACES = ((120.0, 0.4), (900.0, 2.0), (float("inf"), 10.0))
"""Up to so many seconds after something was typed, or came, the store is asked every so many seconds."""

FAILED = (1.0, 2.0, 5.0, 10.0)
"""Seconds after which a store that did not answer is asked again: after the first, second, … time in a row."""

_LAST_LOOK = 0.3
"""Seconds that a turn waits for what is being drawn, and the end of the chat for a look: that all is in order."""


def pace(idle: float) -> float:
    """Return the seconds between two looks when nothing was typed, and nothing came, for so many seconds."""
    return next(pause for until, pause in PACES if idle < until)


class _Errand(NamedTuple):
    """A look that is to be taken: in which chat, from where on. It is worth nothing when the `round` is over."""

    chat: "Chat"
    before: "Seen | None"
    round: int


class Others:
    """Follows one session at a time. `open_store` gives what is asked, and whether it is to be closed; None: nobody is.

    `draw` makes text of what is new, on this class's thread; `above` has a function print above the prompt, if that
    stands there, and `write` prints the text.
    """

    def __init__(
        self,
        open_store: "Callable[[], tuple[Store, bool]] | None",
        draw: "Callable[[News], str]",
        above: Callable[[Callable[[], object]], object],
        write: Callable[[str], object],
    ) -> None:
        self._open_store = open_store
        self._draw, self._above, self._write = draw, above, write
        self._changed = Condition()
        self._chat: Chat | None = None
        self._before: Seen | None = None
        self._shown: Excerpt | None = None
        self._drawing = Lock()
        self._news: list[str] = []
        self._round = 0
        self._held = True
        self._at_once = False
        self._looked = 0.0
        self._closed = False
        self._active = time.monotonic()
        self._resting_until = 0.0
        self._thread: Thread | None = None

    # The chat's side

    def shown(self, excerpt: "Excerpt | None") -> None:
        """The session is shown up to here; None: it is taken as it is when it is looked at first."""
        self._shown, self._before = excerpt, None

    def follow(self, chat: "Chat") -> None:
        """Follow the session of this chat from what was `shown` of it on; returns at once."""
        if self._open_store is None:
            return
        with self._changed:
            self._chat = chat
            self._round += 1
            self._news.clear()
            if self._thread is None:
                self._thread = Thread(target=self._run, name="others", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def release(self) -> None:
        """The prompt waits: look at once, and from now on."""
        with self._changed:
            self._held, self._at_once, self._active = False, True, time.monotonic()
            self._changed.notify_all()

    def hold(self) -> None:
        """A turn begins, or a command: what is seen from now on is worth nothing."""
        with self._changed:
            self._held = True
            self._round += 1
        # What is drawn first imports what draws: nobody else should import that meanwhile (see Preload).
        if self._drawing.acquire(timeout=_LAST_LOOK):
            self._drawing.release()

    def typed(self) -> None:
        """Something was typed."""
        idle, self._active = time.monotonic() - self._active, time.monotonic()
        if pace(idle) > PACES[0][1]:
            with self._changed:
                self._at_once = True
                self._changed.notify_all()

    def look_again(self) -> None:
        """A store that did not answer is back: look at once."""
        with self._changed:
            self._resting_until, self._at_once = 0.0, True
            self._changed.notify_all()

    def tell(self) -> None:
        """Show what is new."""
        with self._changed:
            news, self._news = self._news, []
        for one in news:
            self._write(one)

    def close(self) -> None:
        """Follow nothing any more."""
        with self._changed:
            self._closed = True
            self._round += 1
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(_LAST_LOOK)

    # The thread's side

    def _run(self) -> None:
        from chatcli.rest import Rest  # the prompt needs none of it

        rest, store, close = Rest(FAILED), None, False
        while (errand := self._next()) is not None:
            try:
                if store is None and self._open_store is not None:
                    store, close = self._open_store()
                if store is not None:
                    self._look(store, errand)
                rest.end()
            except ChatError:  # whoever needs the store says so
                rest.begin(time.monotonic())
            self._resting_until = rest.until
        if store is not None and close:
            with suppress(StoreError):
                store.close()

    def _next(self) -> _Errand | None:
        """Sleep until it is time to look; return None when the chat ends."""
        with self._changed:
            while not self._closed:
                if self._held or self._chat is None:
                    self._changed.wait()
                    continue
                now = time.monotonic()
                usual = 0.0 if self._at_once else self._looked + pace(now - self._active)
                due = max(usual, self._resting_until)
                if now >= due:
                    self._at_once, self._looked = False, now
                    return _Errand(self._chat, self._before, self._round)
                self._changed.wait(due - now)
        return None

    def _look(self, store: Store, errand: _Errand) -> None:
        """See what others did, and show it where the prompt still stands; else it is looked for again."""
        from chatcli.following import look, look_anew

        chat = errand.chat
        before = errand.before or self._baseline(store, chat.session)
        news, now = look(store, chat.session, before, chat.own)
        drawn = self._drawn(news) if news.total or news.taken else ""
        if drawn:
            with suppress(StoreError):  # what stands in for a store that goes away has to know it too
                look_anew(chat.store, chat.session)
        if self._take(errand, drawn, now) and drawn:
            if news.taken:
                chat.saw(now.length)
            chat.derive()
        if self._news:
            self._above(self.tell)

    def _baseline(self, store: Store, session: str) -> "Seen":
        """Return what the user has seen of the session already."""
        from chatcli.following import look_anew, seen

        if self._shown is None:
            return look_anew(store, session)[0]
        return seen(self._shown.start + len(self._shown.messages), self._shown.messages)

    def _drawn(self, news: "News") -> str:
        with self._drawing:
            return self._draw(news)

    def _take(self, errand: _Errand, drawn: str, now: "Seen") -> bool:
        """Keep what was seen, to be shown; False when the chat did something meanwhile."""
        with self._changed:
            if errand.round != self._round:
                return False
            self._before, errand.chat.own.took_from = now, None
            if drawn:
                self._news.append(drawn)
                self._active = time.monotonic()
            return True
