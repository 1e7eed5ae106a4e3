"""Whenever a store goes away and comes back, the history in the end is the one of a store that never did."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatcli.errors import Conflict
from chatcli.messages import Message, new_id
from chatcli.stores import Change, Pending, State, Store, Watermark
from chatcli.stores.in_memory import InMemoryStore
from chatcli.stores.journal import Journal
from chatcli.stores.journaled import Journaled
from chatcli.stores.redis import RedisStore
from chatcli.stores.sqlite import SqliteStore
from chatcli.writer import this_writer
from tests.outages import Fate, Outages
from tests.redis_server import running

FATES = st.lists(st.sampled_from(["done", "done", "lost", "done, but lost"]), max_size=60)
STEPS = st.lists(
    st.sampled_from(["turn", "turn", "retry", "leave", "drop", "set", "state", "look", "knock", "killed", "other"]),
    max_size=14,
)
_names = itertools.count()


@pytest.fixture(scope="module")
def inner_stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Store]]:
    folder: Path = tmp_path_factory.mktemp("outages")
    with running() as server:
        stores: dict[str, Store] = {
            "memory": InMemoryStore(),
            "sqlite": SqliteStore(folder / "s.db"),
            "redis": RedisStore(server.url),
        }
        yield stores
        for store in stores.values():
            store.close()


@dataclass
class Life:
    """A chat in one session, through runs of the program that may end at any step."""

    inner: Store
    file: Path
    session: str
    fates: list[Fate]
    said: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    unanswered: dict[str, Pending] = field(default_factory=dict)
    settings: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.between = Outages(self.inner, self.fates)
        self.store = self.run()

    def run(self) -> Journaled:
        store = Journaled(self.between, lambda: Journal(self.file, "here"), pauses=[3600])  # type: ignore[arg-type]
        store.open()
        return store

    def turn(self, at: int | None = None, length: int | None = None) -> None:
        pending = self._begun(at, length)
        answer = Message("assistant", f"to {pending.user.text}", id=new_id(), time=2.0, finish="stop")
        self.store.checkpoint(self.session, pending.id, "to")
        try:
            self.store.commit(self.session, pending.id, [pending.user, answer], at, length)
        except Conflict:
            self.store.commit(self.session, pending.id, [pending.user, answer])
        self.said.append(pending.user.text)

    def retry(self) -> None:
        length = self.store.length(self.session)
        if length >= 2 and not self.others:
            self.replaced.append(self.said.pop())
            self.turn(length - 2, length)

    def leave(self) -> None:
        """A turn that gets half a reply."""
        pending = self._begun(None, None)
        self.store.checkpoint(self.session, pending.id, "half")
        self.unanswered[pending.id] = pending

    def _begun(self, at: int | None, length: int | None) -> Pending:
        text = f"n{next(_names)}"
        pending = Pending(new_id(), Message("user", text, id=new_id(), time=1.0), this_writer(), at=at, length=length)
        self.store.begin(self.session, pending)
        return pending

    def look(self) -> None:
        self.store.snapshot(self.session, 4)
        self.store.pending(self.session)

    def knock(self) -> None:
        self.store.knock()

    def set(self) -> None:
        self.settings[f"k{len(self.settings) % 3}"] = next(_names)
        self.store.update(self.session, settings=self.settings)

    def state(self) -> None:
        there = self.store.snapshot(self.session, 0).states.get("sum")
        self.store.put_state(self.session, Change("sum", State({"n": next(_names)}, Watermark(0)), there))

    def drop(self) -> None:
        if self.unanswered:
            _, pending = self.unanswered.popitem()
            self.store.drop(self.session, pending.id)

    def other(self) -> None:
        """Another program writes meanwhile, past the outage."""
        text = f"other {next(_names)}"
        self.inner.append(self.session, [Message("user", text), Message("assistant", f"to {text}")])
        self.others.append(text)

    def killed(self) -> None:
        self.store._closed.set()  # it knocks no more
        self.store = self.run()


@pytest.mark.parametrize("kind", ["memory", "sqlite", "redis"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, FATES)
def test_all_that_was_said_is_there_once_and_in_order(
    inner_stores: dict[str, Store],
    tmp_path: Path,
    kind: str,
    steps: list[str],
    fates: list[Fate],
) -> None:
    number = next(_names)
    life = Life(inner_stores[kind], tmp_path / f"{number}.db", f"s{number}", fates)
    for step in steps:
        getattr(life, step)()
    life.between.fates.clear()
    assert life.store.state == "" or life.store.knock()
    assert life.store.state == ""
    history = life.inner.messages(life.session)
    asked = [message.text for message in history if message.role == "user"]
    answers = [message.text for message in history if message.role == "assistant"]
    assert answers == [f"to {text}" for text in asked]
    kept = life.replaced if life.others else []  # where others went on from it, a turn is not replaced
    assert [text for text in asked if not text.startswith("other") and text not in kept] == life.said
    assert len(set(asked)) == len(asked)
    assert [text for text in asked if text.startswith("other")] == life.others
    assert {turn.id for turn in life.inner.pending(life.session)} == set(life.unanswered)
    assert {turn.partial for turn in life.inner.pending(life.session)} <= {"half"}
    assert life.inner.snapshot(life.session, 0).session.settings == life.settings
    assert Journal(life.file, "here").entries() == []
