"""What `ask` leaves to be derived: a process of its own does that, so that the answer's end is the command's end."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatcli.chat import Chat


def derive_later(chat: "Chat", store: str | None) -> None:
    """Start `chatcli memory update` for the chat's session when something is behind; returns at once.

    `store` is its address as it was given, which may hold a password: it goes into the environment, which others on
    this machine cannot read. What nobody keeps is not derived.
    """
    from chatcli.errors import ChatError

    with suppress(ChatError, OSError):  # the answer is there; the next turn tries again
        if not chat.store.durable or not chat.background.is_behind():
            return
        subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-P", "-m", "chatcli", "memory", "update", "-s", chat.session],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, **({} if store is None else {"CHATCLI_STORE": store})},
        )


@contextmanager
def alone(lock: Path) -> Iterator[bool]:
    """Say whether nobody else holds the lock file; it is held then. Where files cannot be locked nobody does."""
    from chatcli.private import private_folder

    try:
        import fcntl

        private_folder(lock.parent)
        opened = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except (ImportError, OSError):
        yield True
        return
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(opened)
