"""Bad input: two lines, the right exit code, nothing lost, nothing sent."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from chatcli.messages import Message
from chatcli.stores.address import open_store
from tests.redis_server import free_port, running
from tests.servers import ModelServer, refusal
from tests.unit.conftest import Command, Done

USAGE, STORE, MODEL, NO = 2, 3, 4, 1


def is_two_lines(done: Done, code: int, *names: str) -> None:
    assert done.code == code, done.err
    assert done.out == ""
    first, second = done.err.splitlines()
    assert first.startswith("error: ")
    assert second.startswith("hint: ")
    assert len(second) > len("hint: ")
    assert "Traceback" not in done.err
    assert "geheim" not in done.err
    for name in names:
        assert name in done.err


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--store", "mongodb://x"], "mongodb"),
        (["--store", ""], "''"),
        (["--store", "redis+cluster://h1,,h2/"], "redis+cluster"),
        (["--memory", "windows:3"], "windows:3"),
        (["--memory", "window:0"], "window:0"),
        (["--memory", "window:-1"], "window:-1"),
        (["--memory", "tokens:abc"], "tokens:abc"),
        (["--memory", ""], "''"),
        (["--prompt", "nowhere"], "nowhere"),
        (["--var", "ability"], "ability"),
        (["--var", "=x"], "=x"),
        (["-o", "temperature"], "temperature"),
        (["-o", "temperature=NaN"], "no number that can be sent"),
        (["-o", "x=1e999"], "no number that can be sent"),
        (["-o", "x=" + 5000 * "9"], "no number that can be sent"),
        (["-o", "x=" + 60 * "[" + 60 * "]"], "no number that can be sent"),
        (["-o", "x=" + 100_000 * "["], "no number that can be sent"),
        (["-o", 'x="\\ud800"'], "UTF-8"),
        (["-o", "x=\udcff"], "UTF-8"),
        (["-o", "stream=false"], "--no-stream"),
        (["-o", "stream_options={}"], "stream_options"),
        (["-o", "n=2"], "one reply"),
        (["-o", "model=other"], "-m NAME"),
        (["-o", "messages=[]"], "messages"),
        (["-m", "\udcff"], "UTF-8"),
        (["--system", "\udcff"], "UTF-8"),
        (["--var", "a=\udcff"], "UTF-8"),
        (["--system", "{missing}"], "{missing}"),
        (["-s", ""], "empty"),
        (["-s", "x" * 300], "200"),
        (["-s", "a\nb"], "control"),
        (["-s", "a\x1b[31mb"], "control"),
        (["-s", "a", "-c"], "-s and -c"),
        (["--private", "-s", "a"], "--private"),
        (["-a", "missing.txt"], "missing.txt"),
        (["-a", "."], "folder"),
        (["-a", "~nosuch/f"], "~nosuch/f"),
        (["--nonsense"], "--nonsense"),
    ],
    ids=lambda value: " ".join(value)[:30].encode("unicode_escape").decode() if isinstance(value, list) else None,
)
def test_a_wrong_flag_is_a_usage_error_that_names_it(
    command: Command, home: Path, flags: list[str], named: str
) -> None:
    is_two_lines(command("ask", "Hi", *flags), USAGE, named)
    data = home / "data" / "sessions.db"
    if data.exists():
        assert open_store("sqlite", data_folder=home / "data").sessions() == []


@pytest.mark.parametrize("number", ["-1", "-3", "x", "1.5", "", 20 * "9", 5000 * "9"], ids=lambda text: text[:21])
@pytest.mark.parametrize("words", [["sessions", "list"], ["history", "show"], ["history", "search", "x"]], ids=" ".join)
def test_a_wrong_count_is_a_usage_error(command: Command, words: list[str], number: str) -> None:
    is_two_lines(command(*words, "-n", number), USAGE, "number")


@pytest.mark.parametrize("variable", ["CHATCLI_HOME", "CHATCLI_CONFIG"])
def test_a_home_of_nobody_stops_every_command(command: Command, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "~nosuch")
    for words in (["ask", "Hi"], ["sessions", "list"], ["config", "path"], ["config", "init"]):
        is_two_lines(command(*words), USAGE, variable)


def test_an_unknown_command_is_a_usage_error(command: Command) -> None:
    is_two_lines(command("histroy"), USAGE, "histroy", "history")


def test_a_question_that_is_no_text_is_a_usage_error(command: Command) -> None:
    is_two_lines(command("ask", "caf\udce9"), USAGE, "UTF-8")


def test_what_helps_in_a_chat_is_told_to_ask_with_what_helps_there(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-geheim")
    with ModelServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        server.replies()
        is_two_lines(command("ask", "Hi"), MODEL, "hint: send it again, in a chat with /retry;")
        server.refuses(refusal(400, "maximum context length is 10 tokens", code="context_length_exceeded"), times=3)
        is_two_lines(command("ask", "Hi", "--memory", "buffer"), MODEL, "chatcli memory context", "in a chat /context")


def test_nothing_to_ask_is_a_usage_error(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    is_two_lines(command("ask"), USAGE)
    is_two_lines(command("ask", "   "), USAGE)


@pytest.mark.parametrize(
    "name", ["a/b", "{}", "{a}", "*", "a*", "..", "../../x", "%7B", "名字", "👩‍👩‍👧", " ", "a b", "-"]
)
@pytest.mark.parametrize("address", ["sqlite", "redis"])
def test_an_odd_session_name_just_works(command: Command, home: Path, address: str, name: str, redis_url: str) -> None:
    address = redis_url if address == "redis" else address
    store = open_store(address, data_folder=home / "data")
    store.append(name, [Message("user", f"in {name}"), Message("assistant", "ok")])
    store.append(name + "x", [Message("user", "another")])
    store.close()
    shown = command("history", "show", "-s", name, "--json", "--store", address)
    assert [message["content"] for message in json.loads(shown.out)] == [f"in {name}", "ok"]
    assert command("sessions", "delete", "-y", "--store", address, "--", name).code == 0
    rest = command("history", "show", "-s", name + "x", "--json", "--store", address)
    assert [message["content"] for message in json.loads(rest.out)] == ["another"]
    command("sessions", "delete", "-y", "--store", address, "--", name + "x")


@pytest.fixture(scope="module")
def redis_url():  # type: ignore[no-untyped-def]
    with running() as server:
        yield server.url


@pytest.mark.parametrize(
    "words",
    [
        ["history", "show", "-s", "nobody"],
        ["sessions", "clear", "nobody", "-y"],
        ["sessions", "delete", "nobody", "-y"],
        ["sessions", "rename", "nobody", "new"],
        ["sessions", "resume", "nobody"],
        ["history", "show"],
        ["ask", "Hi", "-c"],
    ],
    ids=" ".join,
)
def test_a_session_that_is_not_there_is_exit_1(command: Command, words: list[str]) -> None:
    is_two_lines(command(*words), NO, "session")


@pytest.mark.parametrize(
    ("text", "named"),
    [("modle = 1", "modle"), ("store = 3", "store"), ("not toml", "TOML"), ("[models.q]\nx = 1", "models.q.x")],
)
def test_a_wrong_config_stops_every_command(command: Command, home: Path, text: str, named: str) -> None:
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text(text)
    for words in (["ask", "Hi"], ["sessions", "list"], ["chat"], ["config", "show"], ["models"]):
        is_two_lines(command(*words), USAGE, named, "config.toml")


@pytest.mark.parametrize("setting", ["memory", "store", "prompt", "titles", "theme", "code_style", "plain"])
def test_what_is_wrong_with_a_setting_is_told_with_the_variable_it_comes_from(
    command: Command, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv(f"CHATCLI_{setting.upper()}", "bogus")
    is_two_lines(command("ask", "Hi"), USAGE, f"CHATCLI_{setting.upper()}", "'bogus'")


@pytest.mark.parametrize("setting", ["memory", "store", "prompt", "titles", "theme"])
def test_what_is_wrong_with_a_setting_is_told_with_the_file_and_the_key(
    command: Command, home: Path, setting: str
) -> None:
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text(f'{setting} = "bogus"\n')
    is_two_lines(command("ask", "Hi"), USAGE, f"{home}/config/config.toml: {setting}: ", "'bogus'")


def test_a_wrong_flag_is_not_blamed_on_the_settings_beside_it(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for setting, right in (("memory", "none"), ("store", "memory:"), ("prompt", "")):
        monkeypatch.setenv(f"CHATCLI_{setting.upper()}", right)
        done = command("ask", "Hi", f"--{setting}", "bogus")
        is_two_lines(done, USAGE, "'bogus'")
        assert "CHATCLI" not in done.err


def test_a_config_that_cannot_be_read_is_named(command: Command, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATCLI_CONFIG", str(home))
    is_two_lines(command("sessions", "list"), USAGE, str(home))


@pytest.mark.parametrize("key", [None, "", "  "])
def test_a_key_that_is_missing_or_empty_is_named(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text(
        'model = "mine"\n[models.mine]\nbase_url = "http://127.0.0.1:9/v1"\napi_key_env = "MY_KEY"\n'
    )
    monkeypatch.delenv("MY_KEY", raising=False)
    if key is not None:
        monkeypatch.setenv("MY_KEY", key)
    is_two_lines(command("ask", "Hi"), USAGE, "MY_KEY", "mine")


def test_an_unknown_model_of_the_embedded_endpoint_is_a_usage_error(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", "")
    is_two_lines(command("ask", "Hi", "-m", "gpt-99"), USAGE, "gpt-99")


def test_a_model_endpoint_that_is_down_is_exit_4(command: Command, home: Path) -> None:
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text(f'[models.mine]\nbase_url = "http://127.0.0.1:{free_port()}/v1"\n')
    is_two_lines(command("ask", "Hi", "-m", "mine", "-q"), MODEL, "127.0.0.1")


def test_a_redis_that_is_down_is_exit_3(command: Command) -> None:
    port = free_port()
    is_two_lines(command("ask", "Hi", "--store", f"redis://:geheim@127.0.0.1:{port}/0"), STORE, str(port))
    is_two_lines(command("chat", "--store", f"redis://127.0.0.1:{port}/0"), STORE, str(port))


def test_a_redis_that_wants_a_password_is_exit_3(command: Command) -> None:
    with running(password="geheim") as server:
        is_two_lines(command("sessions", "list", "--store", f"redis://127.0.0.1:{server.port}/0"), STORE, "password")
        is_two_lines(command("sessions", "list", "--store", f"redis://:x@127.0.0.1:{server.port}/0"), STORE)


def test_a_key_of_another_type_is_named_and_left_alone(command: Command, redis_url: str) -> None:
    import redis

    client = redis.Redis.from_url(redis_url)
    client.set("message_store:odd", "a string")
    is_two_lines(command("ask", "Hi", "-s", "odd", "--store", redis_url), STORE, "message_store:odd", "string")
    assert client.get("message_store:odd") == b"a string"
    client.close()


def test_an_entry_that_is_no_json_is_named_in_the_view_and_stays(command: Command, redis_url: str) -> None:
    import redis

    client = redis.Redis.from_url(redis_url)
    client.lpush("message_store:broken", '{"type": "human", "data": {"content": "one"}}', "no json \x1b[31m", "[3]")
    shown = command("history", "show", "-s", "broken", "--store", redis_url)
    assert shown.code == 0
    assert "one" in shown.out
    assert shown.out.count("never sent") == 2
    assert "\x1b" not in shown.out
    assert client.llen("message_store:broken") == 3
    client.close()


def test_a_sqlite_file_that_is_none_is_exit_3_and_left_alone(command: Command, home: Path) -> None:
    path = home / "notes.txt"
    path.write_text("my notes, quite long enough to be no database header at all\n" * 20)
    is_two_lines(command("ask", "Hi", "--store", f"sqlite:///{path}"), STORE, "notes.txt")
    assert path.read_text().startswith("my notes")


def test_a_newer_schema_is_exit_3(command: Command, home: Path) -> None:
    command("sessions", "list")
    database = sqlite3.connect(home / "data" / "sessions.db")
    database.execute("PRAGMA user_version = 9999")
    database.close()
    is_two_lines(command("sessions", "list"), STORE, "newer")


def test_a_folder_that_cannot_be_written_is_exit_3(command: Command, home: Path) -> None:
    (home / "file").write_text("")
    is_two_lines(command("ask", "Hi", "--store", f"sqlite:///{home}/file/sessions.db"), STORE)


def test_output_that_is_closed_early_is_no_error(home: Path) -> None:
    store = open_store("sqlite", data_folder=home / "data")
    store.append("s", [Message("user", "line\n" * 100_000)])
    store.close()
    shown = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -m chatcli history show -s s | head -1; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        env={**os.environ, "CHATCLI_HOME": str(home)},
    )
    assert shown.returncode == 0
    assert shown.stdout == "user (turn 1)\n"
    assert shown.stderr == ""


def test_asking_without_anyone_to_answer_is_a_usage_error(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store("sqlite", data_folder=home / "data")
    store.append("s", [Message("user", "precious")])
    with open(os.devnull) as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        is_two_lines(command("sessions", "clear", "s"), USAGE, "-y")
    assert store.length("s") == 1
    store.close()
