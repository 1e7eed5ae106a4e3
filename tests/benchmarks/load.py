"""What sessions take of one Redis node, and what it serves: `python -m tests.benchmarks.load`.

First the memory: of a session of one turn, of each further message, of an idle connection. Then each thing that a chat
asks of its store, alone: commands (INFO commandstats), bytes, and the time of the server's processor (INFO cpu). Then
all of it together, as fast as some clients can: whole turns, and looks for news between them, over sessions chosen at
random. docs/scale.md reckons with what this prints.

Its limits: server and clients share this machine's cores, so the last figure is a lower bound, and the clients in
Python cost ten times what the server does; the processor's time is the server's alone. Loopback costs less than a
network card. Nothing is written to a disk unless `--aof` says so. Other work on the machine falls on all of it.
"""

import argparse
import multiprocessing
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import redis

from chatcli.messages import Message, new_id
from chatcli.stores import Pending
from chatcli.stores.redis import RedisStore
from chatcli.stores.redis_keys import index_key, keys_of
from tests.benchmarks.turn_cost import PAGE, TEXT
from tests.filled_redis import PREFIX, multiply, turn
from tests.redis_server import RedisServer, binaries, running
from tests.servers import ModelServer
from tests.terminal import Terminal

LENGTHS = (100, 2000)  # messages in the sessions whose memory is taken apart
CONNECTIONS = 500
REPLY = 10.0
"""Seconds that a reply takes to come; it is kept after each 0.8 of them."""

KEPT = round(REPLY / 0.8)
EVERY = 60
"""Seconds between two turns of a chat that somebody sits at."""

LOOKS = 150
"""Looks for news between two such turns: one each 0.4 seconds."""

IDLE = 0.1
"""Looks a second of a chat that stands open with nobody there."""

_OURS = ("info", "client|", "config|", "memory|", "command", "hello", "auth", "select")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one of many did cost: commands, bytes in and out, microseconds of the server's processor."""

    commands: float
    received: float
    sent: float
    processor: float


# Memory


def memory_of_sessions(server: RedisServer, client: Any, count: int) -> None:
    """Print what a session of one turn takes, of which the server has many then."""
    before = client.info("memory")["used_memory"]
    multiply(server.url, count, TEXT)
    each = (client.info("memory")["used_memory"] - before) / count
    index = (client.memory_usage(index_key(PREFIX), samples=0) or 0) / count
    print(
        f"memory: {count:,} sessions of one turn of {2 * len(TEXT)} characters take {each:,.0f} bytes each,"
        f" {index:.0f} of them in the index"
    )


def memory_of_messages(server: RedisServer, client: Any, length: int) -> None:
    """Print what a message takes in a session that chatcli wrote, key by key."""
    name = f"{length} messages"
    with closing(RedisStore(server.url)) as store:
        for number in range(length // 2):
            store.begin(name, Pending(f"{number:032}", turn(TEXT)[0], "writer"))
            store.commit(name, f"{number:032}", turn(TEXT))
    keys = keys_of(PREFIX, name)
    sizes = {key.rpartition(":")[2]: client.memory_usage(key, samples=0) or 0 for key in keys.all}
    told = ", ".join(f"{what.replace(name, 'list')} {size:,}" for what, size in sizes.items() if size)
    print(f"memory: {name} of {len(TEXT)} characters: {told}; {sum(sizes.values()) / length:,.0f} a message")


def memory_of_connections(server: RedisServer, client: Any) -> None:
    """Print what a connection takes that is open and says nothing."""
    before = client.info("memory")["used_memory"]
    with ExitStack() as opened:
        for _ in range(CONNECTIONS):
            connection = opened.enter_context(redis.Redis.from_url(server.url, single_connection_client=True))
            connection.ping()
        each = (client.info("memory")["used_memory"] - before) / CONNECTIONS
    print(f"memory: an idle connection takes {each:,.0f} bytes")


# Each verb alone


def cost(client: Any, count: int, work: Callable[[int], object]) -> Cost:
    """Do the work so many times; return what one of them cost the server."""
    before = _figures(client)
    for number in range(count):
        work(number)
    after = _figures(client)
    return Cost(*((now - then) / count for now, then in zip(after, before, strict=True)))


def _figures(client: Any) -> list[float]:
    calls, info = sum(_calls(client).values()), client.info()
    processor = 1e6 * (info["used_cpu_user"] + info["used_cpu_sys"])
    return [calls, info["total_net_input_bytes"], info["total_net_output_bytes"], processor]


def verbs(store: RedisStore, sessions: int, chance: random.Random) -> dict[str, Callable[[int], object]]:
    """Return what a chat asks of its store, each to be done many times; in this order, as one needs the other."""
    names = [f"session {chance.randrange(sessions)}" for _ in range(100_000)]
    partial = TEXT * 3

    def begin(number: int) -> None:
        store.begin(names[number], Pending(f"t{number}", turn(TEXT)[0], "host/1/2"))

    return {
        "look": lambda number: store.snapshot(names[number], 22),
        "begin": begin,
        "checkpoint": lambda number: store.checkpoint(names[number], f"t{number}", partial),
        "commit": lambda number: store.commit(names[number], f"t{number}", turn(TEXT)),
        "news": lambda number: store.messages(names[number], -1),
        "page": lambda number: store.sessions(PAGE),
    }


def told(name: str, found: Cost) -> None:
    """Print a cost."""
    print(
        f"{name:11} {found.commands:5.1f} commands  {found.received:7,.0f} bytes in  {found.sent:7,.0f} out"
        f"  {found.processor:6.1f} µs of the server's processor"
    )


def reckon(costs: dict[str, Cost]) -> None:
    """Print what a whole turn costs, and what one processor serves by that."""
    once = [costs[name] for name in ("look", "begin", "commit")]
    parts = [*once, *[costs["checkpoint"]] * KEPT]
    told("turn", Cost(*(sum(getattr(part, name) for part in parts) for name in Cost.__dataclass_fields__)))
    a_turn, news = sum(part.processor for part in parts), costs["news"].processor
    busy, idle = (a_turn + LOOKS * news) / EVERY, IDLE * news
    print(
        f"one processor: {1e6 / a_turn:,.0f} turns a second, or {1e6 / news:,.0f} looks for news; a chat with a turn"
        f" each {EVERY} s takes {busy:,.1f} µs a second: {1e6 / busy:,.0f} of these, or {1e6 / idle:,.0f} left open"
    )


# A chat in a terminal


def in_a_terminal(server: RedisServer, client: Any) -> None:
    """Print which commands a turn of the real program comes to, with the looks for news meanwhile."""
    with ModelServer() as model, tempfile.TemporaryDirectory() as home:
        env = {"CHATCLI_HOME": home, "OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": model.url}
        command = [sys.executable, "-m", "chatcli", "chat", "-s", "s", "-m", "test-model", "--store", server.url]
        with Terminal(command, env=env) as term:
            for text in ("one", "two", "three"):
                term.wait(lambda term: [line for line in term.screen_lines() if line][-2:-1] == ["you>"])
                before = _calls(client)
                term.enter(text)
                term.wait_for(f": {text}")
            term.wait(lambda term: [line for line in term.screen_lines() if line][-2:-1] == ["you>"])
            connections = client.info("clients")["connected_clients"] - 1
            found = {name: calls - before.get(name, 0) for name, calls in _calls(client).items()}
    told = ", ".join(f"{calls} {name}" for name, calls in sorted(found.items()) if calls)
    print(f"a short turn in a terminal: {sum(found.values())} commands, {connections} connections: {told}")


def _calls(client: Any) -> dict[str, int]:
    found = {name.removeprefix("cmdstat_"): of["calls"] for name, of in client.info("commandstats").items()}
    return {name: calls for name, calls in found.items() if not name.startswith(_OURS)}


# All together


def live(url: str, sessions: int, seconds: float, seed: int) -> list[float]:
    """Chat in random sessions until the time is over, without ever waiting; return the milliseconds of each turn."""
    chance, taken = random.Random(seed), list[float]()
    end = time.monotonic() + seconds
    with closing(RedisStore(url)) as store:
        while time.monotonic() < end:
            session, begin = f"session {chance.randrange(sessions)}", time.perf_counter()
            length = store.snapshot(session, 22).length
            pending = Pending(new_id(), Message("user", TEXT, id=new_id(), time=1.5), "host/1/2")
            store.begin(session, pending)
            for kept in range(KEPT):
                store.checkpoint(session, pending.id, TEXT[: 25 * kept])
            store.commit(session, pending.id, [pending.user, turn(TEXT)[1]], expected_length=length)
            taken.append(1000 * (time.perf_counter() - begin))
            for _ in range(LOOKS):
                store.messages(session, -1)
    return taken


def together(server: RedisServer, client: Any, sessions: int, clients: int, seconds: float) -> None:
    """Let some processes chat at once; print what they got done and how busy the server was with it."""
    before = _figures(client)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(clients, mp_context=context) as pool:
        tasks = [pool.submit(live, server.url, sessions, seconds, seed) for seed in range(clients)]
        taken = sorted(one for task in tasks for one in task.result())
    busy = (_figures(client)[3] - before[3]) / 1e6 / seconds
    print(
        f"{clients} clients: {len(taken) / seconds:,.0f} turns and {LOOKS * len(taken) / seconds:,.0f} looks a second,"
        f" a turn in {statistics.median(taken):.1f} ms, one of a hundred in more than {taken[-len(taken) // 100]:.1f};"
        f" the server used {100 * busy:.0f} % of a processor"
    )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What sessions take of one Redis node, and what it serves.")
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument("--verbs", type=int, default=2000, help="how often each is done alone")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--server", choices=sorted(binaries()), default="valkey")
    parser.add_argument("--aof", choices=("no", "everysec", "always"), help="keep an append-only file")
    given = parser.parse_args()
    options = ("--appendonly", "yes", "--appendfsync", given.aof) if given.aof else ()
    with running(binaries()[given.server], *options) as server, redis.Redis.from_url(server.url) as client:
        print(f"{given.server} {client.info('server')['redis_version']}, append-only file: {given.aof or 'none'}")
        memory_of_sessions(server, client, given.sessions)
        for length in LENGTHS:
            memory_of_messages(server, client, length)
        memory_of_connections(server, client)
        with closing(RedisStore(server.url)) as store:
            costs = {
                name: cost(client, given.verbs, work)
                for name, work in verbs(store, given.sessions, random.Random(1)).items()
            }
        for name, found in costs.items():
            told(name, found)
        in_a_terminal(server, client)
        reckon(costs)
        together(server, client, given.sessions, given.clients, given.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
