"""What is changed of a session between two turns: its end is taken back or replaced, or goes on under another name."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count, islice

from chatcli.alternatives import as_turn, versions
from chatcli.committing import give_title, take_title
from chatcli.errors import Conflict, NotFound, StoreError, UsageError
from chatcli.following import EMPTIED, emptying
from chatcli.memory.history import History, open_history
from chatcli.memory.numbering import open_numbered, turn_numbered
from chatcli.messages import Message, Turn, new_id
from chatcli.names import check_session_name, numbered_name
from chatcli.stores import Change, Pending, Store
from chatcli.stores.rules import no_session

_ATTEMPTS = 5
"""How often a change is decided anew because another writer was faster."""


def take_back(store: Store, session: str, turns: int) -> list[Turn]:
    """Take the last turns out of the history; return them, the newest first."""
    history = open_history(store, session)
    taken = list(islice(history.turns(), turns))
    if taken:
        start = taken[-1].start
        first = history.between(0, 1) if start == 0 else []
        store.append(session, [], at=start, expected_length=history.length)
        if first:
            take_title(store, session, first[0])
    return taken


def put_back(store: Store, session: str) -> list[Message]:
    """Put back what was undone last, with the title that its first turn gave; return its messages."""
    messages = store.redo(session)
    if messages and store.length(session) == len(messages):
        give_title(store, session, messages[0])
    return messages


def last_turn(store: Store, session: str) -> tuple[Turn, int]:
    """Return the last turn, and the history's length; raise NotFound when the user said nothing in it."""
    history = open_history(store, session)
    last = next(history.turns(), None)
    if last is None or last.messages[0].role != "user":
        raise NotFound("there is no turn to send again", "write something first")
    return last, history.length


def to_replace(store: Store, session: str, writer: str) -> Pending:
    """Return the last turn as one to be replaced: another reply, or another question, takes its place."""
    last, length = last_turn(store, session)
    return Pending(new_id(), last.messages[0], writer, at=last.start, length=length)


def to_go_on(store: Store, session: str, writer: str) -> Pending:
    """Return the last turn with its reply, to go on with that; raise NotFound when there is nothing to go on with."""
    last, length = last_turn(store, session)
    question, *answers = last.messages
    if len(answers) != 1 or answers[0].role != "assistant" or answers[0].tool_calls or not answers[0].text.strip():
        raise NotFound("there is no reply to go on with", "/retry asks for one")
    if answers[0].finish == "stop":
        raise NotFound("the last reply ended by itself: there is nothing to go on with", "ask for more")
    return Pending(new_id(), question, writer, answers[0].text, last.start, length)


def choose(store: Store, session: str, number: int) -> Sequence[Message]:
    """Put a version of the last turn in its place, the first being 1; return its messages."""
    last, length = last_turn(store, session)
    found, _ = versions(last.messages)
    if not 1 <= number <= len(found):
        known = f"it has {len(found)}: /alternatives lists them" if len(found) > 1 else "/retry makes one"
        raise NotFound(f"there is no version {number} of the last turn", known)
    store.append(session, as_turn(found, number - 1), at=last.start, expected_length=length)
    return found[number - 1]


def fork(store: Store, session: str, new: str | None = None, stop: int | None = None) -> str:
    """Copy a session, up to before position `stop`, to another one; return its name, without one given `NAME-2` or so.

    Raises NotFound when there is no such session, UsageError for its own name, Conflict when the new name
    is taken or there is less to copy.
    """
    if not store.exists(session):
        raise no_session(session)
    if new == session:
        raise UsageError(f"{session} is the session to copy", "choose another name, or leave it out")
    if new is not None:
        store.fork(session, check_session_name(new), stop)
        return _of_its_own(store, new)
    for number in count(2):
        name = numbered_name(session, number, store.exists)
        if store.exists(name):
            continue
        try:
            store.fork(session, name, stop)
        except Conflict:
            if not store.exists(name):  # not taken meanwhile by another
                raise
        else:
            return _of_its_own(store, name)
    raise AssertionError


def _of_its_own(store: Store, new: str) -> str:
    """Have the copy forget where its original was imported from: an import would take the two for one session."""
    if store.snapshot(new, 0).session.settings.get("origin") is not None:
        store.update(new, settings={"origin": None})
    return new


def clear(store: Store, session: str, author: str | None = None, expected_length: int | None = None) -> int:
    """Empty a session, its title too; return how many messages went. `author`: who does it, for those who have it open.

    It forgets where it was imported from, for it is another one now. Raises Conflict when its length is not the one
    expected.
    """
    with suppress(StoreError):  # damaged settings keep nobody from emptying it
        if store.exists(session):
            store.update(session, settings=emptying(author, store.messages(session, -1)))
    try:
        removed = store.clear(session, expected_length)
    except StoreError:
        with suppress(StoreError):  # nobody emptied it: what is said of it later must not be this
            store.update(session, settings={EMPTIED: None})
        raise
    if store.exists(session):
        imported = store.snapshot(session, 0).session.settings.get("origin") is not None
        store.update(session, title="", settings={"origin": None} if imported else None)
    return removed


def apply(store: Store, session: str, decide: Callable[[History], Change | None]) -> bool:
    """Apply the change that `decide` makes of the history as it is; again when another writer was faster.

    Returns False when it decided on none. Raises Conflict when others are always faster.
    """
    for _ in range(_ATTEMPTS):
        change = decide(open_history(store, session))
        if change is None:
            return False
        if store.put_state(session, change):
            return True
    raise Conflict("other writers are always faster", "repeat it")


def end_of_turn(store: Store, session: str, number: int) -> int:
    """Return the position after the turn of that number; raise NotFound when there is none."""
    history, last = open_numbered(store, session)
    turn = turn_numbered(history, last, number)
    if turn is None:
        known = f"the last one is turn {last:,}" if last else "nothing was said in it"
        raise NotFound(f"there is no turn {number:,} in {session!r}", known)
    return turn.stop
