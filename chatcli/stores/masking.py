"""Addresses and commands as they may be shown."""

import re


def masked(address: str) -> str:
    """Return the address with any password replaced by `***`."""
    address = re.sub(r"(?s)(://[^:/?#@]*):.*@", r"\1:***@", address)
    return re.sub(r"(?i)([?&](?:ssl_|sentinel_)?password=)[^&]*", r"\1***", address)


def program_of(command: str) -> str:
    """Return a command as it may be shown: its program alone, as its arguments may hold secrets."""
    program, _, arguments = command.strip().partition(" ")
    return f"{program} …" if arguments else program
