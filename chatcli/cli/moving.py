"""`chatcli sessions copy`, `expire`, `backup`, `restore`, `repair`: sessions kept elsewhere, for a time, and whole."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chatcli.cli.flags import StoreOption, session_names
from chatcli.values import counted

if TYPE_CHECKING:
    from chatcli.errors import ChatError
    from chatcli.stores import Store
    from chatcli.transfer.copying import Progress, Route

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]
Yes = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")]


def copy_sessions(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", show_default=False, autocompletion=session_names)
    ] = None,
    to: Annotated[str, typer.Option("--to", metavar="STORE", help="An address, or a store of the config.")] = "",
    new: Annotated[str | None, typer.Option("--as", metavar="NEW", help="What to call the copy of one.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every session, those of other programs too.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
    store: StoreOption = None,
) -> None:
    """Copy sessions to another store: messages, title, settings, pins and what was derived; compared in the end.

    A session is there whole or not at all; the same command goes on where it was stopped.
    What is there already is skipped, and the beginning of it gets the rest, after asking.

    Example: chatcli sessions copy JavaEdge --to redis://localhost:6379/0
    """
    from chatcli.cli.output import print_json
    from chatcli.cli.stores import named_store
    from chatcli.transfer.copying import check_target

    _check_copy(names, to, new, all_)
    rows: list[dict[str, Any]] = []
    try:
        with named_store(store) as source, named_store(to) as target:
            check_target(target, new, _are_one((source, store), (target, to)))
            for route in _routes(source, target, names, new, all_):
                rows.append(_copied(route, dry_run, yes))
                if not as_json:
                    print(_said(rows[-1], dry_run))
    except KeyboardInterrupt:
        _say("stopped; the same command goes on from there")
        raise
    finally:
        if as_json:
            print_json(_as_data(rows))
    _end(rows)


def _as_data(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: row[key] for key in row if key != "code"} for row in rows]


def _end(rows: list[dict[str, Any]]) -> None:
    """End with the exit code of the first session that was refused."""
    if code := next((row["code"] for row in rows if row["code"]), 0):
        raise typer.Exit(code)


def _check_copy(names: list[str] | None, to: str, new: str | None, all_: bool) -> None:
    from chatcli.errors import UsageError
    from chatcli.names import check_session_name

    if not to:
        raise UsageError("--to is missing: where to copy to", "--to sqlite:///FILE, --to redis://HOST:PORT/DB")
    if bool(names) == all_:
        raise UsageError("name the sessions to copy, or all of them", "NAME…, or --all")
    if new is not None and (all_ or len(names or ()) != 1):
        raise UsageError("--as names one copy, and there are several sessions", "copy them one by one")
    if new is not None:
        check_session_name(new)


def _routes(
    source: "Store", target: "Store", names: list[str] | None, new: str | None, all_: bool
) -> "Iterator[Route]":
    from chatcli.cli.stores import existing_session, no_session_yet
    from chatcli.names import listed
    from chatcli.transfer.copying import Route

    found = [one.name for one in (*listed(source), *source.foreign())] if all_ else names or []
    if not found:
        raise no_session_yet()
    chosen = found if all_ else [existing_session(source, name) for name in found]
    return (Route(source, name, target, new or name) for name in chosen)


def _are_one(*stores: "tuple[Store, str | None]") -> bool:
    """Say whether the stores, each opened at that address, are one and the same."""
    from chatcli.cli.journal import whole_address
    from chatcli.cli.resolve import workplace

    place = workplace()
    return len({whole_address(place, opened, address) for opened, address in stores}) == 1


def _copied(route: "Route", dry_run: bool, yes: bool) -> dict[str, Any]:
    """Copy one session, or only see what there is to do; return what was done. An error here is not the others'."""
    from chatcli.cli.output import ask_first
    from chatcli.errors import ChatError
    from chatcli.transfer.copying import append_rest, compared, copy, refusal

    row: dict[str, Any] = {"name": route.name, "as": route.new, "what": "refused", "messages": 0, "code": 0}
    try:
        found = compared(route)
        if found.relation in ("ahead", "other"):
            raise refusal(route, found)
        row |= {"what": {"new": "copied", "same": "there already", "begun": "appended"}[found.relation]}
        if found.relation == "same" or dry_run:
            return row | {"messages": 0 if found.relation == "same" else found.missing}
        with _progress("copying") as progress:
            if found.relation == "new":
                return row | {"messages": copy(route, progress)}
            rest = counted(found.missing, "message")
            ask_first(f"{route.new} there is the beginning of {route.name}. Append the other {rest}?", yes)
            return row | {"messages": append_rest(route, found, progress) - found.there}
    except ChatError as error:
        return row | _refused(error)


def _refused(error: "ChatError") -> dict[str, Any]:
    """Show what this session cannot have, and return that; raise it when no other one could be better off."""
    from chatcli.cli.output import show_error
    from chatcli.errors import StoreUnavailable

    if isinstance(error, StoreUnavailable):
        raise error
    show_error(error.message, error.hint)
    return {"what": "refused", "messages": 0, "code": error.exit_code}


def _said(row: dict[str, Any], dry_run: bool) -> str:
    from chatcli.render.safe import one_line

    renamed = f" as {row['as']}" if row["as"] != row["name"] else ""
    done = row["what"] in ("copied", "appended", "restored")
    said = one_line(f"{row['name']}: {'would be ' if done and dry_run else ''}{row['what']}{renamed}", 1000)
    return f"{said}, {counted(row['messages'], 'message')}" if done else said


def expire(
    name: Annotated[str, typer.Argument(metavar="NAME", autocompletion=session_names)],
    after: Annotated[str, typer.Argument(metavar="7d|12h|never")],
    store: StoreOption = None,
) -> None:
    """Let a session go by itself, so long after it was last written to; each turn begins the time anew.

    Example: chatcli sessions expire JavaEdge 7d
    """
    from chatcli.cli.stores import existing_session, forget_index, named_store
    from chatcli.values import in_words, lifetime

    seconds = lifetime(after)
    with named_store(store) as opened:
        session = existing_session(opened, name)
        opened.expire(session, seconds)
        forget_index(opened, session)  # it would outlive the session
    _say(f"{session} stays" if seconds is None else f"{session} goes {in_words(seconds)} after it was last written to")


def backup(file: Annotated[str, typer.Argument(metavar="FILE")], yes: Yes = False, store: StoreOption = None) -> None:
    """Copy a SQLite store into a file, as it is at one moment, while others write to it; checked before it is kept.

    What Redis keeps is saved by history export --all.

    Example: chatcli sessions backup ~/chats-2026-11.db
    """
    from chatcli.cli.output import ask_first
    from chatcli.cli.stores import named_store
    from chatcli.transfer.backup import back_up, sqlite_path
    from chatcli.transfer.departure import target_of

    with named_store(store) as opened, _progress("saving", "pages") as progress:
        path = sqlite_path(opened)
        target = target_of(file, "sessions", "db")
        sessions = back_up(path, target, lambda file: ask_first(f"Replace {file}?", yes), progress)
    _say(f"wrote {counted(sessions, 'session')} to {target}")


def restore(
    file: Annotated[str, typer.Argument(metavar="FILE")],
    dry_run: DryRun = False,
    as_json: AsJson = False,
    store: StoreOption = None,
) -> None:
    """Bring the sessions of a backup into the store, which may be any; those that are there stay as they are.

    Nothing is ever replaced. Sessions that had an expiry come without it.

    Example: chatcli sessions restore ~/chats-2026-11.db
    """
    from chatcli.cli.output import print_json
    from chatcli.cli.stores import named_store
    from chatcli.errors import NotFound
    from chatcli.names import listed
    from chatcli.transfer.backup import opened_backup
    from chatcli.transfer.copying import Route, check_target

    rows: list[dict[str, Any]] = []
    with ExitStack() as stack:
        target = stack.enter_context(named_store(store))
        with _progress("reading", "pages") as reading:
            source = stack.enter_context(opened_backup(_path(file), reading))
        check_target(target, None, source.address == target.address)
        for one in reversed(listed(source)):
            rows.append(_restored(Route(source, one.name, target, one.name), dry_run))
            if not as_json:
                print(_said(rows[-1], dry_run))
    if as_json:
        print_json(_as_data(rows))
    if not rows:
        raise NotFound(f"{file} has no session in it", "give a file that `chatcli sessions backup` wrote")
    _end(rows)


def _path(file: str) -> Path:
    from chatcli.errors import UsageError

    try:
        return Path(file).expanduser()
    except RuntimeError as error:  # ~nobody
        raise UsageError(f"{file} cannot be read: {error}", "write the whole path") from error


def _restored(route: "Route", dry_run: bool) -> dict[str, Any]:
    from chatcli.errors import ChatError
    from chatcli.transfer.copying import compared, copy

    row: dict[str, Any] = {"name": route.name, "as": route.new, "what": "restored", "messages": 0, "code": 0}
    try:
        found = compared(route)
        if found.relation != "new":
            return row | {"what": "there already" if found.relation == "same" else "another one is there, and stays"}
        with _progress("copying") as progress:
            return row | {"messages": found.length if dry_run else copy(route, progress, lasting=True)}
    except ChatError as error:
        return row | _refused(error)


def repair(dry_run: DryRun = False, as_json: AsJson = False, store: StoreOption = None) -> None:
    """Make the list of sessions and all counts say what is there; print what was wrong. No message is ever removed.

    Example: chatcli sessions repair --dry-run
    """
    from chatcli.cli.output import print_json
    from chatcli.cli.stores import named_store
    from chatcli.names import COPIED
    from chatcli.render.safe import one_line

    with named_store(store) as opened:
        found = list(opened.repair(dry_run))
        begun = [one.name for one in opened.sessions() if one.name.startswith(COPIED)]
    if as_json:
        print_json([{"session": one.session, "what": one.what} for one in found])
        return
    for one in found:
        what = f"would be {one.what}" if dry_run else one.what
        print(one_line(f"{one.session}: {what}" if one.session else what, 1000))
    for name in begun:
        left = "is a copy that was stopped: the same `sessions copy` finishes it, `sessions delete` removes it"
        print(one_line(f"{name} {left}", 1000))
    if not found:
        _say("nothing is wrong")


@contextmanager
def _progress(verb: str, what: str = "messages") -> "Iterator[Progress]":
    from chatcli.render.progress import counting

    with counting(f"{verb} {{done}} of {{of}} {what} …", sys.stderr) as progress:
        yield progress


def _say(text: str) -> None:
    from chatcli.cli.output import notice

    notice(text)
