"""CPU seconds to show a reply as it streams, beside printing it once: `python -m tests.benchmarks.streaming`.

The replies are 10,000 and 20,000 tokens of 4 characters. The cadences are simulated by the clock that the
renderer is given: between two frames comes what a model of that speed says in their time. Nothing is asserted.
"""

import io
import time
from collections.abc import Callable

from rich.markdown import Markdown

from chatcli.render.markdown import whole
from chatcli.render.streaming import FRAME, MarkdownReply, terminal

SECTION = """
## Section {n}

A paragraph with *emphasis*, `code`, a [link](https://example.org/{n}) and 一些中文 in it, long enough to be
wrapped over several lines of the terminal, as the paragraphs of models are, and then a little longer.

- the first point of {n}
- the second, with **bold** words
  - and one below it

1. Do this.
2. Then do that.

```python
def function_{n}(argument: int) -> str:
    # a comment
    for index in range(argument):
        print(f"line {{index}} of {n}")
    return "done"
```

| column | value |
|--------|------:|
| alpha  | {n} |
| 数据   | 42 |

> A quotation that stands for something.
"""

KINDS: dict[str, Callable[[int], str]] = {
    "mixed": lambda n: SECTION.format(n=n),
    "one fence": lambda n: (
        ("```python\n" if n == 0 else "") + f"def f_{n}(x):\n    # a note\n    return x + {n} * len('some text')\n\n"
    ),
    "bullets": lambda n: (
        f"- item {n} with **bold** and `code` and so many words that it is wrapped over two lines of the screen\n"
    ),
    "numbered": lambda n: (
        f"{n + 1}. item with **bold** and `code` and so many words that it is wrapped over two lines of the screen\n"
    ),
    "table": lambda n: ("| a | b | c |\n|---|---|---|\n" if n == 0 else "") + f"| {n} | some words | `code` |\n",
    "one paragraph": lambda n: f"words that never end nor begin a line, number {n}, ",
}


class FakeClock:
    """Shows the CPU time, plus the time that was waited for the model."""

    def __init__(self) -> None:
        self.waited = 0.0

    def __call__(self) -> float:
        return time.process_time() + self.waited


def reply_of(kind: str, tokens: int) -> str:
    parts: list[str] = []
    length = 0
    while length < tokens * 4:
        parts.append(KINDS[kind](len(parts)))
        length += len(parts[-1])
    return "".join(parts)[: tokens * 4]


def stream(text: str, tokens_per_second: float) -> tuple[float, int]:
    """Return the CPU seconds and the characters written."""
    out, clock = io.StringIO(), FakeClock()
    console = terminal(out)
    console.size = (100, 40)  # type: ignore[assignment]
    reply = MarkdownReply(console, clock=clock)
    start = time.process_time()
    for position in range(0, len(text), 4):
        reply.feed(text[position : position + 4])
        reply.tick()
        clock.waited += 1 / tokens_per_second
    reply.finish()
    return time.process_time() - start, len(out.getvalue())


def once(text: str, ours: bool) -> float:
    console = terminal(io.StringIO())
    console.size = (100, 40)  # type: ignore[assignment]
    start = time.process_time()
    console.print(whole(text) if ours else Markdown(text))
    return time.process_time() - start


def main() -> None:
    once(reply_of("mixed", 100), True)  # what is loaded at first use
    print(f"frames every {FRAME} s at most; CPU seconds (times printing once)")
    print(f"{'reply':>14} {'tokens':>7} {'rich':>6} {'once':>6}  {'at full speed':>15} {'1000/s':>15} {'100/s':>15}")
    for kind in KINDS:
        for tokens in (10_000, 20_000) if kind == "mixed" else (10_000,):
            text = reply_of(kind, tokens)
            base = min(once(text, True) for _ in range(3))
            speeds = [stream(text, speed)[0] for speed in (1e9, 1000, 100)]
            ratios = " ".join(f"{seconds:7.2f} ({seconds / base:4.1f}x)" for seconds in speeds)
            print(f"{kind:>14} {tokens:>7} {once(text, False):6.2f} {base:6.2f}  {ratios}")


if __name__ == "__main__":
    main()
