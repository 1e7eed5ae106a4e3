"""How a turn enters the history: announced by its title, committed where it belongs, or left pending, or dropped."""

from collections.abc import Sequence
from contextlib import suppress

from chatcli.alternatives import replaced
from chatcli.errors import Conflict, StoreError
from chatcli.messages import Message, fingerprint
from chatcli.names import title_of
from chatcli.stores import Change, Pending, Store


def commit(store: Store, session: str, turn: Pending, reply: Message, changes: Sequence[Change]) -> int:
    """Commit the turn where it belongs; at the end when another writer went on from there meanwhile.

    `changes` of derived state are saved with it. Returns the history's length.
    """
    first = store.messages(session, 0, 1) if turn.at == 0 else []
    try:
        messages = _in_place(store, session, turn, reply)
        length = store.commit(session, turn.id, messages, turn.at, turn.length, changes)
    except Conflict:
        length = store.commit(session, turn.id, [turn.user, reply], changes=changes)
    if length == 2:
        with suppress(StoreError):  # the turn is in the history: it must not be said to have failed
            give_title(store, session, turn.user, first)
    return length


def _in_place(store: Store, session: str, turn: Pending, reply: Message) -> Sequence[Message]:
    """Return what a turn with its reply puts into the history: with what it replaces as an alternative.

    What stands there is read now, not when the turn began: somebody else may have replaced it as well.
    """
    old = [] if turn.at is None else store.messages(session, turn.at)
    return replaced(old, turn.user, reply) if old and old[0].role == "user" else [turn.user, reply]


def leave(store: Store, session: str, turn: Pending) -> None:
    """Leave a turn that got no reply pending; one that stands in the history with its old reply needs no more."""
    with suppress(StoreError):  # pending then: it is offered again
        if _stands_there(store, session, turn):
            drop(store, session, turn)


def _stands_there(store: Store, session: str, turn: Pending) -> bool:
    """Say whether all that a pending turn holds stands in the history, where the turn would go."""
    if turn.at is None:
        return False
    there = store.messages(session, turn.at)
    reply = "\n".join(message.text for message in there[1:])
    return bool(there) and fingerprint(there[0]) == fingerprint(turn.user) and reply.startswith(turn.partial)


def drop(store: Store, session: str, turn: Pending) -> None:
    """Forget a pending turn, and the title that it gave."""
    store.drop(session, turn.id)
    take_title(store, session, turn.user)


def announce(store: Store, session: str, question: Message) -> None:
    """Give a session that has no turn yet the title of its first input: it is listed even if no reply comes."""
    with suppress(StoreError):  # the turn is kept; its end says what is wrong
        if not store.length(session):
            give_title(store, session, question)


def take_title(store: Store, session: str, question: Message) -> None:
    """Take away the title that a question gave to a session in which no turn stands any more."""
    look = store.snapshot(session, 0)
    if not look.length and look.session.title and look.session.title == title_of(question):
        store.update(session, title="")


def give_title(store: Store, session: str, question: Message, replaced: Sequence[Message] = ()) -> None:
    """Give a session the title of its first question, in the place of none, or of that of the `replaced` one.

    Any other title was given by the user, or by a model: it stays.
    """
    title = store.snapshot(session, 0).session.title
    if title in ("", *map(title_of, replaced)):
        store.update(session, title=title_of(question))
