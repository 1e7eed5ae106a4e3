"""What commands print: answers on stdout, everything else on stderr."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from chatcli.render.safe import neutralise


def show_error(message: str, hint: str) -> None:
    """Print the two lines of an error on stderr."""
    print(f"error: {_flat(message)}\nhint: {_flat(hint)}", file=sys.stderr)


def notice(text: str, quiet: bool = False) -> None:
    """Print one line on stderr, if that is a terminal."""
    if not quiet and sys.stderr.isatty():
        print(neutralise(text), file=sys.stderr)


def print_json(data: Any) -> None:
    """Print one JSON document on stdout; control characters are escaped by JSON itself."""
    print(json.dumps(data, ensure_ascii=False, indent=2, default=_plain).replace("\x7f", "\\u007f"))


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else list(value)


def _flat(text: str) -> str:
    return " ".join(neutralise(text).split())
