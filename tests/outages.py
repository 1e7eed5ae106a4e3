"""A store with outages: between its caller and it, verbs are lost before or after they are done, or held up."""

import threading
from collections.abc import Callable, Iterable
from typing import Any, Literal

from chatcli.errors import StoreAway
from chatcli.stores import Store

Fate = Literal["done", "lost", "done, but lost"]


class Outages:
    """Passes verbs on to `inner`; each meets the next of `fates`, then `fate`.

    `gate`, when given, holds every verb up until it is set; `failure` is what a lost one raises.
    """

    warning = ""

    def __init__(self, inner: Store, fates: Iterable[Fate] = ()) -> None:
        self.inner = inner
        self.address = inner.address
        self.durable = inner.durable
        self.fates = list(fates)
        self.fate: Fate = "done"
        self.reads_pass = False
        self.gate: threading.Event | None = None
        self.failure: Exception = StoreAway("the store is away", "start it")
        self.refusing: dict[str, Exception] = {}
        self.asked: list[str] = []

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            self.asked.append(verb)
            if self.gate is not None:
                self.gate.wait()
            fate = self.fates.pop(0) if self.fates else self.fate
            if self.reads_pass and verb in ("snapshot", "messages", "length", "exists", "pending", "sessions"):
                fate = "done"
            if verb in self.refusing:
                raise self.refusing[verb]
            if fate == "lost":
                raise self.failure
            result = getattr(self.inner, verb)(*given, **named)
            if fate == "done, but lost":
                raise self.failure
            return result

        return call

    def close(self) -> None:
        self.inner.close()
