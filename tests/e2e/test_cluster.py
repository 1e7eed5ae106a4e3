"""chatcli on a Redis Cluster, as a user has it."""

import json
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from threading import Event

import pytest

from chatcli.errors import StoreUnavailable
from chatcli.stores.redis_cluster import ClusterStore
from tests.e2e.conftest import User
from tests.redis_cluster import RedisCluster, clustered
from tests.terminal import Terminal


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisCluster]:
    with clustered() as cluster:
        yield cluster


def test_a_cluster_is_a_store_like_any_other(user: User, cluster: RedisCluster) -> None:
    where = ("--store", cluster.url)
    user.server.replies("Hello ", "Ada.")
    user.server.replies("You are Ada.")
    with user.chat("-s", "JavaEdge", *where) as term:
        term.wait_for("you>")
        term.enter("I am Ada")
        term.wait_for("Hello Ada.")
        term.enter("Who am I?")
        term.wait_for("You are Ada.")
        term.key("c-d")
        assert term.wait_exit() == 0
    assert user.server.chats[1].texts[:2] == [("user", "I am Ada"), ("assistant", "Hello Ada.")]
    for name in ("one", "two", "three", "four"):
        assert user.run("ask", "-s", name, *where, f"the question {name}").returncode == 0
    cluster.move("message_store:JavaEdge")
    listed = json.loads(user.run("sessions", "list", "--json", *where).stdout)
    assert [session["name"] for session in listed] == ["four", "three", "two", "one", "JavaEdge"]
    assert [session["turns"] for session in listed] == [1, 1, 1, 1, 2]
    hits = json.loads(user.run("history", "search", "question", "--json", *where).stdout)
    assert {hit["session"] for hit in hits} == {"one", "two", "three", "four"}
    assert user.run("sessions", "rename", "JavaEdge", "Ada", *where).returncode == 0
    shown = user.run("history", "show", "-s", "Ada", *where)
    assert "You are Ada." in shown.stdout


def test_doctor_names_the_cluster_and_its_session(user: User, cluster: RedisCluster) -> None:
    user.run("ask", "-s", "here", "--store", cluster.url, "hello")
    found = user.run("doctor", "--json", "--store", cluster.url)
    (store,) = [part for part in json.loads(found.stdout) if part["part"] == "store"]
    assert store["ok"]
    assert store["found"] == f"{cluster.url}, 3 masters, 0 replicas follow, used last: here"
    assert store["hint"] == ""
    user.run("ask", "-s", "here", "--store", f"{cluster.url}?wait_replicas=1", "hello")
    found = user.run("doctor", "--json", "--store", f"{cluster.url}?wait_replicas=1")
    (store,) = [part for part in json.loads(found.stdout) if part["part"] == "store"]
    assert store["hint"] == ("wait_replicas is 1, a master has 0: each turn there waits a second in vain")


def test_a_plain_address_of_a_cluster_ends_with_two_lines_that_can_be_followed(
    user: User, cluster: RedisCluster
) -> None:
    port = cluster.nodes[1].port
    refused = user.run("ask", "-s", "s", "--store", f"redis://127.0.0.1:{port}/0", "hello")
    assert refused.returncode == 3
    error, hint = refused.stderr.splitlines()
    assert error == f"error: Redis at redis://127.0.0.1:{port}/0 is part of a cluster"
    assert hint.startswith("hint: write redis+cluster://")
    assert user.server.chats == []
    taken = user.run("ask", "-s", "s", "--store", hint.removeprefix("hint: write "), "hello")
    assert taken.returncode == 0, taken.stderr


def test_a_name_with_a_brace_ends_with_two_lines(user: User, cluster: RedisCluster) -> None:
    refused = user.run("ask", "-s", "a{b}", "--store", cluster.url, "hello")
    assert (refused.returncode, user.server.chats) == (2, [])
    assert refused.stderr.splitlines() == [
        "error: the session name 'a{b}' has a brace: a Redis cluster cannot keep its keys together",
        "hint: choose a name without { and }",
    ]


def _wait_for_length(store: ClusterStore, length: int, term: Terminal) -> None:
    """Wait until a replica has taken over, and the turns that were kept here meanwhile are in the store."""
    deadline = time.monotonic() + 60
    found = 0
    while found < length:
        assert time.monotonic() < deadline, term.text()
        with suppress(StoreUnavailable):
            found = store.length("JavaEdge")
        time.sleep(0.05)


def test_a_master_is_killed_in_the_middle_of_a_reply_and_every_turn_is_there_once(user: User) -> None:
    gate = Event()
    user.server.replies("The first ", "answer.")
    user.server.replies("The second ", gate, "answer.")
    with clustered(replicas=(0, 1, 2)) as cluster:
        with user.chat("-s", "JavaEdge", "--store", cluster.url, rows=40) as term:
            term.wait_for("you>")
            term.enter("one")
            term.wait_for("The first answer.")
            term.enter("two")
            term.wait_for("The second")
            cluster.owner("message_store:JavaEdge").process.kill()
            gate.set()
            term.wait_for("The second answer.")
            for number in range(3, 9):
                term.enter(f"question {number}")
                term.wait_for(f"Turn {number}: question {number}", timeout=60)
            with closing(ClusterStore(cluster.url)) as store:
                _wait_for_length(store, 16, term)
            term.key("c-d")
            assert term.wait_exit() == 0
        with closing(ClusterStore(cluster.url)) as store:
            asked = [message.text for message in store.messages("JavaEdge") if message.role == "user"]
            assert asked == ["one", "two", *(f"question {number}" for number in range(3, 9))]
            assert store.length("JavaEdge") == 16
            assert store.pending("JavaEdge") == []
