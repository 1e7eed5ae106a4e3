"""A session that goes on: all that can be done with its turns. `answering` says how one of them is answered."""

from collections.abc import Callable, Sequence
from typing import Any

from chatcli.answering import Answering
from chatcli.committing import announce, drop
from chatcli.memory.history import History
from chatcli.messages import Content, Message, Turn, new_id, user_message
from chatcli.model import Model
from chatcli.revising import apply, choose, clear, put_back, take_back, to_go_on, to_replace
from chatcli.stores import Change, Pending
from chatcli.stores.rules import ABANDONED
from chatcli.turn import Draft, Turning, going_on
from chatcli.writer import is_gone


class Chat(Answering):
    """A session that goes on: turns are sent, again or otherwise, decided on, and taken back."""

    # A turn

    def send(self, content: Content, unfinished: Sequence[Pending] = ()) -> Turning:
        """Keep the input and return the turn: iterate it to ask the model; its last event is Committed.

        One of the `unfinished` turns with the very same input is taken up again, not doubled. Raises UsageError for a
        missing variable and StoreError when the store is away: nothing was kept then. The turn itself raises ModelError
        when the reply failed, StoreError when it could not be saved. A turn that got no reply stays pending.
        """
        same = next((turn for turn in unfinished if turn.user.content == content), None)
        if same is not None:
            return self.retry(same)
        return self.begin(Pending(new_id(), user_message(content, self.clock(), self.author), self.writer))

    def retry(self, turn: Pending | None = None, model: Model | None = None) -> Turning:
        """Send a turn again, as `send` does: the pending one given, else the last one, whose reply is replaced.

        A reply that is replaced, or was cut off, stays as an alternative, and stands until a new one begins. `model`
        answers this once. Raises NotFound when there is no turn.
        """
        if turn is not None and turn.partial:
            self.keep(turn)  # first of all: the new reply may be cut off as well
            turn = None
        return self.begin(turn or self.last(), model=model)

    def edit(self, turn: Pending, content: Content) -> Turning:
        """Send another text in the place of a turn: one that `last` returned, or a pending one, which is dropped.

        The turn that is replaced stays as an alternative.
        """
        question = user_message(content, self.clock(), self.author)
        edited = Pending(new_id(), question, self.writer, at=turn.at, length=turn.length)
        turning = self.begin(edited)
        self.drop(turn)
        announce(self.store, self.session, question)
        return turning

    def last(self) -> Pending:
        """Return the history's last turn, to be replaced. Raises NotFound when there is none."""
        return to_replace(self.store, self.session, self.writer)

    def cut_off(self) -> Pending:
        """Return the last turn with its reply, which `resume` goes on with; a pending one comes first.

        Raises NotFound when there is no reply, or it ended by itself.
        """
        unfinished = self.unfinished()
        return unfinished[-1] if unfinished else to_go_on(self.store, self.session, self.writer)

    def resume(self, turn: Pending) -> Turning:
        """Have the model go on with the reply that a turn holds the beginning of: a pending one, or the last."""
        return self.begin(turn, going_on(turn.partial))

    def keep(self, turn: Pending) -> Message:
        """Commit a pending turn with the reply as far as it came; return that reply."""
        reply = Draft(turn.partial).reply(self.model.name, self.clock())
        self._commit(turn, reply, self.context(turn.user.content, stop=turn.at))
        return reply

    def drop(self, turn: Pending) -> None:
        """Forget a pending turn, and the title that it gave."""
        drop(self.store, self.session, turn)

    def unfinished(self) -> list[Pending]:
        """Return the turns to decide on: our own without a reply, and those whose writer is gone."""
        return self.unanswered()[0]

    def unanswered(self) -> tuple[list[Pending], list[Pending]]:
        """Return the turns to decide on (see `unfinished`), and those that others have answered now."""
        ours: list[Pending] = []
        others: list[Pending] = []
        for turn in self.store.pending(self.session):
            (ours if self._is_ours_to_decide(turn) else others).append(turn)
        return ours, others

    # The history's end

    def choose(self, number: int) -> Sequence[Message]:
        """Put one of the last turn's versions in its place (see `alternatives`); return its messages.

        Raises NotFound when there is none of that number, Conflict when another writer was faster.
        """
        chosen = choose(self.store, self.session, number)
        self.own.wrote(chosen)
        self._length = self.store.length(self.session)
        self.own.took(self._length - len(chosen))
        self.derive()
        return chosen

    def undo(self, turns: int = 1) -> Sequence[Turn]:
        """Take the last turns out of the history; return them, the newest first. `redo` brings them back."""
        taken = take_back(self.store, self.session, turns)
        if taken:
            self.own.took(taken[-1].start)
        self._length = self.store.length(self.session)
        return taken

    def redo(self) -> int:
        """Put back what was undone last; return how many messages that were, 0 when there is nothing."""
        restored = put_back(self.store, self.session)
        self.own.wrote(restored)
        return len(restored)

    def clear(self, expected_length: int | None = None) -> int:
        """Remove all messages of the session; return how many there were. Raises Conflict when these are others."""
        removed = clear(self.store, self.session, self.author, expected_length)
        self.own.took(0)
        self._length, self.last_context = 0, None
        return removed

    def change(self, decide: Callable[[History], Change | None]) -> bool:
        """Apply the change that `decide` makes of the history as it is; again when another writer was faster.

        Returns False when it decided on none. Raises Conflict when others are always faster.
        """
        return apply(self.store, self.session, decide)

    def set(self, **settings: Any) -> None:
        """Keep settings with the session, at once when it exists, else with its first turn; None removes one."""
        self.settings.update(settings)
        if self.store.exists(self.session):
            self._save_settings()

    def _is_ours_to_decide(self, turn: Pending) -> bool:
        return turn.writer == self.writer or turn.age > ABANDONED or is_gone(turn.writer)
