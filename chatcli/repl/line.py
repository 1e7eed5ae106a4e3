"""The prompt line: one input of the user, with completion, input history, blocks, pastes and the editor.

Which keys do what says the keymap; `\"""` opens a block that is not sent until it is closed; a paste never sends
itself, a long one stands folded in the line, and files that are dropped on it become mentions. While the line is
edited it may be redrawn in any way; what stays on the screen once it is sent is the prompt and the text, written
once, wrapped by the terminal itself.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from prompt_toolkit import PromptSession, print_formatted_text
from prompt_toolkit.application.current import get_app_session
from prompt_toolkit.cursor_shapes import ModalCursorShapeConfig
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition, vi_navigation_mode
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.input import DummyInput, Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys

from chatcli.keymap import Keymap
from chatcli.repl.above import above
from chatcli.repl.acts import Acts, printable
from chatcli.repl.bindings import REST_OF_A_KEY, TYPING, bindings, wait_for_keys
from chatcli.repl.block import without_fence
from chatcli.repl.folds import Folds
from chatcli.repl.input_history import InputHistory
from chatcli.repl.output import line_style, new_output, on_a_terminal
from chatcli.repl.pastes import read_whole_pastes
from chatcli.repl.shown import ShownText, said
from chatcli.repl.suggestions import Suggest, SuggestionCompleter

_NORMAL = "NORMAL "


class PromptLine:
    """The line the user types at.

    `toolbar` gives the text of the bottom line for a width in columns; `suggest` gives what could stand at the
    end of the text before the cursor, and must be quick; `history` is the file of the lines typed before;
    `on_first_shown` is called once, when the line first stands on the screen: for what can load meanwhile; `on_typed`
    whenever the text changes;
    `keymap` says which keys do what, `vi` that they edit as vi's do. At a `question` an empty line is sent too,
    and ^C leaves.
    """

    def __init__(
        self,
        message: str = "you> ",
        *,
        toolbar: Callable[[int], str] | None = None,
        suggest: Suggest | None = None,
        history: Path | None = None,
        on_first_shown: Callable[[], object] | None = None,
        on_typed: Callable[[], object] = lambda: None,
        keymap: Keymap | None = None,
        vi: bool = False,
        question: bool = False,
    ) -> None:
        self.message = message
        self.multiline = False
        """Whether the keys that send and those that make a new line have changed places."""
        self._on_first_shown = on_first_shown
        self._on_typed = on_typed
        self._question = question
        self._toolbar_text = toolbar
        self._suggest = suggest
        self._keymap = keymap or Keymap()
        self._vi = vi
        self._folds = Folds()
        undo_key = "Esc u" if vi else "^_"
        self._acts = Acts(lambda: self._prompt.default_buffer, self._folds, self._say, self._leave_hint, undo_key)
        self._shown_text = ShownText(self._folds)
        self._history = InputHistory(history, self._folds)
        self.typed = ""
        """What was sent last as it was typed, long pastes folded: only this may name files that go with it."""
        self._hint = ""
        self._session: PromptSession[str] | None = None

    @property
    def input(self) -> Input:
        """What the line reads from: keys typed before go there (`CapturedKeys.hand_over`)."""
        return self._prompt.input if on_a_terminal() else DummyInput()

    def read(self, prefill: str = "") -> str | None:
        """Return what the user sends, or None when they leave; `prefill` stands in the line at first.

        Without a terminal on both sides it reads lines (and blocks) from the standard input.
        """
        self.typed = ""
        if not on_a_terminal():
            return self._read_plain()
        self._hint = ""
        self._shown_text.look_again()
        try:
            text = self._prompt.prompt(default=self._folds.folded(prefill))
        except EOFError:
            return None
        text = printable(text)
        print_formatted_text(said(self.message, text, self._folds), style=line_style(), output=self._prompt.output)
        self.typed = without_fence(text)
        whole = printable(self._folds.whole(self.typed))
        # What was pasted is no slash command, whatever it begins with: a space in front says so.
        return f" {whole}" if whole.startswith("/") and not text.startswith("/") else whole

    def redraw(self) -> None:
        """Draw the line again, if it stands on the screen: what its toolbar shows is another. Any thread may call."""
        if self._session is not None:
            self._session.app.invalidate()

    def _read_plain(self) -> str | None:
        from chatcli.repl.plain_line import read_plain

        self._shown()
        text = read_plain(self.message, self._leave_hint, self._question)
        if text is None:
            return None
        sent = without_fence(text)
        # Nobody has looked for names in what comes through a pipe, or in a block: there a paste goes.
        self.typed = sent if sys.stdin.isatty() and "\n" not in text.strip() else ""
        return sent

    def _shown(self) -> None:
        if self._on_first_shown is not None:
            self._on_first_shown()
            self._on_first_shown = None

    # -- the session of prompt_toolkit, made when it is first needed

    @property
    def _prompt(self) -> PromptSession[str]:
        if self._session is None:
            self._session = self._new_session()
        return self._session

    def _new_session(self) -> PromptSession[str]:
        read_whole_pastes(get_app_session().input)
        session: PromptSession[str] = PromptSession(
            lambda: [("class:prompt", self.message)],
            style=line_style(),
            history=self._history,
            completer=None if self._suggest is None else SuggestionCompleter(self._suggest),
            complete_while_typing=Condition(lambda: _is_completed(session.default_buffer.document)),
            # What is typed already narrows down what the up key brings; a menu has that key for itself.
            enable_history_search=Condition(lambda: not _is_completed(session.default_buffer.document)),
            search_ignore_case=True,
            enable_suspend=True,
            vi_mode=self._vi,
            cursor=ModalCursorShapeConfig() if self._vi else None,
            prompt_continuation=_continuation,
            input_processors=[self._shown_text],
            bottom_toolbar=self._toolbar if self._toolbar_text else None,
            key_bindings=self._keys(),
            erase_when_done=True,
            output=new_output(),
        )
        session.app.after_render += lambda app: self._shown()
        session.app.before_render += lambda app: _fit_menu(session)
        # Terminals that do not tell the cursor's position only lose the toolbar; that is no news to them.
        session.app.renderer.cpr_not_supported_callback = None
        session.default_buffer.on_text_changed += lambda _buffer: self._typed()
        if self._vi:
            session.app.ttimeoutlen = REST_OF_A_KEY
        else:
            session.app.before_render += lambda app: wait_for_keys(app, bool(session.default_buffer.complete_state))
        return session

    def _toolbar(self) -> FormattedText:
        if self._hint:
            return FormattedText([("class:bottom-toolbar.hint", self._hint)])
        mode = _NORMAL if vi_navigation_mode() else ""
        width = self._prompt.output.get_size().columns - len(mode)
        text = self._toolbar_text(width) if self._toolbar_text else ""
        return FormattedText([("class:bottom-toolbar.hint", mode), ("", text)])

    def above(self, show: Callable[[], object]) -> None:
        """Have `show` print above the line, if that stands on the screen; else nothing is done. Any thread may call."""
        if self._session is not None:
            above(self._session, show, lambda: self._acts.editing)

    def _typed(self) -> None:
        self._say("")
        self._on_typed()

    def _say(self, hint: str) -> None:
        self._hint = hint
        self._prompt.bottom_toolbar = self._toolbar if hint or self._toolbar_text else None
        self._prompt.app.invalidate()

    @property
    def _leave_hint(self) -> str:
        return " or ".join(filter(None, (self._keymap.shown("leave"), "/exit"))) + " leaves"

    # -- keys

    def _keys(self) -> KeyBindings:
        acts = {"clear": self._clear, "editor": self._acts.edit, "idle": lambda event: self._say(self._leave_hint)}
        keys = bindings(self._keymap, acts, question=self._question, multiline=lambda: self.multiline)
        keys.add(Keys.BracketedPaste, filter=TYPING)(self._acts.paste)
        keys.add("<sigint>")(self._interrupted)
        return keys

    def _interrupted(self, event: KeyPressEvent) -> None:
        if not self._acts.editing:  # else the ^C was the editor's
            self._clear(event)

    def _clear(self, event: KeyPressEvent) -> None:
        if self._question:
            event.app.exit(exception=EOFError())
        else:
            self._acts.clear(event)


def _continuation(width: int, _line: int, _wraps: int) -> str:
    return " " * width if width * 4 <= os.get_terminal_size().columns else ""


def _fit_menu(session: PromptSession[str]) -> None:
    """Keep room for the menu only where there is some: a low window has none."""
    session.reserve_space_for_menu = max(0, min(8, session.output.get_size().rows - 4))


def _is_completed(document: Document) -> bool:
    """Return whether a menu opens by itself: for a slash command, and for a file that is being mentioned."""
    is_command = document.text.startswith("/") and "\n" not in document.text
    if is_command or "@" not in document.current_line_before_cursor:
        return is_command
    from chatcli.repl.paths import begins_mention

    return begins_mention(document.current_line_before_cursor)
