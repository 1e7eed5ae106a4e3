"""The commands, in this process."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from contextlib import closing
from pathlib import Path

import pytest
from rich.cells import cell_len

from chatcli import __version__
from chatcli.cli.flags import memory_specs
from chatcli.cli.run import run
from chatcli.cli.stores import existing_session, named_store
from chatcli.errors import NotFound, StoreError
from chatcli.memory import EXAMPLES
from chatcli.messages import Message, Usage
from chatcli.render.as_json import as_json
from chatcli.render.safe import neutralise
from chatcli.render.tables import session_lines
from chatcli.stores import Session
from chatcli.stores.address import open_store
from tests.fakes import Tty
from tests.reference import helped, page
from tests.servers import ModelServer
from tests.unit.conftest import Command, Done

GROUPS = [[], ["sessions"], ["history"], ["memory"], ["config"], ["local"]]
COMMANDS = [
    ["chat"], ["ask"], ["models"], ["doctor"], ["history", "show"], ["history", "export"], ["history", "import"],
    ["history", "search"], ["sessions", "list"], ["sessions", "resume"],
    ["sessions", "clear"], ["sessions", "delete"], ["sessions", "rename"], ["sessions", "fork"],
    ["config", "path"], ["config", "show"],
    ["memory", "context"], ["memory", "show"], ["memory", "compare"], ["memory", "update"],
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


def test_every_memory_is_named_in_the_help_and_completed(command: Command) -> None:
    shown = " ".join(command("chat", "--help").out.replace("│", "").split())
    assert all(f"{spec}" in shown for spec in EXAMPLES.split(", "))
    assert memory_specs("summary") == ["summary", "summary-buffer:4000"]
    assert memory_specs("recall:800+w") == ["recall:800+window:10", "recall:800+window:10-20"]
    assert "recall:800+recall:800" not in memory_specs("recall:800+")


def test_help_shows_what_stands_in_brackets(command: Command) -> None:
    assert "under [models.NAME]" in " ".join(command("stats", "--help").out.split())


def test_the_version_is_said_either_way(command: Command) -> None:
    assert command("--version").out == f"chatcli {__version__}\n"


def test_sessions_are_listed_newest_first(command: Command, sessions: Path) -> None:
    lines = command("sessions", "list").out.splitlines()
    assert lines[0].split() == ["NAME", "TITLE", "TURNS", "LAST", "USED", "MEMORY"]
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
    assert command("sessions", "list", "--all") == Done(
        1, "", "error: there is no session yet\nhint: chatcli chat -s NAME makes one\n"
    )
    alone = command("sessions", "list")
    assert alone.code == 1
    assert alone.err.endswith("makes one; --all lists those of other programs too (Redis)\n")
    assert command("sessions", "list", "--json").out == "[]\n"


def test_the_history_of_the_session_used_last_is_shown(command: Command, sessions: Path) -> None:
    shown = command("history", "show").out
    assert "你好我是JavaEdge" in shown
    assert "assistant (qwen-plus · 2001-09-" in shown
    assert "user (turn 1 · 2001-09-" in shown
    assert "[stopped here]" in shown
    assert "\x1b" not in shown
    assert "␛[2J" in shown
    assert "你好" not in command("history", "show", "-n", "1").out
    assert command("history", "show", "-n", "1").out.startswith("user (turn 2)")


def test_the_history_as_json_holds_everything(command: Command, sessions: Path) -> None:
    messages = json.loads(command("history", "show", "-s", "JavaEdge", "--json").out)
    assert [message["position"] for message in messages] == [0, 1, 2, 3]
    assert messages[1] == {
        "position": 1, "turn": 1, "role": "assistant", "content": "**你好**", "id": "m1", "time": 1e9,
        "model": "qwen-plus", "finish": "stop", "usage": {"prompt": 5, "completion": 2, "cached": 0},
    }  # fmt: skip
    assert [m["position"] for m in json.loads(command("history", "show", "-n", "1", "--json").out)] == [2, 3]


def test_clear_empties_a_session_its_title_too_and_keeps_its_settings(command: Command, sessions: Path) -> None:
    assert command("sessions", "clear", "JavaEdge", "-y").code == 0
    assert "你好" not in command("sessions", "list").out
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
    assert (done.code, done.err.splitlines()[0]) == (2, "error: there is a session 'other' already")
    assert command("sessions", "rename", "nobody", "other").code == 1


def test_all_sessions_and_one_by_name_are_no_question_to_answer(command: Command, sessions: Path) -> None:
    assert command("sessions", "clear", "other", "--all", "-y").code == 2
    assert [e["messages"] for e in json.loads(command("sessions", "list", "--json").out)] == [4, 2]


def test_clearing_all_of_no_sessions_is_exit_1(command: Command, home: Path) -> None:
    done = command("sessions", "clear", "--all")
    assert (done.code, done.out, done.err) == (1, "", "")


def test_a_store_is_closed_however_the_command_ends(sessions: Path) -> None:
    with pytest.raises(NotFound), named_store(None) as store:
        existing_session(store, "nobody")
    with pytest.raises(StoreError):
        store.sessions()


def test_the_config_is_made_found_shown_and_never_replaced(command: Command, home: Path) -> None:
    path = home / "config" / "config.toml"
    assert command("config", "path").out == f"{path}\n"
    assert command("config", "init").out == f"{path}\n"
    tomllib.loads(path.read_text(encoding="utf-8"))
    assert command("config", "init").code == 2
    shown = json.loads(command("config", "show").out)
    assert (shown["store"], shown["model"], shown["memory"]) == ("sqlite", "qwen-plus", "auto")


def test_edit_makes_the_file_runs_the_editor_and_checks_what_it_left(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"{sys.executable} -c \"import sys; open(sys.argv[1], 'a').write('modle = 1')\"")
    done = command("config", "edit")
    assert done.code == 2
    assert "modle" in done.err
    monkeypatch.setenv("EDITOR", "false")
    assert command("config", "edit").err.startswith("error: the editor failed")


@pytest.mark.parametrize("named", ["VISUAL", "EDITOR"])
@pytest.mark.parametrize("editor", ["no-such-editor", "an 'open quote", "/tmp"])
def test_edit_says_which_variable_names_an_editor_that_cannot_be_started(
    command: Command, monkeypatch: pytest.MonkeyPatch, named: str, editor: str
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "true")
    monkeypatch.setenv(named, editor)
    done = command("config", "edit")
    assert (done.code, done.err.count("\n")) == (2, 2)
    assert done.err.startswith(f"error: the editor that {named} names cannot be started: {editor}: ")
    assert f"hint: set {named}" in done.err


@pytest.mark.parametrize("nothing", ["", " "])
def test_edit_without_a_terminal_names_the_file_unless_an_editor_was_named(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch, nothing: str
) -> None:
    for name in ("VISUAL", "EDITOR"):
        monkeypatch.setenv(name, nothing)
    done = command("config", "edit")
    path = command("config", "path").out
    assert (done.code, done.err) == (2, f"error: there is no terminal to edit on\nhint: edit the file itself: {path}")
    monkeypatch.setenv("EDITOR", "true")
    assert command("config", "edit").code == 0


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("resume JavaEdge", "`chatcli sessions resume`"),
        ("show", "`chatcli history show` or `chatcli memory show` or `chatcli config show`"),
        ("sessions show", "`chatcli history show` or `chatcli memory show` or `chatcli config show`"),
        ("sessions resumee", "`chatcli sessions resume`"),
        ("history shwo", "`chatcli history show`"),
        ("hsitory", "`chatcli history`"),
        ("serach", "`chatcli history search`"),
    ],
)
def test_a_command_that_is_none_here_is_looked_for_in_every_group(command: Command, line: str, meant: str) -> None:
    done = command(*line.split())
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[0].startswith("error: there is no command ")
    assert done.err.splitlines()[1] == f"hint: did you mean {meant}?"


def test_what_is_like_no_command_is_answered_by_where_the_help_is(command: Command) -> None:
    assert command("zzz").err == "error: there is no command 'zzz'\nhint: `chatcli --help` shows what there is\n"
    assert command("local", "zz").err.endswith("hint: `chatcli local --help` shows what there is\n")
    assert command("what is it?").err.endswith("hint: did you mean `chatcli ask TEXT`?\n")
    assert len(command("z" * 5000).err) < 200


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("history show -n 0", "-n '0' is less than 1"),
        ("stats --days x", "--days 'x' is not a whole number"),
        ("history show --turns 3-1", "--turns '3-1' ends before it begins"),
        ("history show --turns 0-1", "--turns '0' is less than 1"),
        ("history show --turns 3..7", "--turns '3..7' names no turns"),
        ("history show --turns=-2", "--turns '-2' names no turns"),
    ],
)
def test_an_error_of_a_number_names_its_option(command: Command, sessions: Path, line: str, said: str) -> None:
    assert command(*line.split()).err.splitlines()[0] == f"error: {said}"


def test_a_history_has_one_form_at_a_time(command: Command, sessions: Path) -> None:
    done = command("history", "show", "--json", "--raw")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: --json and --raw are two forms of a history\nhint: ")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("sessions expire a", "missing argument '7d|12h|never'"),
        ("sessions copy --to", "option '--to' requires an argument"),
        ("ask --schma", "no such option: --schma"),
    ],
)
def test_an_error_of_the_parser_begins_as_all_others(command: Command, line: str, said: str) -> None:
    assert command(*line.split()).err.startswith(f"error: {said}")


@pytest.mark.parametrize("words", GROUPS, ids=" ".join)
def test_a_group_alone_prints_its_help_and_no_error(command: Command, words: list[str]) -> None:
    done = command(*words)
    assert (done.code, done.err) == (2, "")
    assert done.out.strip() == command(*words, "--help").out.strip()


def test_one_long_name_takes_no_title_from_the_others() -> None:
    sessions = [Session("n" * 80, title="one", turns=3, used=1e9), Session("b", title="the other", turns=1, used=1e9)]
    for width in (60, 80):
        lines = session_lines(sessions, width)
        assert max(map(cell_len, lines)) <= width
        assert "the other" in lines[2]
        assert lines[1].startswith("n" * 18)


def test_no_table_is_wider_than_the_terminal_and_empty_columns_are_left_out() -> None:
    sessions = [
        Session("2026-11-21-1432-k3f9", title="中国建都时间最长的城市是哪个?", turns=3, used=1e9),
        Session("short", turns=12, used=1e9),
    ]
    wide = session_lines(sessions, 200)
    assert wide[0].split() == ["NAME", "TITLE", "TURNS", "LAST", "USED"]
    assert "是哪个?" in wide[1]
    for width in (60, 40, 20, 6):
        lines = session_lines(sessions, width)
        assert max(map(cell_len, lines)) <= width
        assert len(lines) >= 2
    assert "中国建都时间…" in session_lines(sessions, 60)[1]
    narrow = session_lines(sessions, 40)
    assert narrow[0].split() == ["NAME", "TITLE", "TURNS"]
    assert narrow[1].startswith("2026-11-21-1432-k3f9  中国")
    assert session_lines(sessions[1:], 200)[0].split() == ["NAME", "TURNS", "LAST", "USED"]


HOSTILE = "\x1b[31m\x7f\x85\x9b31m\u202eabc\ud800 \U0001f600\nnext"


def test_json_on_a_terminal_says_the_very_characters_and_shows_none_that_it_obeys(command: Command, home: Path) -> None:
    document = as_json({"text": HOSTILE})
    assert json.loads(document) == {"text": HOSTILE}
    assert neutralise(document) == document
    assert "\\u202e" in document
    store = open_store("sqlite", data_folder=home / "data")
    store.append("s", [Message("user", "\x9b31m\u202e \x85")])
    store.close()
    shown = command("history", "show", "--json").out
    assert json.loads(shown)[0]["content"] == "\x9b31m\u202e \x85"
    assert neutralise(shown) == shown


def chatcli(home: Path, *args: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "chatcli", *args],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "CHATCLI_HOME": str(home), **environ},
    )


@pytest.mark.parametrize(
    "environ",
    [{"LC_ALL": "C", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "xx_YY.nonsense"}],
    ids=str,
)
def test_a_terminal_that_is_not_utf_8_gets_codes_for_what_it_lacks(sessions: Path, environ: dict[str, str]) -> None:
    shown = chatcli(sessions, "history", "show", "-n", "2", **environ)
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert b"\\u4f60" in shown.stdout or "你好".encode() in shown.stdout
    listed = json.loads(chatcli(sessions, "history", "show", "--json", **environ).stdout)
    assert listed[0]["content"] == "你好我是JavaEdge"


def test_an_interrupt_while_the_program_is_still_being_imported_is_130_without_a_traceback(home: Path) -> None:
    slow = home / "typer.py"  # stands for the first import that takes its time
    slow.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n", encoding="utf-8")
    done = chatcli(home, "sessions", "list", PYTHONPATH=str(home))
    assert (done.returncode, done.stderr) == (130, b"")


def test_resume_shows_no_option_that_it_refuses(command: Command) -> None:
    shown = command("sessions", "resume", "--help").out
    assert "--memory" in shown
    assert "--session" not in shown
    assert "--continue" not in shown
    assert command("sessions", "resume", "-s", "zoo").err.endswith("hint: chatcli sessions resume NAME\n")


def test_doctor_says_a_broken_config_once(command: Command, home: Path) -> None:
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text("modle = 1")
    rows = json.loads(command("doctor", "--json").out)
    assert [(row["part"], row["ok"]) for row in rows] == [
        ("config", False), ("store", None), ("kept", None), ("journal", None), ("model", None), ("embedded", None),
        ("terminal", True),
    ]  # fmt: skip
    done = command("doctor")
    assert done.code == 2
    assert done.out.count("modle") == 1
    assert done.out.count("not checked") == 5


def test_doctor_finds_a_memory_and_a_prompt_that_no_chat_could_take(command: Command, home: Path) -> None:
    (home / "config").mkdir()
    for text, found in [
        ('memory = "winow:3"', "did you mean window:3?"),
        ('prompt = "histry"', "there is no prompt 'histry'"),
        ('[prompts.broken]\nmessages = [{ role = "nobody", content = "x" }]', "nobody"),
    ]:
        (home / "config" / "config.toml").write_text(text)
        done = command("doctor")
        assert done.code == 2
        assert done.out.startswith("wrong  config")
        assert found in done.out


def test_doctor_breaks_what_it_says_between_words_on_a_terminal(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = Tty()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setenv("CHATCLI_STORE", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert run(["doctor"]) == 3
    lines = out.getvalue().splitlines()
    start = lines.index("wrong  store     Redis at redis://127.0.0.1:1/0")
    assert lines[start + 1 : start + 4] == [
        "                 cannot be reached: Connection",
        "                 refused.",
        "                 start it or correct the address",
    ]


def test_doctor_wants_a_look_at_a_model_that_its_endpoint_does_not_list(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModelServer() as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("CHATCLI_MODEL", "nobody")
        shown = command("doctor").out
    assert re.search("look   model .*does not list it\n.*-m NAME", shown)


def test_doctor_checks_the_models_that_the_memory_uses(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text(
        'summary_model = "small"\nembedding_model = "far"\n'
        '[models.small]\nbase_url = "http://127.0.0.1:9/v1"\nid = "small-1"\n'
        '[models.far]\nbase_url = "http://127.0.0.1:9/v1"\napi_key_env = "NO_SUCH_KEY"\n'
    )
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    done = command("doctor")
    assert "\nok     summary   small-1 at 127.0.0.1:9\n" in done.out
    assert re.search("\nwrong  embedding the model far has no key: NO_SUCH_KEY is not set\n {16} export", done.out)
    assert done.code != 0
    (home / "config" / "config.toml").write_text('summary_model = "other"\n')
    rows = {row["part"]: row for row in json.loads(command("doctor", "--json").out)}
    assert rows["summary"]["found"].endswith("; there is no [models.other], so it is an id of that endpoint")
    assert "embedding" not in rows


def test_models_hide_a_password_and_stand_in_line(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text(
        '[models.mine]\nbase_url = "http://me:geheim@127.0.0.1:9/v1?key=geheim"\n'
    )
    with ModelServer() as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("CHATCLI_MODEL", "test-model")
        done = command("models")
    assert "geheim" not in done.out
    header, *rows = done.out.splitlines()
    assert header.index("NAME") == 3
    assert {row[:3] for row in rows} == {"   ", "*  "}


def test_one_model_is_starred_though_its_id_is_listed_too(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text('model = "mine"\n[models.mine]\nid = "test-model"\n')
    with ModelServer() as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        rows = json.loads(command("models", "--json").out)
    assert ("test-model", "test-model") in [(row["name"], row["id"]) for row in rows]
    assert [row["name"] for row in rows if row["default"]] == ["mine"]


def completed(home: Path, *words: str) -> str:
    """Return what bash is offered at the end of the line that it parts into these words."""
    done = subprocess.run(
        [sys.executable, "-m", "chatcli"],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "CHATCLI_HOME": str(home),
            "_CHATCLI_COMPLETE": "complete_bash",
            "COMP_WORDS": "\n".join(words),
            "COMP_CWORD": str(len(words) - 1),
        },
    )
    return done.stdout


def test_the_shells_tab_completes_commands_options_and_sessions(sessions: Path) -> None:
    assert "sessions" in completed(sessions, "chatcli", "se")
    assert "--session" in completed(sessions, "chatcli", "chat", "--se")
    assert completed(sessions, "chatcli", "chat", "-s", "Ja").split() == ["JavaEdge"]
    assert completed(sessions, "chatcli", "sessions", "delete", "o").split() == ["other"]


@pytest.mark.parametrize("begun", ["My", "My\\ ch", '"My', "'My"])
def test_bash_is_offered_a_name_with_spaces_as_the_one_word_it_is(sessions: Path, begun: str) -> None:
    with closing(open_store("sqlite", data_folder=sessions / "data")) as store:
        store.append("My chat of two", [Message("user", "x")])
    (offered,) = completed(sessions, "chatcli", "chat", "-s", begun).splitlines()
    opened = begun[0] if begun[0] in "\"'" else ""
    assert shlex.split(f"{opened}{offered}{opened}") == ["My chat of two"]


@pytest.mark.parametrize("name", ["\\$(touch x)", "\\`touch x`", 'a" b', "it's", "a; b", "x\u202ey", "*", "\\", "a  b"])
def test_the_shells_tab_offers_no_name_that_a_shell_or_a_terminal_would_obey(
    sessions: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from chatcli.cli.completing import session_names

    monkeypatch.setenv("CHATCLI_HOME", str(sessions))
    store = open_store("sqlite", data_folder=sessions / "data")
    for one in (name, "两 zwei-2 deux_3.0 @x:y/z+1"):
        store.append(one, [Message("user", "x")])
    store.close()
    assert set(session_names("")) == {"JavaEdge", "other", "两 zwei-2 deux_3.0 @x:y/z+1"}


def test_the_page_of_commands_is_their_real_help() -> None:
    kept = (Path(__file__).parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
    assert kept == page()


def test_the_readme_shows_the_real_list_of_commands() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    box = helped().partition("╭─ Commands")[2]
    assert f"╭─ Commands{box}" in readme
