"""A chat of many turns on a Redis Cluster whose slots move, or whose master is killed, in the middle.

    python -m tests.benchmarks.cluster_chaos [TURNS [KILLS]]

Prints how many of the turns that were acknowledged are there, and the longest of them; then what became of a session
whose renames were killed. The suite runs the same with 200 turns and 8 kills
(tests/contracts/cluster/test_cluster_chaos.py).
"""

import argparse
import itertools
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from random import Random
from subprocess import PIPE, Popen

from redis.crc import key_slot

from chatcli.errors import Conflict
from chatcli.messages import Message
from chatcli.stores import Pending
from chatcli.stores.redis_cluster import ClusterStore
from chatcli.stores.redis_cluster_wire import INDEX_PAUSE
from tests.redis_cluster import SLOTS, RedisCluster, clustered

PREFIX = "message_store:"
PATIENCE = 60  # seconds for a disturbance to happen


@dataclass(frozen=True)
class Outcome:
    """What came of a chat: which turns were acknowledged, which are there, in order, and the longest, in seconds."""

    acknowledged: list[str]
    found: list[str]
    longest: float
    disturbances: int

    def __str__(self) -> str:
        lost, doubled = set(self.acknowledged) - set(self.found), len(self.found) - len(set(self.found))
        turns = f"{len(self.acknowledged)} acknowledged turns, {len(lost)} lost, {doubled} doubled"
        return f"{turns}; disturbed {self.disturbances} times; the longest turn took {self.longest:.2f} s"


def chat(store: ClusterStore, session: str, turns: int, before: Callable[[int], None]) -> tuple[list[str], float]:
    """Say so many turns as a chat does; return those that were acknowledged, and the seconds of the longest one."""
    longest, acknowledged = 0.0, []
    for number in range(turns):
        before(number)
        start = time.monotonic()
        asked, answered = Message("user", str(number)), Message("assistant", f"re: {number}")
        store.begin(session, Pending(f"t{number}", asked, "w"))
        store.commit(session, f"t{number}", [asked, answered])
        longest = max(longest, time.monotonic() - start)
        if not store.warning:
            acknowledged.append(str(number))
    return acknowledged, longest


def questions(cluster: RedisCluster, session: str, *others: str) -> list[str]:
    """Return the questions that are there, in order.

    Raises AssertionError for a turn that is not whole, and when what is listed is not the session and the others.
    """
    with closing(ClusterStore(cluster.url)) as store:
        said = [message.text for message in store.messages(session)]
        listed = [one.name for one in store.sessions()]
        assert listed == [session, *others], listed
    assert said[1::2] == [f"re: {text}" for text in said[0::2]]
    return said[0::2]


def resharding(turns: int) -> Outcome:
    """Chat while the slots of the session and of the index move from master to master all the time."""
    moves, ended, session = 0, threading.Event(), "JavaEdge"

    def move() -> None:
        nonlocal moves
        while not ended.is_set():
            cluster.move(PREFIX + session)
            cluster.move(f"chatcli:index:{PREFIX}")
            moves += 2

    def before(number: int) -> None:
        if number == 1:
            mover.start()
        if number % 20 == 0 and number:  # however slow the mover is beside the chat
            _wait(lambda seen=moves: moves > seen)

    mover = threading.Thread(target=move)
    with clustered() as cluster, closing(ClusterStore(cluster.url)) as store:
        try:
            acknowledged, longest = chat(store, session, turns, before)
        finally:
            ended.set()
            if mover.ident:
                mover.join()
        return Outcome(acknowledged, questions(cluster, session), longest, moves)


def fail_over(turns: int) -> Outcome:
    """Chat with `wait_replicas=1` while the session's master, which has two replicas, is killed."""
    session = next(name for name in map(str, itertools.count()) if _third(f"{PREFIX}{name}") == 0)

    def before(number: int) -> None:
        if number == turns // 3:
            cluster.nodes[0].process.kill()

    with clustered(replicas=(0, 0)) as cluster, closing(ClusterStore(cluster.url, wait_replicas=1)) as store:
        acknowledged, longest = chat(store, session, turns, before)
        assert cluster.owner(PREFIX + session) in cluster.nodes[3:]
        return Outcome(acknowledged, questions(cluster, session), longest, 1)


def index_away(turns: int) -> Outcome:
    """Chat while the master of the index, which is another than the session's, hangs until a replica takes over."""
    index = f"chatcli:index:{PREFIX}"
    its_master = _third(index)
    here = (name for name in map(str, itertools.count()) if _third(f"{PREFIX}{name}") != its_master)
    session, another = next(here), next(here)

    def before(number: int) -> None:
        if number == turns // 3:
            hung.send_signal(signal.SIGSTOP)
        if number == turns // 2:
            store.append(another, [Message("user", "Nobody lists me yet")])
        if number == turns - 1:
            _wait(lambda: replica.info("replication")["role"] == "master", "a replica takes over")
            time.sleep(INDEX_PAUSE)

    with clustered(replicas=(its_master,)) as cluster, closing(ClusterStore(cluster.url)) as store:
        hung, replica = cluster.nodes[its_master].process, cluster.client(cluster.nodes[3])
        try:
            acknowledged, longest = chat(store, session, turns, before)
            return Outcome(acknowledged, questions(cluster, session, another), longest, 1)
        finally:
            hung.send_signal(signal.SIGCONT)
            replica.close()


def _third(key: str) -> int:
    return 3 * key_slot(key.encode()) // SLOTS


RENAMING = """
import sys
from chatcli.stores.redis_cluster import ClusterStore
store = ClusterStore(sys.argv[1])
old, new = "one", "two"
if not store.exists(old):
    old, new = new, old
print("renaming", flush=True)
while True:
    store.rename(old, new)
    old, new = new, old
"""


def killed_renames(kills: int) -> Counter[str]:
    """Kill a process that renames a session all the time; return what was there then: `one place` or `two places`.

    Raises AssertionError when it was not whole in each of them, or in one after the rename was repeated.
    """
    found, chance = Counter[str](), Random(7)
    history = [Message("user", f"{number} " + "x" * 500, id=str(number)) for number in range(300)]
    with clustered() as cluster, closing(ClusterStore(cluster.url)) as store:
        store.append("one", history)
        for _ in range(kills):
            with Popen([sys.executable, "-c", RENAMING, cluster.url], stdout=PIPE, text=True) as process:
                try:
                    assert process.stdout is not None
                    assert process.stdout.readline() == "renaming\n"
                    time.sleep(chance.uniform(0, 0.2))  # at any moment of a rename, which takes some hundredths
                finally:
                    process.kill()
            there = [name for name in ("one", "two") if store.exists(name)]
            assert all(store.messages(name) == history for name in there)
            found["one place" if len(there) == 1 else "two places"] += 1
            if len(there) == 2:
                _renamed_again(store)
            assert [name for name in ("one", "two") if store.exists(name)] == [store.sessions()[0].name]
    return found


def _renamed_again(store: ClusterStore) -> None:
    """Repeat what the user repeats: the one of both renames that was stopped."""
    try:
        store.rename("one", "two")
    except Conflict:
        store.rename("two", "one")


def _wait(happened: Callable[[], bool], what: str = "the slots move") -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


def main() -> None:
    """Run them all; print what came of each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("turns", nargs="?", type=int, default=200)
    parser.add_argument("kills", nargs="?", type=int, default=50)
    given = parser.parse_args()
    print("resharding:", resharding(given.turns))
    print("fail-over: ", fail_over(given.turns))
    print("index away:", index_away(given.turns))
    print("renames killed:", dict(killed_renames(given.kills)))


if __name__ == "__main__":
    main()
