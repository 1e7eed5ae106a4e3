"""LangChain.js's own history of a session in Redis, in a process of node's.

Its packages stand in package.json and lie outside of the checkout; `python -m tests.langchain_js` brings them there,
which .ci/run does. Where they are missing, tests that need them are skipped, but not with CHATCLI_CI=1.
"""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
_HISTORY = HERE / "history.mjs"
_PACKAGES = HERE / "package.json"


def folder() -> Path:
    """Return where the packages lie: another place for other versions."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "chatcli-tests" / f"langchain-js-{hashlib.sha256(_PACKAGES.read_bytes()).hexdigest()[:12]}"


def install() -> None:
    """Bring the packages by npm, unless they are there; all of them or none."""
    if (folder() / "node_modules").exists():
        return
    new = folder().with_name(f"{folder().name}.{os.getpid()}")
    new.mkdir(parents=True)
    try:
        shutil.copy(_PACKAGES, new)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"], cwd=new, check=True)
        new.rename(folder())
    finally:
        shutil.rmtree(new, ignore_errors=True)


@dataclass(frozen=True)
class Theirs:
    """A session as LangChain.js sees it."""

    process: "subprocess.Popen[str]"
    session: str

    def add(self, *messages: tuple[str, Mapping[str, Any] | str]) -> None:
        """Append messages: `("human", "Hi")`, `("ai", {"content": "Hi", "id": "a1"})`."""
        self._tell(verb="add", messages=messages)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """All messages, with what LangChain.js knows of each."""
        return list(self._tell(verb="read"))

    @property
    def said(self) -> list[tuple[str, Any]]:
        """Type and content of each message."""
        return [(one["type"], one["content"]) for one in self.messages]

    def copy(self) -> None:
        """Read all messages, clear the history and append them again."""
        self._tell(verb="copy")

    def clear(self) -> None:
        self._tell(verb="clear")

    def begin_to_watch(self, until: int) -> None:
        """Begin to read again and again until there are so many messages; `open_turns` waits for the end."""
        self._send(verb="watch", until=until)

    def open_turns(self) -> int:
        """Return how many of those reads ended with a human's message."""
        return int(self._answer())

    def _tell(self, **asked: object) -> Any:
        self._send(**asked)
        return self._answer()

    def _send(self, **asked: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"session": self.session, **asked}) + "\n")
        self.process.stdin.flush()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        answer = json.loads(line or '{"error": "node has ended"}')
        assert "error" not in answer, answer["error"]
        return answer["done"]


def _needed() -> str:
    """Return where node is; skip, or in CI fail, when it or the packages are missing."""
    node = shutil.which("node")
    if node and (folder() / "node_modules").exists():
        return node
    missing = "LangChain.js is missing: `python -m tests.langchain_js` brings it, with node and npm"
    assert not os.environ.get("CHATCLI_CI"), missing
    pytest.skip(missing)


@contextmanager
def langchain_js(url: str, session: str) -> Iterator[Theirs]:
    """Give a session of the Redis at `url` as LangChain.js sees it."""
    command: Sequence[str] = [_needed(), "--input-type=module", "--eval", _HISTORY.read_text(encoding="utf-8")]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=folder(),  # imports of what is evaluated are looked for from here
        env={**os.environ, "REDIS_URL": url},
    )
    try:
        yield Theirs(process, session)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
