"""`chatcli sessions`: list, resume, clear, delete and rename."""

from collections.abc import Sequence
from typing import Annotated

import typer

from chatcli.cli.flags import Flags, StoreOption, session_names, with_flags
from chatcli.cli.light import LightCommand, LightGroup
from chatcli.values import counted

app = typer.Typer(cls=LightGroup, no_args_is_help=True, help="List, resume, clear, delete and rename sessions.")

Names = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME]...", show_default=False, autocompletion=session_names)
]
Yes = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")]


@app.command("list", cls=LightCommand)
def list_(
    count: Annotated[int, typer.Option("-n", metavar="N", min=1, help="How many.")] = 20,
    all_: Annotated[bool, typer.Option("--all", help="Also those that only other programs wrote (Redis).")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    store: StoreOption = None,
) -> None:
    """List sessions, the one used last first.

    Example: chatcli sessions list -n 50
    """
    from chatcli.cli.compose import open_named_store, workplace
    from chatcli.cli.output import print_json
    from chatcli.render.tables import print_sessions, session_as_data

    opened = open_named_store(workplace(), store)
    found = opened.sessions(limit=count)
    if all_:
        found += list(opened.foreign())
    if as_json:
        print_json([session_as_data(session) for session in found])
    else:
        print_sessions(found)
    opened.close()
    if not found:
        raise typer.Exit(1)


@app.command(cls=LightCommand)
@with_flags
def resume(
    flags: Flags, name: Annotated[str | None, typer.Argument(show_default=False, autocompletion=session_names)] = None
) -> None:
    """Go on with a session; without a NAME, pick one from a list.

    Example: chatcli sessions resume JavaEdge
    """
    from dataclasses import replace

    from chatcli.cli.chat import open_chat
    from chatcli.cli.compose import existing_session, open_named_store, workplace
    from chatcli.errors import UsageError
    from chatcli.repl.pick import pick_session

    if flags.session is not None or flags.continue_:
        raise UsageError("resume takes the session's name alone", "chatcli sessions resume NAME")
    place = workplace()
    store = open_named_store(place, flags.store)
    picked = existing_session(store, name) if name is not None else pick_session(store)
    store.close()
    if picked is None:
        raise typer.Exit(1)
    open_chat(replace(flags, session=picked))


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
    from chatcli.cli.compose import existing_session, open_named_store, workplace

    opened = open_named_store(workplace(), store)
    chosen = (
        [session.name for session in opened.sessions()] if all_ else list(names or [existing_session(opened, None)])
    )
    for name in chosen:
        existing_session(opened, name)
    messages = sum(opened.length(name) for name in chosen)
    _ask(f"Empty {_named(chosen)} ({counted(messages, 'message')})? This cannot be undone.", yes)
    for name in chosen:
        removed = opened.clear(name)
        opened.update(name, title="")
        _say(f"emptied {name}: {counted(removed, 'message')} removed, its settings kept")
    opened.close()


@app.command(cls=LightCommand)
def delete(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", show_default=False, autocompletion=session_names)],
    yes: Yes = False,
    store: StoreOption = None,
) -> None:
    """Delete sessions with everything in them.

    Example: chatcli sessions delete JavaEdge
    """
    from chatcli.cli.compose import existing_session, open_named_store, workplace

    opened = open_named_store(workplace(), store)
    for name in names:
        existing_session(opened, name)
    _ask(f"Delete {_named(names)}? This cannot be undone.", yes)
    for name in names:
        opened.delete(name)
        _say(f"deleted {name}")
    opened.close()


@app.command(cls=LightCommand)
def rename(
    old: Annotated[str, typer.Argument(autocompletion=session_names)], new: str, store: StoreOption = None
) -> None:
    """Give a session another name.

    Example: chatcli sessions rename 2026-11-21-1432-k3f9 JavaEdge
    """
    from chatcli.cli.compose import existing_session, open_named_store, workplace
    from chatcli.names import check_session_name

    opened = open_named_store(workplace(), store)
    opened.rename(existing_session(opened, old), check_session_name(new))
    opened.close()
    _say(f"{old} is now {new}")


def _ask(question: str, yes: bool) -> None:
    """Ask on stderr; end with exit code 1 unless the answer is yes. Nobody there to answer is a no."""
    import sys

    from chatcli.errors import UsageError
    from chatcli.render.safe import neutralise

    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("this asks first, and there is no terminal to answer", "-y says yes")
    print(f"{neutralise(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise typer.Exit(1)


def _say(text: str) -> None:
    from chatcli.cli.output import notice

    notice(text)


def _named(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else counted(len(names), "session")
