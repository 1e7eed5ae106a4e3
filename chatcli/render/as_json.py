"""Data as JSON that may be shown on a terminal."""

import json
from collections.abc import Mapping
from typing import Any

from chatcli.render.safe import neutralise


def as_json(data: Any, ascii_only: bool = False, indent: int | None = 2) -> str:
    """Return one JSON document that says the very same data; no terminal obeys anything in it. No indent: one line.

    Characters that `neutralise` would replace are written `\\uXXXX`, which JSON reads back as they were.
    """
    document = json.dumps(data, ensure_ascii=ascii_only, indent=indent, default=_plain)
    hostile = {char for char in set(document) - {"\n"} if neutralise(char) != char}
    return document.translate({ord(char): f"\\u{ord(char):04x}" for char in hostile})


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else list(value)
