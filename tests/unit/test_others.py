"""Following a session from the prompt: how often it is looked at, and that nobody waits for a look."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from chatcli import authors
from chatcli.chat import Chat
from chatcli.errors import StoreUnavailable
from chatcli.following import News, Seen, seen
from chatcli.memory import parse_memory
from chatcli.messages import Message
from chatcli.render.history import Excerpt
from chatcli.repl.others import FAILED, Others, _Errand, pace
from chatcli.stores.in_memory import InMemoryStore
from chatcli.stores.journal import Journal
from chatcli.stores.journaled import Journaled
from chatcli.stores.langchain import decode, encode
from tests.fakes import ScriptedModel
from tests.outages import Outages

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

    def until(self, holds: Callable[[], bool]) -> bool:
        """Wait until something holds that nobody tells of; say whether it does."""
        deadline = time.monotonic() + PATIENCE
        while not (held := holds()) and time.monotonic() < deadline:
            self.came.wait(0.02)
        return held

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


def a_look(others: Others, chat: Chat, store: Slow, comes: str = "", before: Seen | None = None) -> None:
    """Take a look here and now, at what `comes` behind what was seen before."""
    before = before or seen(store.length("s"), InMemoryStore.messages(store, "s"))
    if comes:
        store.append("s", said(comes))
    others._look(store, _Errand(chat, before, others._round))


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


def test_a_store_that_did_not_answer_is_left_alone_for_a_while_and_one_that_did_is_not() -> None:
    with at_a_prompt() as prompt:
        prompt.store.away = True
        assert prompt.until(lambda: prompt.others._resting_until > time.monotonic())
        prompt.store.away = False
        assert prompt.until(lambda: prompt.others._resting_until < time.monotonic())


def test_a_store_that_is_back_is_looked_at_at_once_however_long_it_was_to_be_left_alone() -> None:
    with at_a_prompt() as prompt:
        prompt.store.away = True
        assert prompt.until(lambda: prompt.others._resting_until > time.monotonic())
        prompt.others._resting_until = time.monotonic() + 900
        prompt.store.append("s", said("hello"))
        prompt.store.away = False
        prompt.others.look_again()
        assert prompt.came.wait(PATIENCE)


def test_what_others_wrote_is_known_when_the_store_goes_away_right_after(tmp_path: Path) -> None:
    prompt = Prompt(Slow())
    between = Outages(prompt.store)
    store = Journaled(between, lambda: Journal(tmp_path / "journal.db", "here"), pauses=[3600.0])  # type: ignore[arg-type]
    chat = Chat(store, "s", ScriptedModel(), parse_memory("window:3"))  # of which nothing is derived
    a_look(prompt.others, chat, prompt.store, "hello")
    between.fate = "lost"
    assert [message.text for message in store.messages("s")] == ["hello"]
    assert prompt.shown == ["hello"]
    store.close()


def test_nobody_looks_while_a_turn_or_a_command_runs_or_the_store_is_left_alone() -> None:
    for quiet in ("held", "resting"):
        others = Prompt(Slow()).others
        others._chat = Chat(InMemoryStore(), "s", ScriptedModel())
        others.release()
        if quiet == "held":
            others.hold()
        else:
            others._resting_until = time.monotonic() + 900
        errands: list[object] = []
        thread = Thread(target=lambda taken, of: taken.append(of._next()), args=[errands, others])
        thread.start()
        others.typed()
        others.close()
        thread.join(PATIENCE)
        assert errands == [None]


def test_a_prompt_waits_for_nothing_that_is_being_drawn() -> None:
    prompt, drawing, drawn = Prompt(Slow()), Event(), Event()

    def draw(news: News) -> str:
        drawing.set()
        drawn.wait(3 * PATIENCE)
        return "late"

    others = Others(lambda: (prompt.store, False), draw, lambda show: show(), prompt._show)
    others.shown(None)
    others._before = seen(0, ())
    prompt.store.append("s", said("hello"))
    others.follow(prompt.chat)
    others.release()
    try:
        assert drawing.wait(PATIENCE)
        began = time.monotonic()
        others.hold()
        assert time.monotonic() - began < PATIENCE, "0.3 s, on a machine that has time"
    finally:
        drawn.set()
        others.close()


@pytest.mark.parametrize("end", ["another session", "the end of the chat"])
def test_what_is_seen_of_a_session_that_was_left_is_not_shown(end: str) -> None:
    with at_a_prompt() as prompt:
        prompt.store.gate.clear()
        prompt.store.append("s", said("hello"))
        prompt.store.asked.clear()
        assert prompt.store.asked.wait(PATIENCE)
        if end == "another session":
            prompt.others.shown(None)
            prompt.others.follow(Chat(InMemoryStore(), "t", ScriptedModel()))
            prompt.store.append("t", said("there already"))
            prompt.store.asked.clear()
            prompt.store.gate.set()
            assert prompt.until(lambda: prompt.others._before is not None and prompt.others._before.length == 1)
        else:
            prompt.others.close()
        prompt.store.gate.set()
        prompt.others.close()
        assert prompt.others._thread is not None
        prompt.others._thread.join(PATIENCE)
        assert prompt.shown == []


def test_what_was_not_shown_of_a_session_that_is_left_is_not_shown_in_another() -> None:
    prompt = Prompt(Slow())
    others = Others(lambda: (prompt.store, False), prompt.draw, lambda show: None, prompt._show)
    a_look(others, prompt.chat, prompt.store, "hello")
    try:
        others.follow(Chat(InMemoryStore(), "t", ScriptedModel()))
        others.tell()
        assert prompt.shown == []
    finally:
        others.close()


@pytest.mark.parametrize("its_own", [True, False])
def test_a_store_that_was_opened_to_look_is_closed_and_no_other(its_own: bool) -> None:
    class Closing(Slow):
        closed = False

        def close(self) -> None:
            self.closed = True

    store = Closing()
    others = Others(lambda: (store, its_own), lambda news: "", lambda show: show(), lambda text: None)
    others.follow(Chat(InMemoryStore(), "s", ScriptedModel()))
    others.release()
    assert store.asked.wait(PATIENCE)
    others.close()
    assert others._thread is not None
    others._thread.join(PATIENCE)
    assert store.closed is its_own


def test_what_this_chat_took_back_is_forgiven_once() -> None:
    prompt = Prompt(Slow())
    prompt.store.append("s", [*said("one"), *said("two")])
    prompt.chat.own.took(0)
    a_look(prompt.others, prompt.chat, prompt.store)
    assert prompt.chat.own.took_from is None


def test_what_others_did_is_known_to_the_chat_before_its_next_turn() -> None:
    class Deriving(Chat):
        derived = 0

        def derive(self) -> None:
            self.derived += 1

    prompt = Prompt(Slow())
    prompt.store.append("s", said("one"))
    chat = Deriving(prompt.store, "s", ScriptedModel())
    before = seen(1, prompt.store.messages("s"))
    chat.saw(1)
    a_look(prompt.others, chat, prompt.store, before=before)
    assert chat.derived == 0
    a_look(prompt.others, chat, prompt.store, "two", before=before)
    assert (chat.derived, prompt.shown) == (1, ["two"])
    prompt.store.clear("s")
    prompt.others = Others(None, lambda news: "emptied", lambda show: show(), prompt._show)
    a_look(prompt.others, chat, prompt.store, before=before)
    assert (chat.derived, prompt.shown) == (2, ["two", "emptied"])
    assert not chat.saw(0), "it is known already"


@pytest.mark.parametrize("idle", [0, 1000])
def test_who_comes_back_to_the_keyboard_sees_at_once_what_came_and_who_types_on_asks_no_more_often(idle: int) -> None:
    others = Prompt(Slow()).others
    others._active = time.monotonic() - idle
    others.typed()
    assert others._at_once is (idle > 0)
    others._at_once = False
    others.typed()
    assert not others._at_once


def test_only_what_stands_behind_what_the_user_was_shown_is_news() -> None:
    prompt = Prompt(Slow())
    prompt.store.append("s", [*said("one"), *said("two"), *said("three")])
    errand = _Errand(prompt.chat, None, prompt.others._round)
    prompt.others._look(prompt.store, errand)
    assert prompt.shown == [], "nothing was shown yet: it is taken as it is"
    prompt.others.shown(Excerpt(1, prompt.store.messages("s", 1, 2)))
    assert prompt.others._before is None
    prompt.others._look(prompt.store, errand)
    assert prompt.shown == ["three"]


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
        assert authors.who_asked(Message("user", "hi")) == authors.NAMELESS == "user"
        assert authors.who_asked(Message("user", "hi", author="bob@lap")) == ""
        assert authors.who_asked(Message("assistant", "ho")) == ""
        assert authors.other_author(Message("user", "hi", author="anna@desk")) == "anna@desk"
    finally:
        authors.choose("")
        authors._login.cache_clear()


def test_the_author_rides_where_langchain_leaves_it_alone() -> None:
    message = Message("user", "hi", "1", author="anna@desk")
    assert '"response_metadata": {"chatcli": {"author": "anna@desk"}}' in encode(message)
    assert decode(encode(message)) == message
