"""The command line: what the user may type. Each command imports what it needs when it runs."""

import typer

from chatcli.cli import ask, chat, config, doctor, history, local, models, sessions

app = typer.Typer(
    name="chatcli",
    help="A chat in the terminal with a memory you can see and steer.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("chat")(chat.chat)
app.command("ask")(ask.ask)
app.add_typer(history.app, name="history")
app.add_typer(sessions.app, name="sessions")
app.command("models")(models.models)
app.add_typer(config.app, name="config")
app.command("doctor")(doctor.doctor)
app.add_typer(local.app, name="local")


@app.callback()
def main(version: bool = typer.Option(False, "--version", help="Print the version.", is_eager=True)) -> None:
    """A chat in the terminal with a memory you can see and steer."""
    if version:
        from chatcli import __version__

        print(f"chatcli {__version__}")
        raise typer.Exit
