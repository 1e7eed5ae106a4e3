"""What is exported as JSON and imported again is the same, whatever a session holds."""

import io
from collections.abc import Iterable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatcli.messages import Message, Usage
from chatcli.stores import Change, State, Watermark
from chatcli.stores.in_memory import InMemoryStore
from chatcli.transfer import departure, ours
from chatcli.transfer.arrival import Arrived, bring
from chatcli.transfer.json_stream import JsonReader

TEXT = st.text(max_size=4) | st.sampled_from(["\ud800", "\x1b[2J", "\u202e", "\r\n", "\x00", "\x85\u2028"])
LEAF = st.none() | st.booleans() | st.integers() | TEXT
JSON = LEAF | st.lists(LEAF, max_size=2) | st.dictionaries(TEXT, LEAF, max_size=2)
DATA = st.dictionaries(TEXT, JSON, max_size=2)
PARTS = st.lists(
    st.builds(lambda text: {"type": "text", "text": text}, TEXT)
    | st.builds(lambda url: {"type": "image_url", "image_url": {"url": url}}, TEXT),
    max_size=2,
).map(tuple)
COUNT = st.integers(0, 2**40)
MESSAGES = st.builds(
    Message,
    st.sampled_from(["system", "user", "assistant", "tool", "unreadable"]),
    TEXT | PARTS,
    id=TEXT,
    time=st.none() | st.floats(0, 4e9),
    name=st.none() | TEXT,
    model=st.none() | TEXT,
    usage=st.none() | st.builds(Usage, COUNT, COUNT, COUNT),
    finish=st.sampled_from([None, "stop", "length", "interrupted", "error"]),
    tool_calls=st.lists(st.builds(lambda name: {"id": name, "function": {"name": name}}, TEXT), max_size=2).map(tuple),
    tool_call_id=st.none() | TEXT,
    extra=DATA,
)
STATES = st.dictionaries(TEXT, st.builds(State, DATA, st.builds(Watermark, COUNT, TEXT)), max_size=2)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(
    st.lists(MESSAGES, max_size=4),
    TEXT,
    DATA.map(lambda data: {k: v for k, v in data.items() if v is not None}),
    STATES,
)
def test_the_round_trip_loses_nothing(
    said: list[Message], title: str, chosen: dict[str, Any], states: dict[str, State]
) -> None:
    here, there = InMemoryStore(clock=lambda: 1.5e9), InMemoryStore(clock=lambda: 1.6e9)
    here.append("s", said)
    here.update("s", title=title, settings=chosen)
    for name, state in states.items():
        here.put_state("s", Change(name, state, None))
    bring(there, read(ours.write(departure.carried(here, "s"))), "t", Arrived(), lambda messages: None)
    old, new = here.snapshot("s", 99), there.snapshot("t", 99)
    assert new.newest == old.newest
    assert new.states == old.states
    assert (new.session.created, new.session.used, new.session.turns) == (1.5e9, 1.5e9, old.session.turns)
    assert new.session.title == (title or there.snapshot("t", 99).session.title)
    assert {k: v for k, v in new.session.settings.items() if k != "origin"} == chosen
    again = "".join(ours.write(departure.carried(there, "t")))
    bring(there, read([again]), None, arrived := Arrived(), lambda messages: None)
    assert (arrived.names, arrived.known) == ([], ["t"])


def read(pieces: Iterable[str]) -> Any:
    text = "".join(pieces)
    text.encode()
    return ours.read(JsonReader(io.StringIO(text)))
