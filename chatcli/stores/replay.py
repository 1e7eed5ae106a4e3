"""What the journal keeps, and how it gets into a store: entries of verbs, and the verbs of entries."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from chatcli.alternatives import versions, with_others_of
from chatcli.errors import ChatError, Conflict, StoreUnavailable
from chatcli.messages import Message, fingerprint, from_dict, to_dict
from chatcli.stores import Change, Pending, State, Store, Watermark, rules
from chatcli.stores.journal import Entry, Tally


class Replayed(NamedTuple):
    """How far a replay came: turns that are in the store now, why it takes no more, and sessions that it refuses."""

    turns: int
    away: StoreUnavailable | None = None
    refused: Mapping[str, ChatError] = {}


def replay(store: Store, entries: Iterable[Entry], remove: Callable[[Entry], object]) -> Replayed:
    """Put entries into a store in their order, and `remove` each that is there.

    A session whose entry is refused keeps that one and all after it; the others go on.
    """
    done, refused = Tally(), dict[str, ChatError]()
    for entry in entries:
        if entry.session in refused:
            continue
        try:
            put_into(store, entry)
        except StoreUnavailable as error:
            return Replayed(done.turns, error, refused)
        except ChatError as error:
            refused[entry.session] = error
            continue
        remove(entry)
        if entry.verb == "commit":
            done.add(entry)
    return Replayed(done.turns, None, refused)


def begun(session: str, pending: Pending) -> Entry:
    """Return the entry for `begin`."""
    data = {"user": to_dict(pending.user), "writer": pending.writer, "at": pending.at, "length": pending.length}
    return Entry(session, "begin", data, pending.id, rules.to_json(pending.partial))


def committed(
    session: str, turn: str, messages: Sequence[Message], changes: Sequence[Change], replaced: Sequence[Message] | None
) -> Entry:
    """Return the entry for `commit` of a turn that `replaced` messages at the end of the history; None: it went there.

    What it replaced tells where it goes: positions are others, where others wrote meanwhile.
    """
    data = {
        "messages": [to_dict(message) for message in messages],
        "replaced": None if replaced is None else [fingerprint(message) for message in replaced],
        "changes": [_change_to_data(change) for change in changes],
    }
    return Entry(session, "commit", data, turn)


def dropped(session: str, turn: str) -> Entry:
    """Return the entry for `drop`."""
    return Entry(session, "drop", {}, turn)


def updated(
    session: str, title: str | None, settings: Mapping[str, Any] | None, times: tuple[float, float] | None
) -> Entry:
    """Return the entry for `update`; with `unseen` in its data, a title takes the place of none but ''."""
    return Entry(session, "update", {"title": title, "settings": settings, "times": times})


def changed(session: str, change: Change) -> Entry:
    """Return the entry for `put_state`."""
    return Entry(session, "put_state", _change_to_data(change))


def put_into(store: Store, entry: Entry) -> None:
    """Do what an entry says, once, however often it is put into the store. Raises StoreError.

    Others may have written meanwhile: then the turns of the journal stand behind theirs. A turn that was to replace
    what does not stand at the end any more goes there itself, as it stands.
    """
    try:
        _put(store, entry)
    except _NONSENSE as error:
        raise rules.damaged(f"what the journal keeps for the session {entry.session!r}") from error


_NONSENSE = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What the data of a damaged entry leads to."""


def _put(store: Store, entry: Entry) -> None:
    session, turn, data = entry.session, entry.turn, entry.data
    if not (isinstance(session, str) and rules.is_session_name(session) and isinstance(turn, str)):
        raise TypeError("no session, or no turn, can be called so")
    match entry.verb:
        case "begin":
            _begin(store, entry)
        case "commit":
            _commit(store, session, turn, data)
        case "drop":
            store.drop(session, turn)
        case "update":
            _update(store, session, data)
        case "put_state":
            store.put_state(session, _change(data))
        case verb:
            raise ValueError(verb)  # a newer chatcli kept it


def _begin(store: Store, entry: Entry) -> None:
    data = entry.data
    user, partial = from_dict(data["user"]), rules.to_text(entry.partial)
    try:
        store.begin(entry.session, Pending(entry.turn, user, str(data["writer"]), partial, data["at"], data["length"]))
    except Conflict:
        return  # it was committed: its outcome was unknown


def _commit(store: Store, session: str, turn: str, data: Mapping[str, Any]) -> None:
    messages = [from_dict(message) for message in data["messages"]]
    changes = [_change(change) for change in data["changes"]]
    replaced = data["replaced"]
    if replaced is None:
        store.commit(session, turn, messages, changes=changes)
        return
    length = store.length(session)
    at = length - len(replaced)
    there = store.messages(session, at, length) if at >= 0 else []
    if at >= 0 and list(map(fingerprint, there)) == replaced:
        whole = with_others_of(there, messages) if there else messages
        with suppress(Conflict):  # others were faster
            store.commit(session, turn, whole, at, length, changes)
            return
    found, stands = versions(messages)
    store.commit(session, turn, found[stands], changes=changes)


def _update(store: Store, session: str, data: Mapping[str, Any]) -> None:
    title, times = data["title"], data["times"]
    if title and data.get("unseen") and store.snapshot(session, 0).session.title:
        title = None
    store.update(session, title, data["settings"], (times[0], times[1]) if times else None)


def _change_to_data(change: Change) -> dict[str, Any]:
    expected = change.expected
    return {
        "name": change.name,
        "state": _state_to_data(change.state),
        "expected": None if expected is None else _state_to_data(expected),
    }


def _state_to_data(state: State) -> dict[str, Any]:
    return {"value": state.value, "position": state.watermark.position, "fingerprint": state.watermark.fingerprint}


def _change(data: Mapping[str, Any]) -> Change:
    expected = data["expected"]
    return Change(data["name"], _state(data["state"]), None if expected is None else _state(expected))


def _state(data: Mapping[str, Any]) -> State:
    return State(data["value"], Watermark(data["position"], data["fingerprint"]))
