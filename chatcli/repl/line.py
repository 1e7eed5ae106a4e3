"""The prompt line: one input of the user, with completion, input history, blocks, pastes and the editor.

Enter sends; ^J and Alt+Enter make a new line; `\"""` opens a block that Enter does not send until it is closed;
a paste never sends itself; ^C clears the line, and says at an empty one how to leave; ^D leaves; ^X^E opens
the editor. While the line is edited it may be redrawn in any way; what stays on the screen once it is sent
is the prompt and the text, written once, wrapped by the terminal itself.
"""

import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from prompt_toolkit import PromptSession, print_formatted_text
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition, has_completions, has_focus
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.input import DummyInput, Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout.screen import Char
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.styles import Style

from chatcli.repl.block import in_open_block, without_fence
from chatcli.repl.editor import edit_text
from chatcli.repl.input_history import InputHistory
from chatcli.repl.keys import keys_are_captured
from chatcli.repl.suggestions import Suggest, SuggestionCompleter
from chatcli.repl.suggestions import Suggestion as Suggestion

LEAVE_HINT = "^D or /exit leaves"
_CURSOR_REPORT = re.compile(r"\x1b\[(\d+);\d+R")

_STYLE = Style.from_dict(
    {
        "prompt": "bold ansicyan",
        "bottom-toolbar": "noreverse dim",
        "bottom-toolbar.hint": "nodim bold",
        "completion-menu": "bg:default fg:default",
        "completion-menu.completion": "",
        "completion-menu.completion.current": "bg:default fg:default reverse",
        "completion-menu.meta.completion": "bg:default fg:default dim",
        "completion-menu.meta.completion.current": "bg:default fg:default nodim",
        "scrollbar.background": "bg:default",
        "scrollbar.button": "bg:ansibrightblack",
    }
)


class PromptLine:
    """The line the user types at.

    `toolbar` gives the text of the bottom line for a width in columns; `suggest` gives what could stand at the
    end of the text before the cursor, and must be quick; `history` is the file of the lines typed before;
    `on_first_shown` is called once, when the line first stands on the screen: for what can load meanwhile.
    At a `question` Enter sends an empty line too, and ^C leaves.
    """

    def __init__(
        self,
        message: str = "you> ",
        *,
        toolbar: Callable[[int], str] | None = None,
        suggest: Suggest | None = None,
        history: Path | None = None,
        on_first_shown: Callable[[], object] | None = None,
        question: bool = False,
    ) -> None:
        self.message = message
        self._on_first_shown = on_first_shown
        self._question = question
        self._toolbar_text = toolbar
        self._suggest = suggest
        self._history = InputHistory(history)
        self._hint = ""
        self._editing = False
        self._session: PromptSession[str] | None = None

    @property
    def input(self) -> Input:
        """What the line reads from: keys typed before go there (`CapturedKeys.hand_over`)."""
        return self._prompt.input if on_a_terminal() else DummyInput()

    def read(self, prefill: str = "") -> str | None:
        """Return what the user sends, or None when they leave; `prefill` stands in the line at first.

        Without a terminal on both sides it reads lines (and blocks) from the standard input.
        """
        if not on_a_terminal():
            return self._read_plain()
        self._hint = ""
        try:
            text = self._prompt.prompt(default=prefill)
        except EOFError:
            return None
        text = _printable(text)
        self._echo(text)
        return without_fence(text)

    def _read_plain(self) -> str | None:
        self._shown()
        text = ""
        while sys.stdin is not None:
            if sys.stdin.isatty():
                print("" if text else self.message, end="", flush=True)
            try:
                line = sys.stdin.buffer.readline()
            except KeyboardInterrupt:
                if self._question:
                    return None
                print(f"\n{LEAVE_HINT}", file=sys.stderr)
                text = ""
                continue
            text += line.decode("utf-8", "replace").replace("\r\n", "\n")
            if not line or not in_open_block(text):
                if text.strip() or (self._question and line):
                    return without_fence(text)
                text = ""
            if not line:
                return None
        return None

    def _shown(self) -> None:
        if self._on_first_shown is not None:
            self._on_first_shown()
            self._on_first_shown = None

    def _echo(self, text: str) -> None:
        shown = "".join(char if char == "\n" else Char.display_mappings.get(char, char) for char in text)
        said = FormattedText([("class:prompt", self.message), ("", shown)])
        print_formatted_text(said, style=_STYLE, output=self._prompt.output)

    # -- the session of prompt_toolkit, made when it is first needed

    @property
    def _prompt(self) -> PromptSession[str]:
        if self._session is None:
            self._session = self._new_session()
        return self._session

    def _new_session(self) -> PromptSession[str]:
        session: PromptSession[str] = PromptSession(
            lambda: [("class:prompt", self.message)],
            style=_STYLE,
            history=self._history,
            completer=None if self._suggest is None else SuggestionCompleter(self._suggest),
            complete_while_typing=Condition(lambda: _is_command(session.default_buffer.text)),
            search_ignore_case=True,
            enable_suspend=True,
            prompt_continuation=_continuation,
            bottom_toolbar=self._toolbar if self._toolbar_text else None,
            key_bindings=self._keys(),
            erase_when_done=True,
            output=_new_output(),
        )
        session.app.after_render += lambda app: self._shown()
        session.app.before_render += lambda app: _fit_menu(session)
        # Terminals that do not tell the cursor's position only lose the toolbar; that is no news to them.
        session.app.renderer.cpr_not_supported_callback = None
        session.default_buffer.on_text_changed += lambda _buffer: self._say("")
        return session

    def _toolbar(self) -> FormattedText:
        if self._hint:
            return FormattedText([("class:bottom-toolbar.hint", self._hint)])
        width = self._prompt.output.get_size().columns
        return FormattedText([("", self._toolbar_text(width) if self._toolbar_text else "")])

    def _say(self, hint: str) -> None:
        self._hint = hint
        self._prompt.bottom_toolbar = self._toolbar if hint or self._toolbar_text else None
        self._prompt.app.invalidate()

    # -- keys

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        typing = has_focus("DEFAULT_BUFFER")
        keys.add("enter", filter=typing)(_enter)
        if self._question:
            keys.add("enter", filter=typing)(lambda event: event.current_buffer.validate_and_handle())
        keys.add("c-j", filter=typing)(_new_line)
        keys.add("escape", "enter", filter=typing)(_new_line)
        keys.add("tab", filter=typing & ~has_completions)(_complete)
        keys.add(Keys.BracketedPaste, filter=typing)(_paste)
        keys.add("c-c", filter=typing)(self._interrupt)
        keys.add("<sigint>")(self._interrupt)
        keys.add("c-x", "c-e", filter=typing)(self._edit)
        return keys

    def _interrupt(self, event: KeyPressEvent) -> None:
        buffer = self._prompt.default_buffer
        if self._editing:
            return  # the ^C was the editor's
        if self._question:
            event.app.exit(exception=EOFError())
            return
        if not buffer.text:
            self._say(LEAVE_HINT)
            return
        text = buffer.text
        buffer.reset()
        buffer.text = text
        buffer.save_to_undo_stack()  # ^_ brings it back
        buffer.text = ""

    def _edit(self, event: KeyPressEvent) -> None:
        event.app.create_background_task(self._edit_text())

    async def _edit_text(self) -> None:
        buffer = self._prompt.default_buffer
        self._editing = True
        try:
            text = await run_in_terminal(lambda: edit_text(buffer.text), in_executor=True)
        finally:
            self._editing = False
        if text is None:
            self._say("the editor failed; the text is as it was")
        else:
            buffer.document = Document(text)


def _enter(event: KeyPressEvent) -> None:
    buffer = event.current_buffer
    if buffer.complete_state and buffer.complete_state.current_completion:
        buffer.complete_state = None  # taken; the next Enter sends
    elif in_open_block(buffer.text):
        buffer.newline(copy_margin=False)
    elif buffer.text.strip():
        buffer.validate_and_handle()


def _new_line(event: KeyPressEvent) -> None:
    event.current_buffer.newline(copy_margin=False)


def _complete(event: KeyPressEvent) -> None:
    buffer = event.current_buffer
    found = list(buffer.completer.get_completions(buffer.document, CompleteEvent(completion_requested=True)))
    if len(found) == 1:  # at once: a Tab typed quickly must not be lost to a menu that is still being made
        buffer.apply_completion(found[0])
    else:
        buffer.start_completion(insert_common_part=True)


def _paste(event: KeyPressEvent) -> None:
    text, answers = _CURSOR_REPORT.subn("", event.data)
    if answers:  # the terminal's answer to the prompt came amid the paste
        row = int(_CURSOR_REPORT.findall(event.data)[-1])
        event.app.renderer.report_absolute_cursor_row(row)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    event.current_buffer.insert_text(text.rstrip("\n"))


def _continuation(width: int, _line: int, _wraps: int) -> str:
    return " " * width if width * 4 <= os.get_terminal_size().columns else ""


def _fit_menu(session: PromptSession[str]) -> None:
    """Keep room for the menu only where there is some: a low window has none."""
    session.reserve_space_for_menu = max(0, min(8, session.output.get_size().rows - 4))


def _is_command(text: str) -> bool:
    return text.startswith("/") and "\n" not in text


def _printable(text: str) -> str:
    """Return `text` without what no file can hold: bytes that were no UTF-8."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def on_a_terminal() -> bool:
    """Say whether there is a terminal to edit a line on: both ways, and one that can draw."""
    sides: Sequence[object] = (sys.stdin, sys.stdout)
    both = all(side is not None and side.isatty() for side in sides)  # type: ignore[attr-defined]
    return both and os.environ.get("TERM") != "dumb"


def _new_output() -> Output | None:
    if sys.platform == "win32":
        return None  # prompt_toolkit knows its console

    from prompt_toolkit.output.vt100 import Vt100_Output

    class MarkingOutput(Vt100_Output):
        """Leaves pastes marked when the line is sent: the next one may be on its way already."""

        def disable_bracketed_paste(self) -> None:
            if not keys_are_captured():
                super().disable_bracketed_paste()

    colors = ColorDepth.from_env()  # NO_COLOR
    return MarkingOutput.from_pty(sys.stdout, term=os.environ.get("TERM"), default_color_depth=colors)
