"""A session while it is imported or copied: under a name of its own, with a note of what the import writes.

What an import leaves behind when it is killed is removed by the next one, but only what the note vouches for:
somebody may have gone on in it meanwhile.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from chatcli.errors import Conflict
from chatcli.messages import Message, fingerprint, new_id
from chatcli.names import IMPORTED, numbered_name
from chatcli.stores import Session, Store
from chatcli.stores.rules import size_of
from chatcli.writer import is_gone, this_writer

BATCH = 10_000
"""Messages that are written at once."""

_LARGE = 2_000_000  # characters of a batch, at most, unless one message has more

NOTE = "importing"
"""The setting that holds the note: the marks of the session before and after what is written next."""

KEPT_AS = "interrupted-import"
"""What a session is called that was left half imported and is not what the import wrote."""

_WRITER = 150  # characters of it in a name
_FORSAKEN = 86_400.0  # seconds after which nobody writes on, on another machine either

Mark = list[Any]
"""How long a session is, and the fingerprint of its last message."""


def mark(length: int, last: Sequence[Message]) -> Mark:
    """Return how long a session is that ends with `last`."""
    return [length, *map(fingerprint, last[-1:])]


def _new_name() -> str:
    """Return a name that says who imports: unlike a note, it is there until the end."""
    return f"{IMPORTED}{new_id()} by {this_writer()[:_WRITER]})"


@dataclass(slots=True)
class UnderWay:
    """A session that is being imported into the store. No other import has the same `name`.

    `marks` are the ways it may end while nobody but the import has written into it.
    """

    store: Store
    name: str = field(default_factory=_new_name)
    marks: Sequence[Mark] = ([0],)

    def write(self, length: int, batch: Sequence[Message]) -> int:
        """Add the batch to the `length` messages that are there; return the new length. Raises Conflict."""
        self.marks = (self.marks[-1], mark(length + len(batch), batch))
        self.store.update(self.name, settings={NOTE: self.marks})
        return self.store.append(self.name, batch, expected_length=length)

    def complete(self, title: str, settings: Mapping[str, Any], times: tuple[float, float] | None) -> None:
        """Set what belongs to the session, of which all is there now: it only lacks its name."""
        self.store.update(self.name, title=title, settings={**settings, NOTE: None}, times=times)

    def give_up(self) -> str | None:
        """Remove the session, or keep it when more is there than the import wrote; return its name then.

        One in which a reply is under way stays where it is.
        """
        look = self.store.snapshot(self.name, 1)
        if mark(look.length, look.newest) in self.marks and not self.store.pending(self.name):
            self.store.delete(self.name)
            return None
        with suppress(Conflict):
            return self._shown() if self.store.exists(self.name) else None
        return self.name

    def _shown(self) -> str:
        """Give the session a name under which it is listed; return that."""
        for number in count(1):
            name = KEPT_AS if number == 1 else numbered_name(KEPT_AS, number, self.store.exists)
            if not self.store.exists(name):
                self.store.rename(self.name, name)
                self.store.update(name, settings={NOTE: None})
                return name
        raise AssertionError("numbers end")


def batches(messages: Iterable[Message]) -> Iterator[list[Message]]:
    """Yield the messages in lists that fit into one write."""
    batch: list[Message] = []
    size = 0
    for message in messages:
        batch.append(message)
        size += size_of(message)
        if len(batch) == BATCH or size > _LARGE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def tidy(store: Store) -> list[str]:
    """Remove what killed imports have left in the store; return the names of those that were kept."""
    left = (one for one in store.sessions() if one.name.startswith(IMPORTED) and _is_forsaken(one))
    return [kept for one in left if (kept := UnderWay(store, one.name, _marks(one)).give_up())]


def _is_forsaken(session: Session) -> bool:
    """Say whether no import writes the session any more."""
    _, by, writer = session.name.removesuffix(")").partition(" by ")
    is_old = NOTE in session.settings and time.time() - session.used > _FORSAKEN  # a whole one has times of its own
    return not by or is_gone(writer) or is_old


def _marks(session: Session) -> Sequence[Mark]:
    marks = session.settings.get(NOTE)
    return marks if isinstance(marks, list) else ()
