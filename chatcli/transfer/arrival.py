"""Into a store: a session is there whole or not at all, and once, however often it is brought."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

from chatcli.errors import StoreError, UsageError
from chatcli.messages import Message
from chatcli.names import check_session_name, title_of
from chatcli.stores import Change, Store
from chatcli.stores.rules import NAME_LENGTH, is_session_name
from chatcli.transfer import Carried
from chatcli.values import counted

BATCH = 10_000
"""Messages that are written at once."""

_LARGE = 2_000_000  # characters of a batch, at most, unless one message has more
_UNDER_WAY = "(being imported "

Progress = Callable[[int], None]
"""Is told how many messages have been written since it was told last; may raise to stop the import."""


@dataclass(slots=True)
class Arrived:
    """What an import brought: the names of new sessions, those that were there already, and what was left out."""

    names: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    messages: int = 0
    left_out: int = 0

    def summary(self) -> str:
        """Return it in a line."""
        said = [f"imported {counted(len(self.names), 'session')}, {counted(self.messages, 'message')}"]
        if self.known:
            others = f" and {len(self.known) - 1:,} more" if len(self.known) > 1 else ""
            said.append(f"here already: {self.known[0]}{others}")
        if self.left_out:
            branches = "another branch" if self.left_out == 1 else f"{self.left_out:,} other branches"
            said.append(f"{branches} left out, which history import --branches brings")
        return "; ".join(said)


def bring(store: Store, sessions: Iterable[Carried], name: str | None, arrived: Arrived, progress: Progress) -> None:
    """Write the sessions into the store; what is done is told in `arrived`, also when it ends with an error.

    `name`: what the first one is to be called, even if it is there already under another name. Raises UsageError when
    there is another session of that name.
    """
    known = _known(store)
    numbers: dict[str, int] = {}
    for session in sessions:
        there = known.get(session.origin)
        if name is not None and there != name:
            _check_free(store, name)
            there = None
        progress(0)
        if there is not None:
            arrived.known.append(there)
        else:
            chosen = name or _free_name(store, session.name, numbers)
            arrived.messages += _write(store, session, chosen, progress)
            arrived.names.append(chosen)
            arrived.left_out += session.left_out
            known[session.origin] = chosen
        name = None


def _known(store: Store) -> dict[str, str]:
    """Return the names of the sessions that are there, by where they came from."""
    known: dict[str, str] = {}
    for one in store.sessions():
        if not one.name.startswith(_UNDER_WAY):  # what a killed import left is not there
            known[f"chatcli:{one.name}@{one.created}"] = one.name
            known[str(one.settings.get("origin"))] = one.name
    return known


def _write(store: Store, session: Carried, name: str, progress: Progress) -> int:
    """Write the session under a name that says so while it is under way, then give it its own; return its length."""
    temporary = _temporary(session.origin)
    store.delete(temporary)  # of an import that was killed
    try:
        length, title, said = 0, session.title, list[float]()
        for batch in _batches(session.messages):
            title = title or next((title_of(one) for one in batch if one.role == "user"), "")
            said = _span(said, batch)
            length = store.append(temporary, batch, expected_length=length)
            progress(len(batch))
        settings = {**session.settings, "origin": session.origin}
        times = (session.created or min(said, default=0.0), session.used or max(said, default=0.0))
        store.update(temporary, title=title, settings=settings, times=times if all(times) else None)
        for state_name, state in session.states.items():
            store.put_state(temporary, Change(state_name, state, None))
        store.rename(temporary, name)
    except BaseException:
        with suppress(StoreError):
            store.delete(temporary)
        raise
    return length


def _span(said: list[float], batch: Sequence[Message]) -> list[float]:
    """Return the times of the first and the last message, of those that have one."""
    times = [*said, *(message.time for message in batch if message.time)]
    return [min(times), max(times)] if times else []


def _temporary(origin: str) -> str:
    return f"{_UNDER_WAY}{hashlib.blake2b(origin.encode('utf-8', 'surrogatepass'), digest_size=6).hexdigest()})"


def _batches(messages: Iterable[Message]) -> Iterator[list[Message]]:
    """Yield the messages in lists that fit into one write."""
    batch: list[Message] = []
    size = 0
    for message in messages:
        batch.append(message)
        size += _size(message)
        if len(batch) == BATCH or size > _LARGE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _size(message: Message) -> int:
    return len(message.content) if isinstance(message.content, str) else len(str(message.content))


# Names


def _check_free(store: Store, name: str) -> None:
    if store.exists(check_session_name(name)):
        raise UsageError(f"there is another session {name!r} already", "choose another name: -s NAME")


def _free_name(store: Store, wish: str, numbers: dict[str, int]) -> str:
    """Return the name, or what is left of it as one, with a number when another session has it.

    `numbers` remembers what was tried, for a hundred sessions may be called "New chat".
    """
    plain = " ".join("".join(char if char.isprintable() else " " for char in wish).split())[: NAME_LENGTH // 2]
    plain = plain if is_session_name(plain) else "imported"
    for number in count(numbers.get(plain, 0) + 1):
        name = plain if number == 1 else f"{plain} ({number})"
        if not store.exists(name):
            numbers[plain] = number
            return name
    raise AssertionError("numbers end")
