"""Writes the page of all commands from the program's own help: `python -m tests.reference docs/commands.md`."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from chatcli.cli.app import app
from chatcli.repl.slash import THEMES, Command, commands

WIDTH = 100


def helped(*words: str) -> str:
    """Return the help of a command as it is printed in a pipe."""
    done = subprocess.run(
        [sys.executable, "-m", "chatcli", *words, "--help"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
        env={**os.environ, "COLUMNS": str(WIDTH), "PYTHONUTF8": "1"},
    )
    return "\n".join(line.rstrip() for line in done.stdout.strip("\n").split("\n")).strip("\n")


def leaves() -> Iterator[list[str]]:
    """Yield the words of each command that does something."""
    for command in app.registered_commands:
        yield [str(command.name)]
    for group in app.registered_groups:
        assert group.typer_instance is not None
        for command in group.typer_instance.registered_commands:
            name = command.name or (command.callback.__name__.strip("_") if command.callback else "")
            yield [str(group.name), name]


def page() -> str:
    """Return the page: each command's help, then the slash commands."""
    parts = ["# Commands", "", "Written from the program's own help by `python -m tests.reference docs/commands.md`."]
    for words in leaves():
        parts += ["", f"## chatcli {' '.join(words)}", "", "```", helped(*words), "```"]
    parts += ["", "## In the chat", "", "| | |", "|---|---|"]
    for command in sorted(dict.fromkeys(commands().values()), key=lambda one: THEMES.index(_theme(one))):
        also = "".join(f", `/{name}`" for name in command.names[1:])
        usage = command.usage.replace("|", "\\|")
        parts.append(f"| `{usage}`{also} | {command.help.replace('|', chr(92) + '|')} |")
    return "\n".join(parts) + "\n"


def _theme(command: Command) -> str:
    return command.run.__module__.rpartition(".")[2]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
