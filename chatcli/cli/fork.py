"""`chatcli sessions fork`."""

from typing import Annotated

import typer

from chatcli.cli.flags import StoreOption, session_names


def fork_session(
    name: Annotated[str, typer.Argument(metavar="NAME", autocompletion=session_names)],
    new: Annotated[str | None, typer.Argument(metavar="NEW", show_default=False)] = None,
    turn: Annotated[int | None, typer.Option("--at", metavar="TURN", min=1, help="The last turn to copy.")] = None,
    store: StoreOption = None,
) -> None:
    """Copy a session, with what is set on it; without NEW the copy is called NAME-2. Its name is on stdout.

    Example: chatcli sessions fork JavaEdge --at 3
    """
    from chatcli.cli.output import notice
    from chatcli.cli.stores import existing_session, named_store
    from chatcli.render.safe import neutralise
    from chatcli.revising import end_of_turn, fork
    from chatcli.values import counted

    with named_store(store) as opened:
        session = existing_session(opened, name)
        made = fork(opened, session, new, None if turn is None else end_of_turn(opened, session, turn))
        turns = opened.snapshot(made, 0).session.turns
    print(neutralise(made))
    notice(f"it has {counted(turns, 'turn')} of {session}")
