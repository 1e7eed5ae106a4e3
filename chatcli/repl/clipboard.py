"""The clipboard: by a program of the desktop's, or by the terminal itself (OSC 52) over SSH and where there is none."""

import base64
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from shutil import which
from typing import TextIO

from chatcli.errors import NotFound, UsageError

LIMIT = 74_994
"""Bytes that terminals take by OSC 52: 100,000 with what stands around them, in base64."""

_PATIENCE = 3.0  # seconds
_PROGRAMS: Mapping[str, Sequence[Sequence[str]]] = {
    "WAYLAND_DISPLAY": [["wl-copy", "--type", "text/plain;charset=utf-8"]],
    "DISPLAY": [["xclip", "-selection", "clipboard"], ["xsel", "--input", "--clipboard"]],
    "": [["pbcopy"], ["clip.exe"]],  # macOS; Windows, WSL
}


def copy(text: str, terminal: TextIO | None = None) -> str:
    """Put `text` on the clipboard; return by what: a program's name, or "the terminal".

    Over SSH the clipboard is where the terminal is. Raises NotFound when there is none, UsageError for a text that
    is too long for the terminal.
    """
    data = text.encode("utf-8", "replace")
    for command in () if _is_remote() else _programs():
        if _run(command, text.encode("utf-16-le", "replace") if command[0] == "clip.exe" else data):
            return command[0]
    out = sys.stdout if terminal is None else terminal
    if not out.isatty() or os.environ.get("TERM", "dumb") in ("dumb", "unknown"):
        raise NotFound("there is no clipboard here", "install wl-clipboard, xclip or xsel")
    if len(data) > LIMIT:
        known = f"{len(data):,} bytes are too many for the terminal's clipboard; {LIMIT:,} is the limit"
        raise UsageError(known, "install wl-clipboard, xclip or xsel, or copy less")
    out.write(terminal_sequence(data))
    out.flush()
    return "the terminal"


def terminal_sequence(data: bytes) -> str:
    """Return what tells a terminal to put `data` on its clipboard (OSC 52); inside tmux, also through it."""
    plain = f"\x1b]52;c;{base64.b64encode(data).decode()}\x07"
    if not os.environ.get("TMUX"):
        return plain
    escaped = plain.replace("\x1b", "\x1b\x1b")
    return f"{plain}\x1bPtmux;{escaped}\x1b\\"  # tmux takes the one or the other, as it is configured


def _is_remote() -> bool:
    return any(os.environ.get(name) for name in ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"))


def _programs() -> list[Sequence[str]]:
    """Return the commands whose desktop is there and that are installed."""
    asked = [commands for name, commands in _PROGRAMS.items() if not name or os.environ.get(name)]
    return [command for commands in asked for command in commands if which(command[0])]


def _run(command: Sequence[str], data: bytes) -> bool:
    """Give `data` to a program; say whether it took it.

    Some stay behind to serve the clipboard: they must hold none of our files, and a ^C is not theirs.
    """
    try:
        done = subprocess.run(  # noqa: S603 - from the list above
            command,
            input=data,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
            start_new_session=True,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
