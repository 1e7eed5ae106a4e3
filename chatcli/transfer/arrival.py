"""Into a store: a session is there whole or not at all, and once, however often it is brought."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain, count, islice

from chatcli.errors import StoreError, UsageError
from chatcli.messages import Message
from chatcli.names import UNDER_WAY, check_session_name, title_of
from chatcli.stores import Change, Store
from chatcli.stores.rules import NAME_LENGTH, is_session_name
from chatcli.transfer import Carried
from chatcli.values import counted

BATCH = 10_000
"""Messages that are written at once."""

_LARGE = 2_000_000  # characters of a batch, at most, unless one message has more

Progress = Callable[[int], None]
"""Is told how many messages have been written since it was told last; may raise to stop the import."""


@dataclass(slots=True)
class Arrived:
    """What an import brought: the names of new sessions, those that were there already, and what was left out."""

    names: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    messages: int = 0
    left_out: int = 0
    unfit: set[str] = field(default_factory=set)

    def summary(self) -> str:
        """Return it in a line; '' when nothing came."""
        if not (self.names or self.messages or self.known or self.left_out):
            return ""
        said = [f"imported {counted(len(self.names), 'session')}, {counted(self.messages, 'message')}"]
        if self.known:
            others = f" and {len(self.known) - 1:,} more" if len(self.known) > 1 else ""
            said.append(f"here already: {self.known[0]}{others}")
        if self.left_out:
            branches = "another branch" if self.left_out == 1 else f"{self.left_out:,} other branches"
            said.append(f"{branches} left out, which history import --branches brings")
        if self.unfit:
            said.append(f"settings left out that are none: {', '.join(sorted(self.unfit))}")
        return "; ".join(said)


def bring(store: Store, sessions: Iterable[Carried], name: str | None, arrived: Arrived, progress: Progress) -> None:
    """Write the sessions into the store; what is done is told in `arrived`, also when it ends with an error.

    `name`: what the first one is to be called, even if it is there already under another name. Raises UsageError when
    there is another session of that name.
    """
    known = _known(store)
    numbers: dict[str, int] = {}
    for session in sessions:
        session, there = _recognised(store, session, known.get(session.origin, ()))
        if name is not None and there != name:
            _check_free(store, name)
            there = None
        progress(0)
        if there is not None:
            arrived.known.append(there)
        else:
            chosen, length = _write(store, session, name, numbers, progress)
            (arrived.names if length is not None else arrived.known).append(chosen)
            if length is not None:
                arrived.messages += length
                arrived.left_out += session.left_out
                arrived.unfit |= set(session.unfit)
            known.setdefault(session.origin, []).append(chosen)
        name = None


def _known(store: Store) -> dict[str, list[str]]:
    """Return the names of the sessions that are there, by where they came from; several may say the same."""
    known: dict[str, list[str]] = {}
    for one in store.sessions():
        if not one.name.startswith(UNDER_WAY):  # what a killed import left is not there
            for origin in {f"chatcli:{one.name}@{one.created}", str(one.settings.get("origin"))}:
                known.setdefault(origin, []).append(one.name)
    return known


def _recognised(store: Store, session: Carried, names: Sequence[str]) -> tuple[Carried, str | None]:
    """Return the session, and which of those is the same: one that was emptied and begun anew is another by now."""
    if not names:
        return session, None
    messages = iter(session.messages)
    first = list(islice(messages, 1))
    said = [(message.role, message.text) for message in first]
    same = (name for name in names if [(one.role, one.text) for one in store.messages(name, 0, 1)] == said)
    return replace(session, messages=chain(first, messages)), next(same, None)


def _write(
    store: Store, session: Carried, name: str | None, numbers: dict[str, int], progress: Progress
) -> tuple[str, int | None]:
    """Write the session under a name that says so while it is under way, then give it `name` or a free one.

    Returns its name and its length; None for the length when another import has brought it meanwhile.
    """
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
        name, brought = (name, False) if name else _free_name(store, session, numbers)
        if brought:
            store.delete(temporary)
            return name, None
        store.rename(temporary, name)
    except BaseException:
        with suppress(StoreError):
            store.delete(temporary)
        raise
    return name, length


def _span(said: list[float], batch: Sequence[Message]) -> list[float]:
    """Return the times of the first and the last message, of those that have one."""
    times = [*said, *(message.time for message in batch if message.time)]
    return [min(times), max(times)] if times else []


def _temporary(origin: str) -> str:
    return f"{UNDER_WAY}{hashlib.blake2b(origin.encode('utf-8', 'surrogatepass'), digest_size=6).hexdigest()})"


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


def _free_name(store: Store, session: Carried, numbers: dict[str, int]) -> tuple[str, bool]:
    """Return the session's name, or what is left of it as one, with a number when another session has it.

    And whether it is the name of this very session, which another import has brought meanwhile. `numbers` remembers
    what was tried, for a hundred sessions may be called "New chat".
    """
    wish = "".join(char if char.isprintable() else " " for char in session.name)
    plain = " ".join(wish.split())[: NAME_LENGTH // 2]
    plain = plain if is_session_name(plain) else "imported"
    for number in count(numbers.get(plain, 0) + 1):
        name = plain if number == 1 else f"{plain} ({number})"
        there = store.exists(name)
        brought = there and _is_copy(store, name, _temporary(session.origin))
        if brought or not there:
            numbers[plain] = number
            return name, brought
    raise AssertionError("numbers end")


def _is_copy(store: Store, name: str, temporary: str) -> bool:
    """Say whether that session came from where the temporary one did, and ends as it does."""
    one, other = store.snapshot(name, 1), store.snapshot(temporary, 1)
    if one.session.settings.get("origin") != other.session.settings.get("origin") or one.length != other.length:
        return False
    return [(last.role, last.text) for last in one.newest] == [(last.role, last.text) for last in other.newest]
