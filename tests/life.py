"""A session that grows turn by turn: what a memory sends of it, and what is derived from it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chatcli.context import Context
from chatcli.memory import Part, View, parse_memory
from chatcli.memory.history import open_history
from chatcli.messages import Message
from chatcli.prompt import DEFAULT, fill
from chatcli.stores.in_memory import InMemoryStore

SESSION = "s"
Answer = str | Exception


class ScriptedAsk:
    """Answers side requests with the scripts in turn, then by `answer`; keeps what it was asked."""

    def __init__(self, *scripts: Answer, answer: Callable[[str], str] = lambda text: "short", room: int = 4000) -> None:
        self.room = room
        self.asked: list[list[Message]] = []
        self.schemas: list[Mapping[str, Any] | None] = []
        self._scripts = list(scripts)
        self._answer = answer

    def __call__(self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None) -> str:
        self.asked.append(list(messages))
        self.schemas.append(schema)
        given = self._scripts.pop(0) if self._scripts else self._answer(messages[-1].text)
        if isinstance(given, Exception):
            raise given
        return given

    @property
    def texts(self) -> list[str]:
        """The whole text of each request."""
        return ["\n".join(message.text for message in messages) for messages in self.asked]


class Life:
    """The session `s` of a store, and the memory that `spec` names. `more` goes into each View."""

    def __init__(self, spec: str, **more: Any) -> None:
        self.store = InMemoryStore()
        self.memory = parse_memory(spec)
        self.more = more

    def say(self, *turns: str, reply: str = "so it is") -> None:
        """Add turns, and keep what the memory wants kept with each, as a commit does."""
        for text in turns:
            changes = self.context(text).selection.changes
            self.store.commit(SESSION, text, [Message("user", text), Message("assistant", reply)], changes=changes)

    def view(self) -> View:
        return View(open_history(self.store, SESSION, self.memory.first_look), **self.more)

    def context(self, text: str | None = "?") -> Context:
        """Return what is sent for `text`, with the system text SYSTEM."""
        question = None if text is None else Message("user", text)
        chosen = self.memory.select(self.view(), question)
        system = Part("system", (Message("system", "SYSTEM"),))
        parts = (system, *fill(DEFAULT, {}, chosen.parts, question))
        return Context(parts, chosen)

    def derive(self, ask: ScriptedAsk, steps: int = 50) -> int:
        """Derive what is behind; return how many steps that took."""
        for done in range(steps):
            changes = [change for d in self.memory.derivations(self.view()) if (change := d.step(self.view(), ask))]
            if not changes:
                return done
            for change in changes:
                assert self.store.put_state(SESSION, change)
        return steps

    def sent(self, text: str = "?") -> list[tuple[str, str]]:
        """Return role and text of the messages that are sent for `text`."""
        return [(message.role, message.text) for message in self.context(text).messages]
