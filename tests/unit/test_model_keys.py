"""Keys from a command, a file or the keyring: got once, when the first request needs them, and sent nowhere else."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from chatcli.cli.resolve import Workplace, resolve_model
from chatcli.config import folders, load_config
from chatcli.config.file import as_data
from chatcli.errors import BadKey, ChatError, ConfigError
from chatcli.messages import Message
from chatcli.model.embeddings import Embedder
from chatcli.model.openai import OpenAIModel
from chatcli.model.reply import Retries
from chatcli.model.settings import ModelSettings
from tests.servers import BAD_KEY, ModelServer, Whole, embedded

SECRET = "sk-hunter2-0123456789"


@pytest.fixture
def place(tmp_path: Path, server: ModelServer) -> Callable[..., Workplace]:
    """Make a workplace whose one model `m` has these settings."""

    def make(text: str, base_url: str = server.url, **environ: str) -> Workplace:
        config = tmp_path / "config.toml"
        config.write_text(f'[models.m]\nbase_url = "{base_url}"\n{text}\n', encoding="utf-8")
        environ = {"CHATCLI_HOME": str(tmp_path), "CHATCLI_CONFIG": str(config), **environ}
        return Workplace(load_config(environ), environ, folders(environ))

    return make


def program(folder: Path, *lines: str) -> str:
    """Write a Python program that notes each of its runs; return the line of the config that names it."""
    file = folder / "give.py"
    count = f"open({str(folder / 'runs')!r}, 'a').write('x')"
    file.write_text("\n".join(["import os, sys, time", count, *lines]))
    return f"api_key_command = {json.dumps(f'{sys.executable} {file}')}"


def runs(folder: Path) -> int:
    file = folder / "runs"
    return len(file.read_text()) if file.exists() else 0


def ask(settings: ModelSettings) -> None:
    model = OpenAIModel(settings, Retries(attempts=1))
    try:
        list(model.stream([Message("user", "Hi")], {}))
    finally:
        model.close()


def keys_sent(server: ModelServer) -> list[str | None]:
    return [request.headers.get("authorization") for request in server.requests]


def test_a_command_is_run_by_the_first_request_and_only_once(
    tmp_path: Path, server: ModelServer, place: Callable[..., Workplace]
) -> None:
    settings = resolve_model(place(program(tmp_path, f"print('{SECRET}')")), "m")
    models = [OpenAIModel(settings), OpenAIModel(settings)]
    assert runs(tmp_path) == 0
    for model in models:
        for _ in range(2):
            list(model.stream([Message("user", "Hi")], {}))
        model.close()
    assert keys_sent(server) == [f"Bearer {SECRET}"] * 4
    assert runs(tmp_path) == 1


def test_requests_that_need_the_key_at_once_run_the_command_once(
    tmp_path: Path, server: ModelServer, place: Callable[..., Workplace]
) -> None:
    settings = resolve_model(place(program(tmp_path, f"time.sleep(0.3); print('{SECRET}')")), "m")
    threads = [Thread(target=ask, args=(settings,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert keys_sent(server) == [f"Bearer {SECRET}"] * 4
    assert runs(tmp_path) == 1


def test_a_file_gives_its_first_line(tmp_path: Path, server: ModelServer, place: Callable[..., Workplace]) -> None:
    (tmp_path / "key").write_text(f"{SECRET} \nand more\n")
    ask(resolve_model(place(f'api_key_file = "{tmp_path}/key"'), "m"))
    assert keys_sent(server) == [f"Bearer {SECRET}"]


KEYRING = """
import json, os
from pathlib import Path
from keyring.backend import KeyringBackend

class Filed(KeyringBackend):
    priority = 1
    def set_password(self, service, username, password):
        raise NotImplementedError
    def get_password(self, service, username):
        return json.loads(Path(os.environ["FILED"]).read_text()).get(f"{service}|{username}")
"""


@pytest.fixture
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have the package keyring look into a file."""
    (tmp_path / "filed_keyring.py").write_text(KEYRING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "filed_keyring.Filed")
    monkeypatch.setenv("FILED", str(tmp_path / "filed"))
    return tmp_path / "filed"


@pytest.mark.parametrize(
    ("named", "kept"), [("dash scope", "chatcli|dash scope"), ("https://api/v1/me", "https://api/v1|me")]
)
def test_the_keyring_gives_what_is_kept_under_service_and_user(
    keyring: Path, server: ModelServer, place: Callable[..., Workplace], named: str, kept: str
) -> None:
    keyring.write_text(json.dumps({kept: SECRET}))
    ask(resolve_model(place(f'api_key_keyring = "{named}"'), "m"))
    assert keys_sent(server) == [f"Bearer {SECRET}"]
    assert "keyring" not in sys.modules


def test_a_keyring_without_that_secret_says_how_to_put_it_there(
    keyring: Path, server: ModelServer, place: Callable[..., Workplace]
) -> None:
    keyring.write_text("{}")
    with pytest.raises(ConfigError, match=r"no secret for models\.m\.api_key_keyring") as caught:
        ask(resolve_model(place('api_key_keyring = "nobody"'), "m"))
    assert "`keyring set chatcli nobody`" in caught.value.hint
    assert server.requests == []


def test_what_lies_in_the_current_folder_is_not_taken_for_the_keyring(
    keyring: Path, server: ModelServer, place: Callable[..., Workplace], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keyring.write_text(json.dumps({"chatcli|me": SECRET}))
    here = tmp_path / "here"
    here.mkdir()
    (here / "keyring.py").write_text("print('sk-from-here')")
    monkeypatch.chdir(here)
    ask(resolve_model(place('api_key_keyring = "me"'), "m"))
    assert keys_sent(server) == [f"Bearer {SECRET}"]


@pytest.mark.parametrize(
    "text",
    [
        'api_key_command = "false"',
        'api_key_command = "no-such-program hunter2"',
        '''api_key_command = "printf 'hunter2\\\\033'"''',
        'api_key_command = "echo hunter2 with spaces"',
        'api_key_file = "/no/such/file"',
        'api_key_file = "/dev/null"',
    ],
)
def test_what_gives_no_key_is_told_in_two_lines_without_it_and_nothing_is_sent(
    server: ModelServer, place: Callable[..., Workplace], text: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        ask(resolve_model(place(text), "m"))
    told = f"{caught.value.message} {caught.value.hint}"
    assert "models.m.api_key_" in told
    assert "hunter2" not in told
    assert "\n" not in told
    assert server.requests == []


@pytest.mark.parametrize("one", ["api_key", "api_key_env", "api_key_command", "api_key_file"])
def test_two_places_of_one_key_are_an_error(place: Callable[..., Workplace], one: str) -> None:
    with pytest.raises(ConfigError, match=rf"models\.m has {one} and api_key_keyring"):
        resolve_model(place(f'{one} = "x"\napi_key_keyring = "x"', x="sk"), "m")


@pytest.mark.parametrize("text", ['api_key_command = "pass x"', 'api_key_file = "x"', 'api_key_keyring = "x"'])
def test_a_key_without_a_base_url_is_an_error_and_is_not_got(place: Callable[..., Workplace], text: str) -> None:
    with pytest.raises(ConfigError, match="base_url"):
        resolve_model(place(text, base_url="", OPENAI_API_KEY="sk-o"), "m")


def test_a_program_has_no_terminal_and_gnupg_is_told_of_none(
    tmp_path: Path, server: ModelServer, place: Callable[..., Workplace], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPG_TTY", "/dev/pts/7")
    line = "print(f\"{os.getsid(0)}-{os.environ.get('GPG_TTY', '')}-{sys.stdin.read()}\")"
    ask(resolve_model(place(program(tmp_path, line)), "m"))
    session, _, rest = str(keys_sent(server)[0]).removeprefix("Bearer ").partition("-")
    assert int(session) != os.getsid(0)
    assert rest == "-"


def test_a_key_that_the_endpoint_refuses_is_got_anew_and_sent_once_more_if_it_has_changed(
    tmp_path: Path, server: ModelServer, place: Callable[..., Workplace]
) -> None:
    numbered = program(tmp_path, f"print('{SECRET}-%d' % os.path.getsize({str(tmp_path / 'runs')!r}))")
    settings = resolve_model(place(numbered), "m")
    ask(settings)
    server.refuses(BAD_KEY)
    ask(settings)
    ask(settings)
    assert [str(key)[-1] for key in keys_sent(server)] == ["1", "1", "2", "2"]


def test_a_refused_key_that_has_not_changed_is_not_sent_again_and_where_it_comes_from_is_said(
    tmp_path: Path, server: ModelServer, place: Callable[..., Workplace]
) -> None:
    settings = resolve_model(place(program(tmp_path, f"print('{SECRET}')")), "m")
    server.refuses(BAD_KEY, 2)
    with pytest.raises(BadKey) as caught:
        ask(settings)
    assert caught.value.hint == "check what models.m.api_key_command gives"
    assert len(server.requests) == 1


def test_the_secret_is_in_no_repr_error_or_shown_config(
    tmp_path: Path, server: ModelServer, place: Callable[..., Workplace]
) -> None:
    work = place(f'api_key_command = "echo {SECRET}"')
    settings = resolve_model(work, "m")
    server.refuses(Whole(400, json.dumps({"error": {"message": f"no: {SECRET}"}}).encode()))
    with pytest.raises(ChatError) as caught:
        ask(settings)
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"
    shown = as_data(work.config)
    assert shown["models"]["m"]["api_key_command"] == "echo …"
    assert SECRET not in json.dumps(shown)


def test_vectors_are_asked_for_with_the_key_too(
    tmp_path: Path, server: ModelServer, place: Callable[..., Workplace]
) -> None:
    work = place(program(tmp_path, f"print('{SECRET}')"))
    server.embeds = lambda _body: embedded([[1.0, 0.0]])
    embedder = Embedder(lambda: resolve_model(work, "m"))
    assert len(embedder.embed(["x"], 20.0)) == 1
    embedder.close()
    assert keys_sent(server) == [f"Bearer {SECRET}"]
    assert runs(tmp_path) == 1


def test_a_redirect_elsewhere_does_not_get_the_key(
    tmp_path: Path, server: ModelServer, place: Callable[..., Workplace]
) -> None:
    settings = resolve_model(place(program(tmp_path, f"print('{SECRET}')")), "m")
    with ModelServer() as other:
        server.redirects(f"{other.url}/chat/completions")
        with pytest.raises(ChatError, match="points to another place"):
            ask(settings)
        server.pages["/v1/models"] = Whole(302, b"", headers={"Location": f"{other.url}/models"})
        model = OpenAIModel(settings)
        with pytest.raises(ChatError, match="points to another place"):
            model.models()
        model.close()
        server.embeds = lambda _body: Whole(307, b"", headers={"Location": f"{other.url}/embeddings"})
        embedder = Embedder(lambda: settings)
        with pytest.raises(ChatError, match="points to another place"):
            embedder.embed(["x"], 60.0)
        embedder.close()
        assert other.requests == []


WRONG = [
    ("OPENAI_API_KEY", "https://dashscope.aliyuncs.com/compatible-mode/v1"),
    ("OPENAI_API_KEY", "https://DashScope-intl.aliyuncs.com:443/compatible-mode/v1"),
    ("DASHSCOPE_API_KEY", "https://api.openai.com/v1"),
    ("DASHSCOPE_API_KEY", "https://eu.api.openai.com/v1"),
    ("OPENAI_API_KEY", "https://api.deepseek.com"),
]


@pytest.mark.parametrize(("variable", "base_url"), WRONG)
def test_a_providers_own_variable_is_not_sent_to_another_provider(
    place: Callable[..., Workplace], variable: str, base_url: str
) -> None:
    work = place(f'api_key_env = "{variable}"', base_url, **{variable: SECRET})
    with pytest.raises(ConfigError, match=f"would send {variable} to") as caught:
        resolve_model(work, "m")
    assert SECRET not in caught.value.message


@pytest.mark.parametrize(
    ("variable", "base_url", "more"),
    [
        ("DASHSCOPE_API_KEY", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", {}),
        ("OPENAI_API_KEY", "https://gateway.example/v1", {}),
        ("MY_KEY", "https://api.openai.com/v1", {}),
        ("OPENAI_API_KEY", WRONG[0][1], {"OPENAI_BASE_URL": WRONG[0][1]}),
    ],
)
def test_a_variable_goes_where_its_owner_or_the_user_says(
    place: Callable[..., Workplace], variable: str, base_url: str, more: dict[str, Any]
) -> None:
    work = place(f'api_key_env = "{variable}"', base_url, **{variable: SECRET}, **more)
    assert resolve_model(work, "m").api_key == SECRET


def test_a_program_that_still_runs_ends_with_the_process_that_waits_for_it(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    waits = (
        "import atexit, threading, time; from pathlib import Path; from chatcli.credentials import from_command\n"
        f"command = \"sh -c 'sleep 1000 & echo $! > {pid_file}; wait'\"\n"
        "before = atexit._ncallbacks()\n"
        "threading.Thread(target=from_command, args=(command, 's', 60, False), daemon=True).start()\n"
        f"pid = Path({str(pid_file)!r})\n"
        "while not (pid.exists() and pid.read_text().strip() and atexit._ncallbacks() > before): time.sleep(0.01)\n"
    )
    subprocess.run([sys.executable, "-c", waits], check=True, timeout=100)
    pid, deadline = int(pid_file.read_text()), time.monotonic() + 60
    while time.monotonic() < deadline and _runs(pid):
        time.sleep(0.01)
    left = _runs(pid)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    assert not left


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
