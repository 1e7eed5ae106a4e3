"""`chatcli chat`: the interactive chat."""

import typer

from chatcli.cli.flags import Flags, with_flags


@with_flags
def chat(flags: Flags) -> None:
    """Chat. A session that exists goes on where it stopped; without a name a new one begins.

    Example: chatcli chat --session JavaEdge --memory window:10
    """
    from chatcli.cli.opened import open_chat

    raise typer.Exit(open_chat(flags))
