"""The `chatcli` command."""

import gc
import io
import os
import sys
from contextlib import AbstractContextManager, nullcontext

_FEWER_COLLECTIONS = 200_000
"""Objects between two looks for garbage. Start-up makes a hundred thousand that stay: with Python's own 700 a
twentieth of the time until the prompt goes into looking at them again and again."""


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.argv[1:] == ["--version"]:
        from chatcli import __version__

        print(f"chatcli {__version__}")
        return
    gc.set_threshold(_FEWER_COLLECTIONS)
    try:
        _stand_in_for_closed_streams()
        _show_what_the_encoding_lacks()
        code = _run(sys.argv[1:])
    except KeyboardInterrupt:  # before there was anything to stop
        code = 130
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    """Run the command line; where a chat begins, what is typed during the imports is kept from the screen."""
    with _keys_of(arguments):
        from chatcli.cli.run import run

        return run(arguments)


def _keys_of(arguments: list[str]) -> AbstractContextManager[object]:
    chats = arguments[:1] == ["chat"] or arguments[:2] == ["sessions", "resume"]
    if not chats or not (sys.stdin.isatty() and sys.stdout.isatty()) or {"-h", "--help"} & {*arguments}:
        return nullcontext()
    from chatcli.repl.keys import captured_keys

    return captured_keys()


def _stand_in_for_closed_streams() -> None:
    """Put /dev/null where a stream was closed before the start (`>&-`): Python has None there."""
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115 - for the process's life
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def _show_what_the_encoding_lacks() -> None:
    """Have characters that stdout or stderr cannot encode (`LC_ALL=C`) written as their code, not end the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    main()
