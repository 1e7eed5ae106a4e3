"""Keys from a program, in a chat: it runs behind the prompt, has no terminal, and what was typed is not lost."""

import json
import sys
from pathlib import Path

from tests.e2e.conftest import User

SECRET = "sk-hunter2-0123456789"


def given_by(user: User, *lines: str) -> None:
    """Have the key of the model `m` given by a Python program."""
    program = user.home / "give.py"
    program.write_text("\n".join(["import os, sys, time", *lines]))
    folder = user.home / "config"
    folder.mkdir(exist_ok=True)
    command = json.dumps(f"{sys.executable} {program}")
    text = f'[models.m]\nid = "test-model"\nbase_url = "{user.server.url}"\napi_key_command = {command}\n'
    (folder / "config.toml").write_text(text)
    user.environ["CHATCLI_MODEL"] = "m"


def wait_for(file: Path) -> str:
    """Return a line of Python that waits for the file."""
    return f"while not os.path.exists({str(file)!r}): time.sleep(0.01)"


def test_the_program_runs_behind_the_prompt_and_the_reply_waits_for_it(user: User) -> None:
    gate, begun = user.home / "gate", user.home / "begun"
    given_by(user, f"open({str(begun)!r}, 'w')", wait_for(gate), f"print({SECRET!r})")
    with user.chat("-s", "s") as term:
        term.wait_for("you>")
        assert not begun.exists()
        term.enter("Hello")
        term.wait(lambda _: begun.exists(), what="the program")
        assert user.server.chats == []
        gate.touch()
        term.wait_for("Turn 1: Hello")
        assert user.server.chats[0].headers["authorization"] == f"Bearer {SECRET}"
        assert SECRET.encode() not in term.raw


def test_a_program_that_asks_on_the_terminal_fails_in_two_lines_and_the_input_is_kept(user: User) -> None:
    unlocked = user.home / "unlocked"
    asks = "open('/dev/tty', 'r+b', buffering=0).write(b'PIN? ')"
    given_by(user, f"if not os.path.exists({str(unlocked)!r}): {asks}", f"print({SECRET!r})")
    with user.chat("-s", "s") as term:
        term.wait_for("you>")
        term.enter("Hello")
        term.wait_for("models.m.api_key_command names failed with exit code 1")
        term.wait_for("run it by hand")
        term.wait_for("your message is kept: /retry sends it again")
        assert "PIN" not in term.text()
        assert user.server.chats == []
        unlocked.touch()
        term.enter("/retry")
        term.wait_for("Turn 1: Hello")
        term.enter("And on")
        term.wait_for("Turn 2: And on")


def test_a_reply_that_waits_for_the_program_is_stopped_at_once(user: User) -> None:
    gate, begun = user.home / "gate", user.home / "begun"
    given_by(user, f"open({str(begun)!r}, 'w')", wait_for(gate), f"print({SECRET!r})")
    with user.chat("-s", "s") as term:
        term.wait_for("you>")
        term.enter("Hello")
        term.wait(lambda _: begun.exists(), what="the program")
        term.key("c-c")
        term.wait_for("/retry")
        assert not gate.exists()
        gate.touch()
        term.enter("/retry")
        term.wait_for("Turn 1: Hello")


def test_no_command_shows_the_key(user: User) -> None:
    given_by(user, f"print({SECRET!r})")
    user.server.models = ["another"]
    shown = [user.run("config", "show"), user.run("doctor", "--json", "--store", "memory:"), user.run("models")]
    assert [SECRET in done.stdout + done.stderr for done in shown] == [False] * 3
    assert user.server.requests[0].headers["authorization"] == f"Bearer {SECRET}"
