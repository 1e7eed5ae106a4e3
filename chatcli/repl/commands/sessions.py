"""Sessions: new ones, other ones, their names and their ends."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from chatcli.errors import NotFound, UsageError
from chatcli.names import TITLE_LENGTH, check_session_name, listed
from chatcli.render.safe import one_line
from chatcli.repl.slash import NOTHING, slash
from chatcli.values import counted, whole_number

if TYPE_CHECKING:
    from chatcli.memory import Index
    from chatcli.repl.loop import Repl


def _names(repl: "Repl") -> Sequence[tuple[str, str]]:
    return [(session.name, session.title) for session in listed(repl.chat.store, 50)]


@slash("exit", "quit", "bye", help="leave; ^D does the same")
def leave(repl: "Repl", argument: str) -> None:
    """Leave the chat."""
    repl.leaving = True


@slash("new", arguments="[name]", help="begin a new session; this one stays")
def new(repl: "Repl", argument: str) -> None:
    """Begin another session; a name that exists is refused."""
    if argument and repl.chat.store.exists(check_session_name(argument)):
        raise UsageError(f"there is a session {argument!r} already", f"/resume {argument} opens it")
    repl.switch(repl.tools.open_session(argument or None))


@slash("sessions", arguments="[n]", help="pick a session from a list, filtered as you type; n: print the last n")
def sessions(repl: "Repl", argument: str) -> None:
    """Pick from the sessions; print the newest of them where there is no terminal to pick on, or a number is given."""
    from chatcli.render.tables import print_sessions

    if not argument and repl.screen.on_a_terminal and not repl.screen.plain:
        _pick(repl)
    else:
        print_sessions(listed(repl.chat.store, whole_number(argument) if argument else 20))


@slash("resume", arguments="[name]", help="go on with another session", complete=_names)
def resume(repl: "Repl", argument: str) -> None:
    """Open another session; without a name, pick one."""
    if not argument:
        _pick(repl)
    elif repl.chat.store.exists(check_session_name(argument)):
        repl.switch(repl.tools.open_session(argument))
    else:
        raise NotFound(f"there is no session {argument!r}", f"/new {argument} makes it")


def _pick(repl: "Repl") -> None:
    """Open the session that the user picks, if they do, and it is another one."""
    from chatcli.repl.pick import pick_session

    picked = pick_session(repl.chat.store)
    if picked is not None and picked != repl.chat.session:
        repl.switch(repl.tools.open_session(picked))


@slash("rename", arguments="name", help="give this session another name")
def rename(repl: "Repl", argument: str) -> None:
    """Rename the session; one without a turn yet just begins under the new name."""
    if not argument:
        raise UsageError("a new name is needed", "write /rename NAME")
    new_name = check_session_name(argument)
    chat = repl.chat
    if chat.store.exists(new_name):
        raise UsageError(f"there is a session {new_name!r} already", f"/resume {new_name} opens it")
    index = _index(repl, new_name)
    if chat.store.exists(chat.session):
        chat.store.rename(chat.session, new_name)
    _forget_index(repl)
    chat.session = new_name
    chat.aids = replace(chat.aids, index=index)
    chat.derive()
    repl.screen.aside(f"this session is now {new_name}")


@slash("title", arguments="[text]", help='show the session\'s title, or give it another one; "" removes it')
def title(repl: "Repl", argument: str) -> None:
    """Show or set the title; no model changes one that was given."""
    store, session = repl.chat.store, repl.chat.session
    if argument:
        if not store.exists(session):
            raise UsageError("this session has no turn yet", "say something first")
        store.update(session, title="" if argument in NOTHING else argument[:TITLE_LENGTH])
    repl.screen.tell(one_line(store.snapshot(session, 0).session.title, 200) or "no title")


@slash("clear", help="empty this session; its settings stay")
def clear(repl: "Repl", argument: str) -> None:
    """Empty the session, after asking."""
    chat = repl.chat
    length = chat.store.length(chat.session)
    shown = one_line(chat.session)
    if not repl.confirm(f"empty {shown} ({counted(length, 'message')})? This cannot be undone."):
        repl.screen.aside("nothing was removed")
        return
    index = _index(repl, chat.session)
    removed = chat.clear(expected_length=length)
    _forget_index(repl)
    chat.aids = replace(chat.aids, index=index)
    repl.screen.aside(
        f"emptied {shown}: {counted(removed, 'message')} removed, its settings kept. /cls clears the screen"
    )


@slash("delete", help="delete this session with everything in it, and begin a new one")
def delete(repl: "Repl", argument: str) -> None:
    """Delete the session, after asking; a new one begins."""
    chat = repl.chat
    if argument:
        raise UsageError("/delete deletes this session", f"/resume {argument}, then /delete, deletes that one")
    if not repl.confirm(f"delete {one_line(chat.session)}? This cannot be undone."):
        repl.screen.aside("nothing was deleted")
        return
    other = repl.tools.open_session(None)
    chat.store.delete(chat.session)
    _forget_index(repl)
    repl.screen.aside(f"deleted {chat.session}")
    repl.switch(other)


def _index(repl: "Repl", session: str) -> "Index | None":
    """Return an index for the session of that name; nothing of it is opened yet."""
    other = repl.tools.open_session(session)
    other.model.close()
    return other.aids.index


def _forget_index(repl: "Repl") -> None:
    """Remove the session's index, which the background may be writing: it is closed first, and stays so."""
    chat = repl.chat
    if chat.aids.index is not None:
        chat.aids.index.close()
    repl.tools.forget_index(chat.session)
