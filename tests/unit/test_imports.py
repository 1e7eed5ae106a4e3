"""What a command imports: heavy libraries only when something needs them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chatcli.messages import Message
from chatcli.stores.address import open_store
from tests.terminal import Terminal

HEAVY = {"openai", "httpx2", "prompt_toolkit", "redis", "pydantic", "rich.markdown", "markdown_it", "xllamacpp"}

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


def test_the_prompt_stands_there_before_what_answers_is_imported(tmp_path: Path) -> None:
    env = {"CHATCLI_HOME": str(tmp_path), "OPENAI_API_KEY": "sk-x", "OPENAI_BASE_URL": "http://127.0.0.1:9"}
    with Terminal([sys.executable, "-X", "importtime", "-m", "chatcli", "chat"], env=env, rows=50) as term:
        term.wait_for_output(b"you>")
        before = term.raw.partition(b"you>")[0]
        term.wait_for_output(b" openai\r\n")
    imported = set(re.findall(rb"\| +([\w.]+)\r\n", before))
    assert b"prompt_toolkit" in imported
    assert imported & {b"openai", b"httpx2", b"pydantic", b"redis", b"rich.console", b"rich.markdown"} == set()
