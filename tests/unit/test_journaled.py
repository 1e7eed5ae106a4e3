"""A store that goes away: what is said meanwhile is kept, and in the store once when it is back."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from chatcli.alternatives import replaced, versions
from chatcli.chat import Chat
from chatcli.errors import Conflict, StoreAway, StoreError, StoreUnavailable
from chatcli.messages import Message, new_id
from chatcli.stores import Change, Pending, State, Store, Watermark
from chatcli.stores.bounded import Patience, Workers
from chatcli.stores.in_memory import InMemoryStore
from chatcli.stores.journal import Entry, Journal
from chatcli.stores.journaled import Journaled
from chatcli.stores.seen import HIDDEN, KEPT, Seen
from chatcli.stores.sqlite import SqliteStore
from chatcli.writer import this_writer
from tests.fakes import ScriptedModel
from tests.outages import Outages
from tests.unit.conftest import Command

Run = Callable[..., Journaled]
NEVER = [3600.0]


@pytest.fixture
def inner() -> InMemoryStore:
    return InMemoryStore()


@pytest.fixture
def between(inner: InMemoryStore) -> Outages:
    return Outages(inner)


@pytest.fixture
def run(between: Outages, tmp_path: Path) -> Iterator[Run]:
    """Opens the store as a new run of the program does; by itself it never knocks."""
    opened: list[Journaled] = []

    def begin(needed: bool = False, pauses: list[float] = NEVER) -> Journaled:
        store = Journaled(between, lambda: Journal(tmp_path / "journal.db", "here"), True, needed, pauses)  # type: ignore[arg-type]
        opened.append(store)
        store.open()
        return store

    yield begin
    between.fate = "lost"
    for store in opened:
        store.close()


def a_turn(text: str) -> tuple[Pending, list[Message]]:
    user = Message("user", text, id=new_id(), time=1.0)
    return Pending(new_id(), user, this_writer()), [user, Message("assistant", f"re: {text}", id=new_id(), time=2.0)]


def say(store: Store, text: str, at: int | None = None, length: int | None = None) -> Pending:
    pending, messages = a_turn(text)
    store.begin("s", pending)
    store.commit("s", pending.id, messages, at, length)
    return pending


def texts(store: Store) -> list[str]:
    return [message.text for message in store.messages("s")]


def test_what_is_said_while_the_store_is_away_is_there_when_it_is_back_and_both_are_told(
    run: Run, between: Outages, inner: InMemoryStore
) -> None:
    store = run()
    say(store, "one")
    between.fate = "lost"
    say(store, "two")
    say(store, "three")
    store.drop("s", "never begun")
    assert texts(store) == ["one", "re: one", "two", "re: two", "three", "re: three"]
    assert texts(inner) == ["one", "re: one"]
    assert store.state == "store away · 2 turns kept here"
    assert store.news() == [
        "the store is away: the chat goes on, its turns are kept here until it is back (the store is away)"
    ]
    between.fate = "done"
    assert store.knock()
    assert texts(inner) == texts(store) == ["one", "re: one", "two", "re: two", "three", "re: three"]
    assert store.state == ""
    assert store.news() == ["the store is back; 2 turns kept here are in it now"]
    assert inner.pending("s") == []


def test_the_store_is_knocked_at_until_it_is_back(run: Run, between: Outages, inner: InMemoryStore) -> None:
    store = run(pauses=[0.01])
    for _ in range(2):
        back = threading.Event()
        between.fate = "lost"
        with pytest.raises(StoreAway):
            store.sessions()
        store.on_change = back.set
        assert store.state
        between.asked.clear()
        deadline = time.monotonic() + 20
        while between.asked.count("exists") < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        between.fate = "done"
        assert back.wait(20)
        assert store.state == ""
        store.on_change = lambda: None


def test_how_safe_it_is_in_a_store_that_is_back_is_told(run: Run, between: Outages) -> None:
    store = run()
    say(store, "one")
    between.fate = "lost"
    say(store, "two")
    between.warning = "no replica has it"
    assert store.warning == "", "what is kept here has other worries"
    between.fate = "done"
    assert store.knock()
    assert store.news()[-2:] == ["the store is back; 1 turn kept here is in it now", "no replica has it"]
    assert store.warning == "no replica has it"


def test_a_store_that_was_only_read_from_is_back_when_it_answers_and_not_before(run: Run, between: Outages) -> None:
    store = run()
    say(store, "one")
    between.fate = "lost"
    assert texts(store) == ["one", "re: one"]
    assert not store.knock()
    with pytest.raises(StoreUnavailable):
        store.sessions()
    assert "sessions" not in between.asked, "who is mute is not asked twice"
    assert (store.state, store.farewell) == ("store away", "")
    between.fate = "done"
    assert store.knock()
    assert store.state == ""


def test_a_store_that_several_threads_miss_at_once_is_told_of_once_and_at_once(run: Run, between: Outages) -> None:
    store = run()
    say(store, "one")
    states: list[str] = []
    store.on_change = lambda: states.append(store.state)
    between.gate, between.fate = threading.Event(), "lost"
    threads = [threading.Thread(target=store.length, args=["s"]) for _ in range(4)]
    for thread in threads:
        thread.start()
    between.gate.set()
    for thread in threads:
        thread.join()
    assert (len(store.news()), states) == (1, ["store away"])


def test_of_each_outage_its_own_turns_are_told_and_what_came_between_them_is_there(run: Run, between: Outages) -> None:
    store = run()
    for text in ("one", "three"):
        between.fate = "lost"
        say(store, text)
        between.fate = "done"
        assert store.knock()
        assert store.news()[1:] == ["the store is back; 1 turn kept here is in it now"]
        say(store, "two" if text == "one" else "four")
    between.fate = "lost"
    assert texts(store)[::2] == ["one", "two", "three", "four"]


def test_a_knock_at_a_store_that_nobody_missed_says_nothing_of_it(run: Run, between: Outages) -> None:
    store = run()
    between.fate = "lost"
    assert not store.knock()
    assert (store.state, store.news()) == ("", [])


def test_what_is_said_while_the_rest_is_put_there_is_put_there_too(
    run: Run, between: Outages, inner: InMemoryStore
) -> None:
    class Talking(InMemoryStore):
        def commit(self, *given, **named):  # type: ignore[no-untyped-def]
            if more:
                say(store, more.pop())
            return super().commit(*given, **named)

    between.inner = Talking()
    more: list[str] = []
    store = run()
    between.fate = "lost"
    say(store, "one")
    store.news()
    more.append("two")
    between.fate = "done"
    assert store.knock()
    assert texts(between.inner) == ["one", "re: one", "two", "re: two"]
    assert store.news() == ["the store is back; 2 turns kept here are in it now"]


def test_a_run_that_begins_with_turns_that_wait_for_a_store_that_is_away_says_so_and_knocks(
    run: Run, between: Outages, inner: InMemoryStore
) -> None:
    first = run()
    between.fate = "lost"
    say(first, "one")
    second = run(pauses=[0.01])
    assert second.state == "store away · 1 turn kept here"
    assert "the store is away: the chat goes on" in second.news()[0]
    assert second.farewell.startswith("1 turn kept here for memory:")
    back = threading.Event()
    second.on_change = lambda: second.state or back.set()
    between.fate = "done"
    assert back.wait(20)
    assert texts(inner) == ["one", "re: one"]


def test_a_store_is_offered_what_waits_once_more_when_the_chat_ends_and_is_closed(
    run: Run, between: Outages, inner: InMemoryStore
) -> None:
    class Closing(InMemoryStore):
        closed = threading.Event()

        def close(self) -> None:
            self.closed.set()

    between.inner = Closing()
    store = run()
    between.fate = "lost"
    say(store, "one")
    between.fate = "done"
    store.close()
    assert between.inner.closed.wait(20)
    assert texts(between.inner) == ["one", "re: one"]
    assert store.farewell == ""


def test_a_store_that_takes_its_time_gets_all_of_it_when_the_chat_ends(run: Run, between: Outages) -> None:
    class Slow(InMemoryStore):
        def commit(self, *given, **named):  # type: ignore[no-untyped-def]
            time.sleep(0.1)
            return super().commit(*given, **named)

    between.inner = Slow()
    store = run()
    between.fate = "lost"
    for number in range(16):  # longer in all than a store may be silent
        say(store, f"n{number}")
    between.fate = "done"
    told: list[str] = []
    store.on_slow_end = lambda: told.append("it takes its time")
    store.close()
    assert (between.inner.length("s"), store.farewell, told) == (32, "", ["it takes its time"])


def test_a_write_of_unknown_outcome_is_done_once(run: Run, between: Outages, inner: InMemoryStore) -> None:
    store = run()
    pending, messages = a_turn("one")
    store.begin("s", pending)
    between.fate = "done, but lost"
    assert store.commit("s", pending.id, messages) == 2
    between.fate = "done"
    assert store.knock()
    assert texts(inner) == ["one", "re: one"]


def test_a_verb_that_hangs_holds_nobody_up_for_two_seconds(run: Run, between: Outages, inner: InMemoryStore) -> None:
    store = run()
    say(store, "one")
    between.gate = threading.Event()
    began = time.monotonic()
    say(store, "two")
    assert store.snapshot("s", 10).length == 4
    assert time.monotonic() - began < 2.0
    between.gate.set()
    between.gate = None
    assert store.knock()
    assert texts(inner) == ["one", "re: one", "two", "re: two"]


@pytest.mark.parametrize("verb", ["commit", "checkpoint", "messages"])
def test_who_hangs_is_left_though_the_store_answers_other_questions_or_is_patiently_waited_for(
    run: Run, between: Outages, verb: str
) -> None:
    class Hanging(InMemoryStore):
        released = threading.Event()

        def commit(self, *given, **named):  # type: ignore[no-untyped-def]
            if verb == "commit":
                self.released.wait(20)
            return super().commit(*given, **named)

        def checkpoint(self, *given, **named):  # type: ignore[no-untyped-def]
            self.released.wait(20)
            super().checkpoint(*given, **named)

        def messages(self, *given, **named):  # type: ignore[no-untyped-def]
            if verb == "messages":
                between.gate = self.released  # it answers nothing else either
                self.released.wait(20)
            return super().messages(*given, **named)

    between.inner = Hanging()
    store = run()
    try:
        if verb == "commit":
            say(store, "one")
        elif verb == "checkpoint":
            store.checkpoint("s", "t", "half")
        else:
            assert texts(store) == []
        assert store.state.startswith("store away")
    finally:
        between.inner.released.set()
        between.gate = None


def test_waits_that_follow_each_other_are_one_that_is_too_long(run: Run, between: Outages) -> None:
    class Slow(InMemoryStore):
        def length(self, session: str) -> int:
            time.sleep(0.9)
            return super().length(session)

    between.inner = Slow()
    store = run()
    say(store, "one")
    assert [store.length("s"), store.length("s")] == [2, 2]
    assert store.state == "store away"


def test_many_messages_over_a_slow_line_are_waited_for_while_the_store_answers_otherwise(
    run: Run, inner: InMemoryStore, between: Outages
) -> None:
    class Slow(InMemoryStore):
        def messages(self, *given, **named):  # type: ignore[no-untyped-def]
            asked.append(time.monotonic())
            while time.monotonic() - asked[0] < 1.6:
                time.sleep(0.05)
            return super().messages(*given, **named)

    asked: list[float] = []
    between.inner = Slow()
    store = run()
    say(store, "one")
    assert texts(store) == ["one", "re: one"]
    assert store.state == ""


def test_messages_that_were_not_seen_are_named_as_such_in_their_places(run: Run, between: Outages) -> None:
    store = run()
    for number in range(5):
        say(between.inner, f"n{number}")
    store.snapshot("s", 4)
    between.fate = "lost"
    say(store, "new")
    found = store.messages("s")
    assert [message.text for message in found[-6:]] == ["n3", "re: n3", "n4", "re: n4", "new", "re: new"]
    assert {(message.role, message.text) for message in found[:6]} == {("unreadable", "in the store, which is away")}
    assert store.length("s") == 12


def test_a_store_that_takes_nothing_but_answers_is_read_on(run: Run, between: Outages) -> None:
    store = run()
    for number in range(5):
        say(between.inner, f"n{number}")
    store.snapshot("s", 2)
    between.fate, between.reads_pass = "lost", True
    between.failure = StoreUnavailable("the disk is full", "make room")
    say(store, "new")
    assert texts(store) == [said for number in range(5) for said in (f"n{number}", f"re: n{number}")] + [
        "new",
        "re: new",
    ]
    assert [session.name for session in store.sessions()] == ["s"]


def test_what_another_program_wrote_meanwhile_stays_before_it(run: Run, between: Outages, inner: InMemoryStore) -> None:
    store = run()
    say(store, "one")
    between.fate = "lost"
    say(store, "two", at=0, length=2)
    assert texts(store) == ["two", "re: two"]
    say(inner, "other")
    between.fate = "done"
    assert store.knock()
    assert texts(inner) == ["one", "re: one", "other", "re: other", "two", "re: two"]


def test_a_retry_while_the_store_is_away_replaces_there_what_it_replaced_here(
    run: Run, between: Outages, inner: InMemoryStore
) -> None:
    store = run()
    say(store, "one")
    between.fate = "lost"
    say(store, "again", at=0, length=2)
    between.fate = "done"
    assert store.knock()
    assert texts(inner) == ["again", "re: again"]


def test_a_retry_of_what_was_said_while_the_store_is_away_replaces_it_behind_what_others_wrote(
    run: Run, between: Outages, inner: InMemoryStore
) -> None:
    store = run()
    say(store, "one")
    between.fate = "lost"
    say(store, "two")
    say(store, "two again", at=2, length=4)
    say(inner, "other")
    between.fate = "done"
    assert store.knock()
    assert texts(inner)[::2] == ["one", "other", "two again"]


def test_a_retry_replaces_no_turn_that_another_chat_of_this_machine_kept_meanwhile(
    run: Run, between: Outages, inner: InMemoryStore
) -> None:
    mine = run()
    say(mine, "one")
    hers = run()
    hers.snapshot("s", 10)
    between.fate = "lost"
    assert hers.length("s") == 2
    say(mine, "two")
    say(hers, "hers")
    say(mine, "two again", at=2, length=4)
    between.fate = "done"
    assert mine.knock()
    assert hers.knock()
    assert texts(inner)[::2] == ["one", "two", "hers", "two again"]


def test_an_edit_of_an_edit_that_another_chat_kept_here_loses_no_version(
    run: Run, between: Outages, inner: InMemoryStore
) -> None:
    mine = run()
    hers = run()
    say(mine, "one")
    between.fate = "lost"
    chat = Chat(mine, "s", ScriptedModel())
    list(chat.edit(chat.last(), "two"))
    chat = Chat(hers, "s", ScriptedModel())  # which never saw the first one
    list(chat.edit(chat.last(), "three"))
    between.fate = "done"
    assert hers.knock()
    found, stands = versions(inner.messages("s"))
    assert ([version[0].text for version in found], stands) == (["one", "two", "three"], 2)


def test_a_retry_of_a_turn_whose_outcome_was_unknown_replaces_no_turn_of_others(
    run: Run, between: Outages, inner: InMemoryStore
) -> None:
    store = run()
    pending, messages = a_turn("one")
    store.begin("s", pending)
    between.fate = "done, but lost"
    store.commit("s", pending.id, messages)
    say(inner, "other")
    say(store, "again", at=0, length=2)
    between.fate = "done"
    assert store.knock()
    assert texts(inner)[::2] == ["one", "other", "again"]


def test_a_retry_in_a_later_run_of_what_was_kept_in_an_earlier_one_replaces_it_behind_what_others_wrote(
    run: Run, between: Outages, inner: InMemoryStore
) -> None:
    first = run()
    say(first, "one")
    between.fate = "lost"
    say(first, "two")
    second = run()
    assert texts(second) == ["two", "re: two"]
    say(second, "two again", at=0, length=2)
    say(inner, "other")
    between.fate = "done"
    assert second.knock()
    assert texts(inner)[::2] == ["one", "other", "two again"]


def test_what_others_wrote_behind_what_was_seen_is_there_to_go_on_with(run: Run, between: Outages) -> None:
    store = run()
    say(store, "one")
    say(between.inner, "other")
    assert len(store.messages("s", 0)) == 4
    assert store.messages("s", 50) == []
    between.fate = "lost"
    assert texts(store) == ["one", "re: one", "other", "re: other"]


@pytest.mark.parametrize(
    ("verb", "left"),
    [
        (lambda store: store.append("s", [], at=2), ["one", "re: one"]),
        (lambda store: store.clear("s"), []),
        (lambda store: store.delete("s"), []),
        (lambda store: store.rename("s", "t"), []),
    ],
)
def test_what_was_taken_back_before_the_store_went_away_stays_so(
    run: Run, between: Outages, verb: Callable[[Store], object], left: list[str]
) -> None:
    store = run()
    say(store, "one")
    say(store, "two")
    assert len(texts(store)) == 4
    verb(store)
    between.fate = "lost"
    assert texts(store) == left


def test_what_came_of_a_reply_before_the_store_went_away_is_offered_while_it_is(run: Run, between: Outages) -> None:
    store = run()
    pending, _ = a_turn("one")
    store.begin("s", pending)
    store.checkpoint("s", pending.id, "half")
    dropped, _ = a_turn("two")
    store.begin("s", dropped)
    store.drop("s", dropped.id)
    between.fate = "lost"
    assert [(turn.id, turn.partial) for turn in store.pending("s")] == [(pending.id, "half")]


def test_a_turn_that_ended_in_one_outage_is_not_offered_in_the_next(run: Run, between: Outages) -> None:
    store = run()
    pending, messages = a_turn("one")
    store.begin("s", pending)
    between.fate = "lost"
    store.commit("s", pending.id, messages)
    between.fate = "done"
    assert store.knock()
    between.fate = "lost"
    assert store.pending("s") == []
    assert texts(store) == ["one", "re: one"]


def test_a_turn_that_another_run_left_is_offered_also_when_the_store_goes_away_behind_it(
    run: Run, between: Outages, inner: InMemoryStore
) -> None:
    store = run()
    pending, _ = a_turn("one")
    inner.begin("s", pending._replace(writer=f"{this_writer()}0"))
    inner.begin("s", a_turn("of who goes on elsewhere")[0]._replace(writer="elsewhere/1/1"))
    assert len(store.pending("s")) == 2
    between.fate = "lost"
    assert [turn.id for turn in store.pending("s")] == [pending.id]


def test_waits_count_for_a_while_and_a_little_patience_is_left_always(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    patience = Patience()
    now[0] = 0.2
    patience.waited(0.0)
    assert patience.left(1.3) == 1.3, "that was none"
    now[0] = 1.2
    patience.waited(0.2)
    assert patience.left(1.3) == pytest.approx(0.3)
    patience.waited(0.2)
    assert patience.left(1.3) == Patience.LEAST
    now[0] = 3.3
    assert patience.left(1.3) == 1.3


def test_a_thread_that_is_done_serves_again() -> None:
    workers, served = Workers(), set[int]()
    for _ in range(20):
        task = workers.begin(lambda: served.add(threading.get_ident()))
        assert task.is_done(20)
    workers.close()
    assert len(served) == 1


def test_settings_and_what_was_derived_are_kept_too(run: Run, between: Outages, inner: InMemoryStore) -> None:
    store = run()
    store.update("s", settings={"model": "a", "memory": "none"})
    old = State({"text": "old"}, Watermark(0))
    store.put_state("s", Change("summary", old, None))
    between.fate = "lost"
    store.update("s", settings={"model": "b", "memory": None})
    new = State({"text": "new"}, Watermark(0))
    assert store.put_state("s", Change("summary", new, old))
    assert not store.put_state("s", Change("summary", new, old))
    look = store.snapshot("s", 0)
    assert (look.session.settings, look.states["summary"]) == ({"model": "b"}, new)
    between.fate = "done"
    assert store.knock()
    look = inner.snapshot("s", 0)
    assert (look.session.settings, look.states["summary"]) == ({"model": "b"}, new)


def test_a_title_that_could_not_be_seen_is_not_written_over(run: Run, between: Outages, inner: InMemoryStore) -> None:
    inner.update("s", title="Java")
    between.fate = "lost"
    store = run()
    assert store.snapshot("s", 0).session.title == ""
    store.update("s", title="hello")
    store.update("new", title="hello")
    assert store.news()[0].startswith("the store is away: the chat goes on, without what was said before, its turns")
    between.fate = "done"
    assert store.knock()
    assert inner.snapshot("s", 0).session.title == "Java"
    assert inner.snapshot("new", 0).session.title == "hello"


@pytest.mark.parametrize(
    "verb",
    [
        lambda store: store.append("s", [], at=0),
        lambda store: store.redo("s"),
        lambda store: store.clear("s"),
        lambda store: store.delete("s"),
        lambda store: store.rename("s", "t"),
        lambda store: store.fork("s", "t"),
        lambda store: store.sessions(),
        lambda store: list(store.foreign()),
    ],
)
def test_what_changes_whole_sessions_says_that_the_store_is_away(
    run: Run, between: Outages, verb: Callable[[Store], object]
) -> None:
    store = run()
    say(store, "one")
    between.fate = "lost"
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="the store is away"):
            verb(store)
    assert texts(store) == ["one", "re: one"]
    assert between.asked.count("sessions") <= 1, "who is mute is not asked twice"


def test_what_a_run_left_is_put_there_by_the_next_one_and_told(
    run: Run, between: Outages, inner: InMemoryStore
) -> None:
    first = run()
    between.fate = "lost"
    say(first, "one")
    pending, _ = a_turn("unanswered")
    first.begin("s", pending)
    first.checkpoint("s", pending.id, "half an ans")
    between.fate = "done"
    second = run()
    assert second.news() == ["the store is back; 1 turn kept here is in it now"]
    assert texts(inner) == ["one", "re: one"]
    assert [(turn.id, turn.partial) for turn in inner.pending("s")] == [(pending.id, "half an ans")]


def test_what_a_run_left_is_there_for_the_next_one_also_while_the_store_is_still_away(
    run: Run, between: Outages
) -> None:
    first = run()
    say(first, "one")
    pending, _ = a_turn("begun in the store")
    first.begin("s", pending)
    between.fate = "lost"
    first.checkpoint("s", pending.id, "half")
    second = run()
    assert [(turn.id, turn.user.text, turn.partial) for turn in second.pending("s")] == [
        (pending.id, "begun in the store", "half")
    ]


def test_a_turn_under_way_in_another_process_is_left_to_it(tmp_path: Path, inner: InMemoryStore, run: Run) -> None:
    journal = Journal(tmp_path / "journal.db", "here")
    pending, messages = a_turn("hers")
    from chatcli.stores import replay

    journal.keep(replay.begun("s", Pending(pending.id, pending.user, "elsewhere/1/1")))
    store = run()
    assert (store.state, inner.pending("s")) == ("", [])
    journal.keep(replay.committed("s", pending.id, messages, [], None))
    run()
    assert texts(inner) == ["hers", "re: hers"]


def test_a_turn_of_a_process_that_was_killed_is_put_there_by_the_next_one_at_once(
    tmp_path: Path, inner: InMemoryStore, run: Run
) -> None:
    from chatcli.stores import replay

    pending, _ = a_turn("unanswered")
    journal = Journal(tmp_path / "journal.db", "here")
    journal.keep(replay.begun("s", pending._replace(writer=f"{this_writer()}0")))  # its process id is ours now
    assert (journal.turns(), run().state) == (1, "")
    assert [turn.id for turn in inner.pending("s")] == [pending.id]


def test_what_came_of_a_reply_while_its_turn_was_put_there_is_not_removed(tmp_path: Path) -> None:
    from chatcli.stores import replay

    pending, _ = a_turn("one")
    journal = Journal(tmp_path / "journal.db", "here", iter(range(1000, 2000)).__next__)
    journal.keep(replay.begun("s", pending))
    (put,) = journal.entries()
    assert journal.checkpoint(pending.id, "half")
    journal.remove(put)
    (left,) = journal.entries()
    assert left.partial == '"half"'
    journal.remove(left)
    assert journal.entries() == []


def test_the_journal_takes_what_many_threads_keep_at_once_and_goes_on_behind_what_it_cannot_keep(
    tmp_path: Path,
) -> None:
    journal = Journal(tmp_path / "journal.db", "here")

    def keep(thread: int) -> None:
        for number in range(25):
            journal.keep(Entry("s", "drop", {}, f"{thread}-{number}"))

    with pytest.raises(StoreError, match="half a character"):
        journal.keep(Entry("\ud800", "drop", {}, "t"))
    threads = [threading.Thread(target=keep, args=[thread]) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(journal.entries()) == 100
    database = journal._db
    assert database is not None
    assert database.execute("PRAGMA synchronous").fetchone() == (2,), "FULL: what it took survives a loss of power"
    journal.close()


def test_two_processes_that_put_the_same_there_at_once_do_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "s.db"
    between = Outages(SqliteStore(file))
    first = Journaled(between, lambda: Journal(tmp_path / "journal.db", "here"), pauses=NEVER)  # type: ignore[arg-type]
    between.fate = "lost"
    for number in range(20):
        say(first, f"n{number}")
    runs = [
        Journaled(SqliteStore(file), lambda: Journal(tmp_path / "journal.db", "here"), pauses=NEVER) for _ in range(4)
    ]
    threads = [threading.Thread(target=store.open) for store in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in runs:
        assert store.knock()
    assert texts(runs[0]) == [said for number in range(20) for said in (f"n{number}", f"re: n{number}")]
    for store in [first, *runs]:
        store.close()


def test_a_session_that_is_refused_holds_up_no_other_and_is_told(
    run: Run, between: Outages, inner: InMemoryStore
) -> None:
    class Odd(InMemoryStore):
        def commit(self, session, *given, **named):  # type: ignore[no-untyped-def]
            if session == "odd":
                raise StoreError("the key holds a string", "remove it")
            return super().commit(session, *given, **named)

    between.inner = Odd()
    store = run()
    assert not store.exists("odd")
    pending, messages = a_turn("odd")
    store.commit("odd", pending.id, messages)
    say(store, "one")
    assert store.knock()
    assert texts(between.inner) == ["one", "re: one"]
    assert "what is kept here for odd is not taken: the key holds a string; remove it" in store.news()
    assert len(Journal(store._meanwhile._journal.path, "here").entries("odd")) == 1


def test_what_was_said_behind_a_turn_that_is_refused_waits_with_it() -> None:
    from chatcli.stores import replay

    class Odd(InMemoryStore):
        def commit(self, session, turn, messages, *given, **named):  # type: ignore[no-untyped-def]
            if messages[0].text == "one":
                raise StoreError("it is too long", "shorten it")
            return super().commit(session, turn, messages, *given, **named)

    turns = [("s", *a_turn("one")), ("s", *a_turn("two")), ("t", *a_turn("three"))]
    entries = [replay.committed(session, pending.id, messages, [], None) for session, pending, messages in turns]
    store, removed = Odd(), list[Entry]()
    done = replay.replay(store, entries, removed.append)
    assert (done.turns, list(done.refused), removed) == (1, ["s"], entries[2:])
    assert (store.length("s"), store.length("t")) == (0, 2)


def test_a_turn_that_was_committed_after_all_is_not_begun_again(inner: InMemoryStore) -> None:
    from chatcli.stores import replay

    pending = say(inner, "one")
    removed: list[Entry] = []
    done = replay.replay(inner, [replay.begun("s", pending)], removed.append)
    assert (len(removed), done.refused, inner.pending("s")) == (1, {}, [])


def test_a_retry_that_others_forestall_while_it_is_put_there_goes_to_the_end_alone_with_what_was_derived() -> None:
    from chatcli.stores import replay

    class Busy(InMemoryStore):
        def messages(self, session: str, *given, **named):  # type: ignore[no-untyped-def]
            found = super().messages(session, *given, **named)
            if others:
                self.append(session, others.pop())
            return found

    store, others = Busy(), list[list[Message]]()
    old, (pending, new) = say(store, "one"), a_turn("two")
    standing = store.messages("s")
    others.append(a_turn("other")[1])
    state = State({"cut": 1}, Watermark(0))
    both = replaced(standing, *new)
    replay.put_into(store, replay.committed("s", pending.id, both, [Change("cut", state, None)], standing))
    history = store.messages("s")
    assert [message.text for message in history][::2] == [old.user.text, "other", "two"]
    assert len(versions(history[-2:])[0]) == 1
    assert store.snapshot("s", 0).states == {"cut": state}


def test_a_title_that_was_seen_may_be_changed_while_the_store_is_away(
    run: Run, between: Outages, inner: InMemoryStore
) -> None:
    store = run()
    store.update("s", title="old")
    store.snapshot("s", 0)
    between.fate = "lost"
    store.update("s", title="new")
    between.fate = "done"
    assert store.knock()
    assert inner.snapshot("s", 0).session.title == "new"


def test_of_a_very_long_history_the_newest_messages_are_there_to_go_on_with() -> None:
    seen, stand_in, long = Seen(), InMemoryStore(), 2 * KEPT + 2
    seen.length("s", long)
    seen.messages("s", 0, [Message("user", str(number)) for number in range(long)])
    seen.copy_to(stand_in, "s")
    found = stand_in.messages("s")
    assert (len(found), found[-1].text, found[-KEPT].text) == (long, str(long - 1), str(long - KEPT))
    assert found[0] is HIDDEN


def test_a_store_that_goes_away_again_while_turns_are_put_there_is_given_no_more_of_them(between: Outages) -> None:
    from chatcli.stores import replay

    turns = [a_turn("one"), a_turn("two"), a_turn("three")]
    entries = [replay.committed("s", pending.id, messages, [], None) for pending, messages in turns]
    between.fates, between.fate = ["done"], "lost"
    removed: list[Entry] = []
    done = replay.replay(between, entries, removed.append)  # type: ignore[arg-type]
    assert (done.turns, removed, done.away) == (1, entries[:1], between.failure)
    assert between.asked == ["commit", "commit"]


def test_a_conflict_is_a_conflict_and_no_outage(run: Run, between: Outages) -> None:
    store = run()
    say(store, "one")
    pending, messages = a_turn("two")
    with pytest.raises(Conflict):
        store.commit("s", pending.id, messages, 0, 7)
    assert store.state == ""
    between.fate = "lost"
    store.drop("s", "t")
    with pytest.raises(Conflict):
        store.commit("s", pending.id, messages, 0, 7)


def test_where_an_answer_is_needed_a_store_that_never_gave_one_is_an_error(run: Run, between: Outages) -> None:
    between.fate = "lost"
    with pytest.raises(StoreAway):
        run(needed=True).snapshot("s", 0)
    between.failure = StoreUnavailable("it does not accept this password", "correct it")
    with pytest.raises(StoreUnavailable, match="password"):
        run().snapshot("s", 0)


def test_where_a_store_is_needed_it_is_waited_for_as_long_as_it_takes(run: Run, between: Outages) -> None:
    class Slow(InMemoryStore):
        def begin(self, *given, **named):  # type: ignore[no-untyped-def]
            time.sleep(2.0)  # another program has the file
            super().begin(*given, **named)

    between.inner = Slow()
    store = run(needed=True)
    say(store, "one")
    assert store.state == ""
    assert texts(between.inner) == ["one", "re: one"]


def test_where_a_store_is_needed_one_that_answers_but_takes_nothing_is_an_error(run: Run, between: Outages) -> None:
    store = run(needed=True)
    assert not store.exists("s")
    between.fate, between.reads_pass = "lost", True
    with pytest.raises(StoreAway):
        store.begin("s", a_turn("one")[0])
    between.fate = "done"
    say(store, "two")
    between.fate = "lost"
    say(store, "three")
    assert texts(store) == ["two", "re: two", "three", "re: three"]


def test_what_not_even_the_journal_takes_is_given_back_but_a_reply_stays_and_goes_there_later(
    run: Run, between: Outages, inner: InMemoryStore, tmp_path: Path
) -> None:
    store = run()
    say(store, "one")
    pending, _ = a_turn("two")
    store.begin("s", pending)
    between.fate = "lost"
    say(store, "kept")  # the journal's file is there
    database = store._meanwhile._journal._db
    assert database is not None
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count = {pages}")
    big = Message("assistant", "x" * 100_000, id=new_id())
    store.commit("s", pending.id, [pending.user, big])
    assert store.lost
    assert "journal.db is full" in store.news()[-1]
    with pytest.raises(StoreError, match=r"journal\.db is full"):
        store.begin("s", Pending(new_id(), Message("user", "y" * 100_000), this_writer()))
    assert [turn.user.text for turn in store.pending("s")] == []
    assert texts(store)[2:] == ["kept", "re: kept", "two", big.text]
    between.fate = "done"
    assert store.knock()
    assert texts(inner)[2:] == ["kept", "re: kept", "two", big.text]
    assert not store.lost


@pytest.mark.parametrize(
    ("then", "asked"),
    [(lambda store: say(store, "later"), ["xxxxx", "later"]), (lambda store: store.knock(), ["xxxxx"])],
)
def test_what_the_journal_did_not_take_goes_into_it_when_it_can_and_before_what_is_said_later(
    run: Run, between: Outages, inner: InMemoryStore, then: Callable[[Journaled], object], asked: list[str]
) -> None:
    store = run()
    pending, messages = a_turn("x" * 100_000)
    store.begin("s", pending)
    between.fate = "lost"
    store.drop("s", "none")  # the journal's file is there
    database = store._meanwhile._journal._db
    assert database is not None
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count = {pages}")
    store.commit("s", pending.id, messages)
    assert store.lost
    database.execute("PRAGMA max_page_count = 100000")
    then(store)
    assert not store.lost
    between.fate = "done"
    assert run().knock()
    assert [text[:5] for text in texts(inner)[::2]] == asked


def test_a_journal_that_cannot_be_read_is_told_and_the_store_is_knocked_at_all_the_same(
    run: Run, between: Outages, tmp_path: Path
) -> None:
    store = run(pauses=[0.01])
    say(store, "one")
    back = threading.Event()
    store.on_change = lambda: store.state or back.set()
    (tmp_path / "journal.db").write_text("no database" * 100)
    between.fate = "lost"
    with pytest.raises(StoreUnavailable, match=r"journal\.db is not a SQLite database") as caught:
        say(store, "two")
    assert "--store" not in caught.value.hint
    with pytest.raises(StoreUnavailable, match=r"journal\.db"):
        say(store, "two")
    (tmp_path / "journal.db").unlink()
    between.fate = "done"
    assert back.wait(20)
    assert texts(store) == ["one", "re: one"]


def test_a_folder_that_is_closed_to_us_is_an_error_where_the_journal_is_needed(tmp_path: Path) -> None:
    journal = Journal(tmp_path / ("too long" * 40) / "journal.db", "here")  # root may look into any other
    for verb in (journal.entries, journal.waiting, journal.turns, lambda: journal.keep(Entry("s", "drop", {}, "t"))):
        with pytest.raises(StoreUnavailable, match="too long"):
            verb()


def test_a_folder_that_is_closed_to_us_stops_no_command_that_needs_no_journal(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHATCLI_HOME")
    for name in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ("too long" * 40)))
    done = command("history", "show", "-s", "s")
    assert (done.code, done.err.splitlines()[0]) == (1, "error: there is no session 's'")


def test_the_file_is_for_its_owner_alone(run: Run, between: Outages, tmp_path: Path) -> None:
    store = run()
    assert not (tmp_path / "journal.db").exists()
    between.fate = "lost"
    say(store, "one")
    modes = {path.stat().st_mode & 0o777 for path in tmp_path.glob("journal.db*")}
    assert modes == {0o600}


def test_what_waits_is_told_by_store(tmp_path: Path) -> None:
    from chatcli.stores import replay

    for address, session in (("redis://a/0", "JavaEdge"), ("redis://a/0", "b"), ("sqlite:///x", "c")):
        pending, messages = a_turn("one")
        Journal(tmp_path / "j.db", address).keep(replay.begun(session, pending))
        Journal(tmp_path / "j.db", address).keep(replay.committed(session, pending.id, messages, [], None))
    assert Journal(tmp_path / "j.db", "sqlite:///x").turns() == 1
    found = Journal(tmp_path / "j.db", "").waiting()
    assert [(one.store, one.turns, sorted(one.sessions)) for one in found] == [
        ("redis://a/0", 2, ["JavaEdge", "b"]),
        ("sqlite:///x", 1, ["c"]),
    ]


def test_a_turn_that_is_sent_again_and_edited_while_the_store_is_away_is_one_turn_still(
    run: Run, between: Outages, tmp_path: Path
) -> None:
    store = run()
    say(store, "one")
    between.fate = "lost"
    say(store, "two")
    chat = Chat(store, "s", ScriptedModel())
    list(chat.retry())
    list(chat.retry())
    list(chat.edit(chat.last(), "two, in other words"))
    list(chat.edit(chat.last(), "two, in still other words"))
    assert store.state == "store away · 1 turn kept here"
    [waiting] = Journal(tmp_path / "journal.db", "").waiting()
    assert (waiting.turns, waiting.sessions) == (1, ("s",))
    chat.retry().close()  # begun, and stopped at once
    assert store.state == "store away · 1 turn kept here"
    say(store, "three")
    assert store.farewell.startswith("2 turns kept here for")
    between.fate = "done"
    assert store.knock()
    assert store.news()[1:] == ["the store is back; 2 turns kept here are in it now"]


def test_a_turn_of_the_store_that_is_sent_again_while_it_is_away_is_one_that_waits(run: Run, between: Outages) -> None:
    store = run()
    say(store, "one")
    between.fate = "lost"
    chat = Chat(store, "s", ScriptedModel())
    list(chat.retry())
    list(chat.retry())
    assert store.state == "store away · 1 turn kept here"


@pytest.mark.parametrize(
    "damage", ["data = '{\"messages\": 5}'", "data = '[1]'", "data = 'x'", "verb = 'of a newer chatcli'"]
)
@pytest.mark.parametrize("verb", ["begin", "commit"])
def test_an_entry_that_cannot_be_read_is_told_and_stays(
    run: Run, tmp_path: Path, inner: InMemoryStore, damage: str, verb: str
) -> None:
    from chatcli.stores import replay

    pending, messages = a_turn("one")
    journal = Journal(tmp_path / "journal.db", "here")
    begun, committed = replay.begun("s", pending), replay.committed("s", pending.id, messages, [], None)
    journal.keep(begun if verb == "begin" else committed)
    with sqlite3.connect(journal.path) as database:
        database.execute(f"UPDATE entries SET {damage}, beat = 0")
    database.close()
    store = run()
    assert "what the journal keeps for the session 's' is damaged" in store.news()[0]
    assert store.state == ""
    assert len(journal.entries()) == 1


NO_TEXT = object()
ODD = ("soon", "", None, -1, 2**62, 1e300, b"", b"\xff", "[1]", "5", '"text"', "[" * 5000, "\x1b]52;c;x\x07", NO_TEXT)
COLUMNS = ("store", "session", "verb", "turn", "data", "partial", "beat")


def disturb(file: Path, column: str, odd: object) -> None:
    """Put the value into a column of every entry, as a program may that keeps to no rule."""
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA writable_schema = ON")
        database.execute("UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '') WHERE name = 'entries'")
    database.close()
    with sqlite3.connect(file) as database:
        value = "CAST(x'ff' AS TEXT)" if odd is NO_TEXT else "?"
        database.execute(f"UPDATE entries SET {column} = {value}", [] if odd is NO_TEXT else [odd])
    database.close()


@pytest.mark.parametrize("column", COLUMNS)
def test_whatever_stands_in_a_journal_is_told_or_put_there_and_ends_nothing(tmp_path: Path, column: str) -> None:
    from chatcli.cli.doctor import _in_words
    from chatcli.stores import replay

    pending, messages = a_turn("one")
    begun, (other, _) = replay.begun("s", pending), a_turn("two")
    change = Change("sum", State({}, Watermark(0)), None)
    for number, odd in enumerate(ODD):
        file = tmp_path / f"{number}.db"
        journal, store = Journal(file, "here"), SqliteStore(tmp_path / f"store {number}.db")
        for entry in (
            begun,
            replay.committed("s", other.id, messages, [change], None),
            replay.updated("s", "title", {"model": "m"}, (1.0, 2.0)),
        ):
            journal.keep(entry)
        journal.close()
        disturb(file, column, odd)
        for one in journal.waiting():
            assert _in_words(one)
        with suppress(StoreError):
            done = replay.replay(store, journal.entries(), journal.remove)
            assert all(error.message and error.hint for error in done.refused.values())
        journal.close()
        store.close()


def test_an_entry_whose_numbers_are_none_is_told_and_stays(tmp_path: Path) -> None:
    from chatcli.stores import replay

    pending, messages = a_turn("one")
    journal, store = Journal(tmp_path / "j.db", "here"), SqliteStore(tmp_path / "s.db")
    beyond = Change("sum", State({}, Watermark(2**70)), None)
    journal.keep(replay.committed("s", pending.id, messages, [beyond], None))
    journal.keep(replay.updated("u", "title", None, (1.0,)))  # type: ignore[arg-type]
    done = replay.replay(store, journal.entries(), journal.remove)
    assert {*done.refused} == {"s", "u"}
    assert store.length("s") == 0
    assert len(journal.entries()) == 2
    journal.close()
    store.close()


@pytest.mark.parametrize("number", ["²", "٣", "9" * 30, "9" * 5000, "-1", "0x1", ""])
def test_a_writer_of_odd_form_is_not_taken_for_one_that_ended_here(number: str) -> None:
    from chatcli.writer import is_gone

    place, _, _ = this_writer().split("/")
    assert not is_gone(f"{place}/{number}/1")
