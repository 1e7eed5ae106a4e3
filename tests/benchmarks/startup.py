"""How long until the prompt stands there: `chatcli chat` beside a bare script with the same libraries.

    python -m tests.benchmarks.startup [ROUNDS]

Both are run in turn, in a pty, in one environment; the figure is the ratio of each round, and its median.
"""

import os
import pty
import select
import statistics
import sys
import tempfile
import time
from pathlib import Path

BARE = """
import typer
from prompt_toolkit import PromptSession
PromptSession("you> ").prompt()
"""
LIMIT = 1.6
PATIENCE = 30.0


def seconds_to_prompt(command: list[str], env: dict[str, str]) -> float:
    """Run `command` in a pty until it shows `you>`, then end it; return the seconds since its start."""
    began = time.perf_counter()
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(command[0], command, env)
    seen = b""
    try:
        while b"you>" not in seen:
            ready, _, _ = select.select([fd], [], [], PATIENCE)
            if not ready:
                raise TimeoutError(seen)
            seen += os.read(fd, 65536)
        return time.perf_counter() - began
    finally:
        os.close(fd)  # the terminal goes away: SIGHUP
        os.waitpid(pid, 0)


def main() -> None:
    """Print the medians and the ratio."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory() as home:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "TERM": "xterm-256color",
            "CHATCLI_HOME": home,
            "OPENAI_API_KEY": "sk-none",
        }
        bare = [sys.executable, "-c", BARE]
        ours = [str(Path(sys.executable).with_name("chatcli")), "chat", "-s", "bench"]
        seconds_to_prompt(bare, env), seconds_to_prompt(ours, env)
        pairs = [(seconds_to_prompt(bare, env), seconds_to_prompt(ours, env)) for _ in range(rounds)]
    ratio = statistics.median(our / base for base, our in pairs)
    for name, values in (("bare script", [b for b, _ in pairs]), ("chatcli chat", [o for _, o in pairs])):
        print(f"{name:<13} median {statistics.median(values) * 1000:6.0f} ms   best {min(values) * 1000:6.0f} ms")
    print(f"ratio {ratio:.2f} (median of {rounds} rounds; at most {LIMIT})")


if __name__ == "__main__":
    main()
