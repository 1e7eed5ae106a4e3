"""Addresses and commands as they may be shown."""

import re

_LOGIN = r"(?s)(://[^:/?#@]*):.*@"
_MISTYPED = r"(?s)^(?!/[^/]|\W*(?:sqlite|unix):|\W*[\w+.-]+://[^/])([^:]*):.*@"
"""What was meant as an address with a login: without its scheme, or with other slashes than two."""


_OPTION = r"(?i)([?&][^=&]*(?:password|secret|token|key|sig)=)[^&]*"
"""A secret in the query: a server's password, or the key that a gateway takes there."""


def masked(address: str) -> str:
    """Return the address with any password or key replaced by `***`."""
    address = re.sub(_MISTYPED, r"\1:***@", re.sub(_LOGIN, r"\1:***@", address))
    return re.sub(_OPTION, r"\1***", address)


def program_of(command: str) -> str:
    """Return a command as it may be shown: its program alone, as its arguments may hold secrets."""
    program, _, arguments = command.strip().partition(" ")
    return f"{program} …" if arguments else program
