"""What a store, a model or an index gives reaches no terminal as it is, however narrow the view."""

import re

import pytest
from rich.cells import cell_len

from chatcli.aids import Aids
from chatcli.chat import Chat
from chatcli.context import Context
from chatcli.memory import Hit, Selection, derived, parse_memory, summary
from chatcli.memory.derived import Derived
from chatcli.memory.facts import Entity, Fact
from chatcli.memory.history import open_history
from chatcli.messages import Message
from chatcli.render.held import held_by, held_lines
from chatcli.render.recalled import recalled_lines
from chatcli.stores import Change, State, Store
from chatcli.stores.in_memory import InMemoryStore
from tests.fakes import ScriptedIndex, ScriptedModel

EVIL = "\x1b]52;c;aGk=\x07\x9b2J\u202e\r"
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


def put(store: Store, name: str, state: State) -> None:
    assert store.put_state("s", Change(name, state, None))


@pytest.fixture
def store() -> Store:
    """A session whose summary, entities and messages hold what a terminal would obey."""
    store = InMemoryStore()
    store.append("s", [Message("user", f"the wall {EVIL}"), Message("assistant", EVIL)])
    history = open_history(store, "s", 4)
    mark = history.watermark(2)
    kept = {"text": f"They spoke {EVIL}", "position": 2, "fingerprint": mark.fingerprint, "turns": 1}
    put(store, summary.STATE, State({"versions": [kept]}, mark))
    turn = history.turn_at(0)
    assert turn is not None
    entity = Entity("ada", {f"Ada {EVIL}": 1}, (Fact(f"likes {EVIL}"),))
    put(store, derived.STATE, derived.written(Derived((derived.mark_after(turn, 1),), {"ada": entity}), history))
    return store


def test_what_a_memory_holds_is_shown_neutralised(store: Store) -> None:
    index = ScriptedIndex(news=[f"the index {EVIL}"])
    chat = Chat(store, "s", ScriptedModel(), parse_memory("summary+entity+recall:100"), aids=Aids(index=index))
    lines = ["".join(text for text, _ in line) for line in held_lines(held_by(chat))]
    for said in ("They spoke ␛]52", "about Ada ␛]52", "the index ␛]52"):
        assert any(said in line for line in lines), said
    assert not any(OBEYED.search(line) for line in lines)


@pytest.mark.parametrize("width", [34, 40, 99, 100, 160])
def test_what_was_recalled_is_shown_neutralised_at_every_width(width: int) -> None:
    hit = Hit(0, Message("user", f"{EVIL} the wall {EVIL}"), 1.0, (f"wall{EVIL}", "the"))
    context = Context((), Selection(hits=(hit, hit)))
    lines = ["".join(text for text, _ in line) for line in recalled_lines(context, {0: 1}, width)]
    assert any("␛]52" in line for line in lines)
    assert not any(OBEYED.search(line) or "\n" in line for line in lines)
    assert max(map(cell_len, lines)) <= width
