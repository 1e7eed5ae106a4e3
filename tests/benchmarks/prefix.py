"""How much of each request stood in the one before: `python -m tests.benchmarks.prefix [SPEC…] [--embedded]`.

Providers and local servers keep a prompt they have computed, by its prefix. A session of 200 turns, of about 120
tokens each, is led by each memory in turn, its summaries made after each turn by a model that is none. What is
printed, from turn 40 on: the share of all prompt tokens that lie in a prefix shared with the request before (target:
85 % for `tokens:2000`; a window that slides keeps the system text alone), the tokens of a request, those of them that
are new, and side requests per turn (target: one per 8 turns). Returns 1 when a target is missed.

With --embedded, turns of `tokens:2000` go to the embedded model's real server, and what it says it computed and took
from its cache is printed beside what is expected of the texts.
"""

import argparse
import os
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count, pairwise
from pathlib import Path
from typing import Any

from chatcli import tokens
from chatcli.aids import Aids
from chatcli.chat import Chat
from chatcli.memory import parse_memory
from chatcli.messages import Message
from chatcli.model import Delta, Event, Finished, Used, local
from chatcli.model.choose import installed_weights
from chatcli.model.local import EmbeddedModel
from chatcli.prompt import make_prompt
from chatcli.recall import open_index
from chatcli.stores.in_memory import InMemoryStore

TURNS = 200
FIRST = 40
"""The turn from which on is counted: before it there is nothing to cut."""

SPECS = (
    "tokens:1000", "tokens:2000", "tokens:4000", "window:15", "window:8-16", "summary", "summary-buffer:2000",
    "summary-buffer:2000+recall:400", "auto", "buffer",
)  # fmt: skip
WINDOW = 8192
LEAST = {"tokens:2000": 0.85}
MOST_SIDE_REQUESTS = 1 / 8

estimate = lru_cache(maxsize=None)(tokens.estimate)  # most messages are counted again at every turn

_SYLLABLES = ("ka", "lo", "mi", "ren", "sto", "va", "tel", "nor", "bi", "qua", "shu", "de", "fan", "gol", "pri", "zan")


@dataclass(frozen=True)
class Figures:
    """What a memory did over a session, from FIRST on: a share, tokens a turn, new ones of them, requests a turn."""

    shared: float
    tokens: float
    new: float
    side_requests: float


class Echo:
    """A model that answers with about 80 tokens, and a summary with 100; keeps what it was asked."""

    name, host, window, local, images = "echo", "", WINDOW, False, None

    def __init__(self) -> None:
        self.asked: list[list[Message]] = []
        self.side_requests = 0
        self._random = random.Random(2)

    def stream(self, context: Sequence[Message], options: Mapping[str, Any]) -> "Answer":
        if context[0].role == "system" and context[0].text.startswith("You keep the running summary"):
            self.side_requests += 1
            return Answer(words(self._random, 100))
        self.asked.append(list(context))
        return Answer(words(self._random, 77))

    def models(self) -> list[str]:
        return [self.name]

    def listed_window(self) -> int | None:
        return None

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Answer:
    """A reply of one piece."""

    text: str

    def __iter__(self) -> Iterator[Event]:
        yield Delta(self.text)
        yield Finished("stop")

    def close(self) -> None:
        pass


class PatientChat(Chat):
    """A chat that derives when it is told to, so that a run gives the same figures every time."""

    def derive(self) -> None:
        pass


def words(source: random.Random, length: int) -> str:
    """Return a text of about so many tokens."""
    made: list[str] = []
    while length > 0:
        made.append("".join(source.choices(_SYLLABLES, k=2)))
        length -= tokens.estimate(made[-1])
    return " ".join(made)


def led_by(spec: str, turns: int = TURNS) -> Iterator[tuple[list[Message], int]]:
    """Yield the request of each turn of the session, and the side requests that followed it."""
    model, source = Echo(), random.Random(1)
    prompt = make_prompt([{"role": "system", "content": "You are a helpful assistant. Answer in short sentences."}])
    aids, clock = Aids(index=open_index(None)), count(1_700_000_000.0, 60.0)
    chat = PatientChat(InMemoryStore(), "s", model, parse_memory(spec), prompt, aids=aids, clock=clock.__next__)
    for _ in range(turns):
        before = model.side_requests
        list(chat.send(words(source, 27)))
        chat.background.catch_up()
        yield model.asked[-1], model.side_requests - before
    chat.close()


def shared(before: Sequence[Message], after: Sequence[Message]) -> int:
    """Return how many tokens at the beginning of `after` stood in `before` as well."""
    total = 0
    for one, other in zip(before, after, strict=False):
        if (one.role, one.content) == (other.role, other.content):
            total += tokens.of_message(other, estimate)
            continue
        if one.role == other.role:
            total += estimate(common(one.text, other.text))
        break
    return total


def common(one: str, other: str) -> str:
    """Return the beginning that both texts have."""
    length = min(len(one), len(other))
    return one[: next((at for at in range(length) if one[at] != other[at]), length)]


def measure(spec: str, turns: int = TURNS) -> Figures:
    """Return the figures of a session led by `spec`."""
    requests, side_requests = zip(*led_by(spec, turns), strict=True)
    later = list(pairwise(requests))[FIRST - 1 :]
    counted = [(tokens.of_messages(after, estimate), shared(before, after)) for before, after in later]
    total, kept = sum(one for one, _ in counted), sum(one for _, one in counted)
    return Figures(
        kept / total, total / len(counted), (total - kept) / len(counted), sum(side_requests) / len(side_requests)
    )


def missed(spec: str, found: Figures) -> bool:
    """Say whether the figures of a memory miss a target."""
    return found.shared < LEAST.get(spec, 0) or found.side_requests > MOST_SIDE_REQUESTS


# The embedded model's server


def embedded(spec: str, turns: int) -> None:
    """Send the session's first turns to the embedded model's server; print what it computed beside the estimate."""
    weights = installed_weights(Path(os.devnull))
    if weights is None:
        sys.exit("the weights of the embedded model are not installed: uv sync")
    print(f"\n{spec} on the embedded model: shared with the request before / cache_n, new / prompt_n")
    sums, before = [0, 0, 0, 0], list[Message]()
    model = EmbeddedModel(local.embedded(weights))
    try:
        for number, (asked, _) in enumerate(led_by(spec, turns), 1):
            kept, events = shared(before, asked), model.stream(asked, {"max_tokens": 1})
            usage = next(event.usage for event in events if isinstance(event, Used))
            figures = (kept, usage.cached, tokens.of_messages(asked) - kept, usage.prompt - usage.cached)
            print(f"turn {number:3}:   {figures[0]:5} /{figures[1]:5}   {figures[2]:5} /{figures[3]:5}", flush=True)
            sums = [so_far + one for so_far, one in zip(sums, figures, strict=True)]
            before = asked
    finally:
        model.close()
    shares = sums[0] / (sums[0] + sums[2]), sums[1] / (sums[1] + sums[3])
    print(f"expected {shares[0]:.1%} shared; the server took {shares[1]:.1%} from its cache")


def main() -> int:
    """Print a line for each memory."""
    parser = argparse.ArgumentParser(description="How much of each request stood in the one before.")
    parser.add_argument("specs", nargs="*", default=SPECS, metavar="SPEC")
    parser.add_argument("--embedded", action="store_true", help="send some turns to the embedded model, too")
    parser.add_argument("--turns", type=int, default=40, help="how many turns go to the embedded model")
    given = parser.parse_args()
    print(f"{'memory':32} {'shared':>7} {'tokens a turn':>14} {'new a turn':>11} {'side requests a turn':>21}")
    failed = False
    for spec in given.specs:
        found = measure(spec)
        failed |= missed(spec, found)
        print(
            f"{spec:32} {found.shared:7.1%} {found.tokens:14.0f} {found.new:11.0f} {found.side_requests:21.3f}"
            f"{'   target missed' if missed(spec, found) else ''}",
            flush=True,
        )
    if given.embedded:
        embedded("tokens:2000", given.turns)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
