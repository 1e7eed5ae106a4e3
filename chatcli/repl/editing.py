"""What was said is edited and sent again: the last turn in its place, an earlier one in a session of its own."""

from typing import TYPE_CHECKING

from chatcli.errors import ChatError, NotFound
from chatcli.messages import Content, Turn
from chatcli.render.safe import one_line
from chatcli.repl.numbered import turn_meant
from chatcli.revising import fork
from chatcli.stores import Pending

if TYPE_CHECKING:
    from chatcli.repl.loop import Repl

_LINES, _CHARACTERS = 30, 10_000
"""A text with as many is edited in the editor."""


def edit_last(repl: "Repl") -> None:
    """Edit what was said last, answered or not, and send it in the place of what it was."""
    unfinished = repl.chat.unfinished()
    turn = unfinished[-1] if unfinished else repl.chat.last()
    text = _edited(repl, "edit> ", text_of(turn.user.content))
    if text is None:
        return
    if turn.partial:  # what came of its reply stays, as an alternative
        repl.chat.keep(turn)
        turn = repl.chat.last()
    _send(repl, turn, text)


def edit_numbered(repl: "Repl", argument: str) -> None:
    """Edit the turn of that number; an earlier one than the last is sent in a session that holds what was before."""
    number, turn, is_last = turn_meant(repl.chat, argument)
    if is_last and not repl.chat.unfinished():
        edit_last(repl)
        return
    text = _edited(repl, f"edit {number}> ", text_of(turn.messages[0].content))
    if text is not None:
        _send_forked(repl, turn, number, text)


def fork_session(repl: "Repl", name: str | None, stop: int | None = None) -> str:
    """Go on in a copy of the session, up to before position `stop`; return the name of the one it was."""
    chat, attachments = repl.chat, list(repl.attachments)
    if not chat.store.exists(chat.session):
        raise NotFound("there is nothing to copy yet", "write something first")
    other = repl.tools.open_session(fork(chat.store, chat.session, name, stop))
    repl.switch(other, greet=False)
    repl.attachments += attachments
    return chat.session


def text_of(content: Content) -> str:
    """Return what the user wrote: the first text of a message; those behind it are files."""
    if isinstance(content, str):
        return content
    return next((str(part.get("text", "")) for part in content if part.get("type") == "text"), "")


def with_text(content: Content, text: str) -> Content:
    """Return the content with another text, and what was attached to it."""
    if isinstance(content, str):
        return text
    first = next((index for index, part in enumerate(content) if part.get("type") == "text"), None)
    others = [part for index, part in enumerate(content) if index != first]
    return ({"type": "text", "text": text}, *others)


def _edited(repl: "Repl", label: str, text: str) -> str | None:
    """Return what the user made of a text; None, which is said, when they changed nothing."""
    is_long = text.count("\n") >= _LINES or len(text) >= _CHARACTERS
    edited = repl.edit(text) if is_long else repl.ask_to_edit(label, text)
    if edited is None or not edited.strip():
        repl.screen.aside("nothing was changed")
    elif edited.strip() == text.strip():
        repl.screen.aside("nothing was changed; /retry sends it again")
    else:
        return edited.strip()
    return None


def _send(repl: "Repl", turn: Pending, text: str) -> None:
    """Send the text in place of a turn; what does not reach the store is given back."""
    try:
        turning = repl.chat.edit(turn, with_text(turn.user.content, text))
    except ChatError:
        repl.give_back(text)
        raise
    repl.play(turning)


def _send_forked(repl: "Repl", turn: Turn, number: int, text: str) -> None:
    try:
        before = fork_session(repl, None, turn.start)
        holds = f"{'turn 1' if number == 2 else f'turns 1 to {number - 1:,}'} of" if number > 1 else "the settings of"
        now = repl.chat.session
        repl.screen.aside(f"now in {one_line(now)}, with {holds} {one_line(before)}, which stays as it is")
        turning = repl.chat.send(with_text(turn.messages[0].content, text))
    except ChatError:
        repl.give_back(text)
        raise
    repl.play(turning)
