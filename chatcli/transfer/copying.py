"""A session from one store to another: there whole or not at all, compared in the end, and gone on with when stopped.

While it is copied it has a name of its own, which tells from where it comes: the same command finds what a killed one
left and goes on from there.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

from chatcli.errors import Conflict, StoreError, UsageError
from chatcli.messages import Message, to_dict
from chatcli.names import COPIED
from chatcli.stores import Change, Session, Store
from chatcli.transfer.departure import paged
from chatcli.transfer.under_way import UnderWay, batches, mark
from chatcli.writer import is_gone, this_writer

Progress = Callable[[int, int], object]
"""Is told how many messages of how many are done; may raise to stop the copy."""

WRITER = "copying"
"""The setting of a session under way that says who copies it."""

_FORSAKEN = 600.0  # seconds without a write after which nobody copies it any more
_ROUNDS = 5  # in which what was added to the source meanwhile is fetched


@dataclass(frozen=True, slots=True)
class Route:
    """From where to where a session is copied: `name` in `source` is to be `new` in `target`."""

    source: Store
    name: str
    target: Store
    new: str

    @property
    def under_way(self) -> str:
        """What the session is called in the target until it is whole."""
        key = json.dumps([self.source.address, self.name, self.new])
        return f"{COPIED}{hashlib.blake2b(key.encode('utf-8', 'surrogatepass'), digest_size=12).hexdigest()})"


@dataclass(frozen=True, slots=True)
class Found:
    """How the target stands to the source.

    `new`: it has no such session; `same`; `begun`: it has the first `there` of `length` messages; `ahead`: it has
    more than the source; `other`: the two differ.
    """

    relation: Literal["new", "same", "begun", "ahead", "other"]
    there: int
    length: int

    @property
    def missing(self) -> int:
        """How many messages the target lacks."""
        return self.length - self.there


def compared(route: Route) -> Found:
    """Compare the session with what the target has under its new name, message by message."""
    length, there = route.source.length(route.name), route.target.length(route.new)
    if not route.target.exists(route.new):
        return Found("new", 0, length)
    if not _agree(route, route.new, min(length, there)):
        return Found("other", there, length)
    return Found("same" if there == length else "begun" if there < length else "ahead", there, length)


def refusal(route: Route, found: Found) -> Conflict:
    """Return the error for a session that the target has otherwise."""
    how = "holds more than the source does" if found.relation == "ahead" else "is another one"
    return Conflict(
        f"the session {route.new!r} in {route.target.address} {how}; it was left as it is",
        "give the copy another name: --as NEW",
    )


def copy(route: Route, progress: Progress, lasting: bool = False) -> int:
    """Copy a session that the target has not; return its length. `lasting`: without its expiry.

    What a killed copy has left is taken up, if it is still the beginning of the source. Raises Conflict when somebody
    else copies it, or it changes all the time; StoreError when it arrives as something else.
    """
    place, length = _taken_up(route)
    for _ in range(_ROUNDS):
        length = _written(route, place, length, progress)
        if route.source.length(route.name) == length:
            break
    _verify(route, place, length)
    _complete(route, place, lasting)
    return length


def append_rest(route: Route, found: Found, progress: Progress) -> int:
    """Add what the target lacks at the end of its session, in whole turns; return its length.

    Raises Conflict when somebody writes into it meanwhile.
    """
    length = found.there
    if not _agree(route, route.new, length):  # the user may have been asked for long
        raise _changed(route)
    for batch in _whole_turns(paged(route.source, route.name, length, found.length)):
        length = route.target.append(route.new, batch, expected_length=length)
        progress(length, found.length)
    for name, state in route.source.snapshot(route.name, 0).states.items():
        route.target.put_state(route.new, Change(name, state, None))
    if not _agree(route, route.new, length):
        raise _changed(route)
    return length


def digest(messages: Iterable[Message]) -> str:
    """Return a hash of all that the messages say and hold, the same whichever store they come from."""
    found = hashlib.blake2b(digest_size=16)
    for message in messages:
        found.update(_canonical(message) + b"\n")
    return found.hexdigest()


# The steps


def _taken_up(route: Route) -> tuple[UnderWay, int]:
    """Return where the copy is written, and how much is there of it."""
    place = UnderWay(route.target, route.under_way)
    look = route.target.snapshot(place.name, 0)
    writer = look.session.settings.get(WRITER)
    if isinstance(writer, str) and writer != this_writer() and not is_gone(writer) and _is_recent(look.session):
        raise Conflict(
            f"{route.name!r} is being copied there by another process, or was just now", "wait until that has ended"
        )
    if look.length and not _agree(route, place.name, look.length):
        place.marks = _marks(look.session)
        place.give_up()
        look = route.target.snapshot(place.name, 0)
    place.marks = ([look.length],)
    route.target.update(place.name, settings={WRITER: this_writer()})
    return place, look.length


def _is_recent(session: Session) -> bool:
    import time

    return time.time() - session.used < _FORSAKEN


def _written(route: Route, place: UnderWay, length: int, progress: Progress) -> int:
    """Write what the copy lacks; return its length. Raises Conflict when the source is shorter by now."""
    whole = route.source.length(route.name)
    if whole < length:
        raise _changed(route)
    progress(length, whole)
    for batch in batches(paged(route.source, route.name, length, whole)):
        length = place.write(length, batch)
        progress(length, whole)
    return length


def _verify(route: Route, place: UnderWay, length: int) -> None:
    """Raise an error, and remove the copy, unless it holds what the source holds."""
    there, here = (route.target, place.name), (route.source, route.name)
    if there[0].length(there[1]) == length and digest(paged(*there, 0, length)) == digest(paged(*here, 0, length)):
        return
    place.give_up()
    raise _changed(route)


def _complete(route: Route, place: UnderWay, lasting: bool) -> None:
    """Give the copy what belongs to the session, at last its name."""
    look, there = route.source.snapshot(route.name, 0), route.target.snapshot(place.name, 1)
    one = look.session
    for name, state in look.states.items():
        route.target.put_state(place.name, Change(name, state, there.states.get(name)))
    if one.lifetime and not lasting:
        route.target.expire(place.name, one.lifetime)
    times = (one.created, one.used) if one.created and one.used else None
    place.complete(one.title, {**one.settings, WRITER: None}, times)
    try:
        route.target.rename(place.name, route.new)
    except Conflict:  # somebody has made a session of that name meanwhile
        place.marks = (mark(there.length, there.newest),)
        place.give_up()
        raise


def _marks(session: Session) -> list[list[object]]:
    marks = session.settings.get("importing")
    return marks if isinstance(marks, list) else []


def _whole_turns(messages: Iterable[Message]) -> Iterator[list[Message]]:
    """Yield the messages in lists that fit into one write and end where a turn ends."""
    rest: list[Message] = []
    for batch in batches(messages):
        rest += batch
        last = next((at for at in range(len(rest) - 1, 0, -1) if rest[at].role == "user"), 0)
        if last:
            yield rest[:last]
            rest = rest[last:]
    if rest:
        yield rest


def _agree(route: Route, there: str, count: int) -> bool:
    """Say whether the first messages of the session and those of `there` in the target are the same."""
    ours, others = paged(route.source, route.name, 0, count), paged(route.target, there, 0, count)
    return all(
        one is not None and other is not None and _canonical(one) == _canonical(other)
        for one, other in zip_longest(ours, others)
    )


def _canonical(message: Message) -> bytes:
    return json.dumps(to_dict(message), sort_keys=True, default=dict).encode()


def _changed(route: Route) -> StoreError:
    return Conflict(f"the copy of {route.name!r} is not what the session is: it was changed meanwhile", "copy it again")


def check_target(target: Store, new: str | None, is_source: bool) -> None:
    """Raise UsageError where a copy would be lost or is none; `is_source`: the target is the source itself."""
    if not target.durable:
        raise UsageError("memory: ends with this command, and the copy with it", "name a store that lasts: --to sqlite")
    if is_source and new is None:
        raise UsageError(
            f"{target.address} is the store to copy from, and the one to copy to",
            "name another one with --store or --to, or call the copy otherwise: --as NEW",
        )
