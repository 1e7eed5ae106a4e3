"""Into a store: a session is there whole or not at all, and once, however often it is brought."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain, count, islice

from chatcli.errors import Conflict, StoreError, UsageError
from chatcli.messages import Message
from chatcli.names import check_session_name, is_under_way, title_of
from chatcli.stores import Change, Session, Store
from chatcli.stores.rules import NAME_LENGTH, is_session_name
from chatcli.transfer import Carried
from chatcli.transfer.under_way import UnderWay, batches, tidy
from chatcli.values import counted

Progress = Callable[[int], None]
"""Is told how many messages have been written since it was told last; may raise to stop the import."""


@dataclass(slots=True)
class Arrived:
    """What an import brought: the names of new sessions, those that were there already, and what was left out.

    Of those that were there, `grown` names the ones that are longer where they came from. `kept` names what interrupted
    imports left behind and somebody has written in since."""

    names: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    grown: list[str] = field(default_factory=list)
    messages: int = 0
    left_out: int = 0
    kept: list[str] = field(default_factory=list)
    unfit: set[str] = field(default_factory=set)

    def summary(self) -> str:
        """Return it in a line; '' when nothing came, and nothing is to be told."""
        said = []
        if self.names or self.messages or self.known or self.left_out:
            said.append(f"imported {counted(len(self.names), 'session')}, {counted(self.messages, 'message')}")
        if self.known:
            said.append(f"here already: {_first_of(self.known)}")
        if self.grown:
            said.append(f"has grown since, which is not brought: {_first_of(self.grown)}")
        if self.left_out:
            branches = "another branch" if self.left_out == 1 else f"{self.left_out:,} other branches"
            said.append(f"{branches} left out, which history import --branches brings")
        if self.unfit:
            said.append(f"settings left out that are none: {', '.join(sorted(self.unfit))}")
        if self.kept:
            said.append(f"kept from an interrupted import: {', '.join(self.kept)}")
        return "; ".join(said)


def _first_of(names: Sequence[str]) -> str:
    return f"{names[0]} and {len(names) - 1:,} more" if len(names) > 1 else names[0]


def bring(store: Store, sessions: Iterable[Carried], name: str | None, arrived: Arrived, progress: Progress) -> None:
    """Write the sessions into the store; what is done is told in `arrived`, also when it ends with an error.

    `name`: what the first one is to be called, even if it is there already under another name. Raises UsageError when
    there is another session of that name.
    """
    arrived.kept += tidy(store)
    known = _known(store.sessions())
    numbers: dict[str, int] = {}
    for session in sessions:
        session, there = _recognised(store, session, known.get(session.origin, ()))
        if name is not None and there != name:
            _check_free(store, name)
            there = None
        progress(0)
        if there is not None:
            arrived.known.append(there)
            if sum(1 for _ in session.messages) > store.length(there):
                arrived.grown.append(there)
        else:
            chosen, length = _write(store, session, name, numbers, arrived, progress)
            (arrived.names if length is not None else arrived.known).append(chosen)
            if length is not None:
                arrived.messages += length
                arrived.left_out += session.left_out
                arrived.unfit |= set(session.unfit)
            known.setdefault(session.origin, []).append(chosen)
        name = None


def _known(sessions: Sequence[Session]) -> dict[str, list[str]]:
    """Return the names of the sessions that are there, by where they came from; several may say the same."""
    known: dict[str, list[str]] = {}
    for one in sessions:
        if not is_under_way(one.name):  # what a killed import left is not there
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
    store: Store, session: Carried, name: str | None, numbers: dict[str, int], arrived: Arrived, progress: Progress
) -> tuple[str, int | None]:
    """Write the session under a name that says so while it is under way, then give it `name` or a free one.

    Returns its name and its length; None for the length when another import has brought it meanwhile.
    """
    place, done = UnderWay(store), False
    try:
        length = _fill(place, session, progress)
        if name:
            store.rename(place.name, name)
            done = True
        else:
            name, done = _named(place, session, numbers)
        return name, length if done else None
    finally:
        if not done:
            with suppress(StoreError):
                arrived.kept += filter(None, [place.give_up()])


def _fill(place: UnderWay, session: Carried, progress: Progress) -> int:
    """Write all of the session but its name; return its length."""
    length, title, said = 0, session.title or "", list[float]()
    for batch in batches(session.messages):
        if session.title is None:
            title = title or next((title_of(one) for one in batch if one.role == "user"), "")
        said = _span(said, batch)
        length = place.write(length, batch)
        progress(len(batch))
    times = (session.created or min(said, default=0.0), session.used or max(said, default=0.0))
    place.complete(title, {**session.settings, "origin": session.origin}, times if all(times) else None)
    for state_name, state in session.states.items():
        place.store.put_state(place.name, Change(state_name, state, None))
    return length


def _span(said: list[float], batch: Sequence[Message]) -> list[float]:
    """Return the times of the first and the last message, of those that have one."""
    times = [*said, *(message.time for message in batch if message.time)]
    return [min(times), max(times)] if times else []


# Names


def _check_free(store: Store, name: str) -> None:
    if store.exists(check_session_name(name)):
        raise UsageError(f"there is another session {name!r} already", "choose another name: -s NAME")


def _named(place: UnderWay, session: Carried, numbers: dict[str, int]) -> tuple[str, bool]:
    """Give what has been written the session's name, or what is left of it as one, with a number when it is taken.

    Returns the name and True; or False, when another import has brought this very session meanwhile. `numbers`
    remembers what was tried, for a hundred sessions may be called "New chat".
    """
    plain = session.name if session.is_ours and _is_listed(session.name) else _plain(session.name)
    for number in count(numbers.get(plain, 0) + 1):
        name = plain if number == 1 else f"{plain[: NAME_LENGTH - 10]} ({number})"
        done = _takes_free(place, name)
        if done or _is_copy(place.store, name, place.name):
            numbers[plain] = number
            return name, done
    raise AssertionError("numbers end")


def _plain(wish: str) -> str:
    """Return what a session can be called that should be called `wish`."""
    printable = "".join(char if char.isprintable() else " " for char in wish)
    plain = " ".join(printable.split())[: NAME_LENGTH // 2]
    return plain if _is_listed(plain) else "imported"


def _is_listed(name: str) -> bool:
    return is_session_name(name) and not is_under_way(name)


def _takes_free(place: UnderWay, name: str) -> bool:
    """Rename the session unless there is one of that name; say whether that was done."""
    if place.store.exists(name):
        return False
    try:
        place.store.rename(place.name, name)
    except Conflict:
        if not place.store.exists(name):  # another import was not faster
            raise
        return False
    return True


def _is_copy(store: Store, name: str, temporary: str) -> bool:
    """Say whether that session came from where the temporary one did, and ends as it does."""
    one, other = store.snapshot(name, 1), store.snapshot(temporary, 1)
    if one.session.settings.get("origin") != other.session.settings.get("origin") or one.length != other.length:
        return False
    return [(last.role, last.text) for last in one.newest] == [(last.role, last.text) for last in other.newest]
