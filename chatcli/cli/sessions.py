"""`chatcli sessions`: list, resume, clear, delete, rename, fork; what moves and keeps them is in `moving`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from chatcli.cli import moving
from chatcli.cli.flags import Flags, StoreOption, session_names, with_some_flags
from chatcli.cli.fork import fork_session
from chatcli.cli.light import LightCommand, LightGroup
from chatcli.values import counted

if TYPE_CHECKING:
    from chatcli.stores import Store

app = typer.Typer(cls=LightGroup, no_args_is_help=True, help="List, resume, change, move and keep sessions.")

Names = Annotated[list[str] | None, typer.Argument(metavar="NAME", show_default=False, autocompletion=session_names)]
Yes = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")]


@app.command("list", cls=LightCommand)
def list_(
    count: Annotated[int, typer.Option("-n", metavar="N", min=0, help="How many; 0: all.")] = 20,
    all_: Annotated[bool, typer.Option("--all", help="Also those that only other programs wrote (Redis).")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    store: StoreOption = None,
) -> None:
    """List sessions, the one used last first.

    Example: chatcli sessions list -n 50
    """
    from chatcli.cli.output import print_json
    from chatcli.cli.stores import named_store, no_session_yet
    from chatcli.names import listed
    from chatcli.render.tables import print_sessions, session_as_data

    with named_store(store) as opened:
        found = listed(opened, count or None)
        if all_:
            found += list(opened.foreign())
    if as_json:
        print_json([session_as_data(session) for session in found])
    elif found:
        print_sessions(found)
    else:
        raise no_session_yet("" if all_ else "; --all lists those of other programs too (Redis)")
    if not found:
        raise typer.Exit(1)


@app.command(cls=LightCommand)
@with_some_flags(*Flags._fields, hidden=("session", "continue_"))  # told what to write instead
def resume(
    flags: Flags,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", show_default=False, autocompletion=session_names)
    ] = None,
) -> None:
    """Go on with a session; without a NAME, pick one from a list.

    Example: chatcli sessions resume JavaEdge
    """
    from chatcli.cli.opened import open_chat
    from chatcli.cli.stores import existing_session, named_store
    from chatcli.errors import UsageError
    from chatcli.repl.pick import pick_session

    if flags.session is not None or flags.continue_:
        raise UsageError("resume takes the session's name alone", "chatcli sessions resume NAME")
    with named_store(flags.store) as store:
        picked = existing_session(store, name) if name is not None else pick_session(store)
    if picked is None:
        raise typer.Exit(1)
    raise typer.Exit(open_chat(flags._replace(session=picked)))


@app.command(cls=LightCommand)
def clear(
    names: Names = None,
    all_: Annotated[bool, typer.Option("--all", help="Every session.")] = False,
    yes: Yes = False,
    store: StoreOption = None,
) -> None:
    """Empty sessions; their settings stay. Without a NAME: the session used last.

    Example: chatcli sessions clear JavaEdge
    """
    from chatcli.authors import own_author
    from chatcli.cli.output import ask_first
    from chatcli.cli.stores import forget_index, named_store
    from chatcli.errors import UsageError
    from chatcli.names import listed
    from chatcli.revising import clear

    if names and all_:
        raise UsageError("--all is every session already", "leave the names out, or --all")
    with named_store(store) as opened:
        chosen = [session.name for session in listed(opened)] if all_ else _existing(opened, names or [None])
        if not chosen:
            raise typer.Exit(1)
        messages = sum(opened.length(name) for name in chosen)
        ask_first(f"Empty {_named(chosen)} ({counted(messages, 'message')})? This cannot be undone.", yes)
        for name in chosen:
            removed = clear(opened, name, own_author())
            forget_index(opened, name)
            _say(f"emptied {name}: {counted(removed, 'message')} removed, its settings kept")


@app.command(cls=LightCommand)
def delete(
    names: Annotated[list[str], typer.Argument(metavar="NAME", show_default=False, autocompletion=session_names)],
    yes: Yes = False,
    store: StoreOption = None,
) -> None:
    """Delete sessions with everything in them.

    Example: chatcli sessions delete JavaEdge
    """
    from chatcli.cli.output import ask_first
    from chatcli.cli.stores import forget_index, named_store

    with named_store(store) as opened:
        chosen = _existing(opened, names)
        ask_first(f"Delete {_named(chosen)}? This cannot be undone.", yes)
        for name in chosen:
            opened.delete(name)
            forget_index(opened, name)
            _say(f"deleted {name}")


@app.command(cls=LightCommand)
def rename(
    old: Annotated[str, typer.Argument(metavar="OLD", autocompletion=session_names)],
    new: Annotated[str, typer.Argument(metavar="NEW")],
    store: StoreOption = None,
) -> None:
    """Give a session another name.

    Example: chatcli sessions rename 2026-11-21-1432-k3f9 JavaEdge
    """
    from chatcli.cli.stores import existing_session, forget_index, named_store
    from chatcli.errors import UsageError
    from chatcli.names import check_session_name

    with named_store(store) as opened:
        existing_session(opened, old)
        if opened.exists(check_session_name(new)):
            raise UsageError(f"there is a session {new!r} already", "choose another name, or delete that one first")
        opened.rename(old, new)
        forget_index(opened, old)
    _say(f"{old} is now {new}")


app.command("fork", cls=LightCommand)(fork_session)
app.command("copy", cls=LightCommand)(moving.copy_sessions)
app.command(cls=LightCommand)(moving.expire)
app.command(cls=LightCommand)(moving.backup)
app.command(cls=LightCommand)(moving.restore)
app.command(cls=LightCommand)(moving.repair)


def _existing(store: "Store", names: Sequence[str | None]) -> list[str]:
    """Return the sessions, the one used last for None; raise NotFound when one is not there."""
    from chatcli.cli.stores import existing_session

    return [existing_session(store, name) for name in names]


def _say(text: str) -> None:
    from chatcli.cli.output import notice

    notice(text)


def _named(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else counted(len(names), "session")
