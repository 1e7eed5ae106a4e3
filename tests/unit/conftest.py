"""The command line in this process, fast enough for a table of a hundred wrong inputs; a model's endpoint."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from chatcli.cli.run import run
from tests.servers import ModelServer


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """A model's endpoint on this machine."""
    with ModelServer() as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any key, config or session; DashScope's key is set, its endpoint is never asked."""
    for name in [*os.environ]:
        if name.startswith("CHATCLI_") or name.endswith("_API_KEY") or name in ("OPENAI_BASE_URL", "REDIS_URL"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CHATCLI_HOME", str(tmp_path))
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-geheim")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command(home: Path, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs `chatcli ARGS`."""

    def call(*args: str) -> Done:
        code = run(args)
        out, err = capfd.readouterr()
        return Done(code, out, err)

    return call
