"""The chat with the entity memory: turns are read in the background, facts ride with the input."""

import json
from typing import Any

from chatcli.aids import Aids
from chatcli.chat import Chat
from chatcli.memory import corrections, derived, parse_memory
from chatcli.memory.history import open_history
from chatcli.model import Finished
from chatcli.stores import Store
from chatcli.stores.in_memory import InMemoryStore
from tests.fakes import ScriptedModel
from tests.unit.test_background import until
from tests.unit.test_entity import said


def answer(*found: tuple[Any, ...]) -> list[str]:
    return [json.dumps(said(*found))]


def chat_with(side: ScriptedModel, store: Store, spec: str = "entity+window:1") -> Chat:
    return Chat(store, "s", ScriptedModel(), parse_memory(spec), aids=Aids(side_model=lambda: side))


def say(chat: Chat, text: str, turns: int) -> str:
    """Send a text, wait until its turn was read; return the input as it was sent."""
    list(chat.send(text))
    until(lambda: derived.read(open_history(chat.store, "s", 4)).turns == turns)
    assert isinstance(chat.model, ScriptedModel)
    return chat.model.asked[-1][-1].text


def known(store: Store) -> dict[str, list[str]]:
    found = corrections.known(open_history(store, "s", 4))
    return {entity.name: [fact.text for fact in entity.current] for entity in found.values()}


def test_facts_are_read_after_the_answer_and_ride_inside_the_next_input() -> None:
    side = ScriptedModel(answer(("Ada", "likes tea", 1)), answer(), answer())
    chat = chat_with(side, InMemoryStore())
    assert say(chat, "Ada likes tea.", 1) == "Ada likes tea."
    say(chat, "Hello", 2)
    sent = say(chat, "What does Ada like?", 3)
    assert "Ada:\n- likes tea (turn 1" in sent
    assert sent.endswith("What does Ada like?")
    assert len(side.asked) == 3
    assert side.options[0]["response_format"]["json_schema"]["strict"] is True
    assert [message.text for message in chat.store.messages("s")][-2:] == ["What does Ada like?", "ok"]
    chat.close()


def test_what_is_shown_for_an_input_is_what_is_sent() -> None:
    side = ScriptedModel(answer(("Ada", "likes tea", 1)), answer(), answer())
    chat = chat_with(side, InMemoryStore())
    say(chat, "Ada likes tea.", 1)
    say(chat, "Hello", 2)
    shown = chat.context("And Ada?").messages
    list(chat.send("And Ada?"))
    assert isinstance(chat.model, ScriptedModel)
    assert [message.text for message in shown] == [message.text for message in chat.model.asked[-1]]
    chat.close()


def test_an_answer_that_is_none_is_told_in_one_line_and_the_chat_goes_on() -> None:
    chat = chat_with(ScriptedModel(["not JSON"]), InMemoryStore())
    list(chat.send("Ada likes tea."))
    told: list[str] = []
    until(lambda: bool(told.extend(chat.background.news()) or told))
    assert len(told) == 1
    assert told[0].startswith("entity: the model gave no list of facts")
    assert chat.store.snapshot("s", 0).states.get("entities") is None
    list(chat.send("Hello"))
    assert chat.store.length("s") == 4
    chat.close()


def test_turns_of_another_memory_are_read_when_it_is_switched_on() -> None:
    side = ScriptedModel(answer(("Ada", "likes tea", 1)))
    chat = chat_with(side, InMemoryStore(), "window:1")
    for text in ("Ada likes tea.", "Hello"):
        list(chat.send(text))
    assert side.asked == []
    chat.memory = parse_memory("window:1+entity")
    say(chat, "Hi", 3)
    assert known(chat.store) == {"Ada": ["likes tea"]}
    chat.memory = parse_memory("window:1")
    assert "likes tea" not in chat.context("Ada?").messages[-1].text
    chat.close()


def test_forgetting_while_a_turn_is_read_holds() -> None:
    from threading import Event as Gate

    from chatcli.model import Delta

    gate = Gate()
    later = json.dumps(said(("Ada", "lives in Rome", 2)))
    side = ScriptedModel(answer(("Ada", "likes tea", 1)), [gate, Delta(later), Finished("stop")])
    chat = chat_with(side, InMemoryStore())
    say(chat, "Ada likes tea.", 1)
    list(chat.send("Ada lives in Rome."))
    until(lambda: len(side.asked) == 2)
    chat.change(lambda history: corrections.forget(history, "ada", chat.store.messages("s")[-1].time or 0))
    gate.set()
    until(lambda: derived.read(open_history(chat.store, "s", 4)).turns == 2)
    assert known(chat.store) == {}
    chat.close()


def test_two_terminals_on_one_session_read_each_turn_into_one_state() -> None:
    store = InMemoryStore()
    chats = [chat_with(ScriptedModel(*[answer(("Ada", "likes tea", n)) for n in (1, 2, 3, 4)]), store) for _ in "ab"]
    for number in range(4):
        list(chats[number % 2].send(f"Ada likes tea{'!' * number}"))
    for chat in chats:
        chat.background.wake()
    until(lambda: derived.read(open_history(store, "s", 4)).turns == 4)
    assert known(store) == {"Ada": ["likes tea"]}
    for chat in chats:
        chat.close()
