"""A model server that breaks HTTP in every way: no hang, no lost input, no memory that grows, an error in two lines."""

import gzip
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Timer
from typing import Any

import pytest

from chatcli.chat import Chat
from chatcli.errors import ModelError, TimedOut
from chatcli.messages import Message
from chatcli.model import Delta
from chatcli.model.openai import OpenAIModel
from chatcli.model.reply import Retries
from chatcli.model.settings import ModelSettings
from chatcli.stores.address import open_store
from tests.faulty_server import (
    AFTER_HALF,
    AT_ONCE,
    HANGING,
    READABLE,
    FaultyServer,
    answer,
    event,
    reset_after,
    sends,
    zipped,
)

TEXT = "0123456789" * 6

MEMORY = 100 * 2**20
"""Bytes of all Python objects at once: a line may have 16 MB, and is copied when it is cut and decoded."""


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with FaultyServer() as server:
        yield server


def model_at(server: FaultyServer, attempts: int = 1, **changes: Any) -> OpenAIModel:
    settings = ModelSettings("m", "test-model", server.url, "sk-secret")._replace(**changes)
    return OpenAIModel(settings, Retries(attempts=attempts, first=0.001))


@pytest.fixture
def chat(server: FaultyServer, tmp_path: Path) -> Iterator[Chat]:
    store = open_store(f"sqlite:///{tmp_path}/chat.db", data_folder=tmp_path)
    chat = Chat(store, "s", model_at(server, attempts=2))
    yield chat
    chat.close()
    store.close()


@pytest.fixture
def bounded() -> Iterator[None]:
    tracemalloc.start(1)
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEMORY


def failure(chat: Chat, text: str) -> ModelError:
    with pytest.raises(ModelError) as caught:
        list(chat.send(text))
    assert "\n" not in caught.value.message + caught.value.hint
    assert "sk-secret" not in caught.value.message + caught.value.hint
    return caught.value


def said(chat: Chat) -> list[str]:
    return [message.text for message in chat.store.messages("s")]


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("name", AT_ONCE)
def test_what_was_typed_waits_when_nothing_came_and_is_sent_again(chat: Chat, server: FaultyServer, name: str) -> None:
    list(chat.send("before"))
    server.fault = AT_ONCE[name]
    failure(chat, "Hello")
    (pending,) = chat.store.pending("s")
    assert (pending.user.text, pending.partial) == ("Hello", "")
    assert said(chat) == ["before", "Turn 1: before"]
    server.fault = None
    list(chat.send("Hello", chat.unfinished()))
    assert said(chat) == ["before", "Turn 1: before", "Hello", "Turn 2: Hello"]
    assert not list(chat.store.pending("s"))


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("name", AFTER_HALF)
def test_what_came_before_it_broke_off_is_kept(chat: Chat, server: FaultyServer, name: str) -> None:
    server.fault = AFTER_HALF[name]
    failure(chat, "Hello")
    user, reply = chat.store.messages("s")
    assert (user.text, reply.text[:4], reply.finish) == ("Hello", "Half", "error")
    assert len(reply.text) <= 4 * 2**20
    server.fault = None
    list(chat.send("More"))
    assert said(chat)[2] == "More"
    assert said(chat)[3].endswith(": More")  # what is too long for the window is not sent again


@pytest.mark.parametrize("name", READABLE)
def test_what_is_odd_is_read_all_the_same(server: FaultyServer, name: str) -> None:
    server.fault, expected = READABLE[name]
    model = model_at(server)
    events = list(model.stream([Message("user", "Hi")], {}))
    model.close()
    assert "".join(event.text for event in events if isinstance(event, Delta)) == expected


@pytest.mark.parametrize("name", HANGING)
def test_what_never_ends_is_given_up_after_the_timeout(server: FaultyServer, name: str) -> None:
    server.fault = HANGING[name]
    model = model_at(server, timeout=0.5)
    with pytest.raises(ModelError) as caught:
        list(model.stream([Message("user", "Hi")], {}))
    model.close()
    assert isinstance(caught.value, TimedOut) or "(400)" in caught.value.message


@pytest.mark.parametrize("name", [name for name in HANGING if name != "an error that drips"])
def test_a_list_that_never_ends_is_given_up_too(server: FaultyServer, name: str) -> None:
    server.fault, server.faulty_lists = HANGING[name], True
    model = model_at(server, timeout=0.5)
    with pytest.raises(TimedOut):
        model.models()
    model.close()


def test_a_long_answer_that_comes_in_time_is_no_drip(server: FaultyServer) -> None:
    """The timeout is for the headers and for each line, not for the whole reply."""
    gate = Event()

    def slowly(peer: Any) -> None:
        whole = answer(*TEXT)
        for start in range(0, len(whole), 60):
            gate.wait(0.04)
            peer.send(whole[start : start + 60])

    server.fault = slowly
    model = model_at(server, timeout=3.0)
    events = list(model.stream([Message("user", "Hi")], {}))
    model.close()
    assert "".join(event.text for event in events if isinstance(event, Delta)) == TEXT


@pytest.mark.parametrize("end", [sends, reset_after])
def test_an_answer_cut_at_any_byte_is_whole_or_an_error_and_no_more_than_was_said(
    server: FaultyServer, end: Any
) -> None:
    whole = answer("One ", "你好", " three")
    model = model_at(server)
    complete = 0
    for size in range(len(whole)):
        server.fault = end(whole[:size])
        text = ""
        try:
            for event in model.stream([Message("user", "Hi")], {}):
                text += event.text if isinstance(event, Delta) else ""
        except ModelError:
            assert "One 你好 three".startswith(text)
        else:
            assert text == "One 你好 three"
            complete += 1
    model.close()
    after_the_finish = len(whole) - whole.index(b'"stop"')
    assert complete <= after_the_finish


@pytest.mark.usefixtures("bounded")
def test_closing_ends_it_amid_the_lines_that_a_gzip_bomb_brought_at_once(server: FaultyServer) -> None:
    server.fault = sends(zipped(gzip.compress(event("Half") + b": x\n" * 2**22)))
    model = model_at(server, timeout=1000)
    reply = model.stream([Message("user", "Hi")], {})
    events = iter(reply)
    assert next(events) == Delta("Half")
    reply.close()
    assert not list(events)
    model.close()


@pytest.mark.parametrize("name", [*HANGING, "a header bomb", "an endless reply", "endless thoughts"])
def test_closing_ends_it_at_once_whatever_comes(server: FaultyServer, name: str) -> None:
    server.fault = {**HANGING, **AT_ONCE, **AFTER_HALF}[name]
    model = model_at(server, timeout=1000)
    reply = model.stream([Message("user", "Hi")], {})
    timer = Timer(0.3, reply.close)
    timer.start()
    try:
        list(reply)
    except ModelError:
        assert name in {**AT_ONCE, **AFTER_HALF}, "it was over before it was closed"
    timer.cancel()
    model.close()
