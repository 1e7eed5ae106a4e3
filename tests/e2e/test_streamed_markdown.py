"""Replies streamed on a real terminal: what stands there in the end, and that nothing finished is written again."""

import json
import os
import re
import subprocess
import sys
import termios
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from chatcli.render.parsing import parser
from tests.final_screen import FinalScreen
from tests.spec import spec_examples
from tests.terminal import clean_env

ROOT = Path(__file__).parents[2]
ROWS = 24


def written(argv: Sequence[str], columns: int) -> bytes:
    """Return all that a program writes to a terminal; no screen follows it meanwhile, which would take longer."""
    ours, its = os.openpty()
    termios.tcsetwinsize(its, (ROWS, columns))
    program = subprocess.Popen(argv, stdin=its, stdout=its, stderr=its, cwd=ROOT, env=clean_env())
    os.close(its)
    raw = b""
    with suppress(OSError):  # Linux: EIO once nobody holds the other side
        while data := os.read(ours, 65536):
            raw += data
    os.close(ours)
    assert program.wait() == 0, raw[-3000:].decode()
    return raw


def shown(texts: Sequence[str], folder: Path, columns: int, seed: str = "") -> list[tuple[list[str], list[str]]]:
    """Return, for each text, the lines that stand on terminal and scrollback, and those touched after they were."""
    file = folder / "texts.json"
    file.write_text(json.dumps(texts))
    argv = [sys.executable, "-m", "tests.e2e.stream_texts", str(file), *([seed] if seed else [])]
    raw = written(argv, columns)
    found = []
    for part in re.split(rb"\$\$\$ \d+ \$\$\$\r\n", raw)[1:]:
        screen = FinalScreen(columns, ROWS).feed(part)
        found.append((screen.everything(), screen.touched))
    return found


def defines_late(text: str) -> bool:
    """Say whether a link's definition stands behind something that may use it: that stays as it was written."""
    env: dict[str, dict[str, dict[str, list[int]]]] = {}
    tokens = parser().parse(text, env)
    first = min((token.map[0] for token in tokens if token.map), default=0)
    return any(target["map"][0] > first for target in env.get("references", {}).values())


@pytest.fixture(scope="module")
def examples() -> list[str]:
    found = spec_examples()
    assert len(found) > 640
    known = [text for text in found if not defines_late(text)]
    assert len(known) > 590
    return known


@pytest.mark.timeout(400)
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_every_example_of_commonmark_streams_to_what_it_is_when_printed_at_once(
    examples: list[str], columns: int, tmp_path: Path
) -> None:
    streamed = shown(examples, tmp_path, columns, seed=str(columns))
    at_once = shown(examples, tmp_path, columns)
    for text, (lines, touched), (expected, _) in zip(examples, streamed, at_once, strict=True):
        assert lines == expected, text
        assert not touched, text


def _code() -> str:
    return (
        "```python\n"
        + "".join(f'def f_{n}(x):\n    """Says\n    {n}."""\n    return x\n' for n in range(500))
        + "```\n"
    )


GIANTS = {
    "code": _code(),
    "bullets": "".join(f"- item {n} with **bold** and `code`\n" for n in range(1000)),
    "numbers": "".join(f"{n + 1}. item {n} with **bold** and `code`\n" for n in range(1000)),
    "table": "| n | name | what |\n|--:|---|---|\n"
    + "".join(f"| {n} | name {n} | what *{n}* is |\n" for n in range(500)),
    "quotation": "".join(f"> line {n} with **bold** and `code`\n" for n in range(2000)),
    "item": "- one\n  - two\n" + "".join(f"    line {n}\n\n    ```\n    x = {n}\n    ```\n" for n in range(300)),
    "indented": "".join(f"    line {n}\n" for n in range(2000)),
    "word": "0123456789abcdef" * 3000,
    "paragraph": " ".join(f"word{n} **two words** `c d`" for n in range(3300)),
}


@pytest.mark.timeout(400)
@pytest.mark.parametrize("columns", [40, 200])
def test_one_block_may_be_the_whole_reply(columns: int, tmp_path: Path) -> None:
    texts = list(GIANTS.values())
    streamed, at_once = shown(texts, tmp_path, columns, seed="giants"), shown(texts, tmp_path, columns)
    for name, (lines, touched), (expected, _) in zip(GIANTS, streamed, at_once, strict=True):
        assert lines == expected, name
        assert len(lines) > 200
        assert not touched, name
