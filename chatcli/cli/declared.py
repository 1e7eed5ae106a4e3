"""The options that `chat`, `ask` and `sessions resume` share, declared once; nothing here needs typer.

`flags` makes typer's options of them; `quick` reads them without typer.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args

from chatcli.errors import UsageError
from chatcli.values import option_value


class Flag(NamedTuple):
    """How a field of Flags is said on the command line."""

    names: tuple[str, ...]
    help: str
    metavar: str | None = None
    panel: str | None = None


_HOW = "How it is shown"
_WHAT = "What is sent"


STORE = Flag(
    ("--store",), "memory:, sqlite:///FILE, redis://HOST:PORT/DB, or a store of the config.", metavar="ADDRESS"
)


class Flags(NamedTuple):
    """What the user said on the command line; None and empty mean: nothing."""

    session: Annotated[
        str | None,
        Flag(("-s", "--session"), "The session; made when it does not exist.", "NAME"),
    ] = None
    continue_: Annotated[bool, Flag(("-c", "--continue"), "The session used last.")] = False
    model: Annotated[str | None, Flag(("-m", "--model"), "A model of the config, or a model id.", "NAME")] = None
    memory: Annotated[
        str | None,
        Flag(
            ("--memory",),
            "What goes back: auto, summary, summary-buffer:4000, recall:800, entity, window:10, window:10-20, "
            "tokens:4000, buffer, none; or several: summary+recall:800.",
            "SPEC",
        ),
    ] = None
    store: Annotated[str | None, STORE] = None
    prompt: Annotated[str | None, Flag(("--prompt",), "A prompt of the config.", "NAME", _WHAT)] = None
    system: Annotated[str | None, Flag(("--system",), "The system text; may hold {variables}.", "TEXT", _WHAT)] = None
    var: Annotated[Sequence[str], Flag(("--var",), "A variable of the prompt; many.", "K=V", _WHAT)] = ()
    attach: Annotated[
        Sequence[str], Flag(("-a", "--attach"), "A text file, a PDF or an image; many.", "PATH", _WHAT)
    ] = ()
    option: Annotated[
        Sequence[str], Flag(("-o", "--option"), "temperature, max_tokens, seed, …; many.", "K=V", _WHAT)
    ] = ()
    no_stream: Annotated[bool, Flag(("--no-stream",), "Show the reply when it is whole.", panel=_HOW)] = False
    plain: Annotated[bool, Flag(("--plain",), "Text as it comes: no colours, no markdown.", panel=_HOW)] = False
    quiet: Annotated[bool, Flag(("-q", "--quiet"), "No notices.", panel=_HOW)] = False
    private: Annotated[bool, Flag(("--private",), "Write nothing of this chat anywhere.")] = False

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


def flag_of(name: str) -> Flag:
    """Return how the field `name` of Flags is said."""
    flag: Flag = get_args(Flags.__annotations__[name])[1]
    return flag


def may_be_repeated(name: str) -> bool:
    """Say whether the field `name` of Flags takes all that was said, not the last alone."""
    return isinstance(Flags._field_defaults[name], tuple)


def _pair(text: str, flag: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise UsageError(f"{flag} {text!r} has no name before a '='", f"write {flag} NAME=VALUE")
    return name.strip(), value
