"""Stand-ins at the protocols: a model that says what it is told to, a terminal that keeps what it is written."""

import io
from collections.abc import Iterator, Mapping, Sequence
from threading import Event as Gate
from typing import Any

from chatcli.memory import Hit
from chatcli.messages import Message
from chatcli.model import Delta, Event, Finished


class ScriptedReply:
    """Yields the scripted steps: an event, an error to raise, or a gate to wait at."""

    def __init__(self, steps: Sequence[Event | Exception | Gate]) -> None:
        self._steps = steps
        self.closed = Gate()

    def __iter__(self) -> Iterator[Event]:
        for step in self._steps:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, Gate):
                while not step.wait(0.01):
                    if self.closed.is_set():
                        return
                continue
            yield step

    def close(self) -> None:
        self.closed.set()


class ScriptedModel:
    """Answers with the scripts in turn, then with `ok`; keeps what it was asked."""

    def __init__(self, *scripts: Sequence[Event | Exception | Gate | str], window: int | None = None) -> None:
        self.name = "scripted"
        self.host = ""
        self.window = window
        self.images: bool | None = None
        self.local = False
        self.listed: int | None = None
        self.asked: list[list[Message]] = []
        self.options: list[dict[str, Any]] = []
        self.replies: list[ScriptedReply] = []
        self._scripts = [self._steps(script) for script in scripts]

    def stream(self, context: Sequence[Message], options: Mapping[str, Any]) -> ScriptedReply:
        self.asked.append(list(context))
        self.options.append(dict(options))
        steps = self._scripts.pop(0) if self._scripts else self._steps(["ok"])
        self.replies.append(ScriptedReply(steps))
        return self.replies[-1]

    def listed_window(self) -> int | None:
        return self.listed

    def close(self) -> None:
        pass

    @property
    def said(self) -> list[list[tuple[str, str]]]:
        """Role and text of the messages of each request."""
        return [[(message.role, message.text) for message in messages] for messages in self.asked]

    @staticmethod
    def _steps(script: Sequence[Event | Exception | Gate | str]) -> list[Event | Exception | Gate]:
        """Text stands for a delta; a script that does not say how it ends, ends with stop."""
        steps = [Delta(step) if isinstance(step, str) else step for step in script]
        if not any(isinstance(step, Exception | Gate | Finished) for step in steps):
            steps.append(Finished("stop"))
        return steps


class ScriptedIndex:
    """Finds the given texts at their positions; `left` messages are taken in one a call."""

    def __init__(self, found: Mapping[int, str] | None = None, left: int = 0, news: Sequence[str] = ()) -> None:
        self.found = found or {}
        self.left = left
        self.news = list(news)

    def follow(self, history: object, most: int | None = None) -> int:
        self.left = max(0, self.left - 1)
        return self.left

    def embed(self) -> bool:
        return False

    def search(self, question: str, before: int) -> list[Hit]:
        return [Hit(at, Message("user", text), 1.0) for at, text in self.found.items() if at < before]

    def close(self) -> None:
        pass


class Tty(io.StringIO):
    """What a terminal is written."""

    def isatty(self) -> bool:
        return True
