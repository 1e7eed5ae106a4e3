"""The options that `chat`, `ask` and `sessions resume` share, declared once."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from chatcli.errors import UsageError
from chatcli.values import option_value

_HOW = "How it is shown"
_WHAT = "What is sent"


def session_names(incomplete: str) -> list[str]:
    """Return the sessions whose names begin so, for the shell's Tab; none when the store cannot say."""
    from chatcli.cli.stores import named_store
    from chatcli.errors import ChatError

    try:
        with named_store(None) as store:
            found = [session.name for session in store.sessions(limit=200)]
    except ChatError:
        return []
    return [name for name in found if name.startswith(incomplete)]


def memory_specs(incomplete: str) -> list[str]:
    """Return the specs that begin so, for the shell's Tab; behind a `+` what can be added there."""
    from chatcli.memory import EXAMPLES

    before, plus, begun = incomplete.rpartition("+")
    taken = {spec.partition(":")[0] for spec in before.split("+")}
    specs = [spec for spec in EXAMPLES.split(", ") if spec.partition(":")[0] not in taken]
    return [f"{before}{plus}{spec}" for spec in specs if spec.startswith(begun)]


SessionOption = Annotated[
    str | None,
    typer.Option(
        "-s",
        "--session",
        metavar="NAME",
        help="The session; made when it does not exist.",
        autocompletion=session_names,
    ),
]
StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store", metavar="ADDRESS", help="memory:, sqlite:///FILE, redis://HOST:PORT/DB, or a store of the config."
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What the user said on the command line; None and empty mean: nothing."""

    session: SessionOption = None
    continue_: Annotated[bool, typer.Option("-c", "--continue", help="The session used last.")] = False
    model: Annotated[
        str | None, typer.Option("-m", "--model", metavar="NAME", help="A model of the config, or a model id.")
    ] = None
    memory: Annotated[
        str | None,
        typer.Option(
            "--memory",
            metavar="SPEC",
            help="What goes back: auto, summary, summary-buffer:4000, recall:800, entity, window:10, window:10-20, "
            "tokens:4000, buffer, none; or several: summary+recall:800.",
            autocompletion=memory_specs,
        ),
    ] = None
    store: StoreOption = None
    prompt: Annotated[
        str | None, typer.Option("--prompt", metavar="NAME", help="A prompt of the config.", rich_help_panel=_WHAT)
    ] = None
    system: Annotated[
        str | None,
        typer.Option("--system", metavar="TEXT", help="The system text; may hold {variables}.", rich_help_panel=_WHAT),
    ] = None
    var: Annotated[
        list[str],
        typer.Option("--var", metavar="K=V", help="A variable of the prompt; many.", rich_help_panel=_WHAT),
    ] = field(default_factory=list)
    attach: Annotated[
        list[str],
        typer.Option("-a", "--attach", metavar="PATH", help="A text file or an image; many.", rich_help_panel=_WHAT),
    ] = field(default_factory=list)
    option: Annotated[
        list[str],
        typer.Option(
            "-o", "--option", metavar="K=V", help="temperature, max_tokens, seed, …; many.", rich_help_panel=_WHAT
        ),
    ] = field(default_factory=list)
    no_stream: Annotated[
        bool, typer.Option("--no-stream", help="Show the reply when it is whole.", rich_help_panel=_HOW)
    ] = False
    plain: Annotated[
        bool, typer.Option("--plain", help="Text as it comes: no colours, no markdown.", rich_help_panel=_HOW)
    ] = False
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No notices.", rich_help_panel=_HOW)] = False
    private: Annotated[bool, typer.Option("--private", help="Write nothing of this chat anywhere.")] = False

    @property
    def attachments(self) -> list[Path]:
        """The files to send along."""
        return [Path(name) for name in self.attach]

    @property
    def variables(self) -> dict[str, str]:
        """The prompt's variables; raises UsageError for one without `=`."""
        return dict(_pair(text, "--var") for text in self.var)

    @property
    def options(self) -> dict[str, Any]:
        """The model's options; numbers, booleans and JSON are read as such."""
        return {name: option_value(name, text) for name, text in (_pair(text, "-o") for text in self.option)}


def with_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command`, whose first parameter is a Flags, all of Flags' fields as options of its own."""
    return with_some_flags(*Flags.__dataclass_fields__)(command)


def with_some_flags(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command, whose first parameter is a Flags, the fields with these names as options of its own."""

    def give(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(**given: Any) -> None:
            command(Flags(**{name: given.pop(name) for name in names}), **given)

        hints = get_type_hints(Flags, include_extras=True)
        own = list(inspect.signature(command).parameters.values())[1:]
        shared = [_parameter(entry, hints[entry.name]) for entry in fields(Flags) if entry.name in names]
        positional = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
        run.__signature__ = inspect.Signature([*positional, *shared])  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in [*positional, *shared]}
        return run

    return give


def _parameter(entry: Field[Any], annotation: Any) -> inspect.Parameter:
    default = [] if entry.default is MISSING else entry.default
    return inspect.Parameter(entry.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _pair(text: str, flag: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise UsageError(f"{flag} {text!r} has no name before a '='", f"write {flag} NAME=VALUE")
    return name.strip(), value
