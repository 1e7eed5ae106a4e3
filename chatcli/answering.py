"""One turn: the input is kept, the past chosen, the reply streamed, and the whole turn committed.

The order is the promise. What the user sent is in the store before the request leaves; what has come of
the reply is in the store within a second; user and assistant message enter the history together or not
at all. Whoever iterates a turn may stop it at any event, or die: nothing is lost.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from chatcli.assembly import Assembly
from chatcli.background import Background
from chatcli.committing import announce, commit, leave
from chatcli.context import Context, request
from chatcli.errors import BrokenStream, ChatError, ContextTooLong, NoImages, StoreError
from chatcli.following import OwnWriting
from chatcli.messages import Message, Usage
from chatcli.model import Model
from chatcli.prompt import fill
from chatcli.pump import Pump
from chatcli.sight import check_images
from chatcli.stores import Change, Pending
from chatcli.turn import Committed, Draft, Notice, Turning, streamed
from chatcli.writer import this_writer


@dataclass(eq=False, repr=False)
class Answering(Assembly):
    """A session whose turns are answered, and in which what is derived from them catches up in the background.

    `settings` are what the user chose for this session; they are saved with its first turn. `author` is kept with what
    the user writes; `own` knows what of the history comes from this chat. `thought_in_vain` is what the model
    thought of the last message, when no reply came of it: it is kept nowhere else.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    clock: Callable[[], float] = time.time
    author: str | None = None
    own: OwnWriting = field(default_factory=OwnWriting, init=False)
    last_context: Context | None = field(default=None, init=False)
    last_usage: Usage | None = field(default=None, init=False)
    thought_in_vain: str = field(default="", init=False)
    _pump: Pump | None = field(default=None, init=False)
    _stopped: bool = field(default=False, init=False)
    _used: bool = field(default=False, init=False)
    _length: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.background = Background(self.work, self._keep_change, self.side_model, self.look_up_window)
        self.writer = this_writer()
        self._opened_with = self.chosen

    def begin(self, turn: Pending, draft: Draft | None = None, model: Model | None = None) -> Turning:
        """Keep the turn as ours, durably, before anything leaves; return it ready to run.

        The reply goes into `draft`, and is the `model`'s, where they are given. Raises UsageError, NoImages or
        StoreError.
        """
        fill(self.prompt, self.variables, (), turn.user)  # raises what would be wrong, before anything is kept
        check_images(model or self.model, turn.user.content)
        self._save_settings()
        turn = turn._replace(writer=self.writer)
        self._stopped, self._used, self.thought_in_vain = False, True, ""
        self.store.begin(self.session, turn)
        if turn.at is None and not self._length:
            announce(self.store, self.session, turn.user)
        return self._answer(turn, draft or Draft(), model or self.model)

    def stop(self) -> None:
        """End the reply that is coming, or about to be asked for; what came is kept. Safe from a signal handler."""
        self._stopped = True
        if self._pump is not None:
            self._pump.stop()

    def derive(self) -> None:
        """Have the background see what is to be derived; returns at once.

        Before the first turn in this chat, or another memory, nothing is asked that was not begun in an earlier one.
        """
        if not self._length:
            with suppress(StoreError):  # the next turn says it
                self._length = self.store.length(self.session)
        if self.memory.searches or self.memory.derives or self.aids.titles:
            self.background.wake(self._used or self.chosen is not self._opened_with)

    def close(self) -> None:
        """Break off what runs in the background, and let go of the models and the index."""
        self.background.close()
        super().close()

    # The turn on its way

    def _answer(self, turn: Pending, draft: Draft, model: Model) -> Turning:
        own, self.model = self.model, model
        self.background.hold()
        try:
            yield from self._answered(turn, draft)
        finally:
            self.model = own
            self.background.release()

    def _answered(self, turn: Pending, draft: Draft) -> Turning:
        self.last_context, self.last_usage = self.context(turn.user.content, stop=turn.at), None
        if turn.at is None:
            yield from self._missed(self.last_context.length)
        failure: ChatError | None = None
        try:
            yield from self._asked(turn, draft)
        except ChatError as error:
            failure, draft.finish = error, "error"
        except GeneratorExit:
            self._end(turn, draft, self.last_context)
            raise
        reply = self._end(turn, draft, self.last_context)
        if reply is not None:
            yield from self._remarks(turn)
        if failure is not None:
            raise failure
        if reply is not None:
            yield Committed(reply)
        elif draft.finish is not None:
            hint = "send it again, in a chat with /retry; a larger max_tokens may help"
            raise BrokenStream("the model answered nothing", hint)

    def _remarks(self, turn: Pending) -> Turning:
        """Say what there is to know of a turn that was committed: how safe it is, and whether it stands elsewhere."""
        if self.store.warning:
            yield Notice(self.store.warning)
        if turn.at is not None and self._length > turn.at + 2:
            yield Notice("others went on meanwhile: this stands at the end, and what it was to replace stays")

    def saw(self, length: int) -> bool:
        """Take note of how long the history is; say whether it was longer, and take out of the index what is gone."""
        before, self._length = self._length, length
        if before > length:
            self.forget()
        return before > length

    def _missed(self, length: int) -> Turning:
        """Say that the session was taken away since it was seen last."""
        if self.saw(length) and not length:
            lost = "it was emptied, deleted or renamed elsewhere, or the store lost it"
            yield Notice(f"nothing of this session is in the store now: {lost}; what follows begins it anew")

    def _asked(self, turn: Pending, draft: Draft) -> Turning:
        """Ask for the reply; once more, with less, where the endpoint refused what need not be sent."""
        assert self.last_context is not None
        try:
            yield from self._stream(turn, request(self.last_context, draft.prefix), draft)
        except (ContextTooLong, NoImages) as refusal:
            before = self.last_context.tokens
            news = None if draft.began else self.adapt(refusal, before, turn.user.content)
            if news is None:
                raise
            self.last_context = self.context(turn.user.content, stop=turn.at)
            if self.last_context.tokens >= before:
                raise
            yield Notice(news)
            yield from self._stream(turn, request(self.last_context, draft.prefix), draft)

    def _stream(self, turn: Pending, messages: Sequence[Message], draft: Draft) -> Turning:
        """Yield the reply's events into `draft`, and keep what came about once a second."""
        if self._stopped:
            return
        self._pump = Pump(self.model.stream(messages, self.options))
        if self._stopped:  # while the pump was made, and not there to be told
            self._pump.stop()
        try:
            yield from streamed(self._pump, draft, lambda: self._checkpoint(turn, draft))
        finally:
            self._pump = None

    def _checkpoint(self, turn: Pending, draft: Draft) -> None:
        """Keep what has come, with a sign of life."""
        self.store.checkpoint(self.session, turn.id, draft.text if draft.began else turn.partial)

    def _end(self, turn: Pending, draft: Draft, context: Context) -> Message | None:
        """Commit what came, or leave the turn pending when nothing did; return the reply."""
        self.last_usage = draft.usage
        draft.take_rest()
        if not draft.began:
            self.thought_in_vain = draft.reasoning
            leave(self.store, self.session, turn)
            return None
        if draft.usage and not draft.prefix:
            self.aids.learn_scale(self.model, context.messages, draft.usage)
        reply = draft.reply(self.model.name, self.clock())
        self._commit(turn, reply, context)
        return reply

    def _commit(self, turn: Pending, reply: Message, context: Context) -> None:
        self.own.wrote([turn.user, reply])
        if turn.at is not None:
            self.own.took(turn.at)
        self._length = commit(self.store, self.session, turn, reply, context.selection.changes)
        self.derive()

    def _save_settings(self) -> None:
        if self.settings:
            self.store.update(self.session, settings=self.settings)
            self.settings = {}

    def _keep_change(self, change: Change) -> bool:
        if not self.look().history.holds(change.state.watermark):
            return False  # the history was emptied or taken back while it was derived
        from chatcli.memory.summary import told  # the prompt need not wait for it

        kept = self.store.put_state(self.session, change)
        if kept and (line := told(change)):
            self.background.tell(line, about=change.name)
        return kept
