"""The command line: what the user may type. Each command imports what it needs when it runs."""

from typing import Annotated

import typer

from chatcli.cli import config, history, local, memory, sessions
from chatcli.cli.ask import ask
from chatcli.cli.chat import chat
from chatcli.cli.doctor import doctor
from chatcli.cli.light import LightCommand, LightGroup
from chatcli.cli.models import models
from chatcli.cli.stats import stats

app = typer.Typer(
    name="chatcli",
    cls=LightGroup,
    help="A chat in the terminal with a memory you can see and steer.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("chat", cls=LightCommand)(chat)
app.command("ask", cls=LightCommand)(ask)
app.add_typer(history.app, name="history")
app.add_typer(sessions.app, name="sessions")
app.add_typer(memory.app, name="memory")
app.command("models", cls=LightCommand)(models)
app.add_typer(config.app, name="config")
app.command("doctor", cls=LightCommand)(doctor)
app.command("stats", cls=LightCommand)(stats)
app.add_typer(local.app, name="local")


def _print_version(wanted: bool) -> None:
    if wanted:
        from chatcli import __version__

        print(f"chatcli {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """A chat in the terminal with a memory you can see and steer."""
