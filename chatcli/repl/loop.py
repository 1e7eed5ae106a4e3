"""The chat in the terminal: reads a line, runs a slash command or a turn, and again.

The reply is drawn by `render`, the line edited by `line`; this holds them together and shows what goes wrong. What the
prompt does not need is imported behind it, while the user types, or where it is used.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from chatcli.errors import ChatError, ConfigError, ModelError
from chatcli.render.safe import one_line
from chatcli.repl.clock import Clock
from chatcli.repl.keys import CapturedKeys, captured_keys, on_interrupt
from chatcli.repl.last_turns import show_last_turns
from chatcli.repl.line import PromptLine
from chatcli.repl.opening import Opening
from chatcli.repl.others import Others
from chatcli.repl.output import on_a_terminal
from chatcli.repl.preload import Preload
from chatcli.repl.screen import on_stdout
from chatcli.repl.suggestions import Suggestion
from chatcli.repl.toolbar import NOTHING_SENT, meter_of, toolbar
from chatcli.repl.tools import Tools

if TYPE_CHECKING:
    from chatcli.attachments import Attachment
    from chatcli.chat import Chat
    from chatcli.following import News
    from chatcli.messages import Message
    from chatcli.turn import Turning

_LONGEST_NEWS = 400

Result = TypeVar("Result")


class Repl:
    """One interactive chat."""

    def __init__(self, opening: Opening, tools: Tools, attachments: "Sequence[Attachment]" = ()) -> None:
        self._opening = opening
        self.tools = tools
        self.attachments = list(attachments)
        self.screen = on_stdout(tools.plain)
        self.leaving = False
        self._exit_code = 0
        self._prefill = ""
        self._told: list[str] = []
        self._clock = Clock()
        self._keys = CapturedKeys()
        self._interrupted = False
        self._preload = Preload(self._load, then=self._derive)
        self._others = Others(
            tools.watched, self._drawn, above=lambda show: self.line.above(show), write=sys.stdout.write
        )
        self.line = PromptLine(
            toolbar=self._toolbar,
            suggest=self._suggest,
            history=None if tools.private else tools.state_folder / "input_history",
            on_first_shown=self._preload.start,
            on_typed=self._others.typed,
            keymap=tools.keymap,
            vi=tools.vi,
        )
        tools.outage.on_change = self._on_store

    @property
    def chat(self) -> "Chat":
        """The chat as it is now; the first one is put together when it is first asked for."""
        return self._opening.chat

    def run(self) -> int:
        """Chat until the user leaves; return the exit code: a script's is that of the last error, 0 without one."""
        stop = self.tools.keymap.stop_byte
        capture = captured_keys(stop=stop) if on_a_terminal() else nullcontext(self._keys)
        # A ^C between two prompts must not end the chat; at a prompt it is a key.
        with capture as self._keys, on_interrupt(self._stop):
            self.greet()
            while not self.leaving:
                text = self._read()
                if text is None:
                    break
                self._take(text)
        self._others.close()
        return 0 if sys.stdin is not None and sys.stdin.isatty() else self._exit_code

    def greet(self, with_turns: bool = True) -> None:
        """Say where we are: the session, whether it is kept, its last turns, what was left unfinished."""
        store, place = self._opening.store, self._opening.place
        if not store.durable:
            self.screen.warn("kept in memory only: it ends with this chat")
        if not self.tools.quiet:
            self.screen.aside(place.told)
        with self._errors_shown():
            if with_turns and not self.tools.quiet and self.screen.on_a_terminal:
                leave = self.tools.keymap.shown("leave")
                self._others.shown(show_last_turns(self.screen, store, place.session, self.line.message, leave))
            if store.pending(place.session):
                from chatcli.repl.pending import describe_unfinished

                describe_unfinished(self)
            if self.attachments:
                from chatcli.repl.attaching import say_attached

                say_attached(self, self.attachments)

    def switch(self, chat: "Chat", greet: bool = True, with_turns: bool = True) -> None:
        """Go on with another session's chat; without `greet`, somebody else says so, or shows its turns."""
        self._opening.switch(chat)
        self.attachments.clear()
        self._others.shown(None)
        if greet:
            self.greet(with_turns)
        chat.derive()
        self._others.follow(chat)

    def play(self, turn: "Turning", before: str = "") -> "Message | None":
        """Show a turn as it comes; raise what it raises. ^C stops it, what is typed meanwhile is kept.

        On a terminal the reply is shown to go on from `before`: the block it was cut off in.
        """
        from chatcli.render.reply import reply_view
        from chatcli.render.turn import after, show_turn
        from chatcli.repl.pending import say_how_it_ended

        view = reply_view(sys.stdout, self.screen.plain, self.tools.quiet, how_to_unfold="/reasoning shows it")
        if self._interrupted:  # ^C came before there was a turn to stop
            self.chat.stop()
        with closing(turn):
            reply = show_turn(
                after(before, turn) if before and not self.screen.plain else turn,
                view,
                whole=self.tools.whole_replies,
                reasoning=self.tools.reasoning,
                poll=self._keys.poll,
                tell_speed=self.screen.aside if self.tools.show_speed else None,
            )
        self._interrupted = False
        say_how_it_ended(self.screen, reply)
        self._told += self.chat.last_context.notes if self.chat.last_context else ()
        return reply

    def wait_for(self, what: str, work: Callable[[Callable[[], bool]], Result]) -> Result:
        """Return what `work` does, while a line shows `what` and the seconds.

        It is given a function to call often, which says whether ^C was pressed.
        """
        from chatcli.render.reply import reply_view

        view, stopped, began = reply_view(sys.stdout, plain=self.screen.plain), Event(), time.monotonic()
        if self._interrupted:
            stopped.set()

        def is_stopped() -> bool:
            self._keys.poll()
            view.waiting(time.monotonic() - began, what)
            return stopped.is_set()

        with on_interrupt(stopped.set):
            try:
                return work(is_stopped)
            finally:
                view.finish()

    def edit(self, text: str) -> str | None:
        """Let the user edit a text in their editor; return what it became, None when that failed."""
        from chatcli.repl.editor import edit_text

        with self._keys.lent():
            return edit_text(text)

    def ask(self, question: str) -> str:
        """Return what the user answers, '' when they would rather not. What was typed ahead is no answer."""
        with self._keys.set_aside(self.line.input):
            line = PromptLine(f"{one_line(question, 300)} ", question=True, keymap=self.tools.keymap)
            self._interrupted = False
            answer = (line.read() or "").strip()
            self._keys.interrupt(line.input)
            return answer

    def ask_to_edit(self, label: str, text: str) -> str | None:
        """Let the user change a text at a prompt of its own; return it, None when they would rather not."""
        with self._keys.set_aside(self.line.input):
            return PromptLine(label, question=True, keymap=self.tools.keymap, vi=self.tools.vi).read(text)

    def confirm(self, question: str) -> bool:
        """Ask a question that only a yes answers."""
        return self.ask(f"{question} [y/N]").lower() in ("y", "yes")

    def give_back(self, text: str) -> None:
        """Put text that was not taken into the line again, behind what is there."""
        self._prefill = "\n".join(filter(None, (self._prefill, text)))

    def _stop(self) -> None:
        self._interrupted = True
        if (chat := self._opening.begun) is not None:
            chat.stop()

    def _toolbar(self, width: int) -> str:
        chat = self._opening.begun
        meter = meter_of(chat) if chat is not None else NOTHING_SENT
        return toolbar(self._opening.place, width, meter, len(self.attachments), self.tools.outage.state)

    def _read(self) -> str | None:
        self._others.tell()
        self._tell()
        self._keys.hand_over(self.line.input)
        prefill, self._prefill = self._prefill, ""
        self._interrupted = False
        self._others.release()
        text = self.line.read(prefill)
        self._others.hold()
        self._keys.interrupt(self.line.input)
        return text

    def _tell(self) -> None:
        """Say what happened to the store since the last prompt, and in one line what the memory did."""
        self._tell_store()
        chat = self._opening.begun
        lines = dict.fromkeys([*self._told, *(chat.background.news() if chat is not None else ())])
        told, self._told = list(lines), []
        if told and not self.tools.quiet:
            self.screen.aside(one_line(" · ".join(told), _LONGEST_NEWS))

    def _tell_store(self) -> None:
        for line in filter(None, [*self.tools.outage.news(), self._clock.news()]):
            self.screen.warn(one_line(line, _LONGEST_NEWS))

    def _on_store(self) -> None:
        """The store went away, or is back: say so above the line, if that stands on the screen."""
        self.line.redraw()
        self.line.above(self._tell_store)
        if not self.tools.outage.state:
            self._others.look_again()

    def _take(self, text: str) -> None:
        """Run what the user sent; an error is shown."""
        self._preload.wait()
        with self._errors_shown():
            if text.startswith("/"):
                from chatcli.repl.slash import run_slash

                run_slash(self, text)
            elif text.strip():
                self._send(text)

    def _send(self, text: str) -> None:
        """Send a message; what does not reach the store is given back."""
        from chatcli.attachments import with_attachments
        from chatcli.repl.attaching import attached_to, say_attached, say_unknown
        from chatcli.repl.pending import decide_unfinished

        self.give_back(text)
        if not decide_unfinished(self):
            return
        attached = attached_to(self)
        turn = self.chat.send(with_attachments(text.strip(), attached))
        self._prefill = ""
        say_unknown(self, text)
        say_attached(self, attached[len(self.attachments) :])
        self.attachments.clear()
        self.play(turn)

    @contextmanager
    def _errors_shown(self) -> Iterator[None]:
        try:
            yield
        except ChatError as error:
            self._exit_code = error.exit_code
            self.screen.error(error)
            if isinstance(error, ModelError | ConfigError):  # its key could not be got
                from chatcli.repl.pending import say_what_is_unanswered

                say_what_is_unanswered(self.screen, self.chat)

    def _suggest(self, before: str) -> Iterator[Suggestion]:
        if not before.startswith("/"):
            from chatcli.repl.paths import mention_suggestions

            return mention_suggestions(before)
        self._preload.wait()
        from chatcli.repl.slash import completions

        return completions(self, before)

    def _load(self) -> None:
        """Put the chat together, and import what its first turn needs."""
        model = self._opening.place.model
        with suppress(ChatError):  # the first turn says it
            model = self.chat.model.name
        self.tools.preload(model)

    def _derive(self) -> None:
        with suppress(ChatError):
            self.chat.derive()
            self._others.follow(self.chat)

    def _drawn(self, news: "News") -> str:
        from chatcli.repl.others_shown import drawn

        return drawn(news, self.tools.plain)
