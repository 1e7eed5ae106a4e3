"""What was spent: turns, tokens and cost, by day, model and session, as the endpoints counted them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from chatcli.alternatives import other_replies
from chatcli.messages import Message
from chatcli.names import is_under_way
from chatcli.prices import Prices, cost
from chatcli.stores import Session, Store

_PAGE = 500
"""Messages, or sessions, that are read at once."""

PriceOf = Callable[[str], Prices | None]
"""Gives what a model's tokens cost, by its id; None: nobody said."""


@dataclass(slots=True)
class Spending:
    """Turns and tokens together; `uncounted` replies have no token counts, `unpriced` ones no price."""

    turns: int = 0
    replies: int = 0
    prompt: int = 0
    cached: int = 0
    completion: int = 0
    cost: float = 0.0
    uncounted: int = 0
    unpriced: int = 0

    def add(self, message: Message, price_of: PriceOf) -> None:
        """Add a message: one of the user's begins a turn, a reply has tokens."""
        self.turns += message.role == "user"
        if message.role != "assistant":
            return
        self.replies += 1
        usage, prices = message.usage, price_of(message.model or "")
        if usage is None:
            self.uncounted += 1
            return
        self.prompt += usage.prompt
        self.cached += usage.cached
        self.completion += usage.completion
        self.unpriced += prices is None
        self.cost += cost(usage, prices) if prices else 0.0

    @property
    def tokens(self) -> int:
        """Those sent and those received."""
        return self.prompt + self.completion


@dataclass(slots=True)
class Report:
    """The spending of a time: all of it, and by day (`2026-11-25`, local), by model id and by session."""

    total: Spending = field(default_factory=Spending)
    days: dict[str, Spending] = field(default_factory=dict)
    models: dict[str, Spending] = field(default_factory=dict)
    sessions: dict[str, Spending] = field(default_factory=dict)

    def add(self, session: str, message: Message, model: str, price_of: PriceOf) -> None:
        """Add a message, to the spending of the model that answered it too."""
        day = time.strftime("%Y-%m-%d", time.localtime(message.time)) if message.time else "?"
        for group, key in ((self.days, day), (self.models, model), (self.sessions, session)):
            group.setdefault(key, Spending()).add(message, price_of)
        self.total.add(message, price_of)


def spent(store: Store, since: float, price_of: PriceOf, only: str | None = None) -> Report:
    """Return what was spent since a time (Unix seconds; 0: ever), in all sessions or `only` the one with this name.

    Reads the sessions used since, each from its end. Messages without a time count only in what was spent ever. What
    was said before a session was forked counts once, in the one of the two that was used last. Replies that were
    replaced were paid for, too.
    """
    report = Report()
    counted: set[tuple[str, float | None]] = set()
    names = [only] if only is not None else [session.name for session in _used(store, since)]
    for name in names:
        model = ""
        for message in _newest_first(store, name, since):
            if message.role == "assistant":
                model = message.model or ""
            one = message.id, message.time
            if message.role in ("user", "assistant") and one not in counted:
                report.add(name, message, model, price_of)
            if message.id:
                counted.add(one)
    return report


def _used(store: Store, since: float) -> Iterator[Session]:
    """Yield the sessions used since then, the newest first."""
    offset = 0
    while page := store.sessions(limit=_PAGE, offset=offset):
        for session in page:
            if session.used < since:
                return
            if not is_under_way(session.name):
                yield session
        offset += len(page)


def _newest_first(store: Store, session: str, since: float) -> Iterator[Message]:
    """Yield the messages since then, the newest first, and in front of one the replies that it replaced."""
    stop = store.length(session)
    while stop > 0:
        start = max(0, stop - _PAGE)
        for message in reversed(store.messages(session, start, stop)):
            yield from (other for other in other_replies(message) if not since or (other.time or 0) >= since)
            if message.time is not None and message.time < since:
                return
            if message.time is not None or not since:
                yield message
        stop = start
