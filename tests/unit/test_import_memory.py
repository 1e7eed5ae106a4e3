"""What an import takes of the memory: bounded, whatever the file holds and however large it is.

The files are made while they are read; `python -m tests.unit.test_import_memory 500` imports an export of 500 MB.
"""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatcli.transfer import aichat, chatgpt
from chatcli.transfer.json_stream import BadJson, JsonReader

STATUS = Path("/proc/self/status")


def conversation(number: int) -> str:
    """Return a conversation of ChatGPT's of about 100 KB, with what it has beside the text."""
    said = f'Number {number}: the capital was Chang\'an, "西安" today. ' * 30
    nodes = {
        f"n{at}": {
            "id": f"n{at}",
            "parent": f"n{at - 1}" if at else None,
            "children": [f"n{at + 1}"],
            "message": {
                "id": f"{number}-{at}", "author": {"role": ("user", "assistant")[at % 2], "name": None},
                "create_time": 1.7e9 + at, "content": {"content_type": "text", "parts": [said]},
                "metadata": {"model_slug": "gpt-4o", "citations": [], "x": {"y": [1, 2, {}]}},
            },
        }
        for at in range(40)
    }  # fmt: skip
    return json.dumps({"id": f"c{number}", "title": f"t{number}", "create_time": 1.7e9, "mapping": nodes})


class Made(io.StringIO):
    """A file of the pieces that are made as it is read."""

    def __init__(self, pieces: Iterator[str]) -> None:
        super().__init__()
        self.pieces = pieces

    def read(self, count: int | None = -1, /) -> str:
        return next(self.pieces, "")


def export(size: int) -> Iterator[str]:
    """Yield an export of about `size` bytes."""
    yield "["
    for number in range(size // len(conversation(0).encode())):
        yield ("," if number else "") + conversation(number)
    yield "]"


def dense(size: int) -> Iterator[str]:
    """Yield one value, of as many parts as fit into `size` bytes."""
    yield '[{"mapping": ['
    for _ in range(size // 3_000_000):
        yield "[]," * 1_000_000
    yield "[]]}]"


def read_all(pieces: Iterator[str]) -> int:
    """Read conversations; return how many messages there were."""
    reader = JsonReader(Made(pieces))
    return sum(len(list(session.messages)) for _ in reader.items() for session in chatgpt.read(reader.value()))


def peak() -> int:
    """Return the bytes that this process had in memory at most."""
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def growth(what: str) -> int:
    """Return by how many bytes the peak of a new process grows with `what`, which may end in a BadJson."""
    code = (
        "from tests.unit.test_import_memory import *\n"
        "import yaml\n"
        "read_all(export(400_000))\n"
        "before = peak()\n"
        f"try: {what}\n"
        "except BadJson as error: print(error.reason)\n"
        "print(peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout.splitlines()[-1])


@pytest.mark.skipif(not STATUS.exists(), reason="there is no /proc here")
@pytest.mark.parametrize(
    ("what", "most"),
    [
        ("read_all(export(30_000_000))", 30_000_000),
        ("read_all(dense(30_000_000))", 250_000_000),
        ("list(aichat.read('messages:\\n' + '- \\n' * 5_000_000, 'x'))", 120_000_000),
        ("list(aichat.read('messages: [' + '{},' * 4_000_000 + ']', 'x'))", 120_000_000),
    ],
)
def test_an_import_takes_a_bounded_memory(what: str, most: int) -> None:
    assert growth(what) < most


def test_a_value_of_too_many_parts_is_refused_and_marks_in_texts_are_none() -> None:
    text = json.dumps(['[{,\\"[' * 9, *range(99)])
    for at_once in (1, 2, 7):
        assert JsonReader(io.StringIO(text), most_parts=100).value() == json.loads(text)
        with pytest.raises(BadJson, match=r"more than 80 parts, at character 1$"):
            JsonReader(Slow(text, at_once), most_parts=80).value()
        assert JsonReader(Slow(text, at_once), most_parts=100).value() == json.loads(text)


class Slow(io.StringIO):
    def __init__(self, text: str, size: int) -> None:
        super().__init__(text)
        self.size = size

    def read(self, count: int | None = -1, /) -> str:
        return super().read(self.size)


def test_a_session_of_aichat_with_too_many_values_is_refused() -> None:
    with pytest.raises(BadJson, match="more than 200,000 values"):
        next(aichat.read("messages:\n" + "- \n" * aichat.MOST_NODES, "x"))


if __name__ == "__main__":
    size = int(sys.argv[1]) * 1_000_000
    print(f"{growth(f'read_all(export({size}))') >> 20:,} MB of memory for {size:,} bytes")
