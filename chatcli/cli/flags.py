"""The options that `chat`, `ask` and `sessions resume` share, as typer's: see `declared`."""

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Annotated, Any, get_args

import typer

from chatcli.cli.completing import memory_specs, session_names
from chatcli.cli.declared import STORE, Flag, Flags, flag_of, may_be_repeated

__all__ = [
    "Flags", "LastSession", "OneSession", "StoreOption", "memory_specs", "session_names", "with_flags",
    "with_some_flags",
]  # fmt: skip


_COMPLETED = {"session": session_names, "memory": memory_specs}


def _option(flag: Flag, field: str = "", hidden: bool = False) -> Any:
    return typer.Option(
        *flag.names,
        metavar=flag.metavar,
        help=flag.help,
        rich_help_panel=flag.panel,
        autocompletion=_COMPLETED.get(field),
        hidden=hidden,
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
    return with_some_flags(*Flags._fields)(command)


def with_some_flags(*names: str, hidden: Sequence[str] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command, whose first parameter is a Flags, the fields with these names as options of its own.

    Those that are `hidden` are taken and stand in no help.
    """

    def give(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(**given: Any) -> None:
            said = {name: given.pop(name) for name in names}
            many = {name: tuple(said[name]) for name in names if may_be_repeated(name)}
            command(Flags(**{**said, **many}), **given)

        own = list(inspect.signature(command).parameters.values())[1:]
        shared = [_parameter(name, name in hidden) for name in Flags._fields if name in names]
        positional = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
        run.__signature__ = inspect.Signature([*positional, *shared])  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in [*positional, *shared]}
        return run

    return give


def _parameter(name: str, hidden: bool) -> inspect.Parameter:
    many, default = may_be_repeated(name), Flags._field_defaults[name]
    kind: Any = list[str] if many else get_args(Flags.__annotations__[name])[0]
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=list(default) if many else default,
        annotation=Annotated[kind, _option(flag_of(name), name, hidden)],
    )
