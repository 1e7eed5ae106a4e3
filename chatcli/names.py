"""What sessions are called."""

import random
import re
import string
import time
from collections.abc import Callable

from chatcli.errors import UsageError
from chatcli.messages import Message
from chatcli.stores import Session, Store
from chatcli.stores.rules import NAME_LENGTH, is_session_name

IMPORTED, COPIED = "(being imported ", "(being copied "
"""What the name of a session begins with until all of it has been imported, or copied from another store."""

TITLE_LENGTH = 80
"""Characters of a title at most."""


def check_session_name(name: str) -> str:
    """Return the name; raise UsageError unless it has 1 to 200 characters, none of them a control character."""
    if is_session_name(name):
        return name
    if not name:
        raise UsageError("a session's name cannot be empty", f"write 1 to {NAME_LENGTH} characters")
    if len(name) > NAME_LENGTH:
        limit = f"at most {NAME_LENGTH} characters, not {len(name)}"
        raise UsageError(f"a session's name has {limit}", "choose a shorter one")
    raise UsageError("a session's name cannot hold control characters", "choose another one")


def in_shell(name: str) -> str:
    """Return a session's name as a command's last word in a shell: quoted, behind `--` if it looks like an option."""
    import shlex  # not before the prompt

    return f"{'-- ' if name.startswith('-') else ''}{shlex.quote(name)}"


def store_in_shell(address: str | None) -> str:
    """Return the option that names a store, in a shell, with a space before it; "" for None: the configured one.

    A password in the address is hidden, so that such a command says what is missing rather than opens another store.
    """
    import shlex  # not before the prompt

    from chatcli.stores.masking import masked

    return "" if address is None else f" --store {shlex.quote(masked(address))}"


def new_session_name() -> str:
    """Return a name such as `2026-11-21-1432-k3f9`."""
    tail = "".join(random.choices(string.ascii_lowercase + string.digits, k=4))  # noqa: S311 - a name, no secret
    return time.strftime("%Y-%m-%d-%H%M-") + tail


def is_under_way(name: str) -> bool:
    """Say whether the session is not there yet: it is being imported or copied."""
    return name.startswith((IMPORTED, COPIED))


def listed(store: Store, limit: int | None = None) -> list[Session]:
    """Return the sessions to choose from, the one used last first; one under way is none of them."""
    spare = 0
    while True:
        found = store.sessions(limit=None if limit is None else limit + spare)
        whole = [session for session in found if not is_under_way(session.name)]
        if limit is None or len(whole) >= limit or len(found) < limit + spare:
            return whole[:limit]
        spare = 2 * spare + len(found) - len(whole)


def numbered_name(name: str, number: int, exists: Callable[[str], bool]) -> str:
    """Return `NAME-2` for the second of that name; that of `NAME-2`, beside a session `NAME`, is `NAME-3`."""
    base, _, end = name.rpartition("-")
    if base and end.isascii() and end.isdecimal() and not end.startswith("0") and exists(base):
        name = base
    tail = f"-{number}"
    return name[: NAME_LENGTH - len(tail)] + tail


def is_generated(name: str) -> bool:
    """Say whether `new_session_name` may have made the name: it tells nothing but when the session began."""
    return re.fullmatch(_GENERATED, name) is not None


_GENERATED = r"\d{4}-\d\d-\d\d-\d{4}-[a-z0-9]{4}"


def title_of(message: Message) -> str:
    """Return a session's title: the first line of its first message, cut to TITLE_LENGTH."""
    lines = message.text.strip().splitlines()
    return lines[0][:TITLE_LENGTH] if lines else ""
