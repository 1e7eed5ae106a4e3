"""`chatcli history`: what was said, and where."""

from typing import TYPE_CHECKING, Annotated

import typer

from chatcli.cli.flags import LastSession, StoreOption, session_names
from chatcli.cli.light import LightCommand, LightGroup
from chatcli.cli.transfer import export, import_

if TYPE_CHECKING:
    from chatcli.search.find import Findings, Scope

app = typer.Typer(
    cls=LightGroup, no_args_is_help=True, help="Show what was said, find it, take it elsewhere, bring it here."
)
app.command("export", cls=LightCommand)(export)
app.command("import", cls=LightCommand)(import_)


@app.callback()
def _group() -> None:
    """Show what was said, find it, take it elsewhere, bring it here."""


@app.command(cls=LightCommand)
def show(
    session: LastSession = None,
    turns: Annotated[int | None, typer.Option("-n", metavar="N", min=1, help="The last N turns only.")] = None,
    between: Annotated[
        str | None, typer.Option("--turns", metavar="A-B", help="The turns A to B; A-: from A on; A: that one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The messages as one JSON document.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="The text alone: no colours, no markdown.")] = False,
    store: StoreOption = None,
) -> None:
    """Show a session's history.

    Example: chatcli history show -s JavaEdge -n 5
    """
    from chatcli.cli.output import print_json
    from chatcli.cli.stores import existing_session, named_store
    from chatcli.errors import NotFound, UsageError
    from chatcli.messages import to_dict
    from chatcli.render.history import last_turns, print_history, turns_between
    from chatcli.values import turn_range

    if between is not None and turns is not None:
        raise UsageError("-n and --turns name different turns", "give one of them")
    if as_json and raw:
        raise UsageError("--json and --raw are two forms of a history", "leave one of them out")
    numbers = None if between is None else turn_range(between, "--turns")
    with named_store(store) as opened:
        name = existing_session(opened, session)
        excerpt = turns_between(opened, name, *numbers) if numbers else last_turns(opened, name, turns)
    if numbers and not excerpt.messages:
        raise NotFound(f"there are no turns {between} in {name!r}", "chatcli sessions list shows how many it has")
    if as_json:
        print_json([{"position": at, "turn": turn, **to_dict(message)} for at, turn, message in excerpt.placed()])
    else:
        print_history(excerpt, raw)


@app.command(cls=LightCommand)
def search(
    query: Annotated[list[str], typer.Argument(metavar="QUERY", show_default=False)],
    session: Annotated[
        str | None,
        typer.Option("-s", "--session", metavar="NAME", help="In this one alone.", autocompletion=session_names),
    ] = None,
    count: Annotated[int, typer.Option("-n", metavar="N", min=1, help="How many hits.")] = 10,
    all_: Annotated[bool, typer.Option("--all", help="Also what only other programs wrote (Redis).")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    store: StoreOption = None,
) -> None:
    """Find what was said, in all sessions; the best hit first.

    A hit has all the words, in any of their forms; "a phrase" in quotes stands there word for word; begin* is
    the beginning of a word. Where no message has all of it, those that have some are shown.

    Example: chatcli history search -s JavaEdge '"the capital" histor*'
    """
    from chatcli.cli.output import notice, print_json
    from chatcli.render.hits import hit_as_data, print_findings, resume_command
    from chatcli.search.find import Scope

    found = _found(" ".join(query), count, Scope(session, all_), store)
    if as_json:
        print_json([hit_as_data(hit) for hit in found.hits])
    else:
        print_findings(found, resume=lambda name: resume_command(name, store))
    if not found.hits:
        notice("nothing was found")
        raise typer.Exit(1)


def _found(query: str, most: int, scope: "Scope", store: str | None) -> "Findings":
    """Search a store; say on a terminal how far it is read for the first time, and what is wrong with the index."""
    import sys

    from chatcli.cli.output import notice
    from chatcli.cli.stores import existing_session, named_store, search_index
    from chatcli.render.progress import counting
    from chatcli.search.find import find
    from chatcli.search.query import parse

    parse(query)
    with named_store(store) as opened, search_index(opened) as index:
        if scope.session is not None:
            existing_session(opened, scope.session)
        with counting("reading {done} of {of} sessions, this once …", sys.stderr) as progress:
            found = find(index, opened, query, most, scope, progress)
        for line in index.news:
            notice(line)
    return found
