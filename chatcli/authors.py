"""Who writes here, and which messages others wrote: chosen once, where the program begins."""

from functools import cache

from chatcli.messages import Message

_configured = [""]


def choose(author: str) -> None:
    """Have what is written from now on be written by `author`; '': by the login on this machine."""
    _configured[0] = author


def own_author() -> str:
    """Return who writes here: what was chosen, else the login and the machine, `anna@desk`."""
    return _configured[0] or _login()


def other_author(message: Message) -> str:
    """Return who wrote a message, if somebody else did; '' for one's own, and where nobody said."""
    return "" if message.author in (None, own_author()) else str(message.author)


NAMELESS = "user"
"""Who asked what has no author: another program did, or it was imported."""


def who_asked(message: Message) -> str:
    """Return who is named before a message: `user` where nobody said; '' for one's own, and what no user wrote."""
    return NAMELESS if message.author is None and message.role == "user" else other_author(message)


@cache
def _login() -> str:
    import getpass  # neither is needed before something is written
    import platform

    try:
        login = getpass.getuser()
    except (OSError, KeyError, ImportError):  # nobody has this user id
        login = "user"
    return f"{login}@{platform.node() or 'localhost'}"
