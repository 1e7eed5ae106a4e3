"""Turns: again, back, forth."""

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from chatcli.errors import UsageError
from chatcli.render.history import describe, last_turns
from chatcli.render.safe import one_line
from chatcli.repl.editing import edit_last, edit_numbered, fork_session
from chatcli.repl.last_turns import said_by
from chatcli.repl.slash import slash, words
from chatcli.values import counted, whole_number

if TYPE_CHECKING:
    from chatcli.messages import Message
    from chatcli.repl.loop import Repl

_OFFERED = 10  # turns in a completion
_LONGEST_QUESTION = 30  # cells


def recent_turns(repl: "Repl") -> Sequence[tuple[str, str]]:
    """Return the numbers of the newest turns, with what was said in them, for completion."""
    excerpt = last_turns(repl.chat.store, repl.chat.session, _OFFERED)
    said = [(str(turn), one_line(message.text)) for _, turn, message in excerpt.placed() if message.role == "user"]
    return said[::-1]


@slash(
    "retry",
    "regen",
    arguments="[-m name]",
    help="send the last message again, for another reply, once to another model with -m; /alternatives has the others",
    complete=lambda repl: [f"-m {name}" for name in repl.tools.model_names],
)
def retry(repl: "Repl", argument: str) -> None:
    """Send the unanswered message again, or replace the last reply, which stays as an alternative."""
    unfinished = repl.chat.unfinished()
    last = unfinished[-1] if unfinished else None
    if not argument:
        repl.play(repl.chat.retry(last))
        return
    option, *names = words(argument)
    if option not in ("-m", "--model") or len(names) != 1:
        raise UsageError(f"/retry does not know {one_line(argument, 40)!r}", "/retry, or /retry -m MODEL")
    with closing(repl.tools.open_model(names[0])) as model:
        repl.play(repl.chat.retry(last, model))


@slash(
    "edit",
    arguments="[n]",
    help="edit your last message and send it again; that of turn n: in a new session",
    complete=recent_turns,
)
def edit(repl: "Repl", argument: str) -> None:
    """Edit what was said last, in its place; an earlier message is sent in a copy of what was before it."""
    if argument:
        edit_numbered(repl, argument)
    else:
        edit_last(repl)


@slash("fork", arguments="[name]", help="go on in a copy of this session; this one stays as it is")
def fork(repl: "Repl", argument: str) -> None:
    """Copy the session and go on there."""
    before = fork_session(repl, argument or None)
    repl.screen.aside(f"now in {one_line(repl.chat.session)}, a copy of {one_line(before)}, which stays as it is")


@slash("undo", arguments="[n]", help="take the last turn, or the last n, out of the history")
def undo(repl: "Repl", argument: str) -> None:
    """Take turns out of the history."""
    undone = repl.chat.undo(whole_number(argument or "1"))
    repl.chat.last_context = None
    which = _which(undone[0].messages[0]) if len(undone) == 1 else ""
    back = f"took back {counted(len(undone), 'turn')}{which}; /redo brings {'it' if which else 'them'} back"
    repl.screen.aside(back if undone else "nothing to undo")


def _which(question: "Message") -> str:
    """Return whose turn it was, and how it begins: where others write too, it may not be the one the user meant."""
    who = said_by(question)
    return f"{f' of {who}' if who else ''}: {one_line(describe(question), _LONGEST_QUESTION)}"


@slash("redo", help="bring back what /undo took")
def redo(repl: "Repl", argument: str) -> None:
    """Bring back what was undone last."""
    before = _turns(repl)
    restored = repl.chat.redo()
    repl.chat.last_context = None
    repl.screen.aside(f"brought back {counted(_turns(repl) - before, 'turn')}" if restored else "nothing to redo here")


def _turns(repl: "Repl") -> int:
    return repl.chat.store.snapshot(repl.chat.session, 0).session.turns
