"""The line at the bottom in little room; what the picker and the menu call the sessions."""

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from chatcli.chat import Chat
from chatcli.memory import parse_memory
from chatcli.messages import Usage
from chatcli.prompt import DEFAULT
from chatcli.render.safe import neutralise
from chatcli.repl.pick import completer_for, labels_of
from chatcli.repl.toolbar import meter, place_of, toolbar
from chatcli.stores import Session
from chatcli.stores.in_memory import InMemoryStore
from tests.fakes import ScriptedModel


@pytest.fixture
def chat() -> Chat:
    chat = Chat(InMemoryStore(), "JavaEdge", ScriptedModel(window=131072), parse_memory("window:10"), DEFAULT)
    for _ in chat.send("Hi"):
        pass
    chat.last_usage = Usage(1234, 5)
    return chat


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (80, "JavaEdge · scripted · window:10 · memory · 1,234 of 131,072 tokens"),
        (60, "JavaEdge · scripted · window:10 · 1,234 of 131,072 tokens"),
        (50, "JavaEdge · scripted · 1,234 of 131,072 tokens"),
        (40, "JavaEdge · 1,234 of 131,072 tokens"),
        (30, "Jav… · 1,234 of 131,072 tokens"),
    ],
)
def test_the_store_goes_first_then_the_memory_and_never_the_tokens(chat: Chat, width: int, shown: str) -> None:
    assert toolbar(place_of(chat), width, meter(chat)) == shown


def test_a_long_session_is_cut_not_the_tokens(chat: Chat) -> None:
    chat.session = "名字" * 20
    shown = toolbar(place_of(chat), 40, meter(chat))
    assert shown.endswith("… · 1,234 of 131,072 tokens")


def test_the_meter_marks_an_estimate_and_an_unknown_window_and_says_how_full_a_nearly_full_one_is(chat: Chat) -> None:
    chat.last_usage = Usage(104_000, 5)
    assert meter(chat) == "104,000 of 131,072 tokens"
    chat.last_usage = Usage(118_000, 5)
    assert meter(chat) == "118,000 of 131,072 tokens (90%)"
    chat.last_usage = None
    assert meter(chat) == f"~{chat.last_context.tokens} of 131,072 tokens" if chat.last_context else ""
    chat.model = ScriptedModel()
    assert meter(chat).endswith("tokens, window unknown")


def test_sessions_whose_names_begin_alike_can_each_be_picked() -> None:
    names = ["x" * 80 + tail for tail in "abc"] + ["plain", "gnip\u202eliam"]
    labels = labels_of([Session(name) for name in names])
    assert [session.name for session in labels.values()] == names
    assert all(neutralise(label) == label for label in labels)
    offered = completer_for(labels).get_completions(Document("(3)"), CompleteEvent())
    assert [labels[completion.text].name for completion in offered] == ["x" * 80 + "c"]
