"""Secrets from files and programs: the first line is taken, and no error holds what was read."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chatcli.credentials import LONGEST, from_command, from_file
from chatcli.errors import ConfigError

SETTING = "stores.team.password_command"


def program(folder: Path, *lines: str) -> str:
    """Write a program in Python; return the command that runs it."""
    file = folder / "give it.py"
    file.write_text("\n".join(["import os, sys, time", *lines]))
    return f"{sys.executable} '{file}'"


def refused(command: str, patience: float = 60.0) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        from_command(command, SETTING, patience)
    error = caught.value
    assert SETTING in error.message
    assert "\n" not in error.message + error.hint
    assert "hunter2" not in error.message + error.hint
    return error


def test_a_program_gives_its_first_line_without_its_end(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    command = program(tmp_path, "print('pass word é')", "print('user: me')", "print('hunter2', file=sys.stderr)")
    assert from_command(command, SETTING) == "pass word é"
    assert from_command(program(tmp_path, "sys.stdout.write('no end')"), SETTING) == "no end"
    assert from_command(program(tmp_path, "sys.stdout.write('dos\\r\\n')"), SETTING) == "dos"
    assert capfd.readouterr() == ("", ""), "what it says besides may hold the secret"


def test_a_program_gets_nothing_of_what_is_piped_to_chatcli(tmp_path: Path) -> None:
    command = program(tmp_path, "print([sys.stdin.read()])")
    ours = "import sys\nfrom chatcli.credentials import from_command\n"
    ours += f"print(from_command({command!r}, 's'), sys.stdin.read())"
    done = subprocess.run([sys.executable, "-c", ours], input="piped", capture_output=True, text=True, check=True)
    assert done.stdout == "[''] piped\n"


def test_a_program_is_run_without_a_shell(tmp_path: Path) -> None:
    command = program(tmp_path, "print(sys.argv[1:])")
    assert from_command(f"{command} $HOME 'a b' ; > {tmp_path}/out", SETTING) == str(
        ["$HOME", "a b", ";", ">", f"{tmp_path}/out"]
    )
    assert not (tmp_path / "out").exists()


def test_a_program_is_found_in_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    script = tmp_path / "give"
    script.write_text("#!/bin/sh\necho given\n")
    script.chmod(stat.S_IRWXU)
    assert from_command("~/give", SETTING) == "given"


def test_a_program_that_cannot_be_run_or_fails_is_an_error_without_the_secret(tmp_path: Path) -> None:
    assert "cannot be run: No such file" in refused("hunter2 hunter2").message
    assert "cannot be run" in refused(f"{tmp_path}").message
    assert "is no command" in refused("'hunter2").message
    assert "is no command" in refused("  ").message
    failing = program(tmp_path, "print('hunter2', flush=True)", "print('hunter2', file=sys.stderr)", "sys.exit(7)")
    assert "exit code 7" in refused(failing).message


def test_what_is_no_secret_is_an_error_that_does_not_show_it(tmp_path: Path) -> None:
    assert "empty line" in refused(program(tmp_path, "")).message
    assert "empty line" in refused(program(tmp_path, "print()", "print('hunter2')")).message
    assert "no text" in refused(program(tmp_path, "print('hunter2\\x1b[0m')")).message
    assert "no text" in refused(program(tmp_path, "sys.stdout.buffer.write(b'hunter2\\xff')")).message
    assert "more than a secret" in refused(program(tmp_path, f"print('hunter2' * {LONGEST})")).message
    endless = program(tmp_path, "while True: print('hunter2')")
    assert "more than a secret" in refused(endless).message


def test_a_program_that_does_not_end_is_stopped(tmp_path: Path) -> None:
    command = f"sh -c 'echo hunter2; echo $$ > {tmp_path}/pid; exec sleep 1000'"
    assert "did not end within 4 seconds" in refused(command, patience=4).message
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_one_who_holds_the_pipe_after_the_program_is_not_waited_for(tmp_path: Path) -> None:
    command = program(tmp_path, "if os.fork(): os._exit(0)", "print('hunter2', flush=True)", "time.sleep(20)")
    begun = time.monotonic()
    assert "did not end" in refused(command, patience=2).message
    assert time.monotonic() - begun < 15


def test_a_file_gives_its_first_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "secret").write_bytes(b"pass word \r\nmore\n")
    assert from_file("~/secret", "password_file") == "pass word "
    assert from_file(str(tmp_path / "secret"), "password_file") == "pass word "


@pytest.mark.parametrize(("name", "why"), [("hunter2", "No such file"), (".", "directory"), ("~hunter2/x", "no path")])
def test_a_file_that_cannot_be_read_is_an_error_that_names_the_setting(name: str, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_file(name, "password_file")
    assert "password_file" in caught.value.message
    assert why in caught.value.message
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_a_file_of_no_text_is_an_error_that_does_not_show_it(tmp_path: Path) -> None:
    for content in (b"", b"\nhunter2", b"hunter2\0", b"hunter2\xff"):
        (tmp_path / "secret").write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            from_file(str(tmp_path / "secret"), "password_file")
        assert "hunter2" not in caught.value.message + caught.value.hint
