"""What commands print: answers on stdout, everything else on stderr."""

import sys
from typing import Any

from chatcli.render.as_json import as_json
from chatcli.render.safe import neutralise


def show_error(message: str, hint: str) -> None:
    """Print the two lines of an error on stderr."""
    print(f"error: {_flat(message)}\nhint: {_flat(hint)}", file=sys.stderr)


def notice(text: str, quiet: bool = False) -> None:
    """Print one line on stderr, if that is a terminal."""
    if not quiet and sys.stderr.isatty():
        print(neutralise(text), file=sys.stderr)


def print_json(data: Any) -> None:
    """Print one JSON document on stdout, in UTF-8; where that cannot be written, in ASCII."""
    print(as_json(data, ascii_only="utf" not in sys.stdout.encoding.lower()))


def _flat(text: str) -> str:
    return " ".join(neutralise(text).split())
