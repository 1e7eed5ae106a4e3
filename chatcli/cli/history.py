"""`chatcli history`: what was said."""

from typing import Annotated

import typer

from chatcli.cli.flags import StoreOption, session_names
from chatcli.cli.light import LightCommand, LightGroup

app = typer.Typer(cls=LightGroup, no_args_is_help=True, help="Show what was said.")


@app.callback()
def _group() -> None:
    """Show what was said."""


@app.command(cls=LightCommand)
def show(
    session: Annotated[
        str | None,
        typer.Option(
            "-s",
            "--session",
            metavar="NAME",
            help="The session; left out: the one used last.",
            autocompletion=session_names,
        ),
    ] = None,
    turns: Annotated[int | None, typer.Option("-n", metavar="N", min=1, help="The last N turns only.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The messages as one JSON document.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="The text alone: no colours, no markdown.")] = False,
    store: StoreOption = None,
) -> None:
    """Show a session's history.

    Example: chatcli history show -s JavaEdge -n 5
    """
    from chatcli.cli.compose import existing_session
    from chatcli.cli.output import print_json
    from chatcli.cli.stores import named_store
    from chatcli.messages import to_dict
    from chatcli.render.history import last_turns, print_history

    with named_store(store) as opened:
        excerpt = last_turns(opened, existing_session(opened, session), turns)
    if as_json:
        print_json([{"position": at, "turn": turn, **to_dict(message)} for at, turn, message in excerpt.placed()])
    else:
        print_history(excerpt, raw)
