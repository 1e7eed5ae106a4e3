"""Sessions from one store to another: whole or not at all, gone on with after a kill, and never over another one."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chatcli.errors import Conflict, StoreError
from chatcli.messages import Message, Usage, new_id
from chatcli.names import COPIED, listed
from chatcli.stores import Change, Pending, State, Store, Watermark
from chatcli.stores.sqlite import SqliteStore
from chatcli.transfer.copying import WRITER, Route, append_rest, compared, copy
from tests.contracts.conftest import Place, allowed
from tests.contracts.test_stores import CALL, IMAGE, NAMES, turn


@pytest.fixture
def target(durable_place: Place) -> Store:
    return durable_place.open()


@pytest.fixture
def source(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "source.db")
    yield store
    store.close()


def nothing(done: int, of: int) -> None:
    """Show no progress."""


def rich(store: Store, name: str = "JavaEdge") -> None:
    """Make a session that has something of everything."""
    reply = Message("assistant", "a", id=new_id(), time=5.5, model="m", usage=Usage(3, 4, 1), finish="length")
    store.append(
        name,
        [
            Message("system", "be brief"),
            *turn("\ud83d中\x1b[31m\u202e\n"),
            Message("user", (IMAGE, {"type": "text", "text": "x" * 9000}), id=new_id(), time=4),
            replace(reply, tool_calls=(CALL,), extra={"a": {"b": [1, 2.5, None]}}),
            Message("tool", "3", tool_call_id="c1"),
            Message("user", "", name="bob"),
        ],
    )
    settings = {"memory": "window:3", "origin": "chatgpt:1", "variables": {"a": "历史"}}
    store.update(name, title="a title", settings=settings, times=(1000.5, 2000.25))
    store.put_state(name, Change("pins", State({"turns": [1]}, Watermark(3, "abc")), None))


def whole(store: Store, name: str) -> tuple[object, ...]:
    look = store.snapshot(name, 0)
    return store.messages(name), look.session._replace(name="", expires=0), look.states


def test_a_copy_has_all_that_the_session_has(source: SqliteStore, target: Store) -> None:
    rich(source)
    source.expire("JavaEdge", 5000)
    route = Route(source, "JavaEdge", target, "JavaEdge")
    assert compared(route).relation == "new"
    assert copy(route, nothing) == 7
    assert whole(target, "JavaEdge") == whole(source, "JavaEdge")
    assert compared(route).relation == "same"
    assert target.sessions()[0].expires > 0
    assert len(target.sessions()) == 1


def test_a_copy_goes_back_as_it_came(source: SqliteStore, target: Store, tmp_path: Path) -> None:
    rich(source)
    copy(Route(source, "JavaEdge", target, "there"), nothing)
    other = SqliteStore(tmp_path / "other.db")
    copy(Route(target, "there", other, "JavaEdge"), nothing)
    assert whole(other, "JavaEdge") == whole(source, "JavaEdge")
    other.close()


def test_sessions_of_any_name_are_copied_and_none_is_taken_for_another(source: SqliteStore, target: Store) -> None:
    names = sorted({allowed(target, name) for name in NAMES})
    for name in names:
        source.append(name, turn(name))
    for name in names:
        copy(Route(source, name, target, name), nothing)
    assert sorted(one.name for one in target.sessions()) == names
    assert all(target.messages(name) == source.messages(name) for name in names)


def test_an_empty_session_is_copied_with_what_is_set_on_it(source: SqliteStore, target: Store) -> None:
    source.update("s", title="t", settings={"memory": "none"})
    assert copy(Route(source, "s", target, "s"), nothing) == 0
    assert target.snapshot("s", 0).session.title == "t"


def test_what_the_target_has_already_is_told_apart(source: SqliteStore, target: Store) -> None:
    first, second = turn("one"), turn("two")
    source.append("s", [*first, *second])
    route = Route(source, "s", target, "s")
    target.append("s", first)
    assert (compared(route).relation, compared(route).missing) == ("begun", 2)
    target.append("s", turn("other"))
    assert compared(route).relation == "other"
    target.clear("s")
    target.append("s", [*first, *second, *turn("three")])
    assert compared(route).relation == "ahead"


def test_the_rest_is_appended_in_whole_turns(source: SqliteStore, target: Store) -> None:
    said = [message for number in range(40) for message in turn(f"{number}" + "x" * 200_000)]
    source.append("s", said)
    source.put_state("s", Change("pins", State({"turns": [1]}, Watermark(3, "abc")), None))
    target.append("s", said[:2])
    target.update("s", title="its own")
    route = Route(source, "s", target, "s")
    lengths: list[int] = []
    append_rest(route, compared(route), lambda done, _: lengths.append(done))
    assert len(lengths) > 2
    assert all(length % 2 == 0 for length in lengths)
    assert compared(route).relation == "same"
    assert target.snapshot("s", 0).session.title == "its own"
    assert target.snapshot("s", 0).states == source.snapshot("s", 0).states != {}


def test_the_rest_is_not_appended_to_what_is_another_beginning_by_now(source: SqliteStore, target: Store) -> None:
    source.append("s", [*turn("one"), *turn("two")])
    target.append("s", source.messages("s")[:2])
    route = Route(source, "s", target, "s")
    found = compared(route)
    another = turn("another")
    target.append("s", another, at=0)
    with pytest.raises(Conflict, match="changed meanwhile"):
        append_rest(route, found, nothing)
    assert target.messages("s") == another


def test_what_is_said_at_the_source_meanwhile_comes_along(source: SqliteStore, target: Store) -> None:
    source.append("s", turn("one"))
    late = [turn("two"), turn("three")]

    def going_on(done: int, of: int) -> None:
        if done and late:
            source.append("s", late.pop())

    assert copy(Route(source, "s", target, "s"), going_on) == 6
    assert target.messages("s") == source.messages("s")


def test_a_source_that_is_changed_meanwhile_is_not_copied(source: SqliteStore, target: Store) -> None:
    source.append("s", turn("one"))

    def changed(done: int, of: int) -> None:
        if done:
            source.append("s", turn("other"), at=0)

    with pytest.raises(Conflict, match="changed meanwhile"):
        copy(Route(source, "s", target, "s"), changed)
    assert target.sessions() == []
    assert copy(Route(source, "s", target, "s"), nothing) == 2


def test_a_session_that_is_made_meanwhile_is_left_as_it_is(source: SqliteStore, target: Store) -> None:
    source.append("s", turn("one"))
    mine = turn("mine")
    with pytest.raises(Conflict, match="there is a session"):
        copy(Route(source, "s", target, "s"), lambda done, _: done and target.append("s", mine, expected_length=0))
    assert target.messages("s") == mine
    assert len(target.sessions()) == 1


def test_nobody_sees_a_session_before_it_is_whole(source: SqliteStore, target: Store) -> None:
    source.append("s", turn("one"))
    seen: list[list[str]] = []
    copy(Route(source, "s", target, "s"), lambda *_: seen.append([one.name for one in listed(target)]))
    assert seen == [[]] * len(seen)
    assert [one.name for one in listed(target)] == ["s"]


def test_two_do_not_write_the_same_copy(source: SqliteStore, target: Store) -> None:
    source.append("s", turn("one"))
    route = Route(source, "s", target, "s")
    target.update(route.under_way, settings={WRITER: "elsewhere/1/1"})
    with pytest.raises(Conflict, match="another process"):
        copy(route, nothing)
    target.update(route.under_way, times=(1000.0, 1000.0))
    assert copy(route, nothing) == 2, "nobody writes on after so long"


COPY = """
import sys
from pathlib import Path
from chatcli.stores.address import open_store
from chatcli.stores.sqlite import SqliteStore
from chatcli.transfer import under_way
from chatcli.transfer.copying import Route, copy

source, address, folder, prefix, stop = sys.argv[1:]
under_way.BATCH = 50
target = open_store(address, data_folder=Path(folder), key_prefix=prefix)

def told(done, of):
    if done >= int(stop):
        print("there", flush=True)
        sys.stdin.read()

copy(Route(SqliteStore(Path(source)), "s", target, "s"), told)
"""


def test_a_copy_that_was_killed_is_gone_on_with(source: SqliteStore, durable_place: Place) -> None:
    source.append("s", [message for number in range(300) for message in turn(str(number))])
    source.update("s", title="t")
    for stop in (0, 50, 250, 600):
        where = [durable_place.address, str(durable_place.folder), durable_place.prefix, str(stop)]
        command = [sys.executable, "-c", COPY, str(source.path), *where]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "there\n"
            os.kill(process.pid, signal.SIGKILL)
        store = durable_place.open()
        assert [one.name for one in listed(store)] == []
        assert sum(one.messages for one in store.sessions() if one.name.startswith(COPIED)) == stop
    begun: list[int] = []
    target = durable_place.open()
    assert copy(Route(source, "s", target, "s"), lambda done, _: begun.append(done)) == 600
    assert begun[0] == 600, "what was there is not written again"
    assert target.messages("s") == source.messages("s")
    assert [one.name for one in target.sessions()] == ["s"]


def test_what_a_killed_copy_left_is_begun_anew_when_the_source_is_another_by_now(
    source: SqliteStore, target: Store
) -> None:
    source.append("s", turn("one"))
    route = Route(source, "s", target, "s")
    target.append(route.under_way, turn("old"))
    target.update(route.under_way, settings={WRITER: "gone", "importing": None})
    target.delete(route.under_way)
    target.append(route.under_way, [Message("user", "of old", id="x")])
    assert copy(route, nothing) == 2
    assert target.messages("s") == source.messages("s")
    assert "s" in [one.name for one in listed(target)]


def test_a_turn_under_way_stays_where_it_is(source: SqliteStore, target: Store) -> None:
    source.append("s", turn("one"))
    source.begin("s", Pending("t", Message("user", "x"), "w"))
    copy(Route(source, "s", target, "s"), nothing)
    assert target.pending("s") == []
    assert len(source.pending("s")) == 1


def test_a_copy_that_arrives_as_something_else_is_not_kept(source: SqliteStore, durable_place: Place) -> None:
    target = durable_place.open()
    source.append("s", [*turn("one"), *turn("two")])
    route = Route(source, "s", target, "s")

    def damage(done: int, of: int) -> None:
        if done == 4:
            target.append(route.under_way, turn("somebody else"), at=2)

    with pytest.raises(StoreError):
        copy(route, damage)
    assert not target.exists("s")
