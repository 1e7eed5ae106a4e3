"""Memories with the embedded model itself: its answers are poor, what is asserted is structure and safety."""

import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from chatcli.chat import Chat
from chatcli.memory import corrections, parse_memory, summary
from chatcli.memory.history import open_history
from chatcli.messages import Message, Usage
from chatcli.model import Used
from chatcli.model.local import EmbeddedModel, EmbeddedServer, embedded
from chatcli.model.local_server import BATCH
from chatcli.stores.sqlite import SqliteStore
from chatcli.turn import Committed
from tests.e2e.test_embedded_model import weights

pytestmark = pytest.mark.xdist_group("embedded")

PLACES = [
    "Rome",
    "Oslo",
    "Lima",
    "Kyoto",
    "Cairo",
    "Quito",
    "Perth",
    "Turin",
    "Delhi",
    "Malmo",
    "Sofia",
    "Basel",
    "Porto",
]


@pytest.fixture(scope="module")
def model() -> Iterator[EmbeddedModel]:
    settings = embedded(weights())
    model = EmbeddedModel(settings._replace(options={**settings.options, "max_tokens": 200}))
    yield model
    model.close()


def usage_of(model: EmbeddedModel, *context: Message) -> Usage:
    """Return the counts of a request for a few tokens."""
    return next(event.usage for event in model.stream(context, {"max_tokens": 3}) if isinstance(event, Used))


def conversation(turns: int) -> list[Message]:
    return [
        message
        for place in (PLACES * turns)[:turns]
        for message in (
            Message("user", f"Ann spent a week in {place} and wrote to Ben.", time=1.7e9),
            Message("assistant", f"A week in {place}: lovely.", time=1.7e9),
        )
    ]


def test_side_requests_leave_the_chats_prompt_in_the_servers_cache(model: EmbeddedModel) -> None:
    chat = conversation(6)
    first = usage_of(model, *chat, Message("user", "Where was Ann?"))
    for number in range(3):
        asked = " ".join(f"{word}{number}" for word in ("market", "ticket", "garden", "window") * 12)
        usage_of(model, Message("system", "You keep the running summary."), Message("user", asked))
    later = usage_of(
        model, *chat, Message("user", "Where was Ann?"), Message("assistant", "Oslo"), Message("user", "And then?")
    )
    assert first.prompt > 150
    assert later.cached > first.prompt - 20
    assert later.prompt - later.cached < 60


def test_a_prompt_is_computed_in_steps_small_enough_that_a_turn_need_not_wait_for_a_broken_off_request() -> None:
    server = EmbeddedServer(embedded(weights()))
    found = server.locate()
    asked: dict[str, Any] = {"stream": True, "return_progress": True, "max_tokens": 1}
    asked["messages"] = [{"role": "user", "content": "river stone market letter " * 75}]
    request = urllib.request.Request(
        f"{found.base_url}/chat/completions",
        json.dumps(asked).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {found.api_key}"},
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        chunks = [json.loads(line[6:]) for line in answer if line.startswith(b"data: {")]
    done = [chunk["prompt_progress"]["processed"] for chunk in chunks if "prompt_progress" in chunk]
    assert done[-1] > 300
    assert max(after - before for before, after in zip([0, *done], done, strict=False)) <= BATCH
    server.stop()


def test_a_summary_and_facts_are_derived_beside_a_chat_that_goes_on(model: EmbeddedModel, tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    before = conversation(12)
    store.append("s", before)
    chat = Chat(store, "s", model, parse_memory("summary+entity"), options={"max_tokens": 8})
    told: list[str] = []

    def settled(state: str, name: str) -> bool:
        told.extend(chat.background.news())
        return state in store.snapshot("s", 0).states or any(line.startswith(f"{name}: ") for line in told)

    assert isinstance(list(chat.send("Where was Ann first?"))[-1], Committed)
    deadline, pause = time.monotonic() + 150, Event()
    while not (settled("summary", "summary") and settled("entities", "entity")):
        assert time.monotonic() < deadline, told
        pause.wait(0.05)
    assert isinstance(list(chat.send("And last?"))[-1], Committed)

    history = open_history(store, "s", 0)
    said = store.messages("s")
    assert [message.content for message in said[: len(before)]] == [message.content for message in before]
    assert [message.role for message in said[len(before) :]] == ["user", "assistant", "user", "assistant"]
    states = store.snapshot("s", 0).states
    if "summary" in states:
        found = summary.current(history)
        assert found is not None
        assert found.text.strip()
        assert 0 < found.mark.position <= len(before) + 2
        context = chat.context("And now?")
        assert found.text in context.messages[0].text
        assert context.start == found.mark.position
    for entity in corrections.known(history).values():
        for fact in entity.facts:
            assert said[fact.position].role == "user"
    if "entities" in states:
        assert history.holds(states["entities"].watermark)
    assert store.pending("s") == []
    chat.background.close()
    store.close()
