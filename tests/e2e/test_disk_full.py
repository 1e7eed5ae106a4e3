"""A disk that is full, or may only be read, under the store or under the journal too: nothing typed or said is lost."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import CHATCLI, User
from tests.terminal import Terminal, clean_env

BALLAST = "ballast"


def _can_mount() -> bool:
    probe = ["unshare", *_NAMESPACE, "mount", "-t", "tmpfs", "none", "/mnt"]
    return shutil.which("unshare") is not None and subprocess.run(probe, capture_output=True).returncode == 0


_NAMESPACE = ["-m"] if os.geteuid() == 0 else ["-rm"]

needs_mount = pytest.mark.skipif(not _can_mount(), reason="no disk can be mounted here (unshare -m)")


@dataclass
class Disk:
    """A small disk of its own, seen by the chat alone; `root` is how it is seen from here."""

    root: Path

    def fill(self) -> None:
        """Leave no byte free."""
        with open(self.root / BALLAST, "wb", buffering=0) as file:
            for size in (4096, 1):
                while True:
                    try:
                        file.write(b"x" * size)
                    except OSError:
                        break

    def clear(self) -> None:
        """Make room again."""
        (self.root / BALLAST).unlink()


@contextmanager
def chat_with_disk(user: User, at: Path, *args: str) -> Iterator[tuple[Terminal, Disk]]:
    """Open a chat that has a disk of 1 MiB at the path."""
    at.mkdir(parents=True, exist_ok=True)
    script = f'mount -t tmpfs -o size=1m none {at} && exec "$@"'
    command = ["unshare", *_NAMESPACE, "sh", "-c", script, "sh", *CHATCLI, "chat", "-s", "s", *args]
    with Terminal(command, env=clean_env(user.env), rows=40, cwd=user.home) as term:
        term.wait_for("you>")
        yield term, Disk(Path(f"/proc/{term.pid}/root{at}"))


def say(term: Terminal, text: str, shown: str) -> None:
    term.enter(text)
    term.wait_for(shown)
    term.wait(lambda t: t.text().rstrip().splitlines()[-1] and "you>" in t.text().partition(shown)[2])


@needs_mount
def test_the_disk_under_the_store_is_full_and_then_has_room(user: User) -> None:
    disk_at = user.home / "disk"
    with chat_with_disk(user, disk_at, "--store", f"sqlite:///{disk_at}/s.db", "--memory", "buffer") as (term, disk):
        say(term, "one", "Turn 1: one")
        disk.fill()
        long = "word " * 1000
        term.paste(f"two {long}")
        term.key("enter")
        term.wait_for("store away · 1 turn kept here")
        assert "is full; nothing was changed" in " ".join(term.text().split())
        disk.clear()
        term.wait_gone("store away ·")
        say(term, "three", "Turn 3: three")
        kept = disk.root / "s.db"
        copy = user.home / "copy.db"
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            for name in ("", "-wal"):
                shutil.copy(f"{kept}{name}", f"{copy}{name}")
            shown = user.run("history", "show", "-s", "s", "--store", f"sqlite:///{copy}", "--json").stdout
            if "Turn 3" in shown:
                break
        assert [shown.count(f"Turn {number}: ") for number in (1, 2, 3)] == [1, 1, 1]
        term.key("c-d")
        term.wait_exit()


@needs_mount
def test_the_disk_under_everything_is_full_and_what_was_typed_stands_in_the_line_again(user: User) -> None:
    with chat_with_disk(user, user.home) as (term, disk):
        say(term, "one", "Turn 1: one")
        disk.fill()
        term.enter("two")
        term.wait_for("error: the disk under")
        term.wait_for("you> two")
        disk.clear()
        term.wait_gone("store away")
        term.key("enter")
        term.wait_for("Turn 2: two")
        term.key("c-d")
        term.wait_exit()
