"""Following a session from the prompt: how often it is looked at, and that nobody waits for a look."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import pytest

from chatcli import authors
from chatcli.chat import Chat
from chatcli.errors import StoreUnavailable
from chatcli.following import News
from chatcli.messages import Message
from chatcli.repl.others import FAILED, Others, pace
from chatcli.stores.in_memory import InMemoryStore
from chatcli.stores.langchain import decode, encode
from tests.fakes import ScriptedModel

PATIENCE = 20.0


class Slow(InMemoryStore):
    """A store whose reads wait for `gate`, or fail."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.asked, self.away = Event(), Event(), False
        self.gate.set()
        self.looks = 0

    def messages(self, session: str, start: int | None = None, stop: int | None = None) -> list[Message]:
        self.looks += 1
        found = super().messages(session, start, stop)
        self.asked.set()
        self.gate.wait(PATIENCE)
        if self.away:
            raise StoreUnavailable("it is away", "wait")
        return found


class Prompt:
    """Somebody at a prompt: what was shown above it."""

    def __init__(self, store: Slow) -> None:
        self.store = store
        self.shown: list[str] = []
        self.came = Event()
        self.chat = Chat(InMemoryStore(), "s", ScriptedModel())
        self.others = Others(lambda: (store, False), self.draw, lambda show: show(), self._show)

    def draw(self, news: News) -> str:
        return " ".join(message.text for message in news.added)

    def _show(self, text: str) -> None:
        self.shown.append(text)
        self.came.set()


@contextmanager
def at_a_prompt() -> Iterator[Prompt]:
    prompt = Prompt(Slow())
    prompt.others.follow(prompt.chat)
    prompt.others.release()
    try:
        assert prompt.store.asked.wait(PATIENCE)
        yield prompt
    finally:
        prompt.store.gate.set()
        prompt.others.close()


def said(text: str) -> list[Message]:
    return [Message("user", text)]


def test_it_is_looked_within_a_second_while_the_terminal_is_in_use_and_less_often_then() -> None:
    assert [pace(idle) for idle in (0, 119, 120, 899, 900, 10**9)] == [0.4, 0.4, 2.0, 2.0, 10.0, 10.0]
    assert list(FAILED) == sorted(FAILED)


def test_what_comes_is_shown_once() -> None:
    with at_a_prompt() as prompt:
        prompt.store.append("s", said("hello"))
        assert prompt.came.wait(PATIENCE)
        prompt.others.hold()
        prompt.others.tell()
        assert prompt.shown == ["hello"]


def test_a_look_that_hangs_holds_up_nothing() -> None:
    with at_a_prompt() as prompt:
        prompt.store.gate.clear()
        prompt.store.asked.clear()
        assert prompt.store.asked.wait(PATIENCE)
        began = time.monotonic()
        prompt.others.hold()
        prompt.others.tell()
        prompt.others.release()
        prompt.others.typed()
        prompt.others.close()
        assert time.monotonic() - began < 2, "0.3 s, on a machine that has time"


def test_what_is_seen_while_a_command_begins_is_looked_at_again_when_it_has_ended() -> None:
    with at_a_prompt() as prompt:
        prompt.store.asked.clear()
        prompt.store.gate.clear()
        prompt.store.append("s", said("hello"))
        assert prompt.store.asked.wait(PATIENCE)
        prompt.others.hold()
        prompt.store.gate.set()
        prompt.store.clear("s")
        prompt.store.append("s", said("another"))
        prompt.others.release()
        assert prompt.came.wait(PATIENCE)
        assert prompt.shown == ["another"]


def test_a_store_that_is_away_is_asked_less_often_and_followed_again() -> None:
    with at_a_prompt() as prompt:
        prompt.store.away = True
        prompt.store.asked.clear()
        assert prompt.store.asked.wait(PATIENCE)
        prompt.store.append("s", said("hello"))
        prompt.store.away = False
        assert prompt.came.wait(PATIENCE)
        assert len(prompt.shown) == 1


def test_nobody_looks_without_a_store() -> None:
    others = Others(None, lambda news: "", lambda show: show(), lambda text: None)
    others.follow(Chat(InMemoryStore(), "s", ScriptedModel()))
    others.release()
    others.hold()
    others.close()


def test_who_writes_is_what_the_config_says_else_the_login_and_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "anna")
    authors._login.cache_clear()
    authors.choose("")
    try:
        assert authors.own_author().startswith("anna@")
        authors.choose("bob@lap")
        assert authors.own_author() == "bob@lap"
        assert authors.other_author(Message("user", "hi", author="bob@lap")) == ""
        assert authors.other_author(Message("user", "hi")) == ""
        assert authors.other_author(Message("user", "hi", author="anna@desk")) == "anna@desk"
    finally:
        authors.choose("")
        authors._login.cache_clear()


def test_the_author_rides_where_langchain_leaves_it_alone() -> None:
    message = Message("user", "hi", "1", author="anna@desk")
    assert '"response_metadata": {"chatcli": {"author": "anna@desk"}}' in encode(message)
    assert decode(encode(message)) == message
