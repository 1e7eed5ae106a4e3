"""Where histories are kept.

A store keeps, for each session: its messages in order, what the user set on it, what was derived from it,
turns that are under way, and what was undone. Positions count from 0, the oldest message.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from chatcli.messages import Message


class Session(NamedTuple):
    """What is known of a session without reading its messages. Times are Unix seconds.

    `turns` counts its user messages; `used` is when it was last written to, but for what was derived. `lifetime`: the
    seconds after its last write for which it is kept, 0 for good; `expires`: when that ends, as it stands now.
    """

    name: str
    title: str = ""
    created: float = 0.0
    used: float = 0.0
    messages: int = 0
    turns: int = 0
    settings: Mapping[str, Any] = {}
    lifetime: int = 0
    expires: float = 0.0


class Repair(NamedTuple):
    """What a repair put right, of a session or (name '') of the store; `what` begins with the deed: `listed again`."""

    session: str
    what: str


class Watermark(NamedTuple):
    """Up to where something was derived: it covers the messages before `position`.

    `fingerprint` is that of the message at `position - 1` (empty for position 0). When the message there
    is another one by now, what was derived is worth nothing.
    """

    position: int
    fingerprint: str = ""


class State(NamedTuple):
    """Something a memory derived, as JSON data, and how far it reaches."""

    value: Mapping[str, Any]
    watermark: Watermark


class Change(NamedTuple):
    """A new `state` under `name`, to be taken only if the one there is still `expected` (None: there is none).

    The whole state is compared, not its watermark alone: what the user corrects reaches as far as before, and a slow
    job that began before the correction must not write over it.
    """

    name: str
    state: State
    expected: State | None


class Pending(NamedTuple):
    """A turn under way: what the user sent, and what has come of the reply.

    `id` is the turn's. `writer` names the process that answers it (`host/pid/start`); `age` is the seconds since
    its last sign of life, by the store's own clock. `at` is the position it replaces from, when it is a
    retry or an edit of a history that had `length` messages; None: it goes to the end.
    """

    id: str
    user: Message
    writer: str
    partial: str = ""
    at: int | None = None
    length: int | None = None
    age: float = 0.0


class Snapshot(NamedTuple):
    """A session as one look sees it: its length, its newest messages, what is set on it, what was derived.

    `newest` are the messages from position `length - len(newest)` on, oldest first.
    """

    session: Session
    length: int
    newest: Sequence[Message]
    states: Mapping[str, State]


class Store(Protocol):
    """Histories by session name.

    A name is any text of 1 to 200 characters without control characters; no two names share anything, and
    none is a pattern. A session exists once something was written to it. Every verb raises StoreError (StoreUnavailable
    when the store is away); what failed left nothing half done.

    What stands in a store and cannot be read hides nothing else and is never written over: a message is shown as
    `unreadable`, a derived state or a turn under way is left out, a change of it is refused.
    """

    address: str
    """How to name this store to the user; without any password."""

    durable: bool
    """Whether a history outlives the process."""

    @property
    def warning(self) -> str:
        """What the user should know of the write that was done last, in one line; "": it is as safe as was asked."""
        ...

    # Reading

    def snapshot(self, session: str, newest: int) -> Snapshot:
        """Return one consistent look, with up to `newest` messages, in one round trip. An unknown session is empty."""
        ...

    def messages(self, session: str, start: int | None = None, stop: int | None = None) -> list[Message]:
        """Return a slice of the history, with the meaning of Python's slices; costs what it returns."""
        ...

    def length(self, session: str) -> int:
        """Return the number of messages; 0 for an unknown session."""
        ...

    def exists(self, session: str) -> bool:
        """Say whether anything was written to the session, and it was not deleted."""
        ...

    def sessions(self, limit: int | None = None, offset: int = 0) -> list[Session]:
        """Return a page of the sessions, the one used last first, at most two round trips."""
        ...

    def foreign(self) -> Iterator[Session]:
        """Yield the sessions that only other programs wrote; may look through the whole store."""
        ...

    # Writing

    def append(
        self, session: str, messages: Sequence[Message], at: int | None = None, expected_length: int | None = None
    ) -> int:
        """Add messages at the end, all or none; return the new length.

        With `at`, what stood from there on moves to the session's undone state in the same transaction. That keeps
        the newest steps only: rules.UNDO_STEPS, and rules.UNDO_SIZE but for the newest.
        Raises Conflict when `expected_length` is given and is not the length any more, or when the history ends
        before `at`.
        """
        ...

    def redo(self, session: str) -> list[Message]:
        """Put back what was undone last, if the history still ends where that began; else return []."""
        ...

    def update(
        self,
        session: str,
        title: str | None = None,
        settings: Mapping[str, Any] | None = None,
        times: tuple[float, float] | None = None,
    ) -> None:
        """Set the title, or merge `settings` into the session's (a None value removes one); makes the session.

        `times`: when it was created and used last, of a session that comes from elsewhere; None: it is used now.
        """
        ...

    def put_state(self, session: str, change: Change) -> bool:
        """Apply the change by compare-and-set; say whether it was applied. A session that is not there takes none."""
        ...

    # A turn under way

    def begin(self, session: str, pending: Pending) -> None:
        """Keep a turn that is about to be sent; durable when this returns.

        Raises Conflict for a turn that was committed: another process that saw it unfinished was faster.
        """
        ...

    def checkpoint(self, session: str, turn: str, partial: str) -> None:
        """Keep what has come of the reply, and show a sign of life; nothing when the turn is not under way.

        Gives up after a second at most, with StoreUnavailable: a reply must not wait for it.
        """
        ...

    def commit(
        self,
        session: str,
        turn: str,
        messages: Sequence[Message],
        at: int | None = None,
        expected_length: int | None = None,
        changes: Sequence[Change] = (),
    ) -> int:
        """Append the whole turn, drop its pending state and apply `changes`, in one transaction.

        `at` and `expected_length` as in `append`; a change whose expectation fails is left out, the turn is
        not. A turn that was committed before (an outcome that was unknown) is not appended again: only its
        pending state goes. Returns the new length.
        """
        ...

    def pending(self, session: str) -> list[Pending]:
        """Return the turns under way, oldest first, those of this process too."""
        ...

    def drop(self, session: str, turn: str) -> None:
        """Forget a turn under way."""
        ...

    # Whole sessions

    def clear(self, session: str, expected_length: int | None = None) -> int:
        """Remove all messages, derived state, undone state and pending turns; keep title and settings.

        Returns how many messages there were. `expected_length` as in `append`.
        """
        ...

    def delete(self, session: str) -> bool:
        """Remove the session and everything of it; say whether there was one."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Give the session another name; raises NotFound for `old`, Conflict when `new` exists.

        Raises Conflict, too, while a reply is under way in `old` (a turn showed a sign of life in the last 10 s):
        its writer would go on under the old name, and the session would be two.
        """
        ...

    def fork(self, session: str, new: str, stop: int | None = None) -> None:
        """Make the session `new` of the first `stop` messages (None: all), title, settings and what was derived.

        All of it or nothing. What was undone, what is under way and its expiry stay behind; what was derived from
        messages that are not copied is worth nothing there, as its watermark tells. Raises NotFound for `session`,
        Conflict when `new` exists or the history is shorter.
        """
        ...

    def expire(self, session: str, lifetime: int | None) -> None:
        """Let the session go with all it has so many seconds after it was last written to, or never (None).

        The time begins now, and again with each write. Raises NotFound, and UsageError where nothing can expire.
        """
        ...

    def repair(self, dry_run: bool = False) -> Iterator[Repair]:
        """Make the index of sessions and all counts say what is there; yield what was wrong, after it was put right.

        With `dry_run` nothing is written. A message is never removed.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
