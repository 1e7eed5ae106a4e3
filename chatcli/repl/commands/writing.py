"""Writing: in the editor, over several lines."""

from typing import TYPE_CHECKING

from chatcli.errors import UsageError
from chatcli.repl.slash import slash

if TYPE_CHECKING:
    from chatcli.repl.loop import Repl


@slash("editor", arguments="[text]", help="write in your editor; the text stands in the line then, to be sent")
def editor(repl: "Repl", argument: str) -> None:
    """Open the editor, and put what was written there into the line."""
    text = repl.edit(argument)
    if text is None:
        raise UsageError("the editor failed", "it ended with an error, or left no text; VISUAL and EDITOR name another")
    repl.give_back(text)


@slash("multiline", help="let Enter make a new line, and Alt+Enter or ^J send; again: as it was")
def multiline(repl: "Repl", argument: str) -> None:
    """Let the keys that send and those that make a new line change places."""
    line = repl.line
    line.multiline = not line.multiline
    sends, breaks = (repl.tools.keymap.shown(action) for action in ("send", "new_line"))
    if line.multiline:
        sends, breaks = breaks, sends
    repl.screen.aside(f"{sends} sends, {breaks} makes a new line")
