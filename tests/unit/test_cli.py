"""The commands, in this process."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from chatcli import __version__
from chatcli.messages import Message, Usage
from chatcli.stores.address import open_store
from tests.unit.conftest import Command

GROUPS = [[], ["sessions"], ["history"], ["config"], ["local"]]
COMMANDS = [
    ["chat"], ["ask"], ["models"], ["doctor"], ["history", "show"], ["sessions", "list"], ["sessions", "resume"],
    ["sessions", "clear"], ["sessions", "delete"], ["sessions", "rename"], ["config", "path"], ["config", "show"],
    ["config", "init"], ["config", "edit"], ["local", "setup"],
]  # fmt: skip


@pytest.fixture
def sessions(home: Path) -> Path:
    """Two sessions: `JavaEdge` with two turns, used last, and `other`."""
    store = open_store("sqlite", data_folder=home / "data")
    store.append("other", [Message("user", "Hi"), Message("assistant", "Hello")])
    store.update("JavaEdge", title="你好我是JavaEdge", settings={"memory": "window:3"})
    reply = Message("assistant", "**你好**", id="m1", model="qwen-plus", usage=Usage(5, 2), finish="stop", time=1e9)
    store.append("JavaEdge", [Message("user", "你好我是JavaEdge", time=1e9), reply])
    store.append("JavaEdge", [Message("user", "two\x1b[2J"), Message("assistant", "2", finish="interrupted")])
    store.close()
    return home


@pytest.mark.parametrize("words", [*GROUPS, *COMMANDS], ids=" ".join)
def test_every_command_has_help_and_every_leaf_an_example(command: Command, words: list[str]) -> None:
    done = command(*words, "--help")
    assert done.code == 0
    assert "Usage: chatcli" in done.out
    assert ("Example: " in done.out) == (words in COMMANDS)
    assert command(*words, "-h").out == done.out


def test_the_version_is_said_either_way(command: Command) -> None:
    assert command("--version").out == f"chatcli {__version__}\n"


def test_sessions_are_listed_newest_first(command: Command, sessions: Path) -> None:
    lines = command("sessions", "list").out.splitlines()
    assert lines[0].split() == ["NAME", "TITLE", "TURNS", "LAST", "USED", "MEMORY", "MODEL"]
    assert [line.split()[0] for line in lines[1:]] == ["JavaEdge", "other"]
    assert "window:3" in lines[1]
    assert len(command("sessions", "list", "-n", "1").out.splitlines()) == 2


def test_sessions_are_listed_as_json(command: Command, sessions: Path) -> None:
    first, second = json.loads(command("sessions", "list", "--json").out)
    assert (first["name"], first["turns"], first["messages"]) == ("JavaEdge", 2, 4)
    assert first["settings"] == {"memory": "window:3"}
    assert second["name"] == "other"


def test_no_session_is_exit_1(command: Command, home: Path) -> None:
    assert command("sessions", "list") == command("sessions", "list")
    assert command("sessions", "list").code == 1
    assert command("sessions", "list", "--json").out == "[]\n"


def test_the_history_of_the_session_used_last_is_shown(command: Command, sessions: Path) -> None:
    shown = command("history", "show").out
    assert "你好我是JavaEdge" in shown
    assert "assistant (qwen-plus · 2001-09-" in shown
    assert "[stopped here]" in shown
    assert "\x1b" not in shown
    assert "␛[2J" in shown
    assert "你好" not in command("history", "show", "-n", "1").out


def test_the_history_as_json_holds_everything(command: Command, sessions: Path) -> None:
    messages = json.loads(command("history", "show", "-s", "JavaEdge", "--json").out)
    assert [message["position"] for message in messages] == [0, 1, 2, 3]
    assert messages[1] == {
        "position": 1, "role": "assistant", "content": "**你好**", "id": "m1", "time": 1e9, "model": "qwen-plus",
        "finish": "stop", "usage": {"prompt": 5, "completion": 2, "cached": 0},
    }  # fmt: skip
    assert [m["position"] for m in json.loads(command("history", "show", "-n", "1", "--json").out)] == [2, 3]


def test_clear_empties_a_session_and_keeps_its_settings(command: Command, sessions: Path) -> None:
    assert command("sessions", "clear", "JavaEdge", "-y").code == 0
    listed = {entry["name"]: entry for entry in json.loads(command("sessions", "list", "--json").out)}
    assert (listed["JavaEdge"]["messages"], listed["other"]["messages"]) == (0, 2)
    assert listed["JavaEdge"]["settings"] == {"memory": "window:3"}


def test_clear_without_a_name_is_the_session_used_last_and_all_is_all(command: Command, sessions: Path) -> None:
    command("sessions", "clear", "-y")
    assert [e["messages"] for e in json.loads(command("sessions", "list", "--json").out)] == [0, 2]
    command("sessions", "clear", "--all", "-y")
    assert [e["messages"] for e in json.loads(command("sessions", "list", "--json").out)] == [0, 0]


def test_one_wrong_name_among_several_changes_nothing(command: Command, sessions: Path) -> None:
    for verb in ("clear", "delete"):
        assert command("sessions", verb, "JavaEdge", "nobody", "-y").code == 1
    assert [e["messages"] for e in json.loads(command("sessions", "list", "--json").out)] == [4, 2]


def test_delete_and_rename(command: Command, sessions: Path) -> None:
    assert command("sessions", "delete", "other", "-y").code == 0
    assert command("sessions", "rename", "JavaEdge", "我的/会话").code == 0
    assert [e["name"] for e in json.loads(command("sessions", "list", "--json").out)] == ["我的/会话"]
    assert json.loads(command("history", "show", "-s", "我的/会话", "--json").out)[0]["content"] == "你好我是JavaEdge"


def test_rename_to_a_name_that_exists_is_refused(command: Command, sessions: Path) -> None:
    done = command("sessions", "rename", "JavaEdge", "other")
    assert done.code == 3
    assert "other" in done.err


def test_the_config_is_made_found_shown_and_never_replaced(command: Command, home: Path) -> None:
    path = home / "config" / "config.toml"
    assert command("config", "path").out == f"{path}\n"
    assert command("config", "init").out == f"{path}\n"
    tomllib.loads(path.read_text(encoding="utf-8"))
    assert command("config", "init").code == 2
    shown = json.loads(command("config", "show").out)
    assert shown["store"] == "sqlite"


def test_edit_makes_the_file_runs_the_editor_and_checks_what_it_left(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"{sys.executable} -c \"import sys; open(sys.argv[1], 'a').write('modle = 1')\"")
    done = command("config", "edit")
    assert done.code == 2
    assert "modle" in done.err
    monkeypatch.setenv("EDITOR", "no-such-editor")
    assert "no-such-editor" in command("config", "edit").err


def completed(home: Path, line: str) -> str:
    """Return what bash is offered at the end of `line`."""
    words = line.split(" ")
    done = subprocess.run(
        [sys.executable, "-m", "chatcli"],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "CHATCLI_HOME": str(home),
            "_CHATCLI_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
        },
    )
    return done.stdout


def test_the_shells_tab_completes_commands_options_and_sessions(sessions: Path) -> None:
    assert "sessions" in completed(sessions, "chatcli se")
    assert "--session" in completed(sessions, "chatcli chat --se")
    assert completed(sessions, "chatcli chat -s Ja").split() == ["JavaEdge"]
    assert completed(sessions, "chatcli sessions delete o").split() == ["other"]
