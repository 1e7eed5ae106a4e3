"""A chat without a chat: the prompt line and the captured keys around a reply that the test holds the end of.

usage: line_demo.py GATE [HISTORY]     GATE: a FIFO; each line that is written to it is a piece of the reply
environment: EDITING=vi, KEYS: the table `[keys]` as JSON

`stream` at the prompt starts a reply that runs until the piece `end`; a piece `crash` raises. Anything else is
shown as `got …`. `fill TEXT` puts TEXT into the next prompt, `ask` asks a question.
"""

import json
import os
import select
import sys
from pathlib import Path

from chatcli.keymap import keymap
from chatcli.repl.keys import CapturedKeys, captured_keys, on_interrupt
from chatcli.repl.line import PromptLine
from chatcli.repl.paths import mention_suggestions
from chatcli.repl.suggestions import Suggestion

COMMANDS = [
    Suggestion("/help", description="what there is"),
    Suggestion("/history", description="what was said"),
    Suggestion("/rename my session", "my session", "a name with a space"),
]


interrupts: list[bool] = []


def suggest(before: str) -> list[Suggestion]:
    return [found for found in COMMANDS if before and found.text.startswith(before)] or [*mention_suggestions(before)]


def toolbar(width: int) -> str:
    return " JavaEdge · qwen-plus · tokens:8000 · sqlite "[:width]


def stream(gate: int, keys: CapturedKeys) -> None:
    print("streaming", flush=True)
    rest = b""
    while True:
        if keys.poll():
            print("[typed]", flush=True)
        if interrupts:
            interrupts.clear()
            print("[interrupted]", flush=True)
        if not select.select([gate], [], [], 0.01)[0]:
            continue
        rest += os.read(gate, 4096)
        *pieces, rest = rest.split(b"\n")
        for piece in pieces:
            if piece == b"crash":
                raise RuntimeError("crashed")
            print("piece", piece.decode(), flush=True)
            if piece == b"end":
                return


def main() -> int:
    gate = os.open(sys.argv[1], os.O_RDWR)
    shown: list[bool] = []
    vi = os.environ.get("EDITING") == "vi"
    bound = keymap(json.loads(os.environ.get("KEYS", "{}")), vi=vi)
    line = PromptLine(
        toolbar=toolbar,
        suggest=suggest,
        history=Path(sys.argv[2]) if len(sys.argv) > 2 else None,
        on_first_shown=lambda: shown.append(True),
        keymap=bound,
        vi=vi,
    )
    prefill = ""
    with captured_keys(stop=bound.stop_byte) as keys, on_interrupt(lambda: interrupts.append(True)):
        while (text := line.read(prefill)) is not None:
            prefill = text.removeprefix("fill ") if text.startswith("fill ") else ""
            if text == "stream":
                stream(gate, keys)
            elif text == "ask":
                print("answer", repr(PromptLine("sure? [y/N] ", question=True).read()))
            else:
                print("got", repr(text) if len(text) < 500 else f"{len(text)} {hash_of(text)}")
            keys.hand_over(line.input)
    assert shown == [True]
    print("left")
    return 0


def hash_of(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()[:16]


if __name__ == "__main__":
    sys.exit(main())
