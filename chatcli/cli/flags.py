"""The options that `chat`, `ask` and `sessions resume` share, as typer's: see `declared`."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from functools import wraps
from typing import Annotated, Any, get_args

import typer

from chatcli.cli.completing import memory_specs, session_names
from chatcli.cli.declared import STORE, Flag, Flags, flag_of

__all__ = [
    "Flags", "LastSession", "OneSession", "StoreOption", "memory_specs", "session_names", "with_flags",
    "with_some_flags",
]  # fmt: skip


_COMPLETED = {"session": session_names, "memory": memory_specs}


def _option(flag: Flag, field: str = "") -> Any:
    return typer.Option(
        *flag.names,
        metavar=flag.metavar,
        help=flag.help,
        rich_help_panel=flag.panel,
        autocompletion=_COMPLETED.get(field),
    )


StoreOption = Annotated[str | None, _option(STORE)]
LastSession = Annotated[
    str | None, _option(Flag(("-s", "--session"), "The session; left out: the one used last.", "NAME"), "session")
]
OneSession = Annotated[
    str | None, _option(Flag(("-s", "--session"), "This session alone; left out: all of the store.", "NAME"), "session")
]


def with_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command`, whose first parameter is a Flags, all of Flags' fields as options of its own."""
    return with_some_flags(*Flags.__dataclass_fields__)(command)


def with_some_flags(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command, whose first parameter is a Flags, the fields with these names as options of its own."""

    def give(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(**given: Any) -> None:
            command(Flags(**{name: given.pop(name) for name in names}), **given)

        own = list(inspect.signature(command).parameters.values())[1:]
        shared = [_parameter(entry) for entry in fields(Flags) if entry.name in names]
        positional = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
        run.__signature__ = inspect.Signature([*positional, *shared])  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in [*positional, *shared]}
        return run

    return give


def _parameter(entry: Field[Any]) -> inspect.Parameter:
    default = [] if entry.default is MISSING else entry.default
    annotation: Any = Annotated[get_args(entry.type)[0], _option(flag_of(entry.name), entry.name)]
    return inspect.Parameter(entry.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
