"""chatcli as a user has it: a process of its own, a home of its own, a model server it was told of."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from chatcli.stores import Store
from chatcli.stores.address import open_store
from tests.redis_server import RedisServer, running
from tests.servers import ModelServer
from tests.terminal import Terminal, clean_env

CHATCLI = [sys.executable, "-m", "chatcli"]
ROOT = Path(__file__).parents[2]


def prompts(count: int) -> Callable[[Terminal], bool]:
    """Say whether the prompt stands there for the `count`th time."""
    return lambda term: term.text().count("you>") >= count


def in_line(text: str) -> Callable[[Terminal], bool]:
    """Say whether the cursor stands in that line; a toolbar may be below it."""
    return lambda term: term.screen_lines()[term.cursor[0]] == text


def leave(term: Terminal) -> None:
    term.key("c-d")
    assert term.wait_exit() == 0


@dataclass
class User:
    """Somebody at their machine: a home folder, an environment, and the command."""

    home: Path
    server: ModelServer
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        return {
            "PYTHONPATH": str(ROOT),  # the checkout that stands here, whatever is installed
            "CHATCLI_HOME": str(self.home),
            "OPENAI_API_KEY": "sk-test-secret",
            "OPENAI_BASE_URL": self.server.url,
            "CHATCLI_MODEL": "test-model",
            **self.environ,
        }

    def run(
        self, *args: str, stdin: str | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, with pipes."""
        return subprocess.run(
            [*CHATCLI, *args],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            env=clean_env({**self.env, **(env or {})}),
            cwd=self.home,
        )

    def terminal(self, *args: str, rows: int = 24, cols: int = 80, **env: str) -> Terminal:
        """Open a command in a terminal."""
        return Terminal([*CHATCLI, *args], env={**self.env, **env}, rows=rows, cols=cols, cwd=self.home)

    def chat(self, *args: str, **named: Any) -> Terminal:
        return self.terminal("chat", *args, **named)

    @contextmanager
    def chatting(self, *args: str, **named: Any) -> Iterator[Terminal]:
        """Give a chat that is at its prompt; it is left with ^D in the end."""
        with self.chat(*args, **named) as term:
            term.wait_for("you>")
            yield term
            leave(term)

    def store(self) -> Store:
        """Open the SQLite store that the commands use."""
        return open_store("sqlite", data_folder=self.home / "data")

    def said(self, session: str) -> list[tuple[str, str]]:
        """Role and text of a session's messages in the SQLite store."""
        store = self.store()
        try:
            return [(message.role, message.text) for message in store.messages(session)]
        finally:
            store.close()


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running_server:
        yield running_server


@pytest.fixture
def user(tmp_path: Path, server: ModelServer) -> User:
    return User(tmp_path, server)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    with running() as redis:
        yield redis
