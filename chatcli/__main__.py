"""The `chatcli` command."""

import os
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.argv[1:] == ["--version"]:
        from chatcli import __version__

        print(f"chatcli {__version__}")
        return
    _stand_in_for_closed_streams()
    from chatcli.cli.run import run

    sys.exit(run(sys.argv[1:]))


def _stand_in_for_closed_streams() -> None:
    """Put /dev/null where a stream was closed before the start (`>&-`): Python has None there."""
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115 - for the process's life
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


if __name__ == "__main__":
    main()
