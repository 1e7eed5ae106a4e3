"""A text in the user's own editor: $VISUAL, $EDITOR, else what is there."""

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

_USUAL = ("editor", "nano", "vi")


def edit_text(text: str) -> str | None:
    """Let the user edit `text`; return what it became, without the newline at its end.

    None: no editor could be started, it failed (as with `:cq`), or left no text file. The editor takes over
    the terminal, which must be in its ordinary modes.
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
    """Let the user edit a file in the first editor that is there; return whether that went well."""
    for command in _editors():
        try:
            return subprocess.run([*command, str(path)], check=False).returncode == 0  # noqa: S603 - the user's
        except OSError:  # it is not there: the next one
            continue
    return False


def _editors() -> Iterator[list[str]]:
    for line in (os.environ.get("VISUAL"), os.environ.get("EDITOR"), *_USUAL):
        try:
            words = shlex.split(line or "")
        except ValueError:  # an open quote
            continue
        if words:
            yield words
