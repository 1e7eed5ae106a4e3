"""The logs that the program `llm` itself wrote, in both forms they have had, imported.

Each version has an environment of its own: made once, kept in the temporary folder of the user for the next run.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import User
from tests.servers import ModelServer

pytestmark = pytest.mark.xdist_group("llm")  # one process makes the environments

PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
VERSIONS = {"llm==0.36": (), "llm==0.26": ("httpx", "openai<2", "setuptools<81")}
"""By version, what that one does not bring itself."""


def uv(version: str, *words: str) -> None:
    command = os.environ.get("UV") or shutil.which("uv")
    if command is None:
        pytest.skip("uv is not here to make an environment")
    done = subprocess.run([command, *words], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"{version} cannot be installed: {done.stderr[-200:]}")


@pytest.fixture(scope="module", params=VERSIONS)
def llm(request: pytest.FixtureRequest) -> Path:
    """The command of one version; skipped where the packages cannot be had."""
    folder = Path(tempfile.gettempdir(), f"chatcli-tests-{os.getuid()}", request.param.replace("==", "-"))
    command = folder / "bin" / "llm"
    if not command.exists():
        uv(request.param, "venv", "-q", "--clear", "--python", sys.executable, str(folder))
        uv(request.param, "pip", "install", "-q", "-p", str(folder), request.param, *VERSIONS[request.param])
    return command


@pytest.fixture
def logs(llm: Path, tmp_path: Path, server: ModelServer) -> Iterator[Path]:
    """Logs of a chat of two turns with a system text, one with a fragment, one with a picture."""
    home = tmp_path / "llm"
    home.mkdir()
    (home / "extra-openai-models.yaml").write_text(
        f"- model_id: local\n  model_name: test-model\n  api_base: {server.url}\n  vision: true\n"
    )
    (tmp_path / "note.txt").write_text("a note")
    (tmp_path / "dot.gif").write_bytes(PIXEL)
    env = {**os.environ, "LLM_USER_PATH": str(home), "OPENAI_API_KEY": "sk-x"}
    for words in (
        ["-m", "local", "-s", "be brief", "哪个城市?"],
        ["-c", "And then?"],
        ["-m", "local", "-f", "note.txt", "what is it about?"],
        ["-m", "local", "-a", "dot.gif", "what is this?"],
    ):
        subprocess.run([llm, *words], check=True, env=env, cwd=tmp_path, capture_output=True, stdin=subprocess.DEVNULL)
    (tmp_path / "note.txt").unlink()
    return home / "logs.db"


def test_what_llm_logged_is_imported_as_it_was_sent(logs: Path, user: User) -> None:
    done = user.run("history", "import", str(logs))
    assert done.returncode == 0, done.stderr
    first, second, third = done.stdout.splitlines()
    assert first == "哪个城市?"
    sent = [request.texts for request in user.server.chats]
    answers = ["Turn 1: 哪个城市?", "Turn 2: And then?", "Turn 1: a note\nwhat is it about?"]
    assert user.said(first) == [*sent[1], ("assistant", answers[1])]
    assert user.said(second) == [*sent[2], ("assistant", answers[2])]
    picture = json.loads(user.run("history", "show", "-s", third, "--json").stdout)
    assert picture[0]["content"] == sent[3][0][1]
    assert (picture[1]["model"], picture[1]["finish"]) == ("local", "stop")
    assert picture[1]["usage"]["prompt"] > 0
    assert picture[1]["time"] > 1.7e9
    assert user.run("history", "import", str(logs)).stdout == ""

    # A database may name any file: only the very one that was attached is read.
    attached = user.home / "dot.gif"
    attached.write_bytes(b"GIF89a, and a secret")
    user.run("history", "import", str(logs), "--store", "sqlite:///other.db")
    shown = json.loads(user.run("history", "show", "-s", third, "--json", "--store", "sqlite:///other.db").stdout)
    assert shown[0]["content"] == f"what is this?\n[image/gif: {attached}]"
