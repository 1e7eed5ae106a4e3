"""What each strategy sends, as an endpoint receives it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chatcli.aids import Aids
from chatcli.chat import Chat
from chatcli.memory import parse_memory
from chatcli.messages import Message
from chatcli.model.openai import OpenAIModel
from chatcli.model.settings import ModelSettings
from chatcli.prompt import make_prompt
from chatcli.recall import open_index
from chatcli.stores.in_memory import InMemoryStore
from tests.servers import ModelServer

TURNS = 20
INPUT = "Where does Rex sleep?"


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        running.mind = answer
        yield running


def answer(body: Any) -> str:
    if "running summary" in str(body["messages"][0]["content"]):
        return "THE SUMMARY"
    if "response_format" in body:
        return json.dumps({"facts": [{"turn": 1, "entity": "Rex", "fact": "Rex sleeps in the kitchen"}]})
    return "fine"


def sent(server: ModelServer, spec: str, window: int = 1600) -> list[tuple[str, str]]:
    """Return role and text of the messages that are sent for INPUT, when all is derived."""
    store = InMemoryStore()
    store.append("s", [Message("user", "My dog Rex sleeps in the kitchen."), Message("assistant", "a0")])
    for number in range(1, TURNS):
        store.append("s", [Message("user", f"q{number}"), Message("assistant", f"a{number}")])
    model = OpenAIModel(ModelSettings("m", "m", base_url=server.url, window=window))
    prompt = make_prompt([{"role": "system", "content": "SYSTEM"}])
    chat = Chat(store, "s", model, parse_memory(spec), prompt, aids=Aids(index=open_index(None)))
    chat.background.catch_up()
    chat.background.close()
    list(chat.send(INPUT))
    texts = server.chats[-1].texts
    assert texts == [(message.role, message.text) for message in chat.last_context.messages]
    chat.close()
    return texts


def tail(texts: list[tuple[str, str]]) -> list[str]:
    """Return the turns that are sent word for word."""
    return [text for role, text in texts[1:-1] if role == "user"]


def numbers(first: int) -> list[str]:
    return [f"q{number}" for number in range(first, TURNS)]


def test_none_sends_the_input_alone(server: ModelServer) -> None:
    assert sent(server, "none") == [("system", "SYSTEM"), ("user", INPUT)]


def test_buffer_sends_everything(server: ModelServer) -> None:
    texts = sent(server, "buffer")
    assert len(texts) == 2 * TURNS + 2
    assert tail(texts)[1:] == numbers(1)


@pytest.mark.parametrize(("spec", "first"), [("window:3", 17), ("window:2-5", 18)])
def test_a_window_sends_the_last_turns(server: ModelServer, spec: str, first: int) -> None:
    assert tail(sent(server, spec)) == numbers(first)


def test_tokens_sends_the_newest_turns_that_fit(server: ModelServer) -> None:
    newest = tail(sent(server, "tokens:100"))
    assert 1 < len(newest) < TURNS
    assert newest == numbers(TURNS - len(newest))


@pytest.mark.parametrize("spec", ["summary", "summary-buffer:100"])
def test_a_summary_stands_in_the_system_text_before_the_newest_turns(server: ModelServer, spec: str) -> None:
    texts = sent(server, spec)
    newest = tail(texts)
    assert texts[0][0] == "system"
    assert texts[0][1].startswith("SYSTEM\n\nSummary of the conversation so far (turns 1 to ")
    assert texts[0][1].endswith(f"(turns 1 to {TURNS - len(newest)}):\nTHE SUMMARY")
    assert newest == numbers(TURNS - len(newest))


def test_entity_sends_what_is_known_with_the_input(server: ModelServer) -> None:
    texts = sent(server, "window:2+entity")
    assert "Rex sleeps in the kitchen" in texts[-1][1]
    assert texts[-1][1].endswith(f"\n\n{INPUT}")
    assert tail(texts) == numbers(18)


def test_recall_quotes_older_turns_with_the_input(server: ModelServer) -> None:
    texts = sent(server, "window:2+recall:200")
    assert "user: My dog Rex sleeps in the kitchen." in texts[-1][1]
    assert texts[-1][1].endswith(f"\n\n{INPUT}")
    assert tail(texts) == numbers(18)


def test_several_together_each_give_their_part_once(server: ModelServer) -> None:
    texts = sent(server, "summary+entity+recall:200")
    whole = "\n".join(text for _, text in texts)
    assert whole.count("THE SUMMARY") == 1
    assert whole.count("My dog Rex") == 1
    assert whole.count("Rex sleeps in the kitchen") == 2, "as a fact, and in what is quoted"
    assert [role for role, _ in texts] == ["system", *["user", "assistant"] * len(tail(texts)), "user"]


def test_auto_sends_summary_tail_and_what_is_recalled(server: ModelServer) -> None:
    texts = sent(server, "auto", window=640)
    newest = tail(texts)
    assert "THE SUMMARY" in texts[0][1]
    assert 1 < len(newest) < TURNS
    assert newest == numbers(TURNS - len(newest))
    assert "My dog Rex sleeps in the kitchen." in texts[-1][1]
