"""What this process saw of a store's sessions last: what there is to go on with while the store is away."""

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

from chatcli.messages import Message
from chatcli.stores import Change, Pending, Session, Snapshot, State, Store, rules

KEPT = 2000
"""Messages of a session that are kept at least, the newest."""

HIDDEN = Message("unreadable", "in the store, which is away")
"""Stands for a message that was not seen: it keeps the others in their places, and is never sent."""


class _Seen:
    """Of one session: messages by their positions, as many as were looked at."""

    def __init__(self) -> None:
        self.session: Session | None = None
        self.length = 0
        self.messages: dict[int, Message] = {}
        self.states: dict[str, State] = {}
        self.turns: dict[str, Pending] = {}

    def cut(self, length: int) -> None:
        """The history has this length now."""
        if length < self.length:
            self.messages = {at: message for at, message in self.messages.items() if at < length}
        self.length = length

    def put(self, start: int, messages: Sequence[Message]) -> None:
        self.messages.update((at, message) for at, message in enumerate(messages, start) if message is not HIDDEN)
        if len(self.messages) > 2 * KEPT:
            self.messages = dict(sorted(self.messages.items())[-KEPT:])


class Seen:
    """The sessions that were looked at. Any thread may call."""

    def __init__(self) -> None:
        self._sessions: dict[str, _Seen] = {}
        self._lock = Lock()

    def snapshot(self, session: str, look: Snapshot) -> None:
        """A look was taken."""
        with self._lock:
            seen = self._sessions.setdefault(session, _Seen())
            seen.session, seen.states = look.session, dict(look.states)
            seen.cut(look.length)
            seen.put(look.length - len(look.newest), look.newest)

    def messages(self, session: str, start: int | None, messages: Sequence[Message]) -> None:
        """A slice was read; one that is counted from the end is not kept."""
        with self._lock:
            if (seen := self._sessions.get(session)) is not None and start is not None and start >= 0:
                if messages:  # others may have gone on
                    seen.cut(max(seen.length, start + len(messages)))
                seen.put(start, messages)

    def committed(
        self, session: str, turn: str, length: int, messages: Sequence[Message], changes: Sequence[Change]
    ) -> None:
        """A turn ended: the history has this length now."""
        self.length(session, length, messages)
        self.changed(session, changes)
        self.ended(session, turn)

    def length(self, session: str, length: int, added: Sequence[Message] = ()) -> None:
        """The history has this length now, and these are its newest messages."""
        with self._lock:
            seen = self._sessions.setdefault(session, _Seen())
            seen.cut(length - len(added))
            seen.cut(length)
            seen.put(length - len(added), added)

    def update(self, session: str, title: str | None, settings: Mapping[str, Any] | None) -> None:
        """The title or settings were set."""
        with self._lock:
            seen = self._sessions.setdefault(session, _Seen())
            known = seen.session or Session(session)
            seen.session = known._replace(
                title=known.title if title is None else title, settings=rules.merged(known.settings, settings)
            )

    def changed(self, session: str, changes: Sequence[Change]) -> None:
        """What was derived was changed, where it was still what was expected."""
        with self._lock:
            seen = self._sessions.setdefault(session, _Seen())
            for change in changes:
                if rules.takes(seen.states.get(change.name), change):
                    seen.states[change.name] = change.state

    def turns(self, session: str, pending: Sequence[Pending]) -> None:
        """These are the turns under way."""
        with self._lock:
            self._sessions.setdefault(session, _Seen()).turns = {turn.id: turn for turn in pending}

    def begun(self, session: str, pending: Pending) -> None:
        """A turn began."""
        with self._lock:
            self._sessions.setdefault(session, _Seen()).turns[pending.id] = pending

    def ended(self, session: str, turn: str) -> None:
        """A turn is under way no more."""
        with self._lock:
            if seen := self._sessions.get(session):
                seen.turns.pop(turn, None)

    def checkpointed(self, session: str, turn: str, partial: str) -> None:
        """More of a reply has come."""
        with self._lock:
            if (seen := self._sessions.get(session)) and turn in seen.turns:
                seen.turns[turn] = seen.turns[turn]._replace(partial=partial)

    def forget(self, session: str) -> None:
        """The session was emptied, deleted, or has another name."""
        with self._lock:
            self._sessions.pop(session, None)

    def copy_to(self, store: Store, session: str) -> bool:
        """Make the session in `store`, where it is not yet, as it was seen; say whether its title was seen.

        Other processes' turns are left out: whether they are still under way cannot be seen.
        """
        from chatcli.writer import is_gone, this_writer  # the prompt need not wait for it

        with self._lock:
            seen = self._sessions.get(session, _Seen())
            history = [HIDDEN] * seen.length
            for position, message in seen.messages.items():
                history[position] = message
            known, states = seen.session, dict(seen.states)
            turns = [turn for turn in seen.turns.values() if turn.writer == this_writer() or is_gone(turn.writer)]
        store.append(session, history)
        if known is not None and known != Session(session):  # else it was not there
            store.update(session, known.title, known.settings, (known.created, known.used) if known.created else None)
        for name, state in states.items():
            store.put_state(session, Change(name, state, None))
        for turn in turns:
            store.begin(session, turn)
        return known is not None
