"""One request to a model beside the chat: whole or not at all, and broken off when a turn wants the model."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from chatcli.errors import BadRequest, BrokenStream, ContextTooLong, TimedOut
from chatcli.memory import SAFE_WINDOW
from chatcli.messages import Message
from chatcli.model import Delta, Finished, Model
from chatcli.pump import Pump

LONGEST = 90.0
"""Seconds after which a side request is given up."""

MOST_CHARACTERS = 40_000
"""Of an answer to a side request; what goes on beyond is none."""

_ANOTHER = "set summary_model in the config to another model"


class Held(Exception):
    """A turn wants the model for itself, or the chat ends: the side request is broken off, and nothing is wrong."""


@dataclass(slots=True)
class SideRequest:
    """Asks `model` beside the chat; `is_held` breaks it off. `with_schema` false: the endpoint knows no schemas.

    `most` is how many tokens of the history go into one request, `clock` gives seconds.
    """

    model: Model
    is_held: Callable[[], bool]
    with_schema: bool = True
    most: int = 12_000
    clock: Callable[[], float] = time.monotonic

    @property
    def room(self) -> int:
        """Half of the window, at most 12,000 tokens: the rest is for what was derived before, and the answer."""
        return min(self.most, (self.model.window or SAFE_WINDOW) // 2)

    def __call__(self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None) -> str:
        """See memory.Ask; raises Held when it was broken off."""
        if schema is None or not self.with_schema:
            return self._ask(messages, {})
        form = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": dict(schema)}}
        try:
            return self._ask(messages, {"response_format": form})
        except BadRequest:
            self.with_schema = False
            return self._ask(messages, {})

    def _ask(self, messages: Sequence[Message], options: Mapping[str, Any]) -> str:
        if self.is_held():
            raise Held
        try:
            return self._answer(messages, options)
        except ContextTooLong:
            self.most = max(500, self.room // 2)
            raise

    def _answer(self, messages: Sequence[Message], options: Mapping[str, Any]) -> str:
        deadline = self.clock() + LONGEST
        text, ended = "", ""
        with closing(iter(Pump(self.model.stream(messages, options)))) as events:
            for event in events:
                if self.is_held():
                    raise Held
                if self.clock() > deadline:
                    raise TimedOut(f"{self.model.name} took more than {LONGEST:.0f} s", _ANOTHER)
                match event:
                    case Delta(piece):
                        text += piece
                    case Finished(finish):
                        ended = finish
                if len(text) > MOST_CHARACTERS:
                    raise BrokenStream(f"{self.model.name} went on and on", _ANOTHER)
        if ended != "stop" or not text.strip():
            raise BrokenStream(f"{self.model.name} gave no whole answer", _ANOTHER)
        return text
