"""The prompt line without a terminal on both sides: lines, and blocks, from the standard input."""

import sys
from typing import NoReturn

from chatcli.repl.block import in_open_block
from chatcli.repl.keys import on_interrupt


def read_plain(message: str, leave_hint: str, question: bool = False) -> str | None:
    """Return the next line, or block, as it was typed; None when there is no more, or ^C leaves a `question`.

    Empty lines are passed over, unless they answer a question. `message` stands before what is typed at a terminal,
    `leave_hint` is what ^C says.
    """
    text = ""
    while sys.stdin is not None:
        try:
            line = _read_line("" if text else message)
        except KeyboardInterrupt:
            if question:
                return None
            print(f"\n{leave_hint}", file=sys.stderr)
            text = ""
            continue
        text += line.decode("utf-8", "replace").replace("\r\n", "\n")
        if not line or not in_open_block(text):
            if text.strip() or (question and line):
                return text
            text = ""
        if not line:
            return None
    return None


def _read_line(message: str) -> bytes:
    """Return a line; raise KeyboardInterrupt on ^C at a terminal, of which the chat's own handler only takes a note."""
    if not sys.stdin.isatty():
        return sys.stdin.buffer.readline()
    with on_interrupt(_interrupt):
        print(message, end="", flush=True)
        line = sys.stdin.buffer.readline()
        if not line:
            print()  # ^D leaves the cursor behind the prompt
        return line


def _interrupt() -> NoReturn:
    raise KeyboardInterrupt
