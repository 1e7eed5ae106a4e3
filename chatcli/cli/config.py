"""`chatcli config`: where it is, what it says, making one, editing it."""

from typing import TYPE_CHECKING

import typer

from chatcli.cli.light import LightCommand, LightGroup

if TYPE_CHECKING:
    from chatcli.cli.resolve import Workplace

app = typer.Typer(cls=LightGroup, no_args_is_help=True, help="Show, make and edit the config file.")


@app.command(cls=LightCommand)
def path() -> None:
    """Print where the config file is, or would be.

    Example: chatcli config path
    """
    from chatcli.config import config_path
    from chatcli.render.safe import neutralise

    print(neutralise(str(config_path())))


@app.command(cls=LightCommand)
def show() -> None:
    """Print the settings in force, the environment's and the defaults included, without any key.

    Example: chatcli config show
    """
    from chatcli.cli.output import print_json
    from chatcli.cli.resolve import workplace
    from chatcli.config.file import as_data

    place = workplace()
    print_json({**as_data(place.config), **_chosen(place)})


def _chosen(place: "Workplace") -> dict[str, str]:
    """Return the model and the memory that hold when nothing is said; nothing when no model can be found."""
    from chatcli.cli.resolve import resolve_model
    from chatcli.errors import ChatError
    from chatcli.memory import DEFAULT

    try:
        model = resolve_model(place, None)
    except ChatError:
        return {}
    return {"model": model.name, "memory": place.config.memory or DEFAULT}


@app.command(cls=LightCommand)
def init() -> None:
    """Write a commented config file, unless there is one.

    Example: chatcli config init
    """
    from chatcli.cli.output import notice
    from chatcli.config import config_path, write_example
    from chatcli.render.safe import neutralise

    where = config_path()
    write_example(where)
    print(neutralise(str(where)))
    notice("every setting in it is commented out; take the # away from what you want")


@app.command(cls=LightCommand)
def edit() -> None:
    """Open the config file in your editor ($VISUAL, else $EDITOR, else what there is); make it if it is not there.

    Example: chatcli config edit
    """
    from chatcli.config import config_path, load_config, write_example
    from chatcli.errors import UsageError
    from chatcli.repl.editor import edit_file, editor_variable
    from chatcli.repl.output import on_a_terminal

    where = config_path()
    if editor_variable() is None and not on_a_terminal():  # one that is named may need none, and says so itself
        raise UsageError("there is no terminal to edit on", f"edit the file itself: {where}")
    if not where.exists():
        write_example(where)
    if not edit_file(where):
        raise UsageError("the editor failed", f"set VISUAL or EDITOR to one that works, or edit {where}")
    load_config()
