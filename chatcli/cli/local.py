"""`chatcli local`: the embedded model."""

import typer

from chatcli.cli.light import LightCommand, LightGroup

app = typer.Typer(cls=LightGroup, no_args_is_help=True, help="Set up the embedded model.")


@app.callback()
def _group() -> None:
    """Set up the embedded model."""


@app.command(cls=LightCommand)
def setup() -> None:
    """Fetch the embedded model's weights (88 MiB) into the data folder.

    Example: chatcli local setup
    """
    import sys

    from chatcli.cli.output import notice
    from chatcli.cli.resolve import workplace
    from chatcli.errors import ModelError
    from chatcli.extras import how_to_install
    from chatcli.model.local import SERVER, is_installed
    from chatcli.model.weights import setup as fetch
    from chatcli.render.safe import neutralise

    place = workplace()
    shown = sys.stderr.isatty()

    def progress(done: int, total: int) -> None:
        if shown:
            percent = 100 * done // total if total else 0
            print(f"\r{'━' * (percent // 4):<25} {percent:3} %  {done // 1_000_000} MB", end="", file=sys.stderr)

    where = fetch(place.folders.data, progress)
    if shown:
        print(file=sys.stderr)
    print(neutralise(str(where)))
    if not is_installed():
        raise ModelError("the weights are there, but what runs them is not installed", how_to_install(SERVER))
    notice("ready: chatcli chat")
