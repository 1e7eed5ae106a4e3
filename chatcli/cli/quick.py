"""Reads the plain ways to write `chatcli chat …` without typer, whose import would double the wait for the prompt.

What is not plain, and whatever is wrong, is left to typer: it understands all of it, and says what it does not.
"""

import os
from collections.abc import Sequence
from typing import Any

from chatcli.cli.declared import Flags, flag_of, may_be_repeated
from chatcli.values import readable_text

_FIELDS = {name: field for field in Flags._fields for name in flag_of(field).names}


def quick_flags(arguments: Sequence[str]) -> Flags | None:
    """Return the flags of `chat` with nothing but whole, known options; None for any other command line.

    Raises UsageError for text that is none.
    """
    if arguments[:1] != ["chat"] or "_CHATCLI_COMPLETE" in os.environ:
        return None
    said: dict[str, Any] = {}
    rest = iter(arguments[1:])
    for argument in rest:
        name, equals, value = argument.partition("=") if argument.startswith("--") else (argument, "", "")
        field = _FIELDS.get(name)
        if field is None:
            return None
        if flag_of(field).metavar is None:
            if equals:
                return None
            said[field] = True
            continue
        value = value if equals else next(rest, "-")
        if value.startswith("-") and not equals:  # it may be an option whose value was forgotten
            return None
        _say(said, field, readable_text(value))
    return Flags(**said)


def _say(said: dict[str, Any], field: str, value: str) -> None:
    if may_be_repeated(field):
        said[field] = (*said.get(field, ()), value)
    else:
        said[field] = value
