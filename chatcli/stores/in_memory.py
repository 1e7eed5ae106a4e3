"""The store that lives as long as the process."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chatcli.errors import UsageError
from chatcli.messages import Message
from chatcli.stores import Change, Pending, Repair, Session, Snapshot, State, rules


@dataclass
class _Kept:
    """Everything of one session."""

    created: float
    used: float
    title: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    turns: int = 0
    undone: list[tuple[int, list[Message]]] = field(default_factory=list)
    states: dict[str, State] = field(default_factory=dict)
    pending: dict[str, tuple[Pending, float]] = field(default_factory=dict)
    committed: set[str] = field(default_factory=set)

    def splice(self, messages: Sequence[Message], at: int | None) -> None:
        if at is not None and at < len(self.messages):
            self.undone.append((at, self.messages[at:]))
            sizes = [sum(map(rules.size_of, step)) for _, step in reversed(self.undone[-rules.UNDO_STEPS :])]
            del self.undone[: -rules.kept_steps(sizes)]
            self.turns -= rules.count_turns(self.messages[at:])
            del self.messages[at:]
        self.messages += messages
        self.turns += rules.count_turns(messages)

    def take(self, change: Change) -> bool:
        if not rules.takes(self.states.get(change.name), change):
            return False
        self.states[change.name] = change.state._replace(value=_copy(change.state.value))
        return True


class InMemoryStore:
    """Histories in this process. Every verb holds one lock, so that any thread may call."""

    address = "memory:"
    durable = False
    warning = ""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._sessions: dict[str, _Kept] = {}

    # Reading

    def snapshot(self, session: str, newest: int) -> Snapshot:
        """See Store."""
        with self._lock:
            kept = self._sessions.get(session) or _Kept(0.0, 0.0)
            tail = kept.messages[max(0, len(kept.messages) - newest) :]
            states = {name: state._replace(value=_copy(state.value)) for name, state in kept.states.items()}
            return Snapshot(_describe(session, kept), len(kept.messages), tail, states)

    def messages(self, session: str, start: int | None = None, stop: int | None = None) -> list[Message]:
        """See Store."""
        with self._lock:
            kept = self._sessions.get(session)
            return kept.messages[start:stop] if kept else []

    def length(self, session: str) -> int:
        """See Store."""
        with self._lock:
            kept = self._sessions.get(session)
            return len(kept.messages) if kept else 0

    def exists(self, session: str) -> bool:
        """See Store."""
        with self._lock:
            return session in self._sessions

    def sessions(self, limit: int | None = None, offset: int = 0) -> list[Session]:
        """See Store."""
        with self._lock:
            newest_first = sorted(self._sessions.items(), key=lambda item: item[1].used, reverse=True)
            page = newest_first[offset : None if limit is None else offset + limit]
            return [_describe(name, kept) for name, kept in page]

    def foreign(self) -> Iterator[Session]:
        """See Store; nobody else writes here."""
        return iter(())

    # Writing

    def append(
        self, session: str, messages: Sequence[Message], at: int | None = None, expected_length: int | None = None
    ) -> int:
        """See Store."""
        with self._lock:
            length = self.length(session)
            rules.check_splice(session, length, at, expected_length)
            if messages or (at is not None and at < length):
                self._used(session).splice(messages, at)
            return self.length(session)

    def redo(self, session: str) -> list[Message]:
        """See Store."""
        with self._lock:
            kept = self._sessions.get(session)
            if not kept or not kept.undone or kept.undone[-1][0] != len(kept.messages):
                return []
            _, messages = kept.undone.pop()
            self._used(session).splice(messages, None)
            return messages

    def update(
        self,
        session: str,
        title: str | None = None,
        settings: Mapping[str, Any] | None = None,
        times: tuple[float, float] | None = None,
    ) -> None:
        """See Store."""
        with self._lock:
            kept = self._used(session)
            kept.created, kept.used = times or (kept.created, kept.used)
            kept.title = kept.title if title is None else title
            kept.settings = _copy(rules.merged(kept.settings, settings))

    def put_state(self, session: str, change: Change) -> bool:
        """See Store."""
        with self._lock:
            kept = self._sessions.get(session)
            return kept is not None and kept.take(change)

    # A turn under way

    def begin(self, session: str, pending: Pending) -> None:
        """See Store."""
        with self._lock:
            kept = self._sessions.get(session)
            rules.check_not_committed(session, kept is not None and pending.id in kept.committed)
            turns = self._used(session).pending
            turns.pop(pending.id, None)  # begun again: it is the newest now
            turns[pending.id] = (pending, self._clock())

    def checkpoint(self, session: str, turn: str, partial: str) -> None:
        """See Store."""
        with self._lock:
            kept = self._sessions.get(session)
            if kept and turn in kept.pending:
                kept.pending[turn] = (kept.pending[turn][0]._replace(partial=partial), self._clock())

    def commit(
        self,
        session: str,
        turn: str,
        messages: Sequence[Message],
        at: int | None = None,
        expected_length: int | None = None,
        changes: Sequence[Change] = (),
    ) -> int:
        """See Store."""
        with self._lock:
            kept = self._sessions.get(session)
            if not (kept and turn in kept.committed):
                rules.check_splice(session, self.length(session), at, expected_length)
                kept = self._used(session)
                kept.splice(messages, at)
                kept.committed.add(turn)
                for change in changes:
                    kept.take(change)
            kept.pending.pop(turn, None)
            return len(kept.messages)

    def pending(self, session: str) -> list[Pending]:
        """See Store."""
        with self._lock:
            kept = self._sessions.get(session)
            turns = kept.pending.values() if kept else ()
            return [turn._replace(age=max(0.0, self._clock() - beat)) for turn, beat in turns]

    def drop(self, session: str, turn: str) -> None:
        """See Store."""
        with self._lock:
            if kept := self._sessions.get(session):
                kept.pending.pop(turn, None)

    # Whole sessions

    def clear(self, session: str, expected_length: int | None = None) -> int:
        """See Store."""
        with self._lock:
            if session not in self._sessions:
                return 0
            rules.check_splice(session, len(self._sessions[session].messages), None, expected_length)
            kept = self._used(session)
            self._sessions[session] = _Kept(
                kept.created, kept.used, kept.title, kept.settings, committed=kept.committed
            )
            return len(kept.messages)

    def delete(self, session: str) -> bool:
        """See Store."""
        with self._lock:
            return self._sessions.pop(session, None) is not None

    def rename(self, old: str, new: str) -> None:
        """See Store."""
        with self._lock:
            rules.check_rename(old, new, old in self._sessions, new in self._sessions, self.pending(old))
            self._sessions[new] = self._sessions.pop(old)

    def fork(self, session: str, new: str, stop: int | None = None) -> None:
        """See Store."""
        with self._lock:
            taken = new in self._sessions
            rules.check_fork(session, new, session in self._sessions, taken, self.length(session), stop)
            kept, now = self._sessions[session], self._clock()
            states = {name: state._replace(value=_copy(state.value)) for name, state in kept.states.items()}
            self._sessions[new] = _Kept(now, now, kept.title, _copy(kept.settings), states=states)
            self._sessions[new].splice(kept.messages[:stop], None)

    def expire(self, session: str, lifetime: int | None) -> None:
        """See Store."""
        if not self.exists(session):
            raise rules.no_session(session)
        if lifetime is not None:
            raise UsageError("memory: keeps a session until the process ends, no shorter", "delete it: /delete")

    def repair(self, dry_run: bool = False) -> Iterator[Repair]:
        """See Store; nothing here can be wrong."""
        return iter(())

    def close(self) -> None:
        """See Store; there is nothing to let go of."""

    def _used(self, session: str) -> _Kept:
        """Return the session, made when it is new, marked as used now."""
        now = self._clock()
        kept = self._sessions.setdefault(session, _Kept(now, now))
        kept.used = now
        return kept


def _describe(name: str, kept: _Kept) -> Session:
    settings = _copy(kept.settings)
    return Session(name, kept.title, kept.created, kept.used, len(kept.messages), kept.turns, settings)


def _copy(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value as the other stores give it back: a copy made of JSON's types."""
    copied: dict[str, Any] = json.loads(rules.to_json(value))
    return copied
