"""Runs a command and turns what goes wrong into two lines and an exit code."""

import errno
import os
import sys
from collections.abc import Sequence

from chatcli.cli.output import show_error
from chatcli.cli.quick import quick_flags
from chatcli.errors import ChatError

INTERRUPTED = 130

_CANNOT_WRITE = (errno.ENOSPC, errno.EIO, errno.EBADF)


def run(arguments: Sequence[str]) -> int:
    """Run the command line `arguments`; return its exit code. Errors are shown on stderr."""
    try:
        code = _command(list(arguments))
        sys.stdout.flush()
    except ChatError as error:
        show_error(error.message, error.hint)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return _seen_enough()
    except SystemExit as leaving:
        if isinstance(leaving.__context__, BrokenPipeError):  # typer's way out
            return _seen_enough()
        raise
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        show_error(f"the output cannot be written: {error.strerror}", "give it a place with room")
        return 1
    return code


def _command(arguments: list[str]) -> int:
    flags = quick_flags(arguments)
    if flags is not None:
        from chatcli.cli.opened import open_chat

        return open_chat(flags)
    if os.environ.get("_CHATCLI_COMPLETE") != "complete_bash":
        return _by_typer(arguments)
    from chatcli.cli.completing import words_for_bash

    with words_for_bash():
        return _by_typer(arguments)


def _by_typer(arguments: list[str]) -> int:
    import typer

    from chatcli.cli.app import app

    try:
        code = app(args=arguments, prog_name="chatcli", standalone_mode=False)
    except typer.TyperException as error:
        if message := error.format_message().rstrip("."):  # a group without a command has printed its help
            show_error(message[0].lower() + message[1:], "--help shows what there is")
        return error.exit_code
    except typer.Abort:
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def _seen_enough() -> int:
    """Return 0: whoever read our output wanted no more (`| head -1`). Nothing may be flushed into it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 0
