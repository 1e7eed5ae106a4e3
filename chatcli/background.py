"""What is derived from a history while nobody waits for it.

One daemon thread a chat: after a turn it takes what is behind one step further at a time, each step committed by
compare-and-set, so that it may lose a race, die or be killed at any moment. It never holds up the prompt, an answer or
the exit; what is left undone is done next time.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Condition, Thread

from chatcli.errors import ChatError, StoreError
from chatcli.memory import Derivation, View
from chatcli.model import Model
from chatcli.rest import PAUSES, Rest
from chatcli.side_request import Held, SideRequest
from chatcli.stores import Change

STEPS = 4
"""Requests for one derivation after a turn at most: a long history that was never summed up takes several turns."""

BATCH = 500
"""Messages that the index takes in at a time."""

EMBEDDED = 30
"""Batches of messages that are turned into vectors after a turn at most: a long history takes several turns."""


@dataclass(frozen=True, slots=True)
class Work:
    """What there is to do: the derivations of a memory, and what it sees, with an index when it searches."""

    view: View
    derivations: Sequence[Derivation]


class Background:
    """Keeps what is derived of one session up to date.

    `look` returns what there is to do now, `keep` commits a change by compare-and-set, `model` is whom to ask;
    `prepare` is done first, whenever it is woken. `pauses` are the seconds between its failures.
    """

    def __init__(
        self,
        look: Callable[[], Work],
        keep: Callable[[Change], bool],
        model: Callable[[], Model],
        prepare: Callable[[], None] = lambda: None,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self._look, self._keep, self._model, self._prepare = look, keep, model, prepare
        self._pauses = pauses
        self._changed = Condition()
        self._awake = False
        self._everything = False
        self._held = False
        self._held_from_all = False
        self._closed = False
        self._thread: Thread | None = None
        self._rests: dict[tuple[str, str], Rest] = {}
        self._news: list[tuple[str, str]] = []
        self._request: SideRequest | None = None

    def wake(self, everything: bool = True) -> None:
        """The history has grown: see what is behind. Returns at once.

        `everything` false: a session was merely opened; until something is asked in it, what was begun is gone on with,
        and nothing else.
        """
        with self._changed:
            if self._closed:
                return
            self._awake, self._everything = True, self._everything or everything
            if self._thread is None:
                self._thread = Thread(target=self._run, name="background", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def hold(self, everything: bool = False) -> None:
        """A turn begins: a model on this machine answers one at a time, so leave it to the turn.

        `everything`: a command of the user's derives the same, so break off what any model is asked.
        """
        with self._changed:
            self._held, self._held_from_all = True, everything

    def release(self) -> None:
        """The turn is over."""
        with self._changed:
            self._held = False
            self._changed.notify_all()

    def close(self) -> None:
        """Break off what runs, and do no more. Does not wait."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def news(self) -> list[str]:
        """Return what happened since it was last asked, one line each."""
        with self._changed:
            news, self._news = self._news, []
            return [line for _, line in news]

    def tell(self, line: str, about: str = "") -> None:
        """Add a line to the news; it takes the place of what they said `about` the same thing."""
        with self._changed:
            self._news = [news for news in self._news if news[0] != (about or line)]
            self._news.append((about or line, line))

    def drop(self, about: str) -> None:
        """Take out the news about something: the user has just seen it."""
        with self._changed:
            self._news = [news for news in self._news if news[0] != about]

    def ask(self) -> SideRequest:
        """Return what asks the model for a command that the user waits for: nothing but the end holds it up."""
        return SideRequest(self._model(), lambda: self._closed)

    def _own_request(self) -> SideRequest:
        """Return what asks the model for the thread, the same as long as the model is."""
        model = self._model()
        if self._request is None or self._request.model is not model:
            self._request = SideRequest(model, lambda: self._closed or self._is_held(model))
        return self._request

    def _is_held(self, model: Model) -> bool:
        return self._held and (self._held_from_all or model.local)

    def is_behind(self) -> bool:
        """Say whether there is something to derive for which a process of its own would be worth it."""
        work = self._look()
        index, history = work.view.index, work.view.history
        if index is not None and index.follow(history, 0) > BATCH:
            return True
        return any(derivation.is_due(work.view) for derivation in work.derivations)

    def catch_up(self, on_step: Callable[[], object] = lambda: None) -> int:
        """Derive all that is behind, in the caller's thread; return how many steps that took. Raises ChatError.

        `on_step` is called after each.
        """
        self._index(sys.maxsize)
        steps = 0
        for name in self._names():
            while self._step(name, self.ask()):
                steps += 1
                on_step()
        return steps

    # The thread

    def _run(self) -> None:
        while self._waits_for_work():
            try:
                self._work_off()
            except Held:
                self._sleep_until_released()
            except StoreError:
                pass  # whoever needs the store says so; the next turn wakes us
            except Exception as error:  # noqa: BLE001 - the border of a thread: it must not die without a word
                self.tell(f"what is derived from the history could not be updated: {error}")

    def _waits_for_work(self) -> bool:
        """Sleep until there is something to do, or to be tried again; return False when the chat ends."""
        with self._changed:
            now = time.monotonic()
            # A rest that is over was seen to just now, or is that of a memory or a model that was exchanged.
            ends = [rest.until for rest in self._rests.values() if rest.until > now]
            pause = min(ends) - now if ends else None
            self._changed.wait_for(lambda: self._closed or self._awake, pause)
            self._awake = False
            return not self._closed

    def _sleep_until_released(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._held)
            self._awake = True

    def _work_off(self) -> None:
        """Take every derivation some steps further."""
        self._prepare()
        try:
            self._index(EMBEDDED)
        except StoreError:
            raise
        except ChatError as error:
            self.tell(error.message)
        for name in self._names(self._everything):
            for _ in range(STEPS):
                if self._closed or not self._one_step(name):
                    break

    def _index(self, most: int) -> None:
        """Have the index take in what is new, and turn up to `most` batches of it into vectors."""
        work = self._look()
        if (index := work.view.index) is None:
            return
        left = -1
        while (now := index.follow(work.view.history, BATCH)) and now != left and not self._closed:
            left = now  # not fewer: somebody keeps the file locked
        for _ in range(most):
            if self._held:
                raise Held
            if self._closed or not index.embed():
                break
        while index.news:
            self.tell(index.news.pop(0))

    def _names(self, everything: bool = True) -> list[str]:
        work = self._look()
        return [one.name for one in work.derivations if everything or one.has_begun(work.view)]

    def _one_step(self, name: str) -> bool:
        """Take a derivation one step further, unless it rests; return whether there may be more to do."""
        rest = self._rests.setdefault((name, self._model_name()), Rest(self._pauses))
        if time.monotonic() < rest.until:
            return False
        try:
            more = self._step(name, self._own_request())
        except StoreError:
            raise
        except ChatError as error:
            if self._request is not None and self._request.model is not self._model():
                return True  # the model was exchanged, and so broken off: once more, with the new one
            pause = rest.begin(time.monotonic())
            self.tell(f"{name}: {error.message}; nothing is lost, it is tried again in {pause:.0f} s")
            return False
        rest.end()
        return more

    def _model_name(self) -> str:
        try:
            return self._model().name
        except ChatError:  # it cannot be opened; asking it will say so
            return ""

    def _step(self, name: str, ask: SideRequest) -> bool:
        """Take a derivation one step further; False when it is up to date, or another terminal was faster."""
        work = self._look()
        derivation = next((one for one in work.derivations if one.name == name), None)
        change = derivation.step(work.view, ask) if derivation else None
        return change is not None and self._keep(change)
