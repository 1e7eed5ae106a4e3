"""Addresses as they may be shown."""

import re


def masked(address: str) -> str:
    """Return the address with any password replaced by `***`."""
    address = re.sub(r"(?s)(://[^:/?#@]*):.*@", r"\1:***@", address)
    return re.sub(r"(?i)([?&](?:ssl_)?password=)[^&]*", r"\1***", address)
