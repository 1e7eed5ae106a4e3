"""The laws of `Store`, for every store there is."""

import itertools
import threading
import time
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatcli.errors import Conflict, NotFound
from chatcli.messages import Message, Usage, fingerprint, new_id
from chatcli.stores import Change, Pending, State, Store, Watermark
from tests.contracts.conftest import Place, abandon, allowed

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
NAMES = [
    "JavaEdge", "a", "ab", "abc", "a/b", "/", "..", ".", "../a", "*", "a*", "?", "[a-z]", "[", "\\", "\\*",
    "{}", "{a}", "}", "a}:info", "{a}:info", "a:info", "%", "%7B", "%7B%7D", "%s", "' OR 1=1 --", '"',
    "中国历史", "它有多少年？", "👩‍👩‍👧‍👦", "\u00e9", "e\u0301", "A", " ", " a", "a ", "x" * 200, "x" * 199,
    "中" * 200, "index", "chatcli:index:", "message_store:a", "null", "None", "0",
]  # fmt: skip


def user(text: str) -> Message:
    return Message("user", text, id=new_id(), time=1_700_000_000.25)


def reply(text: str) -> Message:
    return Message("assistant", text, id=new_id(), time=1_700_000_001.5, model="qwen-plus", finish="stop")


def turn(text: str) -> list[Message]:
    return [user(text), reply(f"re: {text}")]


def texts(messages: Sequence[Message]) -> list[str]:
    return [message.text for message in messages]


def a_pending(text: str = "hello", **others: object) -> Pending:
    return Pending(new_id(), user(text), "host/1/2", **others)  # type: ignore[arg-type]


def a_state(value: str, position: int) -> State:
    return State({"text": value}, Watermark(position, f"f{position}"))


def a_change(value: str, position: int, expected: State | None) -> Change:
    return Change("summary", a_state(value, position), expected)


# Reading


def test_an_unknown_session_is_empty_and_looking_does_not_make_it(store: Store) -> None:
    look = store.snapshot("new", 10)
    assert (look.session.name, look.length, list(look.newest), dict(look.states)) == ("new", 0, [], {})
    assert store.messages("new") == []
    assert store.length("new") == 0
    assert store.pending("new") == []
    assert store.redo("new") == []
    assert store.clear("new") == 0
    assert store.delete("new") is False
    assert store.put_state("new", a_change("x", 0, None)) is False
    assert not store.exists("new")
    assert store.sessions() == []


def test_a_message_comes_back_as_it_was_written(store: Store) -> None:
    written = [
        Message("system", "你是一个乐于助人的机器人"),
        Message("user", ({"type": "text", "text": "what is this?"}, IMAGE), id="u1", time=1.5, name="Ada"),
        Message("assistant", "", id="a1", tool_calls=(CALL,), model="m", usage=Usage(10, 5, 3), finish="length"),
        Message("tool", "2", tool_call_id="c1"),
        Message("assistant", "☕ \x1b[31m \u0000 \ud83d half", usage=Usage(7, 2)),
        Message("user", "", extra={"from": {"somewhere": ["else", 1, None]}}),
        Message("user", ({"type": "text", "text": "half \ud800"},), time=0.0, name="", model="\udcff"),
        Message("tool", "", time=0, tool_call_id="", usage=Usage(0, 0)),
    ]
    assert store.append("s", written) == 8
    assert store.messages("s") == written


ATTACHED = (
    {"type": "text", "text": "what is @cat.png, @notes.md?"},
    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{'iVBOR' * 2000}", "detail": "low"}},
    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{'====' * 2000}"}},
    {"type": "image_url", "image_url": {"url": f"https://example.org/{'a' * 5000}"}},
    {
        "type": "text",
        "text": "notes.md:\n```\n" + "half \ud83d \u0000 中\n" * 3000 + "\n```",
        "cache_control": {"type": "x"},
    },
    {"type": "input_audio", "input_audio": {"data": "A" * 5000, "format": "wav"}},
)


def test_what_is_attached_comes_back_to_the_letter_wherever_it_stands(place: Place) -> None:
    store = place.open()
    asked, answer = Message("user", ATTACHED, id="u1", time=1.5), reply("a cat")
    store.append("s", [asked, answer, asked])
    store.begin("s", Pending("t1", asked, "host/1/2"))
    store.append("s", [], at=2)
    for opened in (store, store if place.address == "memory:" else place.open()):
        assert opened.messages("s") == [asked, answer]
        assert opened.snapshot("s", 2).newest[0] == asked
        assert [turn.user for turn in opened.pending("s")] == [asked]
    assert store.redo("s") == [asked]
    store.commit("s", "t1", [asked, reply("still a cat")])
    assert [message for message in store.messages("s") if message.role == "user"] == [asked] * 3


def test_what_one_session_had_attached_stays_when_another_that_has_it_goes(store: Store) -> None:
    asked = Message("user", ATTACHED)
    for name in ("one", "two", "three"):
        store.append(name, [asked])
        store.begin(name, Pending(new_id(), asked, "host/1/2"))
    store.delete("one")
    store.clear("two")
    store.drop("three", store.pending("three")[0].id)
    assert store.messages("three") == [asked]
    store.append("two", [asked])
    assert store.messages("two") == [asked]


@pytest.mark.parametrize("length", [0, 1, 5])
def test_slices_mean_what_pythons_slices_mean(store: Store, length: int) -> None:
    history = [user(str(index)) for index in range(length)]
    store.append("s", history)
    bounds = [None, *range(-7, 8)]
    for start, stop in itertools.product(bounds, bounds):
        assert store.messages("s", start, stop) == history[start:stop], (start, stop)


def test_a_snapshot_shows_the_newest_messages_and_what_is_set_and_derived(store: Store) -> None:
    for number in range(5):
        store.append("s", turn(f"q{number}"))
    store.update("s", title="Numbers", settings={"model": "m"})
    store.put_state("s", a_change("so far", 4, None))
    look = store.snapshot("s", 3)
    assert texts(look.newest) == ["re: q3", "q4", "re: q4"]
    assert (look.length, look.session.messages, look.session.turns) == (10, 10, 5)
    assert (look.session.title, look.session.settings) == ("Numbers", {"model": "m"})
    assert look.states == {"summary": State({"text": "so far"}, Watermark(4, "f4"))}
    assert texts(store.snapshot("s", 0).newest) == []
    assert len(store.snapshot("s", 99).newest) == 10


def test_sessions_are_listed_by_pages_the_one_used_last_first(store: Store) -> None:
    before = time.time()
    for name in ("one", "two", "three"):
        store.append(name, turn(name))
    store.append("one", [user("again")])
    listed = store.sessions()
    assert [session.name for session in listed] == ["one", "three", "two"]
    assert [(session.messages, session.turns) for session in listed] == [(3, 2), (2, 1), (2, 1)]
    assert before - 5 < listed[0].created < listed[0].used < time.time() + 5
    assert [session.name for session in store.sessions(limit=1)] == ["one"]
    assert [session.name for session in store.sessions(limit=2, offset=1)] == ["three", "two"]
    assert [session.name for session in store.sessions(offset=2)] == ["two"]
    assert store.sessions(limit=5, offset=3) == []
    assert store.sessions(limit=0) == []


def test_what_only_chatcli_wrote_is_not_foreign(store: Store) -> None:
    store.append("mine", turn("hello"))
    assert list(store.foreign()) == []


# Writing


def test_append_adds_at_the_end_and_returns_the_new_length(store: Store) -> None:
    assert store.append("s", turn("one")) == 2
    assert store.append("s", turn("two"), expected_length=2) == 4
    assert store.append("s", []) == 4
    assert texts(store.messages("s")) == ["one", "re: one", "two", "re: two"]


def test_a_session_from_elsewhere_keeps_its_times_and_its_place_in_the_list(store: Store) -> None:
    store.append("today", turn("hi"))
    store.append("old", turn("hi"))
    store.update("old", title="Old", settings={"model": "m"}, times=(1e9, 1.5e9))
    listed = store.sessions()
    assert [session.name for session in listed] == ["today", "old"]
    assert (listed[1].title, listed[1].created, listed[1].used, listed[1].turns) == ("Old", 1e9, 1.5e9, 1)
    store.rename("old", "older")
    assert [(session.name, session.used) for session in store.sessions()][1:] == [("older", 1.5e9)]
    store.append("older", turn("again"))
    assert [session.name for session in store.sessions()] == ["older", "today"]
    assert store.sessions()[0].created == 1e9


def test_a_write_that_comes_too_late_is_refused_and_writes_nothing(store: Store) -> None:
    store.append("s", turn("one"))
    for late in (
        {"expected_length": 1},
        {"expected_length": 3},
        {"at": 3},
        {"at": -1},
        {"at": 0, "expected_length": 4},
    ):
        with pytest.raises(Conflict):
            store.append("s", turn("two"), **late)
        with pytest.raises(Conflict):
            store.commit("s", new_id(), turn("two"), **late, changes=[a_change("x", 2, None)])
    with pytest.raises(Conflict):
        store.append("new", turn("two"), expected_length=2)
    assert texts(store.messages("s")) == ["one", "re: one"]
    assert store.snapshot("s", 0).states == {}
    assert not store.exists("new")


def test_undo_and_redo_are_a_stack(store: Store) -> None:
    for number in range(3):
        store.append("s", turn(str(number)))
    whole = store.messages("s")
    assert store.append("s", [], at=4) == 4
    assert store.append("s", [], at=0) == 0
    assert store.snapshot("s", 9).session.turns == 0
    assert store.redo("s") == whole[:4]
    assert store.redo("s") == whole[4:]
    assert store.redo("s") == []
    assert store.messages("s") == whole
    assert store.snapshot("s", 9).session.turns == 3


def test_a_retry_replaces_the_turn_and_keeps_the_old_one_undone(store: Store) -> None:
    store.append("s", [*turn("one"), *turn("two")])
    old = store.messages("s", 2)
    assert store.append("s", turn("better"), at=2, expected_length=4) == 4
    assert texts(store.messages("s")) == ["one", "re: one", "better", "re: better"]
    assert store.redo("s") == []
    store.append("s", [], at=2)
    assert texts(store.redo("s")) == ["better", "re: better"]
    assert store.redo("s") == []
    assert texts(old) == ["two", "re: two"]


def test_nothing_is_redone_on_a_history_that_went_on(store: Store) -> None:
    store.append("s", turn("one"))
    store.append("s", [], at=0)
    store.append("s", turn("other"))
    assert store.redo("s") == []
    assert texts(store.messages("s")) == ["other", "re: other"]


def test_replacing_from_the_end_undoes_nothing(store: Store) -> None:
    store.append("s", turn("one"))
    store.append("s", turn("two"), at=2)
    assert store.append("s", [], at=4) == 4
    assert store.redo("s") == []
    assert store.length("s") == 4


def test_update_sets_the_title_and_merges_settings(store: Store) -> None:
    store.update("s", settings={"model": "m", "variables": {"ability": "历史"}})
    assert store.exists("s")
    store.update("s", title='a "title" ☕')
    store.update("s", settings={"model": None, "memory": "window:10"})
    session = store.snapshot("s", 0).session
    assert session.title == 'a "title" ☕'
    assert session.settings == {"variables": {"ability": "历史"}, "memory": "window:10"}
    assert store.sessions() == [session]
    store.update("s", title="")
    assert store.snapshot("s", 0).session.title == ""


@pytest.mark.parametrize("half", ["\ud800", "a\udcff", "\udc00\ud83d"])
def test_half_a_character_survives_wherever_text_stands(store: Store, half: str) -> None:
    under_way = Pending("t", user(half), "w", partial=half)
    store.update("s", title=half, settings={half: [half]})
    store.begin("s", under_way)
    store.append("s", [Message("assistant", half, name=half, model=half, tool_call_id=half, extra={half: half})])
    store.put_state("s", Change("sum", State({half: half}, Watermark(1, "f")), None))
    store.append("s", turn(half), at=0)
    look = store.snapshot("s", 9)
    assert (look.session.title, look.session.settings) == (half, {half: [half]})
    assert look.states == {"sum": State({half: half}, Watermark(1, "f"))}
    assert texts(look.newest) == [half, f"re: {half}"]
    assert [(found.user, found.partial) for found in store.pending("s")] == [(under_way.user, half)]
    store.append("s", [], at=0)
    assert store.redo("s") == look.newest


def test_a_state_is_taken_only_by_who_saw_the_one_before(store: Store) -> None:
    store.append("s", turn("one"))
    assert store.put_state("s", a_change("first", 2, None))
    assert not store.put_state("s", a_change("late", 2, None))
    assert not store.put_state("s", a_change("wrong", 4, a_state("first", 3)))
    assert not store.put_state("s", a_change("before a correction", 4, a_state("uncorrected", 2)))
    assert store.put_state("s", a_change("second", 4, a_state("first", 2)))
    assert not store.put_state("s", a_change("slow", 3, a_state("first", 2)))
    assert store.snapshot("s", 0).states == {"summary": State({"text": "second"}, Watermark(4, "f4"))}


def test_a_state_of_a_deleted_session_does_not_bring_it_back(store: Store) -> None:
    store.append("s", turn("one"))
    store.delete("s")
    assert not store.put_state("s", a_change("late", 2, None))
    assert not store.exists("s")


def test_deriving_something_does_not_count_as_use(store: Store) -> None:
    store.append("older", turn("one"))
    store.append("newer", turn("two"))
    store.put_state("older", a_change("x", 2, None))
    assert [session.name for session in store.sessions()] == ["newer", "older"]


def test_a_repeated_commit_does_not_count_as_use(store: Store) -> None:
    store.commit("older", "t1", turn("one"))
    store.append("newer", turn("two"))
    store.commit("older", "t1", turn("one"))
    assert [session.name for session in store.sessions()] == ["newer", "older"]


# A turn under way


def test_a_turn_goes_from_pending_to_the_history(store: Store) -> None:
    under_way = a_pending("what?")
    store.begin("s", under_way)
    assert store.exists("s")
    assert store.length("s") == 0
    store.checkpoint("s", under_way.id, "I thi")
    (found,) = store.pending("s")
    assert (found.id, found.user, found.writer, found.partial) == (under_way.id, under_way.user, "host/1/2", "I thi")
    assert (found.at, 0 <= found.age < 5) == (None, True)
    assert store.commit("s", under_way.id, [under_way.user, reply("I think so")]) == 2
    assert store.pending("s") == []
    assert texts(store.messages("s")) == ["what?", "I think so"]


def test_pending_turns_are_listed_oldest_first_and_dropped_alone(store: Store) -> None:
    turns = [a_pending(str(number), at=number, length=number + 2) for number in range(12)]
    for under_way in turns:
        store.begin("s", under_way)
    store.checkpoint("s", turns[3].id, "half \ud83d")
    store.drop("s", turns[0].id)
    store.drop("s", "unknown")
    listed = store.pending("s")
    assert [found.id for found in listed] == [under_way.id for under_way in turns[1:]]
    assert [(found.at, found.length) for found in listed] == [(at, at + 2) for at in range(1, 12)]
    assert listed[2].partial == "half \ud83d"


def test_a_dropped_turn_is_not_brought_back_by_a_late_checkpoint(store: Store) -> None:
    under_way = a_pending()
    store.begin("s", under_way)
    store.drop("s", under_way.id)
    store.checkpoint("s", under_way.id, "late")
    store.checkpoint("never seen", "t", "late")
    assert store.pending("s") == []
    assert not store.exists("never seen")


def test_a_checkpoint_is_a_sign_of_life(store: Store) -> None:
    under_way = a_pending()
    store.begin("s", under_way)
    deadline = time.monotonic() + 10
    while (age := store.pending("s")[0].age) < 0.05:
        assert time.monotonic() < deadline
    store.checkpoint("s", under_way.id, "more")
    assert store.pending("s")[0].age < age


def test_a_turn_is_committed_once(store: Store) -> None:
    under_way = a_pending("once")
    store.begin("s", under_way)
    said = [under_way.user, reply("yes")]
    change = a_change("sum", 2, None)
    assert store.commit("s", under_way.id, said, expected_length=0, changes=[change]) == 2
    assert store.commit("s", under_way.id, said, expected_length=0, changes=[change]) == 2
    store.append("s", turn("more"))
    assert store.commit("s", under_way.id, said) == 4
    assert texts(store.messages("s")) == ["once", "yes", "more", "re: more"]


def test_a_commit_replaces_from_a_position(store: Store) -> None:
    store.append("s", [*turn("one"), *turn("two")])
    old = store.messages("s", 2)
    under_way = a_pending("two", at=2)
    store.begin("s", under_way)
    assert store.commit("s", under_way.id, [under_way.user, reply("again")], at=2, expected_length=4) == 4
    assert texts(store.messages("s")) == ["one", "re: one", "two", "again"]
    store.append("s", [], at=2)
    store.redo("s")
    assert old != store.messages("s", 2)


def test_a_commit_applies_its_changes_and_leaves_out_the_late_ones(store: Store) -> None:
    store.append("s", turn("one"))
    store.put_state("s", a_change("first", 2, None))
    cut = Change("cut", State({"start": 2}, Watermark(2, "x")), None)
    assert store.commit("s", new_id(), turn("two"), changes=[a_change("late", 4, None), cut]) == 4
    assert store.snapshot("s", 0).states == {
        "summary": State({"text": "first"}, Watermark(2, "f2")),
        "cut": State({"start": 2}, Watermark(2, "x")),
    }
    store.commit("s", new_id(), [], changes=[a_change("second", 4, a_state("first", 2))])
    assert store.snapshot("s", 0).states["summary"].value == {"text": "second"}


def test_a_turn_that_was_committed_does_not_begin_again(store: Store) -> None:
    under_way = a_pending()
    store.begin("s", under_way)
    store.begin("s", under_way)  # taken up again
    store.commit("s", under_way.id, [under_way.user, reply("done")])
    with pytest.raises(Conflict, match="answered elsewhere"):
        store.begin("s", under_way)
    assert store.pending("s") == []
    assert store.length("s") == 2


def test_a_refused_commit_leaves_the_turn_pending(store: Store) -> None:
    under_way = a_pending()
    store.append("s", turn("one"))
    store.begin("s", under_way)
    with pytest.raises(Conflict):
        store.commit("s", under_way.id, [under_way.user, reply("x")], expected_length=0)
    assert [found.id for found in store.pending("s")] == [under_way.id]
    assert store.commit("s", under_way.id, [under_way.user, reply("x")], expected_length=2) == 4


# Whole sessions


def fill(store: Store, name: str) -> None:
    store.append(name, [*turn(f"{name} 1"), *turn(f"{name} 2")])
    store.append(name, [], at=2)
    store.update(name, title=f"title of {name}", settings={"name": name})
    store.put_state(name, a_change(name, 2, None))
    store.begin(name, a_pending(name))


def test_clear_removes_nothing_when_the_session_has_another_length_than_expected(store: Store) -> None:
    fill(store, "s")
    length = store.length("s")
    with pytest.raises(Conflict):
        store.clear("s", expected_length=length - 1)
    assert store.length("s") == length
    assert store.clear("s", expected_length=length) == length
    assert store.clear("nothing there", expected_length=5) == 0


def test_clear_empties_a_session_and_keeps_its_settings(store: Store) -> None:
    fill(store, "s")
    done = new_id()
    store.commit("s", done, turn("done"))
    assert store.clear("s") == 4
    look = store.snapshot("s", 9)
    assert (look.length, list(look.newest), dict(look.states)) == (0, [], {})
    assert (look.session.title, look.session.settings) == ("title of s", {"name": "s"})
    assert (look.session.messages, look.session.turns) == (0, 0)
    assert store.pending("s") == []
    assert store.redo("s") == []
    assert store.exists("s")
    assert store.commit("s", done, turn("done")) == 0, "a repeated commit does not fill it again"


def test_delete_removes_everything(store: Store) -> None:
    fill(store, "s")
    assert store.delete("s") is True
    assert store.delete("s") is False
    assert not store.exists("s")
    assert store.sessions() == []
    assert store.pending("s") == []
    store.append("s", turn("new"))
    assert store.redo("s") == []
    look = store.snapshot("s", 9)
    assert (look.length, look.session.title, dict(look.session.settings), dict(look.states)) == (2, "", {}, {})


def test_rename_takes_everything_along(store: Store) -> None:
    new = allowed(store, "new {*} 名")
    fill(store, "old")
    done = new_id()
    store.commit("old", done, turn("done"))
    before = store.snapshot("old", 9)
    waiting = store.pending("old")[0].id
    abandon(store, "old")
    store.rename("old", new)
    after = store.snapshot(new, 9)
    assert (list(after.newest), after.states) == (list(before.newest), before.states)
    assert after.session.settings == {"name": "old"}
    assert [found.id for found in store.pending(new)] == [waiting]
    assert store.commit(new, done, turn("done")) == 4
    store.append(new, [], at=2)
    assert store.redo(new)
    assert not store.exists("old")
    assert [session.name for session in store.sessions()] == [new]


def test_rename_refuses_a_taken_name_and_an_unknown_session(store: Store) -> None:
    fill(store, "a")
    fill(store, "b")
    for taken in ("b", "a"):
        with pytest.raises(Conflict):
            store.rename("a", taken)
    with pytest.raises(NotFound):
        store.rename("nobody", "c")
    assert store.snapshot("a", 0).session.settings == {"name": "a"}
    assert store.snapshot("b", 0).session.settings == {"name": "b"}
    assert not store.exists("c")


def test_rename_waits_for_the_reply_that_is_under_way(store: Store) -> None:
    fill(store, "old")
    fill(store, "taken")
    before = store.snapshot("old", 9)
    with pytest.raises(Conflict) as refused:
        store.rename("old", "new")
    assert refused.value.message == "a reply is under way in 'old'"
    assert refused.value.hint == "rename it when the reply has ended"
    assert store.snapshot("old", 9) == before
    assert not store.exists("new")
    with pytest.raises(Conflict, match="already"):
        store.rename("old", "taken")
    abandon(store, "old")
    store.begin("old", a_pending("another"))
    with pytest.raises(Conflict, match="under way"):
        store.rename("old", "new")
    store.commit("old", store.pending("old")[1].id, turn("another"))
    store.rename("old", "new")
    assert store.length("new") == 4


def test_fork_copies_the_beginning_and_what_belongs_to_the_session(store: Store) -> None:
    new = allowed(store, "new {*} 名")
    turns = [turn(text) for text in ("one", "two", "three")]
    store.append("old", [message for messages in turns for message in messages])
    store.update("old", title="a title", settings={"model": "m"})
    store.put_state("old", a_change("summed up", 2, None))
    store.append("old", [], at=4)
    store.begin("old", a_pending("under way"))
    before = store.snapshot("old", 9)
    store.fork("old", new, 2)
    copied = store.snapshot(new, 9)
    assert list(copied.newest) == turns[0]
    assert (copied.length, copied.session.turns, copied.session.messages) == (2, 1, 2)
    assert (copied.session.title, copied.session.settings) == ("a title", {"model": "m"})
    assert copied.states == before.states
    assert store.pending(new) == []
    assert store.redo(new) == [], "what was undone stays behind"
    assert store.snapshot("old", 9) == before
    store.append(new, turn("other"))
    assert store.length("old") == 4
    assert [session.name for session in store.sessions()] == [new, "old"]


def test_fork_copies_all_or_nothing_of_it(store: Store) -> None:
    store.append("old", [*turn("one"), Message("system", "be brief"), *turn("two")])
    store.fork("old", "all")
    assert store.messages("all") == store.messages("old")
    assert store.snapshot("all", 0).session.turns == 2
    store.fork("old", "none", 0)
    assert (store.exists("none"), store.length("none"), store.snapshot("none", 0).session.turns) == (True, 0, 0)
    assert store.commit("none", new_id(), turn("first")) == 2


def test_what_is_attached_stays_with_a_fork_when_the_session_it_came_from_goes(store: Store) -> None:
    attached = [Message("user", ({"type": "text", "text": "x" * 9_000}, IMAGE), id=name) for name in "ab"]
    store.append("old", attached)
    store.fork("old", "all")
    store.fork("old", "first", 1)
    store.delete("old")
    assert [message.text for message in store.messages("all")] == ["x" * 9_000] * 2
    assert store.messages("first") == store.messages("all")[:1]


def test_fork_refuses_a_taken_name_an_unknown_session_and_more_than_there_is(store: Store) -> None:
    store.append("a", turn("one"))
    store.append("b", turn("two"))
    for taken in ("b", "a"):
        with pytest.raises(Conflict, match="already"):
            store.fork("a", taken)
    with pytest.raises(NotFound):
        store.fork("nobody", "c")
    with pytest.raises(Conflict):
        store.fork("a", "c", 3)
    assert not store.exists("c")
    assert texts(store.messages("b")) == ["two", "re: two"]


def test_no_name_collides_with_another_or_matches_it(store: Store) -> None:
    names = list(dict.fromkeys(allowed(store, name) for name in NAMES))
    for name in names:
        fill(store, name)
    assert sorted(session.name for session in store.sessions()) == sorted(names)
    assert list(store.foreign()) == []
    for index, name in enumerate(names):
        look = store.snapshot(name, 9)
        assert texts(look.newest) == [f"{name} 1", f"re: {name} 1"]
        assert look.session.settings == {"name": name}
        assert look.states["summary"].value == {"text": name}
        assert [found.user.text for found in store.pending(name)] == [name]
        assert texts(store.redo(name)) == [f"{name} 2", f"re: {name} 2"]
        assert store.delete(name)
        assert len(store.sessions()) == len(names) - index - 1


# More than one writer


def test_threads_append_whole_turns(store: Store) -> None:
    def write(who: str) -> None:
        for number in range(20):
            store.append("s", turn(f"{who} {number}"))

    writers = [threading.Thread(target=write, args=[who]) for who in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert_whole_turns(texts(store.messages("s")), {"a": 20, "b": 20})


def assert_whole_turns(said: list[str], counts: dict[str, int]) -> None:
    asked, answered = said[0::2], said[1::2]
    assert answered == [f"re: {text}" for text in asked]
    for who, count in counts.items():
        assert [text for text in asked if text.startswith(f"{who} ")] == [f"{who} {n}" for n in range(count)]


def test_only_one_of_many_compare_and_sets_wins(store: Store) -> None:
    store.append("s", turn("one"))
    won: list[bool] = []
    attempts = [
        threading.Thread(target=lambda who=who: won.append(store.put_state("s", a_change(who, 2, None))))
        for who in "abcd"
    ]
    for attempt in attempts:
        attempt.start()
    for attempt in attempts:
        attempt.join(60)
    assert sorted(won) == [False, False, False, True]


# Any content


CONTENT = st.text(max_size=40) | st.lists(
    st.builds(lambda text: {"type": "text", "text": text}, st.text(max_size=10)) | st.just(IMAGE), max_size=3
).map(tuple)
MESSAGES = st.builds(
    Message,
    role=st.sampled_from(["system", "user", "assistant"]),
    content=CONTENT,
    id=st.text(max_size=8),
    time=st.none() | st.floats(0, 2**37),
    name=st.none() | st.text(max_size=8),
    model=st.none() | st.text(max_size=8),
    usage=st.none() | st.builds(Usage, st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6)),
    finish=st.sampled_from([None, "stop", "length", "interrupted", "error"]),
    tool_call_id=st.none() | st.text(max_size=3),
    extra=st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=2),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(MESSAGES, max_size=5))
def test_any_message_survives_the_round_trip(store: Store, messages: list[Message]) -> None:
    store.delete("s")
    store.append("s", messages)
    back = store.messages("s")
    assert back == messages
    assert [fingerprint(message) for message in back] == [fingerprint(message) for message in messages]
