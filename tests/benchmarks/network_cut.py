"""A chat in a terminal while the network to Redis fails: `python -m tests.benchmarks.network_cut --seconds 60`.

For so long the network drops, delays, resets, half-closes and refuses, one after the other, with a moment of fair
weather between; then it is fair. All the time the user sends messages, each as soon as the prompt is there again; the
model answers at once. Then every turn must be in Redis, once and in order. What is printed is the longest time from
Enter to the reply, and from the reply to the prompt: target 2 s.

The suite runs it with a few seconds (tests/e2e/test_store_away.py).
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chatcli.stores.redis import RedisStore
from tests.e2e.conftest import User
from tests.network import CUTS, Network, Weather, network
from tests.redis_server import running
from tests.servers import ModelServer
from tests.terminal import Terminal

FAIR = 1.0  # seconds between two kinds of weather


@dataclass(frozen=True)
class Outcome:
    """What a chat through bad weather left: what was said, what is in the store, and the longest waits in seconds."""

    said: Sequence[str]
    stored: Sequence[str]
    to_reply: float
    to_prompt: float

    @property
    def lost(self) -> int:
        return len(set(self.said) - set(self.stored))

    @property
    def doubled(self) -> int:
        return len(self.stored) - len(set(self.stored))


def weather_at(second: float, seconds: float) -> Weather:
    """Return the weather so many seconds after the beginning of the cut."""
    each = seconds / len(CUTS)
    kind, since = divmod(second, each)
    return CUTS[int(kind) % len(CUTS)] if since < max(each - FAIR, each / 2) else "fair"


def chat_through(user: User, seconds: float) -> Outcome:
    """Chat for so many seconds of bad weather, and two turns before and after it."""
    with running() as redis, network(redis.port) as between:
        with user.chat("-s", "cut", "--store", between.url, "--memory", "window:3", rows=50) as term:
            term.wait_for("you>")
            said, waits = [], []
            _say(term, said, waits)
            _say(term, said, waits)
            began = time.monotonic()
            while (now := time.monotonic() - began) < seconds:
                _turn(between, weather_at(now, seconds))
                _say(term, said, waits)
            between.turns("fair")
            term.wait(_is_there, timeout=60)
            _say(term, said, waits)
            term.enter("/exit")
            term.wait_exit()
            assert "kept here for" not in term.text(), term.text()
        store = RedisStore(redis.url)
        stored = [message.text for message in store.messages("cut") if message.role == "user"]
        assert [m.text.partition(": ")[2] for m in store.messages("cut") if m.role == "assistant"] == stored
        assert store.pending("cut") == []
        store.close()
    return Outcome(said, stored, max(reply for reply, _ in waits), max(prompt for _, prompt in waits))


def _turn(between: Network, weather: Weather) -> None:
    if between.weather != weather:
        between.turns(weather)


def _is_there(term: Terminal) -> bool:
    """Say whether the toolbar stands at the bottom, and says nothing of a store that is away."""
    bar = [line for line in term.screen_lines() if line][-1]
    return bar.startswith("cut · ") and "store away" not in bar


def _say(term: Terminal, said: list[str], waits: list[tuple[float, float]]) -> None:
    """Send a message; note how long the reply took, and the prompt after it."""
    text = f"message-{len(said)}"
    said.append(text)
    term.enter(text)
    sent = time.monotonic()
    term.wait(lambda t: f": {text}" in t.text())
    replied = time.monotonic()
    term.wait(lambda t: any(line.rstrip() == "you>" for line in t.text().partition(f": {text}")[2].splitlines()))
    waits.append((replied - sent, time.monotonic() - replied))


def main() -> int:
    """Cut the network for so long; return 1 when something was lost or doubled, or somebody waited longer than 2 s."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as home, ModelServer() as server:
        done = chat_through(User(Path(home), server), seconds)
    print(f"{len(done.said)} turns in {seconds:.0f} s of bad weather: {done.lost} lost, {done.doubled} doubled")
    print(f"the longest wait for a reply {done.to_reply:.2f} s, for the prompt after it {done.to_prompt:.2f} s")
    whole = list(done.stored) == list(done.said)
    return int(not whole or max(done.to_reply, done.to_prompt) > 2.0)


if __name__ == "__main__":
    sys.exit(main())
