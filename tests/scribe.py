"""A model that is none, whose answers can be verified: what it was shown can be told from what it said.

A summary is a hash of the one before and of how each message since begins, so that it proves which turns it was made
of, in which order and whether each was there once. (Not of all a message says: what is long is shown abridged, to what
there was room for.) Facts are the sentences of the user's that say who likes what.
"""

import hashlib
import json
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from time import sleep
from typing import Any

from chatcli.errors import ServerError
from chatcli.memory.quoting import spoken
from chatcli.messages import Message
from chatcli.model import Delta, Event, Finished

LIKING = re.compile(r"\b[A-Z][a-z]+[0-9]+ likes [a-z]+[0-9]+\b")
FAILURES = ("error", "empty", "refusal", "cut", "endless")

_SUMMARY = re.compile(
    r"(?:Summary so far:\n(?P<before>.*?)\n\nTurns after it|Turns):\n(?P<said>.*)\n\n[^\n]*\Z", re.DOTALL
)
_MESSAGE = re.compile(r"^(?:user|assistant|tool): .{0,60}", re.MULTILINE)
_DIGEST = re.compile(r"\[([0-9a-f]{16})\]")


def digest(text: str, before: str = "") -> str:
    """Return the hash of how the messages in a text begin, which go on from `before`."""
    found = before
    for beginning in _MESSAGE.findall(text):
        found = hashlib.blake2b(f"{found}\0{beginning}".encode("utf-8", "replace"), digest_size=8).hexdigest()
    return found


def digest_of(messages: Iterable[Message]) -> str:
    """Return the hash that a summary of these messages has."""
    told = (one for one in messages if one.role in ("user", "assistant", "tool"))
    return digest("\n".join(f"{one.role}: {spoken(one)}" for one in told))


def digest_in(summary: str) -> str:
    """Return the hash that stands in a summary; '' when there is none."""
    found = _DIGEST.match(summary)
    return found[1] if found else ""


def summarised(request: str) -> str:
    """Return the summary that is asked for."""
    found = _SUMMARY.search(request)
    assert found is not None, request
    return f"[{digest(found['said'], digest_in(found['before'] or ''))}] was said"


def facts(request: str) -> str:
    """Return, as JSON, who likes what by the user's words in the turns that are asked about."""
    _, _, new = request.partition("New turns:\n")
    turns = [json.loads(line) for line in new.split("\n")]
    found = [
        {"entity": said.partition(" ")[0], "fact": said, "turn": turn["turn"], "replaces": []}
        for turn in turns
        for said in LIKING.findall(turn.get("user", ""))
    ]
    return json.dumps({"facts": found})


class Scribe:
    """Answers a request of the chat by `reply`, side requests so that they can be verified.

    `fails` says how the next side requests fail, in turn ('': they do not); `pause` is called before each piece of an
    answer, `dawdle` before each side request. `padding` is added to a summary.
    """

    def __init__(
        self,
        reply: Callable[[Sequence[Message]], str],
        window: int | None = None,
        fails: Iterator[str] | None = None,
        pause: Callable[[], None] = lambda: None,
        dawdle: Callable[[], None] = lambda: None,
    ) -> None:
        self.name, self.host, self.window, self.local = "scribe", "", window, False
        self.images: bool | None = None
        self.asked: list[list[Message]] = []
        self.fails, self.padding = fails or iter(()), ""
        self._reply, self._pause, self._dawdle = reply, pause, dawdle

    def stream(self, context: Sequence[Message], options: Mapping[str, Any]) -> "Written":
        first, last = context[0].text, context[-1].text
        if first.startswith("You keep the running summary"):
            return self._aside(lambda: summarised(last) + self.padding)
        if first.startswith("You keep notes on a conversation"):
            return self._aside(lambda: facts(last))
        self.asked.append(list(context))
        return Written(lambda: self._reply(context), self._pause)

    def _aside(self, write: Callable[[], str]) -> "Written":
        def slowly() -> str:
            self._dawdle()
            return write()

        return Written(slowly, self._pause, next(self.fails, ""))

    def models(self) -> list[str]:
        return [self.name]

    def listed_window(self) -> int | None:
        return None

    def close(self) -> None:
        pass


class Written:
    """A reply in pieces; one that `fails` ends as that says."""

    def __init__(self, write: Callable[[], str], pause: Callable[[], None], fails: str = "") -> None:
        self._write, self._pause, self._fails = write, pause, fails

    def __iter__(self) -> Iterator[Event]:
        text = self._write()
        match self._fails:
            case "error":
                raise ServerError("the endpoint failed", "again")
            case "empty":
                text = ""
            case "refusal":
                text = "I'm sorry, but I can't help with that."
            case "endless":
                text = "and so on " * 5000
        for piece in re.findall(r"(?s).{1,40}", text) if len(text) < 1000 else [text]:
            self._pause()
            yield Delta(piece)
        self._pause()
        yield Finished("length" if self._fails == "cut" else "stop")

    def close(self) -> None:
        pass


def some_pause(source: random.Random, longest: float, share: float = 1) -> Callable[[], None]:
    """Return a pause of up to so many seconds, made in a share of the cases: an answer never takes the same time."""
    return lambda: sleep(source.random() * longest) if source.random() < share else None
