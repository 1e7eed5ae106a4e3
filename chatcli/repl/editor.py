"""A text in the user's own editor: what VISUAL names, else EDITOR, else what is there."""

import os
import shlex
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from chatcli.errors import UsageError

_USUAL = ("editor", "nano", "vi")


def edit_text(text: str) -> str | None:
    """Let the user edit `text`; return what it became, without the newline at its end.

    None: the editor failed (as with `:cq`), or left no text file. Raises UsageError when none could be started. The
    editor takes over the terminal, which must be in its ordinary modes.
    """
    file, name = tempfile.mkstemp(prefix="chatcli-", suffix=".md")
    path = Path(name)
    try:
        with open(file, "w", encoding="utf-8", errors="replace") as opened:
            opened.write(text)
        if not edit_file(path):
            return None
        return path.read_text("utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError):
        return None
    finally:
        path.unlink(missing_ok=True)


def edit_file(path: Path) -> bool:
    """Let the user edit a file; return whether that went well.

    The editor that VISUAL or EDITOR names is the only one that is tried: another one would be a surprise. Without
    either it is the first that is there. Raises UsageError when it cannot be started.
    """
    name = editor_variable()
    if name is not None:
        return _edit_in(os.environ[name], name, path)
    for usual in _USUAL:
        with suppress(OSError):  # it is not there: the next one
            return _went_well([usual], path)
    raise UsageError(f"there is no editor: none of {', '.join(_USUAL)}", "set VISUAL or EDITOR to yours")


def editor_variable() -> str | None:
    """Return the variable that names the user's editor, VISUAL before EDITOR; None when neither does."""
    return next((name for name in ("VISUAL", "EDITOR") if os.environ.get(name, "").strip()), None)


def _edit_in(line: str, name: str, path: Path) -> bool:
    hint = f"set {name} to one that is there, or unset it"
    try:
        return _went_well(shlex.split(line), path)
    except (OSError, ValueError) as error:  # ValueError: an open quote, a null byte
        why = (error.strerror if isinstance(error, OSError) else str(error)) or "it is no command"
        raise UsageError(f"the editor that {name} names cannot be started: {line}: {why}", hint) from None


def _went_well(command: list[str], path: Path) -> bool:
    return subprocess.run([*command, str(path)], check=False).returncode == 0  # noqa: S603 - the user's
