"""Slash commands, declared once: dispatch, help and completion come from the same place.

@slash("retry", "regen", help="send the last input again")
def retry(repl: Repl, argument: str) -> None: …
"""

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING

from chatcli.errors import UsageError
from chatcli.render.safe import one_line
from chatcli.repl.paths import path_suggestions
from chatcli.repl.suggestions import Suggestion
from chatcli.values import readable_text

if TYPE_CHECKING:
    from chatcli.repl.loop import Repl

Run = Callable[["Repl", str], None]
Complete = Callable[["Repl"], Sequence[str | tuple[str, str]]]
"""Gives what an argument may be; with it, perhaps, what that is."""

_TELLING = 3
"""Characters that say enough to be looked for in the middle of a choice."""

NOTHING = ('""', "''")
"""Arguments that take away what was set."""

THEMES = (
    "sessions", "finding", "turns", "replies", "writing", "attach", "settings", "memory", "entities", "transfer",
    "seeing",
)  # fmt: skip
"""The modules of `commands`, in the order of the help."""


@dataclass(frozen=True, slots=True)
class Command:
    """One slash command: its names, what it takes, what it does."""

    names: tuple[str, ...]
    arguments: str
    help: str
    run: Run
    complete: Complete
    files: bool = False

    @property
    def usage(self) -> str:
        """`/name arguments`."""
        return f"/{self.names[0]} {self.arguments}".rstrip()


_commands: dict[str, Command] = {}


def slash(
    *names: str, arguments: str = "", help: str, complete: Complete = lambda repl: (), files: bool = False
) -> Callable[[Run], Run]:
    """Declare the decorated function as the command `/name`, and its other names; with `files` it takes paths."""

    def declare(run: Run) -> Run:
        command = Command(names, arguments, help, run, complete, files)
        _commands.update(dict.fromkeys(names, command))
        return run

    return declare


def commands() -> dict[str, Command]:
    """Return all commands by each of their names."""
    for module in THEMES:
        import_module(f"chatcli.repl.commands.{module}")
    return _commands


def run_slash(repl: "Repl", line: str) -> None:
    """Run the command that `line` names; raise UsageError for one that does not exist, or takes no argument."""
    name, _, argument = readable_text(line)[1:].partition(" ")
    command, argument = find_command(name), argument.strip()
    if argument and not command.arguments:
        raise UsageError(f"{command.usage} takes no argument", f"{command.usage} alone: {command.help}")
    command.run(repl, argument)


def find_command(name: str) -> Command:
    """Return the command of that name; raise UsageError for one that does not exist."""
    name = name.strip()
    command = commands().get(name.lower())
    if command is None:
        near = get_close_matches(name, commands(), n=1)
        hint = f"did you mean /{near[0]}?" if near else "/help lists the commands."
        raise UsageError(f"there is no command /{name}", f"{hint} A space in front sends the line as it is.")
    return command


def words(argument: str) -> list[str]:
    """Return the argument's words; quotes hold together what has spaces. Raises UsageError for an open quote."""
    try:
        return shlex.split(argument)
    except ValueError:
        raise UsageError("a quote is not closed", 'write "two words" or two\\ words') from None


def completions(repl: "Repl", before: str) -> Iterator[Suggestion]:
    """Yield what can stand at the end of the line `before`."""
    if not before.startswith("/") or "\n" in before:
        return
    name, space, argument = before[1:].partition(" ")
    found = commands().get(name.lower())
    if not space:
        yield from _names(name)
    elif found is not None:
        yield from _arguments(found.complete(repl), argument)
        yield from path_suggestions(argument) if found.files else ()


def _names(begun: str) -> Iterator[Suggestion]:
    for known, command in sorted(commands().items()):
        also_by_its_name = known != command.names[0] and command.names[0].startswith(begun)
        if known.startswith(begun) and not also_by_its_name:
            yield Suggestion(f"/{known} " if command.arguments else f"/{known}", f"/{known}", command.help)


def _arguments(choices: Iterable[str | tuple[str, str]], begun: str) -> Iterator[Suggestion]:
    """Yield the choices that begin with what was typed; if there is none, those that have it in them."""
    described = [(choice, "") if isinstance(choice, str) else choice for choice in choices]
    typed = begun.casefold()
    fitting = [pair for pair in described if pair[0].casefold().startswith(typed)]
    if not fitting and len(typed) >= _TELLING:
        fitting = [pair for pair in described if typed in " ".join(pair).casefold()]
    for choice, what in fitting:
        if choice != begun:
            yield Suggestion(choice, one_line(choice), one_line(what), replaces=len(begun))
