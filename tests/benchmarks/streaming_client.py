"""Shows a file as a reply that comes in: `python streaming_client.py chatcli|mdstream SPEED FILE`.

Runs in an environment that holds nothing of the tests. SPEED is a number of tokens a second, `full` for as fast as
they are taken, `once` for the whole at the end, `nothing` to load the renderer and show one word.
"""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path


def deltas(text: str, speed: str) -> Iterator[str]:
    """Yield the text in tokens of four characters, each when it is due."""
    pause = 1 / float(speed) if speed.isdigit() else 0.0
    due = time.monotonic()
    for start in range(0, len(text), 4):
        yield text[start : start + 4]
        due += pause
        if pause and (early := due - time.monotonic()) > 0:
            time.sleep(early)


def chatcli(text: str, speed: str) -> None:
    from chatcli.render.reply import reply_view
    from chatcli.render.turn import print_reply

    if speed == "once":
        print_reply(text, plain=False)
        return
    view = reply_view(sys.stdout)
    for delta in deltas(text, speed):
        view.feed(delta)
        view.tick()
    view.finish()


def mdstream(text: str, speed: str) -> None:
    from aider.mdstream import MarkdownStream

    stream, shown = MarkdownStream(), ""
    for delta in deltas(text, speed):
        shown += delta
        stream.update(shown, final=False)
    stream.update(shown, final=True)


def main(renderer: str, speed: str, file: str) -> None:
    show: Callable[[str, str], None] = {"chatcli": chatcli, "mdstream": mdstream}[renderer]
    text = Path(file).read_text()
    show("```python\nx = 1\n```\n" if speed == "nothing" else text, "once" if speed == "nothing" else speed)


if __name__ == "__main__":
    main(*sys.argv[1:])
