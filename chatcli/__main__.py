"""The `chatcli` command."""

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.argv[1:] == ["--version"]:
        from chatcli import __version__

        print(f"chatcli {__version__}")
        return
    from chatcli.cli.run import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
