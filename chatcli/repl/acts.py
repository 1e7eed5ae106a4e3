"""What keys do with the text in the prompt line: clear it, bring it to the editor, paste into it."""

import re
from collections.abc import Callable

from prompt_toolkit.application import Application, run_in_terminal
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.key_binding import KeyPressEvent

from chatcli.errors import UsageError
from chatcli.render.safe import one_line
from chatcli.repl.folds import Folds

_CURSOR_REPORT = r"\x1b\[(\d+);\d+R"
_LATE = 0.2  # seconds after the editor's end in which an interrupt was its own


class Acts:
    """Acts on the text in `line`, whose long pastes are in `folds`; `say` shows a hint below it.

    Hints are `leave`, where there is nothing to clear, and what the `undo_key` brings back. While the text is in the
    editor, `editing` is true.
    """

    def __init__(
        self,
        line: Callable[[], Buffer],
        folds: Folds,
        say: Callable[[str], object],
        leave: str,
        undo_key: str,
    ) -> None:
        self._line = line
        self._folds = folds
        self._say = say
        self._leave = leave
        self._undo_key = undo_key
        self.editing = False

    def clear(self, event: KeyPressEvent) -> None:
        """Empty the line, so that it can be brought back."""
        buffer = self._line()
        event.app.vi_state.reset()
        if not buffer.text:
            self._say(self._leave)
            return
        text = buffer.text
        buffer.complete_state = buffer.history_search_text = None
        buffer.exit_selection()
        buffer.go_to_history(len(buffer.history.get_strings()))  # behind it: a reset would read all of it again
        buffer.text = text
        buffer.save_to_undo_stack()  # ^_ brings it back
        buffer.text = ""

    def edit(self, event: KeyPressEvent) -> None:
        """Let the user change the text in their editor; returns at once."""
        event.app.create_background_task(self._edit(event.app))

    async def _edit(self, app: "Application[str]") -> None:
        buffer = self._line()
        before = self._folds.whole(buffer.text)
        self.editing = True
        try:
            text = await run_in_terminal(lambda: self._edited(before, app), in_executor=True)
        except UsageError as error:
            self._say(one_line(error.message, 200))
            return
        if text is None:
            self._say("the editor failed; the text is as it was")
            return
        buffer.save_to_undo_stack()
        buffer.document = Document(self._folds.folded(text))
        if before and not text:
            self._say(f"the editor left nothing; {self._undo_key} brings the text back")

    def _edited(self, text: str, app: "Application[str]") -> str | None:
        """Return what the editor makes of the text; an interrupt that it answered may be told to us after its end."""
        from chatcli.repl.editor import edit_text

        loop = app.loop
        try:
            return edit_text(text)
        finally:
            print(end="\r", flush=True)  # over what it may have left of a line
            if loop is not None:
                loop.call_soon_threadsafe(loop.call_later, _LATE, setattr, self, "editing", False)

    def paste(self, event: KeyPressEvent) -> None:
        """Put what was pasted into the line, folded if it is long; dropped files as mentions."""
        text, answers = re.subn(_CURSOR_REPORT, "", event.data)
        if answers:  # the terminal's answer to the prompt came amid the paste
            row = int(re.findall(_CURSOR_REPORT, event.data)[-1])
            event.app.renderer.report_absolute_cursor_row(row)
        text = printable(text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n"))
        buffer = event.current_buffer
        before = buffer.document
        buffer.insert_text(self._folds.pasted(text))
        if mentioned := [] if "/" not in text or before.text.startswith("/") else _mentioned(text):
            buffer.save_to_undo_stack()
            buffer.document = before
            start = " " if before.char_before_cursor.strip() else ""
            buffer.insert_text(f"{start}{' '.join(mentioned)} ")
            self._say(f"goes along as a file; {self._undo_key} leaves just the path")


def printable(text: str) -> str:
    """Return `text` without what no file can hold: bytes that were no UTF-8."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _mentioned(pasted: str) -> list[str]:
    from chatcli.repl.dropped import mentions_of_dropped

    return mentions_of_dropped(pasted)
