"""How long until the prompt takes input, a reply begins, a short command ends.

`python -m tests.benchmarks.startup [ROUNDS]`. Each is measured beside a reference: `llm`, in an environment of its own,
and the start of Python itself. All are run in turn; a figure is the median of the ratios of the rounds. The product is
installed without the packages of its tests; its store holds 10,000 sessions and one more of 10,000 turns. The endpoint
answers at once. The exit code is 1 when a target is missed.
"""

import argparse
import contextlib
import os
import pty
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from chatcli.messages import Message
from chatcli.stores.sqlite import SqliteStore
from tests.benchmarks import environments
from tests.servers import ModelServer

MANY = 10_000
BARE = 'from prompt_toolkit import PromptSession\nPromptSession("you> ").prompt()'
PATIENCE = 60.0
Env = Mapping[str, str]


class Target(NamedTuple):
    """What may take at most `limit` times as long as `beside`."""

    what: str
    beside: str
    limit: float


TARGETS = (
    Target("chatcli chat", "llm chat", 0.25),
    Target("chatcli chat", "python -I -c pass", 13),
    Target("… with 10,000 turns", "llm chat", 0.25),
    Target("… with 10,000 turns", "python -I -c pass", 13),
    Target("chatcli ask", "llm prompt", 0.85),
    Target("chatcli --version", "llm --version", 0.15),
    Target("chatcli sessions list", "llm logs list", 0.25),
)


def until_shown(command: list[str], env: Env, mark: bytes, key: bytes = b"") -> float:
    """Return the seconds until `command` shows `mark` in a pty, and then the `key` that is typed; end it then."""
    began = time.perf_counter()
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(command[0], command, dict(env))
    try:
        _read_until(fd, mark)
        if key:
            os.write(fd, key)
            _read_until(fd, key)
        return time.perf_counter() - began
    finally:
        os.kill(pid, signal.SIGKILL)
        os.close(fd)
        os.waitpid(pid, 0)


def _read_until(fd: int, mark: bytes) -> None:
    seen = b""
    while mark not in seen:
        if not select.select([fd], [], [], PATIENCE)[0]:
            raise TimeoutError(seen)
        seen += os.read(fd, 65536)


def until_answered(command: list[str], env: Env) -> float:
    """Return the seconds until the first byte of the reply is on stdout; let `command` end then."""
    began = time.perf_counter()
    with subprocess.Popen(command, env=dict(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        first = process.stdout.read(1)
        took = time.perf_counter() - began
        process.stdout.read()
    if not first:
        raise RuntimeError(f"no reply from {command}")
    return took


def until_ended(command: list[str], env: Env) -> float:
    """Return the seconds that `command` takes."""
    began = time.perf_counter()
    subprocess.run(command, env=dict(env), stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return time.perf_counter() - began


def fill(home: Path) -> None:
    """Keep 10,000 sessions in the store of `home`, and one of 10,000 turns."""
    path = home / "data" / "sessions.db"
    path.parent.mkdir(parents=True)
    turn = [
        Message("user", "How do I sort a list?"),
        Message("assistant", "Call `sorted(list)`.\n\n- It is **stable**."),
    ]
    with contextlib.closing(SqliteStore(path)) as store:
        for number in range(MANY):
            store.append(f"session {number}", turn)
        store.append("long", turn * MANY)


def cases(home: Path, server: ModelServer) -> dict[str, Callable[[], float]]:
    """Return what is measured, by name; `server` answers at once."""
    (home / "llm").mkdir()
    (home / "llm" / "extra-openai-models.yaml").write_text(
        f"- model_id: bench\n  model_name: bench\n  api_base: {server.url}\n"
    )
    ours, theirs = environments.product(), environments.peer("llm")
    env = environments.clean(home, CHATCLI_HOME=str(home), LLM_USER_PATH=str(home / "llm"), OPENAI_API_KEY="sk-none")
    asked = {**env, "OPENAI_BASE_URL": server.url}
    python, chatcli, llm = (str(path) for path in (ours / "python", ours / "chatcli", theirs / "llm"))
    return {
        "python -I -c pass": partial(until_ended, [python, "-I", "-c", "pass"], env),
        "bare prompt_toolkit": partial(until_shown, [python, "-c", BARE], env, b"you>"),
        "chatcli chat": partial(until_shown, [chatcli, "chat"], env, b"you>"),
        "… until a key shows": partial(until_shown, [chatcli, "chat"], env, b"you>", b"Q"),
        "… with 10,000 turns": partial(until_shown, [chatcli, "chat", "-s", "long"], env, b"you>"),
        "llm chat": partial(until_shown, [llm, "chat"], env, b"> "),
        "chatcli ask": partial(until_answered, [chatcli, "ask", "-m", "bench", "Hi"], asked),
        "llm prompt": partial(until_answered, [llm, "-m", "bench", "Hi"], asked),
        "chatcli --version": partial(until_ended, [chatcli, "--version"], env),
        "llm --version": partial(until_ended, [llm, "--version"], env),
        "chatcli sessions list": partial(until_ended, [chatcli, "sessions", "list"], env),
        "llm logs list": partial(until_ended, [llm, "logs", "list"], env),
    }


def main() -> int:
    """Print the medians, and each target beside what was reached; return 1 when one was missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rounds", nargs="?", type=int, default=15)
    rounds = parser.parse_args().rounds
    with ModelServer() as server, tempfile.TemporaryDirectory() as home:
        fill(Path(home))
        measured = cases(Path(home), server)
        for measure in measured.values():
            measure()  # what is cached from then on
        seconds = [{name: measure() for name, measure in measured.items()} for _ in range(rounds)]
    for name in measured:
        values = [one[name] * 1000 for one in seconds]
        print(f"{name:<22} median {statistics.median(values):6.0f} ms   best {min(values):6.0f} ms")
    reached = [statistics.median(one[target.what] / one[target.beside] for one in seconds) for target in TARGETS]
    for target, ratio in zip(TARGETS, reached, strict=True):
        verdict = "" if ratio <= target.limit else "   MISSED"
        print(f"{target.what:<22} {ratio:6.3f} x {target.beside:<18} at most {target.limit}{verdict}")
    return int(any(ratio > target.limit for target, ratio in zip(TARGETS, reached, strict=True)))


if __name__ == "__main__":
    sys.exit(main())
