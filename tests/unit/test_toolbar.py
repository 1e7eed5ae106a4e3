"""The line at the bottom in little room."""

import pytest
from prompt_toolkit.utils import get_cwidth

from chatcli.chat import Chat
from chatcli.memory import parse_memory
from chatcli.messages import Usage
from chatcli.prompt import DEFAULT
from chatcli.repl.toolbar import Place, meter_of, place_of, toolbar
from chatcli.stores.in_memory import InMemoryStore
from tests.fakes import ScriptedModel


@pytest.fixture
def chat() -> Chat:
    chat = Chat(InMemoryStore(), "JavaEdge", ScriptedModel(window=131072), parse_memory("window:10"), DEFAULT)
    for _ in chat.send("Hi"):
        pass
    chat.last_usage = Usage(12_345, 5)
    return chat


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (300, "JavaEdge · scripted · window:10 · memory · 12,345 of 131,072 tokens (9%)"),
        (72, "JavaEdge · scripted · window:10 · memory · 12,345 of 131,072 tokens (9%)"),
        (71, "JavaEdge · scripted · window:10 · 12,345 of 131,072 tokens (9%)"),
        (60, "JavaEdge · scripted · 12,345 of 131,072 tokens (9%)"),
        (40, "JavaEdge · 12,345 of 131,072 tokens (9%)"),
        (30, "JavaEdge · 12,345 of 131,072"),
        (27, "JavaEdge · 9%"),
        (10, "Java… · 9%"),
        (4, "9%"),
        (1, "…"),
    ],
)
def test_the_store_goes_first_then_the_memory_and_never_how_full_it_is(chat: Chat, width: int, shown: str) -> None:
    assert toolbar(place_of(chat), width, meter_of(chat)) == shown


def test_a_long_session_is_cut_not_the_tokens(chat: Chat) -> None:
    chat.session = "名字" * 40
    assert toolbar(place_of(chat), 45, meter_of(chat)) == "名字名字名字… · 12,345 of 131,072 tokens (9%)"
    assert toolbar(place_of(chat), 40, meter_of(chat)) == "名字名… · 12,345 of 131,072 tokens (9%)"
    assert toolbar(place_of(chat), 30, meter_of(chat)) == "名字名字… · 12,345 of 131,072"
    assert toolbar(place_of(chat), 20, meter_of(chat)) == "名字名字名字名… · 9%"


@pytest.mark.parametrize("width", [1, 2, 3, 5, 10, 17, 40, 41, 79, 300])
@pytest.mark.parametrize("name", ["JavaEdge", "名字" * 50, "👩\u200d👩\u200d👧 family", "e\u0301" * 90, "x" * 200])
def test_the_line_is_never_wider_than_the_window(chat: Chat, name: str, width: int) -> None:
    chat.session = name
    for attached in (0, 3):
        for usage in (chat.last_usage, None):
            chat.last_usage = usage
            assert get_cwidth(toolbar(place_of(chat), width, meter_of(chat), attached)) <= width


def test_what_is_attached_is_counted(chat: Chat) -> None:
    assert (
        toolbar(place_of(chat), 60, meter_of(chat), attached=2)
        == "JavaEdge · 2 attached · 12,345 of 131,072 tokens (9%)"
    )
    assert toolbar(place_of(chat), 20, meter_of(chat), attached=2) == "J… · 2 attached · 9%"


def test_the_meter_marks_an_estimate_and_an_unknown_window(chat: Chat) -> None:
    chat.last_usage = Usage(118_000, 5)
    assert meter_of(chat).in_words == "118,000 of 131,072 tokens (90%)"
    chat.last_usage = Usage(140_000, 5)
    assert meter_of(chat).in_words == "140,000 of 131,072 tokens (107%)"
    chat.last_usage = None
    assert chat.last_context
    assert meter_of(chat).in_words == f"~{chat.last_context.tokens} of 131,072 tokens (<1%)"
    assert meter_of(chat).share == "~<1%"
    chat.model = ScriptedModel()
    assert meter_of(chat).in_words == f"~{chat.last_context.tokens} tokens, window unknown"
    chat.last_context = None
    assert meter_of(chat).in_words == ""
    assert toolbar(place_of(chat), 80, meter_of(chat)) == "JavaEdge · scripted · window:10 · memory"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("memory:", "memory"),
        ("sqlite:////home/anna/sessions.db", "sqlite"),
        ("unix:///run/redis.sock?db=1", "unix"),
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("rediss://anna:***@h:6379/0?ssl_ca_certs=ca.crt&ssl_certfile=/etc/me.crt", "rediss://anna:***@h:6379/0"),
    ],
)
def test_a_chat_begins_with_where_its_store_is_without_the_options_of_its_address(address: str, shown: str) -> None:
    assert Place("JavaEdge", "scripted", "auto", address).told == f"JavaEdge · scripted · auto · {shown}"
