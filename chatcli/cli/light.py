"""Commands that start without pydantic.

Typer validates what is typed through pydantic, whose import alone takes as long as typer's own: a quarter of
the time until the chat's prompt stands there. Our options are text, switches and whole numbers; those need
no library. An option of another type is still left to typer.
"""

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any, get_args

from typer.core import TyperCommand, TyperGroup

from chatcli.errors import UsageError
from chatcli.values import readable_text, whole_number

Process = Callable[[Any, Any], Any]

_SHOWN = 40
"""Characters of a word that is no command."""


class LightCommand(TyperCommand):
    """A command that reads its values by itself: `app.command(cls=LightCommand)`."""

    def get_params(self, ctx: Any) -> Any:
        """Return the parameters, `--help` among them."""
        return [_lightened(param) for param in super().get_params(ctx)]


class LightGroup(TyperGroup):
    """A group that does so with its own options: `typer.Typer(cls=LightGroup)`."""

    def get_params(self, ctx: Any) -> Any:
        """Return the parameters, `--help` among them."""
        return [_lightened(param) for param in super().get_params(ctx)]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that the first word names; raise UsageError, with what was meant, for one that is none."""
        name = args[0]
        if self.get_command(ctx, name) is None and not ctx.resilient_parsing and not name.startswith("-"):
            shown = name if len(name) <= _SHOWN else f"{name[: _SHOWN - 1]}…"
            raise UsageError(f"there is no command {shown!r}", _meant(name, ctx))
        return super().resolve_command(ctx, args)


def _meant(name: str, ctx: Any) -> str:
    """Return the hint for a word that is no command here: the commands so called, wherever they are, or the like."""
    everywhere = dict(_leaves(ctx.find_root()))
    own = {path: last for path, last in everywhere.items() if path.startswith(f"{ctx.command_path} ")}
    paths = [path for path, last in everywhere.items() if last == name]
    for known in (own, everywhere):
        near = get_close_matches(name, known.values(), n=1)
        paths = paths or [path for path, last in known.items() if last in near]
    if paths:
        return f"did you mean {' or '.join(f'`{path}`' for path in paths)}?"
    if " " in name:
        return "did you mean `chatcli ask TEXT`?"
    return f"`{ctx.command_path} --help` shows what there is"


def _leaves(ctx: Any) -> Iterator[tuple[str, str]]:
    """Yield each command as it is written, `chatcli sessions resume`, and its last word."""
    for name, command in ctx.command.commands.items():
        path = f"{ctx.command_path} {name}"
        yield path, name
        yield from ((f"{path} {inner}", inner) for inner in getattr(command, "commands", ()))


def _lightened(param: Any) -> Any:
    """Return the parameter; one of a simple type reads its values itself from now on.

    What reads them shadows the method on this one object: typer offers no way to name the class of an option.
    """
    read = _READERS.get(_type_of(param))
    if read is not None and "process_value" not in vars(param):
        param.process_value = _light(param, read, param.process_value)
    return param


def _light(param: Any, read: "Reader", heavy: Process) -> Process:
    """Return what reads the parameter's value; a value that is missing is left to typer, which says so."""
    many = param.nargs != 1 or getattr(param, "multiple", False)

    def process(ctx: Any, value: Any) -> Any:
        if not value and param.required:
            return heavy(ctx, value)
        if value is None:
            value = () if many else None
        else:
            value = tuple(read(one, param) for one in value) if many else read(value, param)
        return param.callback(ctx, param, value) if param.callback else value

    return process


def _type_of(param: Any) -> Any:
    """Return the type of one value of the parameter: of `str | None` and `list[str]` it is `str`."""
    annotation = param.type_descriptor.annotation
    inner = [one for one in get_args(annotation) if one is not type(None)]
    return inner[0] if len(inner) == 1 else annotation


def _text(value: Any, param: Any) -> str:
    return readable_text(str(value))


def _whole_number(value: Any, param: Any) -> int:
    return whole_number(str(value), param.type_descriptor.parameter_info.min, param.opts[-1])


def _switch(value: Any, param: Any) -> bool:
    return bool(value)


Reader = Callable[[Any, Any], Any]
_READERS: dict[Any, Reader] = {str: _text, int: _whole_number, bool: _switch}
