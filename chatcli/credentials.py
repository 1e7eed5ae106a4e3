"""Secrets that are kept elsewhere than in the config: in a file, or with a program such as `pass`.

Both give their first line, without its end. `setting` names what asks for it, for the errors, which never hold what
was read.
"""

import atexit
import os
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from chatcli.errors import ConfigError

PATIENCE = 60.0  # seconds: a program may have to ask for a passphrase
LONGEST = 64 * 1024  # bytes


def from_file(name: str, setting: str) -> str:
    """Return the first line of a file, `~` expanded; raise ConfigError when it cannot be read or is no secret."""
    what = f"the file that {setting} names"
    try:
        with Path(name).expanduser().open("rb") as file:
            return _secret(file.read(LONGEST), what)
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it has no path"
        raise ConfigError(f"{what} cannot be read: {why}", "name one that you may read") from None


def from_command(command: str, setting: str, patience: float = PATIENCE, on_terminal: bool = True) -> str:
    """Return the first line that a program prints; it is run without a shell, and has `patience` seconds.

    With `on_terminal` false it has no terminal to ask on, which somebody else may be using. It ends with this process.
    Raises ConfigError when it cannot be run, fails, takes too long, or prints no secret.
    """
    what = f"the program that {setting} names"
    deadline = time.monotonic() + patience
    process = _start(_words(command, setting), what, on_terminal)
    end = partial(_end, process, group=not on_terminal)
    atexit.register(end)  # whoever waits here may be a thread that the process does not wait for
    try:
        printed = _printed(process, deadline, what)
        code = process.wait(max(0.0, deadline - time.monotonic()))
    except (TimeoutError, subprocess.TimeoutExpired):
        raise ConfigError(f"{what} did not end within {patience:g} seconds", _BY_HAND) from None
    finally:
        atexit.unregister(end)
        end()
    if code:
        raise ConfigError(f"{what} failed with exit code {code}", _BY_HAND)
    return _secret(printed, f"what {setting} prints")


def one_of(setting: str, said: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """Return the secret that one of `SETTING_env`, `SETTING_file` and `SETTING_command` leads to; "": none is said.

    `said` holds their values by `env`, `file` and `command`; an empty one is not said. Raises ConfigError when more
    than one is, or when it leads nowhere.
    """
    sources = [(f"{setting}_{kind}", kind, value) for kind, value in said.items() if value]
    if not sources:
        return ""
    if len(sources) > 1:
        named = " and ".join(name for name, _, _ in sources)
        raise ConfigError(f"{named} are both there", "keep one of them")
    ((name, kind, value),) = sources
    if kind == "file":
        return from_file(value, name)
    if kind == "command":
        return from_command(value, name)
    if not environ.get(value):
        raise ConfigError(f"the variable that {name} names is not set", "export it, or name another one")
    return environ[value]


_BY_HAND = "run it by hand: it must print the secret on its first line, and end"


def _words(command: str, setting: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    if not words:
        raise ConfigError(f"{setting} is no command", 'write it as in a shell, its quotes closed: "pass show NAME"')
    return [os.path.expanduser(words[0]), *words[1:]]


def _start(words: Sequence[str], what: str, on_terminal: bool) -> "subprocess.Popen[bytes]":
    """Start the program. What it says beside the secret is not shown: it may hold it.

    Without a terminal it has a session of its own, and GnuPG is told of none to ask on.
    """
    environ = {name: value for name, value in os.environ.items() if on_terminal or name != "GPG_TTY"}
    try:
        return subprocess.Popen(  # noqa: S603 - the user's own command
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environ,
            start_new_session=not on_terminal,
        )
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "its arguments are none"
        raise ConfigError(f"{what} cannot be run: {why}", "name one on your PATH, or its whole path") from None


def _printed(process: "subprocess.Popen[bytes]", deadline: float, what: str) -> bytes:
    """Return what the program prints; raise TimeoutError at the deadline, ConfigError for more than LONGEST bytes.

    Not `communicate`: that would wait for whoever else holds the pipe, and keep all that comes.
    """
    assert process.stdout is not None
    printed = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - time.monotonic())):
            if not (piece := os.read(process.stdout.fileno(), LONGEST)):
                return printed
            printed += piece
            if len(printed) > LONGEST:
                raise ConfigError(f"{what} prints more than a secret", _BY_HAND)
    raise TimeoutError


def _end(process: "subprocess.Popen[bytes]", group: bool) -> None:
    """Stop the program if it still runs, with what it started when it has a group of its own."""
    assert process.stdout is not None
    process.stdout.close()
    if process.poll() is None:
        if group:
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()


def _secret(raw: bytes, what: str) -> str:
    """Return the first line as text; raise ConfigError when it is empty, not UTF-8 or holds control characters."""
    line = raw.split(b"\n", 1)[0].removesuffix(b"\r").decode("utf-8", "replace")
    if not line:
        raise ConfigError(f"{what} begins with an empty line", "the secret must be its first line")
    if not line.isprintable() or "\ufffd" in line:
        raise ConfigError(f"{what} is no secret: its first line is no text", "the secret must be its first line")
    return line
