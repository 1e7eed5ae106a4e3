"""Copies of a session: their names, and what they hold."""

from types import SimpleNamespace
from typing import Any

import pytest

from chatcli.chat import Chat
from chatcli.cli.stores import last_session
from chatcli.errors import Conflict, NotFound, UsageError
from chatcli.memory import pins
from chatcli.memory.history import open_history
from chatcli.messages import Message
from chatcli.names import listed, numbered_name
from chatcli.repl.editing import edit_numbered
from chatcli.revising import clear, end_of_turn, fork
from chatcli.stores.in_memory import InMemoryStore
from tests.fakes import ScriptedModel


def store_with(*names: str) -> InMemoryStore:
    store = InMemoryStore()
    for name in names:
        store.append(name, [Message("user", "one"), Message("assistant", "1"), Message("user", "two")])
    return store


def test_a_copy_is_numbered_from_2_and_one_of_a_copy_goes_on_counting() -> None:
    store = store_with("notes", "sprint-12")
    assert fork(store, "notes") == "notes-2"
    assert fork(store, "notes") == "notes-3"
    assert fork(store, "notes-2") == "notes-4"
    assert fork(store, "sprint-12") == "sprint-12-2", "there is no session sprint"


def test_a_long_name_still_has_room_for_its_number() -> None:
    store = store_with("x" * 200)
    assert fork(store, "x" * 200) == "x" * 198 + "-2"


@pytest.mark.parametrize("name", ["-2", "a-02", "a-", "a-²", "a-٣", "-"])
def test_what_looks_like_a_number_is_part_of_the_name(name: str) -> None:
    assert numbered_name(name, 2, lambda name: True) == f"{name}-2"


def test_a_name_that_another_takes_meanwhile_is_not_written_into() -> None:
    class Slow(InMemoryStore):
        def exists(self, session: str) -> bool:
            there = super().exists(session)
            if session == "s-2" and not there:
                self.append("s-2", [Message("user", "theirs")])
            return there

    store = Slow()
    store.append("s", [Message("user", "mine")])
    assert fork(store, "s") == "s-3"
    assert [message.text for message in store.messages("s-2")] == ["theirs"]


def test_what_cannot_be_copied_is_said() -> None:
    store = store_with("s", "other")
    with pytest.raises(NotFound):
        fork(store, "nobody")
    with pytest.raises(Conflict):
        fork(store, "s", "other")
    with pytest.raises(UsageError):
        fork(store, "s", "a\nb")
    with pytest.raises(Conflict, match="position 9"):
        fork(store, "s", stop=9)
    assert [session.name for session in store.sessions()] == ["other", "s"]


def test_a_session_cannot_be_copied_onto_itself() -> None:
    store = InMemoryStore()
    store.append("s", [Message("user", "q"), Message("assistant", "a")])
    with pytest.raises(UsageError, match="s is the session to copy"):
        fork(store, "s", "s")


def test_the_end_of_a_turn() -> None:
    store = store_with("s")
    assert (end_of_turn(store, "s", 1), end_of_turn(store, "s", 2)) == (2, 3)
    with pytest.raises(NotFound, match="no turn 3"):
        end_of_turn(store, "s", 3)


def test_pins_of_turns_that_are_copied_hold_in_the_copy() -> None:
    store = store_with("s")
    history = open_history(store, "s", 9)
    turn = history.turn_at(0)
    assert turn is not None
    store.put_state("s", pins.pin(history, turn))
    fork(store, "s", stop=2)
    assert [turn.start for turn in pins.pinned(open_history(store, "s-2", 9))] == [0]


def test_a_copy_and_an_emptied_session_no_longer_say_where_they_were_imported_from() -> None:
    store = store_with("s")
    store.update("s", settings={"origin": "chatgpt:1", "memory": "all"})
    for name in (fork(store, "s"), fork(store, "s", "named")):
        assert store.snapshot(name, 0).session.settings == {"memory": "all"}
    assert store.snapshot("s", 0).session.settings["origin"] == "chatgpt:1"
    assert clear(store, "s") == 3
    assert store.snapshot("s", 0).session.settings == {"memory": "all"}


def test_what_is_being_imported_is_no_session_to_choose_yet() -> None:
    store = store_with("a", "b", "(being imported 1)", "(being imported 2)", "c", "(being imported 3)")
    everything = {name: [one.name for one in listed(store, name)] for name in (None, 1, 2, 3, 9)}
    assert everything == {None: ["c", "b", "a"], 1: ["c"], 2: ["c", "b"], 3: ["c", "b", "a"], 9: ["c", "b", "a"]}
    assert last_session(store) == "c"


def test_who_edits_a_turn_of_a_session_without_any_is_not_sent_to_look_for_turn_0() -> None:
    repl: Any = SimpleNamespace(chat=Chat(InMemoryStore(), "s", ScriptedModel()))
    with pytest.raises(NotFound) as caught:
        edit_numbered(repl, "1")
    assert caught.value.hint == "write something first"
