"""What a turn and a list cost in Redis: round trips, counted by a proxy, and time against what is much shorter.

The figures by hand, in SQLite too: `python -m tests.benchmarks.turn_cost`.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from chatcli.chat import Chat
from chatcli.memory import parse_memory
from chatcli.model import Delta
from chatcli.stores.redis import RedisStore
from chatcli.turn import Committed
from tests.benchmarks.turn_cost import PAGE, REDIS_SIZES, SESSIONS, filled, page_costs, turn_costs
from tests.counting_proxy import CountingProxy, counting
from tests.fakes import ScriptedModel
from tests.filled_redis import lengthen, multiply
from tests.redis_server import RedisServer, running

ATTEMPTS = 10
"""Other work on the machine falls on both sides of a ratio, but not on each run of it."""


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with running() as redis:
        yield redis


def trips(proxy: CountingProxy, work: Callable[[], object]) -> int:
    """Do the work; return its round trips."""
    before = proxy.trips
    work()
    return proxy.trips - before


def test_a_turn_is_kept_read_and_committed_in_at_most_two_round_trips_each(server: RedisServer) -> None:
    lengthen(server.url, "s", 10_000, "some text")
    with counting(server.port) as proxy:
        store = RedisStore(proxy.url)
        chat = Chat(store, "s", ScriptedModel(["Hel", "lo"], ["A", "gain"]), parse_memory("window:10"))
        list(chat.send("the first, on a new connection"))
        before = proxy.trips
        turn = chat.send("again")
        kept = proxy.trips
        delta = next(turn)
        read = proxy.trips
        *_, last = turn
        committed = proxy.trips
        chat.close()
        store.close()
    assert isinstance(delta, Delta)
    assert isinstance(last, Committed)
    assert (kept - before, read - kept, committed - read) == (2, 1, 2)
    assert chat.last_context is not None
    assert sum(message.role == "user" for message in chat.last_context.messages) == 11


def test_a_turn_costs_no_more_after_a_million_messages_than_after_a_hundred(server: RedisServer) -> None:
    store = filled(server, text="a text of some words")
    turn_costs(store, REDIS_SIZES, 20)
    ratios: list[float] = []
    while len(ratios) < ATTEMPTS and min(ratios, default=9) > 1.3:
        costs = turn_costs(store, REDIS_SIZES, 100)
        ratios.append(max(costs) / costs[0])
    assert store.length("1000000") > 1_000_000
    assert min(ratios) <= 1.3
    store.close()


def test_the_first_of_100_000_sessions_are_listed_in_two_round_trips_and_twice_their_bare_commands(
    server: RedisServer,
) -> None:
    multiply(server.url, SESSIONS, "hello")
    with counting(server.port) as proxy:
        store = RedisStore(proxy.url)
        store.sessions(1)
        assert trips(proxy, lambda: store.sessions(PAGE)) == 2
        newest = store.sessions(PAGE)
        store.close()
    assert [session.name for session in newest] == [f"session {SESSIONS - 1 - number}" for number in range(PAGE)]
    assert (newest[0].title, newest[0].messages, newest[0].turns) == ("What the user asked first", 2, 1)
    ratios: list[float] = []
    while len(ratios) < ATTEMPTS and min(ratios, default=9) > 2:
        page, _, bare = page_costs(server.url, 100)
        ratios.append(page / bare)
    assert min(ratios) <= 2


def test_the_load_script_prints_what_docs_scale_md_reckons_with() -> None:
    small = ["--sessions", "500", "--verbs", "20", "--clients", "1", "--seconds", "0.2"]
    command = [sys.executable, "-m", "tests.benchmarks.load", *small]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=170)
    assert printed.returncode == 0, printed.stderr
    commands = dict(re.findall(r"^(\w+) +([\d.]+) commands", printed.stdout, re.MULTILINE))
    assert [float(commands[name]) for name in ("look", "begin", "checkpoint", "commit", "news")] == [6, 18, 6, 19, 1]
    assert "a short turn in a terminal: " in printed.stdout
    assert "of a processor" in printed.stdout
