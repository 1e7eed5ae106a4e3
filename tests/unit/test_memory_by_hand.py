"""The slash commands that steer a summary, where no terminal is needed to see what they do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from chatcli.aids import Aids
from chatcli.chat import Chat
from chatcli.errors import Conflict, ContextTooLong
from chatcli.memory import parse_memory, summary
from chatcli.memory.history import open_history
from chatcli.messages import Message
from chatcli.repl.commands.memory import compact, show_summary
from chatcli.stores import Change, State, Store
from chatcli.stores.in_memory import InMemoryStore
from tests.fakes import ScriptedModel, ScriptedReply

TOO_LONG = ContextTooLong("the context is too long", "send less")


@dataclass
class Screen:
    """Keeps what it is told to show."""

    lines: list[str] = field(default_factory=list)

    def aside(self, text: str) -> None:
        self.lines.append(text)


@dataclass
class Terminal:
    """What the commands need of the terminal; `typed` is what the user makes of a text in the editor."""

    chat: Chat
    typed: str = ""
    screen: Screen = field(default_factory=Screen)

    def edit(self, text: str) -> str:
        return self.typed

    def wait_for(self, what: str, work: Callable[[Callable[[], bool]], Any]) -> Any:
        return work(lambda: False)


class Overtaken(ScriptedModel):
    """While it answers, another terminal writes a summary of the first turns: before its first `times` answers."""

    def __init__(self, store: Store, times: int) -> None:
        super().__init__()
        self.store, self.times = store, times

    def stream(self, context: Sequence[Message], options: Mapping[str, Any]) -> ScriptedReply:
        if len(self.asked) < self.times:
            put_summary(self.store, len(self.asked) + 1)
        return super().stream(context, options)


def put_summary(store: Store, turns: int) -> None:
    history = open_history(store, "s", 100)
    mark = history.watermark(2 * turns)
    kept = {"text": "theirs", "turns": turns, "position": mark.position, "fingerprint": mark.fingerprint}
    assert store.put_state("s", Change(summary.STATE, State({"versions": [kept]}, mark), history.state(summary.STATE)))


@pytest.fixture
def store() -> Store:
    """A session `s` of ten turns."""
    store = InMemoryStore()
    for number in range(10):
        store.append("s", [Message("user", f"question {number}"), Message("assistant", f"answer {number}")])
    return store


@pytest.mark.parametrize(("exact", "said"), [(True, "yours now, 3 tokens"), (False, "yours now, ~3 tokens")])
def test_the_tokens_of_an_edited_summary_are_about_unless_a_tokenizer_counts_them(
    store: Store, exact: bool, said: str
) -> None:
    put_summary(store, 4)
    aids = Aids(measure=lambda model: (lambda text: len(text.split())) if exact else None)
    terminal = Terminal(Chat(store, "s", ScriptedModel(), parse_memory("summary"), aids=aids), "my own words\n")
    show_summary(terminal, "edit")  # type: ignore[arg-type]
    assert said in terminal.screen.lines[-1]


def test_a_compact_that_was_overtaken_once_goes_on_from_what_is_summed_up_by_then(store: Store) -> None:
    side = Overtaken(store, 1)
    terminal = Terminal(Chat(store, "s", side, parse_memory("summary")))
    compact(terminal, "")  # type: ignore[arg-type]
    assert "turns 1 to 9 are summed up" in terminal.screen.lines[-1]
    assert len(side.asked) == 2
    assert "Summary so far:\ntheirs" in side.asked[1][-1].text


def test_a_compact_that_is_overtaken_again_and_again_says_so(store: Store) -> None:
    side = Overtaken(store, 9)
    with pytest.raises(Conflict, match="the summary was changed meanwhile"):
        compact(Terminal(Chat(store, "s", side, parse_memory("summary"))), "")  # type: ignore[arg-type]
    assert len(side.asked) == 2


def test_a_compact_that_is_too_long_for_the_model_goes_on_with_less(store: Store) -> None:
    side = ScriptedModel([TOO_LONG])
    terminal = Terminal(Chat(store, "s", side, parse_memory("summary")))
    compact(terminal, "")  # type: ignore[arg-type]
    assert "turns 1 to 9 are summed up" in terminal.screen.lines[-1]
    assert len(side.asked) == 2


def test_a_compact_that_stays_too_long_for_the_model_says_so_in_the_end(store: Store) -> None:
    side = ScriptedModel(*[[TOO_LONG]] * 100)
    with pytest.raises(ContextTooLong):
        compact(Terminal(Chat(store, "s", side, parse_memory("summary"))), "")  # type: ignore[arg-type]
    assert len(side.asked) < 10
