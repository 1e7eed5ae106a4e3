"""Everything of a store in one file, and from there into any other store, as it was."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatcli.messages import Message
from chatcli.stores import Store
from chatcli.stores.sqlite import SqliteStore
from chatcli.transfer import Carried, ours
from chatcli.transfer.arrival import Arrived, bring
from chatcli.transfer.departure import written_all
from chatcli.transfer.json_stream import JsonReader
from tests.contracts.conftest import Place, allowed, raw
from tests.contracts.test_copying import rich, whole
from tests.contracts.test_stores import NAMES, turn


def exported(store: Store) -> str:
    return "".join(written_all(store, "json"))


def imported(text: str) -> Iterator[Carried]:
    reader = JsonReader(io.StringIO(text))
    while reader.peek():
        yield from ours.read(reader)


def test_a_file_of_all_is_the_same_after_it_went_through_another_store(tmp_path: Path, durable_place: Place) -> None:
    first, other = SqliteStore(tmp_path / "s.db"), durable_place.open()
    for name in dict.fromkeys(allowed(other, name) for name in NAMES):
        first.append(name, turn(name))
    rich(first)
    first.append("untitled", turn("no title"))
    first.update("nothing said", title="t", settings={"memory": "none"})
    text = exported(first)
    arrived = Arrived()
    bring(other, imported(text), None, arrived, lambda _: None)
    assert len(arrived.names) == len(first.sessions())
    assert exported(other) == text
    for one in first.sessions():
        assert whole(other, one.name)[0] == whole(first, one.name)[0]
    again = Arrived()
    bring(other, imported(text), None, again, lambda _: None)
    assert (again.names, len(again.known)) == ([], len(first.sessions()))
    first.close()


def test_lists_of_other_programs_are_exported_too(durable_place: Place) -> None:
    from chatcli.stores.redis import RedisStore

    store = durable_place.open()
    if not isinstance(store, RedisStore):
        pytest.skip("other programs write into Redis only")
    raw(
        durable_place,
        store,
        ("LPUSH", durable_place.prefix + "lc", '{"type": "human", "data": {"content": "by LangChain"}}'),
    )
    found = [(one.name, [message.text for message in one.messages]) for one in imported(exported(store))]
    assert found == [("lc", ["by LangChain"])]


def test_sessions_are_read_one_by_one_and_in_pages(durable_place: Place) -> None:
    store = durable_place.open()
    for name in ("a", "b"):
        store.append(name, [Message("user", "x" * 2000) for _ in range(2000)])
    pieces = written_all(store, "json")
    assert max(len(piece) for piece in pieces) < 5000


@pytest.mark.parametrize("format", ["jsonl", "md"])
def test_the_other_formats_hold_all_sessions_too(durable_place: Place, format: str) -> None:
    store = durable_place.open()
    store.append("a", turn("first"))
    store.append("b", turn("second"))
    text = "".join(written_all(store, format))
    assert 0 <= text.index("first") < text.index("second")
    assert format != "jsonl" or len(text.splitlines()) == 2
