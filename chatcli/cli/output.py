"""What commands print: answers on stdout, everything else on stderr."""

import sys
from typing import Any

from chatcli.errors import UsageError
from chatcli.render.safe import neutralise


def show_error(message: str, hint: str) -> None:
    """Print the two lines of an error on stderr."""
    print(f"error: {_flat(message)}\nhint: {_flat(hint)}", file=sys.stderr)


def notice(text: str, quiet: bool = False) -> None:
    """Print one line on stderr, if that is a terminal; one that is too long is broken between words."""
    if quiet or not sys.stderr.isatty():
        return
    from shutil import get_terminal_size

    from chatcli.repl.screen import wrapped

    for line in neutralise(text).split("\n"):
        print("\n".join(wrapped(line, get_terminal_size().columns)), file=sys.stderr)


def print_json(data: Any) -> None:
    """Print one JSON document on stdout, in UTF-8; where that cannot be written, in ASCII."""
    from chatcli.render.as_json import as_json

    print(as_json(data, ascii_only="utf" not in sys.stdout.encoding.lower()))


def ask_first(question: str, yes: bool) -> None:
    """Ask on stderr; end with exit code 1 unless the answer is yes. Nobody there to answer is a no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"this asks first, and there is no terminal to answer: {question}", "-y says yes")
    print(f"{neutralise(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        import typer

        raise typer.Exit(1)


def _flat(text: str) -> str:
    return " ".join(neutralise(text).split())
