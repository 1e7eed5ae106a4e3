"""Shows texts on the terminal it runs in: `python -m tests.e2e.stream_texts FILE SEED`.

FILE holds a JSON list of texts. Each is streamed in pieces cut at random by SEED, with a frame after each piece;
without a SEED each is printed at once. A line of `$$$ N $$$` stands before the Nth.
"""

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

from chatcli.render.reply import reply_view
from chatcli.render.streaming import MarkdownReply
from chatcli.render.turn import print_reply


def pieces(text: str, source: random.Random) -> Iterator[str]:
    most = max(len(text) // 40, 12)
    while text:
        size = source.randint(1, most)
        yield text[:size]
        text = text[size:]


def stream(text: str, source: random.Random) -> None:
    view = reply_view(sys.stdout)
    assert isinstance(view, MarkdownReply), "this is no terminal"
    for piece in pieces(text, source):
        view.feed(piece)
        view.draw()
    view.finish()


def main(file: str, seed: str = "") -> None:
    source = random.Random(seed)
    for number, text in enumerate(json.loads(Path(file).read_text())):
        print(f"$$$ {number} $$$", flush=True)
        if seed:
            stream(text, source)
        else:
            print_reply(text, plain=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
