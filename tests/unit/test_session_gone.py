"""A session that another terminal, program or clock takes away while it is open here."""

from collections.abc import Callable
from pathlib import Path

import pytest

from chatcli.aids import Aids
from chatcli.chat import Chat
from chatcli.memory import parse_memory
from chatcli.memory.history import open_history
from chatcli.messages import Message
from chatcli.recall import open_index
from chatcli.stores import Store
from chatcli.stores.in_memory import InMemoryStore
from chatcli.turn import Notice
from tests.fakes import ScriptedModel

TOLD = (
    "nothing of this session is in the store now: it was emptied, deleted or renamed elsewhere, or the store lost it; "
    "what follows begins it anew"
)
GONE: dict[str, Callable[[Store], object]] = {
    "deleted": lambda store: store.delete("s"),
    "renamed": lambda store: store.rename("s", "other"),
    "emptied": lambda store: Chat(store, "s", ScriptedModel()).clear(),
}
elsewhere = pytest.mark.parametrize("gone", GONE.values(), ids=GONE.keys())


def chat_of(store: Store, spec: str = "window:3", **aids: object) -> Chat:
    return Chat(store, "s", ScriptedModel(), parse_memory(spec), aids=Aids(**aids))  # type: ignore[arg-type]


def told(chat: Chat, text: str = "Hi") -> list[str]:
    """Send a message; return the notices of its turn."""
    return [event.text for event in chat.send(text) if isinstance(event, Notice)]


def history(chat: Chat) -> list[str]:
    return [message.text for message in chat.store.messages("s")]


@elsewhere
def test_a_session_that_is_gone_after_a_turn_in_this_chat_is_told_once_and_begun_anew(
    gone: Callable[[Store], object],
) -> None:
    chat = chat_of(InMemoryStore())
    assert told(chat, "first") == []
    gone(chat.store)
    assert told(chat, "second") == [TOLD]
    assert told(chat, "third") == []
    assert history(chat) == ["second", "ok", "third", "ok"]
    assert chat.store.snapshot("s", 0).session.title == "second"


@elsewhere
def test_a_session_that_was_opened_with_turns_and_is_gone_before_the_first_one_here_is_told(
    gone: Callable[[Store], object],
) -> None:
    store = InMemoryStore()
    store.append("s", [Message("user", "before"), Message("assistant", "yes")])
    chat = chat_of(store)
    chat.derive()  # what the prompt does when it opens a session
    gone(store)
    assert told(chat) == [TOLD]


def test_a_renamed_session_keeps_what_was_said_in_it() -> None:
    chat = chat_of(InMemoryStore())
    told(chat, "first")
    chat.store.rename("s", "other")
    told(chat, "second")
    assert [message.text for message in chat.store.messages("other")] == ["first", "ok"]


@pytest.mark.parametrize("emptied", [lambda chat: chat.undo(), lambda chat: chat.clear()], ids=["undo", "clear"])
def test_what_was_taken_back_or_emptied_here_is_not_told(emptied: Callable[[Chat], object]) -> None:
    chat = chat_of(InMemoryStore())
    told(chat, "first")
    emptied(chat)
    assert told(chat, "second") == []


def test_a_first_turn_that_is_sent_again_is_not_taken_for_a_session_that_is_gone() -> None:
    chat = chat_of(InMemoryStore())
    told(chat, "first")
    assert [event for event in chat.retry() if isinstance(event, Notice)] == []


@pytest.mark.parametrize("spec", ["window:3", "window:1+recall:100"])
@pytest.mark.parametrize("left", [0, 2])
def test_what_another_program_removed_leaves_the_index_at_the_next_turn(spec: str, left: int, tmp_path: Path) -> None:
    index, store = open_index(tmp_path / "s.db"), InMemoryStore()
    store.append("s", [Message("user", "a word"), Message("assistant", "yes")])
    store.append("s", [Message("user", "the landlord is Abernethy"), Message("assistant", "noted")])
    index.follow(open_history(store, "s", 4))
    chat = chat_of(store, spec, index=index)
    chat.derive()
    store.append("s", [], at=left)
    list(chat.send("Hi"))
    chat.background.close()
    assert list(index.search("Abernethy", 100)) == []
    chat.close()
