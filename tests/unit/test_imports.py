"""What a command imports: heavy libraries only when something needs them."""

import importlib
import os
import re
import subprocess
import sys
from dataclasses import is_dataclass
from pathlib import Path

import pytest

from chatcli.messages import Message
from chatcli.stores.address import open_store
from tests.terminal import Terminal

HEAVY = {"httpx2", "prompt_toolkit", "redis", "pydantic", "rich.markdown", "markdown_it", "xllamacpp"}

_PROBE = """
import sys
sys.argv = ["chatcli", *sys.argv[1:]]
from chatcli.__main__ import main
try:
    main()
except SystemExit:
    pass
print("\\n".join(sys.modules), file=sys.stderr)
"""


def imported_by(home: Path, *args: str, stdin: str | None = None) -> set[str]:
    """Return the modules that `chatcli ARGS` imports."""
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, *args],
        capture_output=True,
        text=True,
        input=stdin or "",
        env={
            **os.environ,
            "CHATCLI_HOME": str(home),
            "OPENAI_API_KEY": "sk-x",
            "OPENAI_BASE_URL": "http://127.0.0.1:9",
        },
    )
    assert "Traceback" not in done.stderr, done.stderr
    return set(done.stderr.splitlines())


@pytest.mark.parametrize(
    "args",
    [
        ["--help"], ["--version"], ["sessions", "list"], ["history", "show", "--json"], ["memory", "show"],
        ["memory", "context", "Hi"], ["memory", "compare"],
    ],
)  # fmt: skip
def test_no_heavy_library_is_imported_for_what_does_not_need_it(tmp_path: Path, args: list[str]) -> None:
    store = open_store("sqlite", data_folder=tmp_path / "data")
    store.append("s", [Message("user", "Hi")])
    store.close()
    # `--help` is drawn by rich's markdown, which is typer's own affair.
    allowed = {"rich.markdown", "markdown_it"} if args == ["--help"] else set()
    assert imported_by(tmp_path, *args) & HEAVY <= allowed


def test_importing_the_package_imports_nothing_else(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; before = set(sys.modules); import chatcli; print(set(sys.modules) - before)",
        ],
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "{'chatcli'}"


BEHIND_THE_PROMPT = {
    "httpx2", "pydantic", "redis", "rich", "markdown_it", "typer", "msgspec", "tomllib", "difflib", "hashlib",
    "chatcli.aids", "chatcli.answering", "chatcli.assembly", "chatcli.attachments", "chatcli.background",
    "chatcli.chat", "chatcli.cli.app", "chatcli.committing", "chatcli.compare", "chatcli.context", "chatcli.images",
    "chatcli.learned", "chatcli.memory", "chatcli.prompt", "chatcli.recall", "chatcli.repl.editor",
    "chatcli.side_request", "chatcli.stores.langchain", "chatcli.turn",
}  # fmt: skip


MADE_BEFORE_THE_PROMPT = {"chatcli.messages.Message"}
"""The dataclasses. What the prompt needs is a NamedTuple, or comes later: Python takes four times as long to make a
dataclass, longer than to import a whole module of ours."""


def imported_before_the_prompt(tmp_path: Path, session: str) -> tuple[set[str], bytes]:
    """Return the modules that are imported until the prompt of a chat stands there, and all that was shown by then."""
    store = open_store("sqlite", data_folder=tmp_path / "data")
    store.append("known", [Message("user", "Is **it** fast?"), Message("assistant", "It **is**.")])
    store.close()
    env = {"CHATCLI_HOME": str(tmp_path), "OPENAI_API_KEY": "sk-x", "OPENAI_BASE_URL": "https://api.openai.com/v1"}
    command = [sys.executable, "-X", "importtime", "-m", "chatcli", "chat", "-s", session]
    with Terminal(command, env=env, rows=50) as term:
        term.wait_for_output(b"you> ")
        before = term.raw.partition(b"you> ")[0]  # what was said before stands behind a `you>` in another colour
        term.wait_for_output(b" httpx2\r\n")
    return set(re.findall(r"\| +([\w.]+)\r\n", before.decode())), before


@pytest.mark.parametrize("session", ["new", "known"])
def test_the_prompt_stands_there_before_what_answers_is_imported(tmp_path: Path, session: str) -> None:
    imported, before = imported_before_the_prompt(tmp_path, session)
    assert "prompt_toolkit" in imported
    assert {name for name in imported if name in BEHIND_THE_PROMPT or name.split(".")[0] in BEHIND_THE_PROMPT} == set()
    assert (b"It **is**." in before) == (session == "known")
    assert ("json" in imported) == (session == "known")  # messages are kept in it


def test_what_the_prompt_needs_is_quickly_made(tmp_path: Path) -> None:
    imported, _ = imported_before_the_prompt(tmp_path, "known")
    made = {
        f"{name}.{value.__name__}"
        for name in imported
        if name.partition(".")[0] == "chatcli"
        for value in vars(importlib.import_module(name)).values()
        if isinstance(value, type) and is_dataclass(value) and value.__module__ == name
    }
    assert made == MADE_BEFORE_THE_PROMPT
