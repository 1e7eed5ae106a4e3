"""The clipboard: which program or terminal takes a text."""

import base64
import io
import time
from pathlib import Path

import pytest

from chatcli.errors import NotFound, UsageError
from chatcli.repl.clipboard import LIMIT, copy
from tests.fakes import Tty


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for programs, the only ones there are; no desktop, no SSH, no tmux."""
    for name in ("WAYLAND_DISPLAY", "DISPLAY", "SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT", "TMUX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("TERM", "xterm-256color")
    return tmp_path


def program(desk: Path, name: str, body: str = '/bin/cat > "$0.got"; echo "$@" > "$0.args"') -> Path:
    path = desk / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path.with_name(f"{name}.got")


def test_wayland_comes_before_x_and_only_where_it_is(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wayland, x = program(desk, "wl-copy"), program(desk, "xclip")
    monkeypatch.setenv("DISPLAY", ":0")
    assert copy("中", Tty()) == "xclip"
    assert (x.read_bytes(), wayland.exists()) == ("中".encode(), False)
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert copy("国", Tty()) == "wl-copy"
    assert wayland.read_bytes() == "国".encode()


def test_one_that_fails_or_hangs_leaves_it_to_the_next(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    program(desk, "xclip", "exit 1")
    got = program(desk, "xsel")
    assert copy("x", Tty()) == "xsel"
    assert got.read_bytes() == b"x"
    program(desk, "xsel", "exec /bin/sleep 60")
    began = time.monotonic()
    assert copy("x", Tty()) == "the terminal"
    assert time.monotonic() - began < 20


def test_windows_gets_the_encoding_it_knows(desk: Path) -> None:
    got = program(desk, "clip.exe")
    assert copy("中", Tty()) == "clip.exe"
    assert got.read_bytes() == "中".encode("utf-16-le")


def test_the_terminal_gets_base64_and_nothing_else(desk: Path) -> None:
    out = Tty()
    assert copy("\x1b[31m\x07中", out) == "the terminal"
    sent = base64.b64encode("\x1b[31m\x07中".encode()).decode()
    assert out.getvalue() == f"\x1b]52;c;{sent}\x07"


def test_over_ssh_the_program_of_the_other_machine_is_not_asked(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    got = program(desk, "xclip")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("SSH_CONNECTION", "1 2 3 4")
    assert copy("x", Tty()) == "the terminal"
    assert not got.exists()


def test_tmux_is_asked_and_passed_through(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMUX", "/tmp/tmux,1,0")
    out = Tty()
    copy("x", out)
    assert out.getvalue() == "\x1b]52;c;eA==\x07\x1bPtmux;\x1b\x1b]52;c;eA==\x07\x1b\\"


def test_what_no_terminal_takes_is_refused_with_the_limit(desk: Path) -> None:
    out = Tty()
    with pytest.raises(UsageError, match="74,994 is the limit"):
        copy("x" * (LIMIT + 1), out)
    assert out.getvalue() == ""
    copy("x" * LIMIT, out)


@pytest.mark.parametrize("term", ["dumb", ""])
def test_without_a_program_and_a_terminal_there_is_no_clipboard(
    desk: Path, monkeypatch: pytest.MonkeyPatch, term: str
) -> None:
    with pytest.raises(NotFound, match="no clipboard"):
        copy("x", io.StringIO())
    monkeypatch.setenv("TERM", term or "unknown")
    with pytest.raises(NotFound):
        copy("x", Tty())


def test_half_a_character_breaks_nothing(desk: Path) -> None:
    program(desk, "pbcopy")
    assert copy("a\ud800b", Tty()) == "pbcopy"
