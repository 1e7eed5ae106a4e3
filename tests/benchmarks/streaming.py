"""What it costs to show a reply while it comes: `python -m tests.benchmarks.streaming [ROUNDS]`.

Each is measured beside a reference, in environments of their own: `llm`, which prints plain text, aider's `mdstream`,
and printing the whole reply once. All are run in turn, on a terminal of 120 by 40; a figure is the median of the ratios
of the rounds. Replies are 10,000 tokens of 4 characters. The exit code is 1 when a target is missed.
"""

import argparse
import os
import pty
import statistics
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks import environments
from tests.servers import ModelServer

HERE = Path(__file__).parent
TURNS = 15

SECTION = """
## Section {n}

A paragraph with *emphasis*, `code`, a [link](https://example.org/{n}) and 一些中文 in it, long enough to be
wrapped over several lines of the terminal, as the paragraphs of models are, and then a little longer.

- the first point of {n}
- the second, with **bold** words
  - and one below it

1. Do this.
2. Then do that.

```python
def function_{n}(argument: int) -> str:
    # a comment
    for index in range(argument):
        print(f"line {{index}} of {n}")
    return "done"
```

| column | value |
|--------|------:|
| alpha  | {n} |
| 数据   | 42 |

> A quotation that stands for something.
"""
ITEM = "item with **bold** and `code` and so many words that it is wrapped over two lines of the screen\n"
FUNCTION = "def f_{n}(x):\n    # a note\n    return x + {n} * len('some text')\n\n"

KINDS: dict[str, Callable[[int], str]] = {
    "mixed": lambda n: SECTION.format(n=n),
    "code": lambda n: ("```python\n" if n == 0 else "") + FUNCTION.format(n=n),
    "bullets": lambda n: f"- {n} {ITEM}",
    "numbers": lambda n: f"{n + 1}. {ITEM}",
    "table": lambda n: ("| a | b | c |\n|---|---|---|\n" if n == 0 else "") + f"| {n} | some words | `code` |\n",
    "paragraph": lambda n: f"words that never end nor begin a line, number {n}, ",
}


class Cost(NamedTuple):
    """What a program took: CPU in seconds, memory at its peak in MiB."""

    cpu: float
    memory: float


class Target(NamedTuple):
    """What may be at most `limit` times as much as `beside`; or that much itself, beside nothing."""

    what: str
    beside: str
    limit: float
    unit: str = "s"


TARGETS = (
    Target("chatcli ask, mixed", "llm, plain", 0.5),
    Target("rendering alone", "rendering once", 1.2),
    *(Target(f"chatcli ask, {kind}", "chatcli ask, mixed", 1.5) for kind in KINDS if kind != "mixed"),
    Target("chatcli ask, 40,000 tokens", "chatcli ask, mixed", 4.4),
    Target("more memory for 40,000", "", 20, "MiB"),
    Target("1,000 tokens/s", "mdstream, 1,000 tokens/s", 0.6),
    Target("memory of a chat", "memory of llm chat", 1.3, "MiB"),
    Target("first delta on screen", "", 30, "ms"),
)


def reply_of(kind: str, tokens: int = 10_000) -> str:
    parts: list[str] = []
    length = 0
    while length < tokens * 4:
        parts.append(KINDS[kind](len(parts)))
        length += len(parts[-1])
    return "".join(parts)[: tokens * 4]


class OnTerminal:
    """A program on a terminal of its own; what it writes is read and forgotten, but for what is waited for."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self._unread = b""
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            termios.tcsetwinsize(0, (40, 120))
            os.execve(command[0], list(command), dict(env))

    def until(self, mark: bytes) -> float:
        """Read until the mark was written; return when that was."""
        while mark not in self._unread:
            self._unread = self._unread[-1000:] + os.read(self._fd, 65536)
        self._unread = self._unread.partition(mark)[2]
        return time.perf_counter()

    def type(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def ended(self) -> Cost:
        """Read until the program ends; return what it took."""
        while self._read():
            pass
        _, status, used = os.wait4(self._pid, 0)
        os.close(self._fd)
        if status:
            raise RuntimeError(f"a program failed: {status}")
        return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)

    def _read(self) -> bytes:
        try:
            return os.read(self._fd, 65536)
        except OSError:  # Linux: EIO once nobody holds the other side
            return b""


class Programs:
    """What is measured: each method returns figures by name."""

    def __init__(self, home: Path, server: ModelServer) -> None:
        ours, llm = environments.product(), environments.peer("llm")
        mdstream = environments.peer_without_dependencies("aider-chat", "rich", "packaging")
        self._server = server
        self._chatcli, self._llm = str(ours / "chatcli"), str(llm / "llm")
        self._pythons = {"chatcli": str(ours / "python"), "mdstream": str(mdstream / "python")}
        self._env = environments.clean(
            home,
            CHATCLI_HOME=str(home),
            LLM_USER_PATH=str(home / "llm"),
            OPENAI_API_KEY="sk-none",
            OPENAI_BASE_URL=server.url,
            CHATCLI_MODEL="test-model",
            CHATCLI_MEMORY="none",
        )
        (home / "llm").mkdir()
        (home / "llm" / "extra-openai-models.yaml").write_text(
            f"- model_id: bench\n  model_name: test-model\n  api_base: {server.url}\n"
        )

    def ask(self, name: str, text: str) -> dict[str, float]:
        self._server.mind = lambda body: text
        cost = OnTerminal([self._chatcli, "ask", "--private", "Hi"], self._env).ended()
        return {name: cost.cpu, f"memory of {name}": cost.memory}

    def plain(self, text: str) -> dict[str, float]:
        self._server.mind = lambda body: text
        return {"llm, plain": OnTerminal([self._llm, "-n", "-m", "bench", "Hi"], self._env).ended().cpu}

    def alone(self, renderer: str, speed: str, name: str) -> dict[str, float]:
        command = [self._pythons[renderer], str(HERE / "streaming_client.py"), renderer, speed, str(self.file)]
        return {name: OnTerminal(command, self._env).ended().cpu}

    def rendering(self) -> dict[str, float]:
        nothing = self.alone("chatcli", "nothing", "")[""]
        streamed, once = self.alone("chatcli", "full", "")[""], self.alone("chatcli", "once", "")[""]
        return {"rendering alone": streamed - nothing, "rendering once": once - nothing}

    def chats(self, text: str) -> dict[str, float]:
        self._server.mind = lambda body: text + " the-end"
        figures = {}
        for name, command in {
            "a chat": [self._chatcli, "chat"],
            "llm chat": [self._llm, "chat", "-m", "bench"],
        }.items():
            program = OnTerminal(command, self._env)
            program.until(b"you>" if name == "a chat" else b"> ")
            for _ in range(2):
                program.type("Hi\r")
                program.until(b"the-end")
            time.sleep(1)  # the prompt comes, and llm writes its log
            program.type("/exit\r" if name == "a chat" else "exit\r")
            figures[f"memory of {name}"] = program.ended().memory
        return figures

    def first_deltas(self) -> float:
        """Return the median of the milliseconds from a first delta's leaving the server to its being on screen.

        The others follow it at 100 a second.
        """
        program, waits = OnTerminal([self._chatcli, "chat", "--private"], self._env), []
        program.until(b"you>")
        for turn in range(TURNS):
            gate, mark = threading.Event(), f"Here{turn}is"
            later = [threading.Event() for _ in range(50)]
            asked = len(self._server.requests)
            self._server.replies(gate, mark, *(step for each in later for step in (each, " word")))
            program.type(f"Go {turn}\r")
            self._server.wait_chats(asked + 1)
            time.sleep(0.3)  # so long a model thinks, at least
            began = time.perf_counter()
            gate.set()
            pace = threading.Thread(target=set_one_by_one, args=(later, 0.01))
            pace.start()
            waits.append((program.until(mark.encode()) - began) * 1000)
            pace.join()
            program.until(b"you>")
        program.type("/exit\r")
        program.ended()
        return statistics.median(waits)

    file: Path


def set_one_by_one(events: Sequence[threading.Event], pause: float) -> None:
    """Set the events, each `pause` seconds after the one before it."""
    for event in events:
        time.sleep(pause)
        event.set()


def one_round(programs: Programs) -> dict[str, float]:
    figures: dict[str, float] = {}
    for kind in KINDS:
        figures |= programs.ask(f"chatcli ask, {kind}", reply_of(kind))
        if kind == "mixed":
            figures |= programs.plain(reply_of(kind))
    figures |= programs.ask("chatcli ask, 40,000 tokens", reply_of("mixed", 40_000))
    figures["more memory for 40,000"] = (
        figures["memory of chatcli ask, 40,000 tokens"] - figures["memory of chatcli ask, mixed"]
    )
    figures |= programs.rendering()
    figures |= programs.alone("chatcli", "1000", "1,000 tokens/s")
    figures |= programs.alone("mdstream", "1000", "mdstream, 1,000 tokens/s")
    figures |= programs.chats(reply_of("mixed", 2_000))
    figures["first delta on screen"] = programs.first_deltas()
    return figures


def reached(target: Target, rounds: Sequence[Mapping[str, float]]) -> float:
    return statistics.median(one[target.what] / (one[target.beside] if target.beside else 1) for one in rounds)


def main() -> int:
    """Print each target beside what was reached; return 1 when one was missed."""
    parser = argparse.ArgumentParser(description="What it costs to show a reply while it comes.")
    parser.add_argument("rounds", nargs="?", type=int, default=5)
    count = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as home, ModelServer() as server:
        programs = Programs(Path(home), server)
        programs.file = Path(home) / "reply.md"
        programs.file.write_text(reply_of("mixed"))
        programs.ask("", "Hi")  # what is cached from then on
        programs.plain("Hi")
        rounds = [one_round(programs) for _ in range(count)]
    missed = False
    for target in TARGETS:
        ratio, figure = reached(target, rounds), statistics.median(one[target.what] for one in rounds)
        missed |= ratio > target.limit
        beside = f"{ratio:6.2f} x {target.beside}" if target.beside else ""
        verdict = "   MISSED" if ratio > target.limit else ""
        print(
            f"{target.what:<27} {figure:7.2f} {target.unit:<4}{beside:<36} at most {target.limit}{verdict}", flush=True
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
