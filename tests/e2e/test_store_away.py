"""The store goes away while somebody chats: the chat goes on, and what was said is there afterwards, once."""

import json
import os
import signal
import sqlite3
import time
from pathlib import Path
from threading import Event

import pytest

from chatcli.stores.redis import RedisStore
from tests.benchmarks.network_cut import chat_through
from tests.e2e.conftest import User
from tests.redis_server import free_port, running
from tests.terminal import Terminal

AOF = ("--appendonly", "yes", "--appendfsync", "always")


def prompts(count: int):  # type: ignore[no-untyped-def]
    """Say whether so many prompts stand on the screen, the last one empty."""
    return lambda term: term.text().count("you>") == count and _lines(term)[-1].rstrip() == "you>"


def _lines(term: Terminal) -> list[str]:
    return [line for line in term.text().splitlines() if line.strip()][:-1]  # without the toolbar


def leave(term: Terminal) -> None:
    term.key("c-d")
    term.wait_exit()


def said(url: str, session: str = "s") -> list[str]:
    store = RedisStore(url)
    try:
        return [message.text for message in store.messages(session)]
    finally:
        store.close()


@pytest.mark.parametrize("fsync", ["everysec", "always"])
def test_redis_is_killed_in_the_middle_of_a_reply_and_comes_back(user: User, tmp_path: Path, fsync: str) -> None:
    gate = Event()
    user.server.replies("Turn 1: ", "one")
    user.server.replies("Turn 2: ", gate, "two")
    options = ("--appendonly", "yes", "--appendfsync", fsync, "--dir", str(tmp_path))
    with running(None, *options) as redis, user.chat("-s", "s", "--store", redis.url, rows=40) as term:
        term.wait_for("you>")
        term.enter("one")
        term.wait(prompts(2))
        term.enter("two")
        term.wait_for("Turn 2:")
        redis.process.kill()
        redis.process.wait()
        gate.set()
        term.wait(prompts(3))
        assert "the store is away: the chat goes on, its turns are kept here until it is" in term.text()
        term.wait_for("store away · 1 turn kept here")
        term.enter("three")
        term.wait(prompts(4))
        term.wait_for("store away · 2 turns kept here")
        with running(None, *options, port=redis.port):
            term.wait_for("the store is back; 2 turns kept here are in it now")  # above the prompt, without a key
            term.wait_gone("store away ·")
            term.enter("four")
            term.wait(prompts(5))
            leave(term)
            assert said(redis.url)[::2] == ["one", "two", "three", "four"]
            assert len(said(redis.url)) == 8
    # What the model saw while the store was away:
    assert [text for role, text in user.server.chats[2].texts if role == "user"] == ["one", "two", "three"]


def test_what_was_said_while_the_store_was_away_survives_a_kill(user: User, tmp_path: Path) -> None:
    options = (*AOF, "--dir", str(tmp_path))
    gate = Event()
    user.server.replies("Turn 1: one")
    user.server.replies("Turn 2: two")
    user.server.replies("half a re", gate, "ply")
    with running(None, *options) as redis:
        with user.chat("-s", "s", "--store", redis.url) as term:
            term.wait_for("you>")
            term.enter("one")
            term.wait(prompts(2))
            redis.process.kill()
            redis.process.wait()
            term.enter("two")
            term.wait_for("store away · 1 turn kept here")
            term.enter("three")
            term.wait_for("half a re")
            _wait_for_partial(user.home / "state" / "journal.db", term)
            os.kill(term.pid, signal.SIGKILL)
        shown = user.run("doctor", "--store", redis.url).stdout
        assert "2 turns of s kept here for redis://127.0.0.1" in shown
        with user.chat("-s", "s", "--store", redis.url) as term:  # it is still away
            term.wait_for("half a re")
            term.wait_for("[c]ontinue it, [r]etry, [k]eep it so, or [d]rop it?")
            term.enter("")
            leave(term)
        with running(None, *options, port=redis.port), user.chat("-s", "s", "--store", redis.url) as term:
            term.wait_for("[c]ontinue it, [r]etry, [k]eep it so, or [d]rop it?")
            assert "half a re" in term.text()
            term.enter("k")
            term.wait_for("the store is back; 1 turn kept here is in it now")
            leave(term)
            assert said(redis.url) == ["one", "Turn 1: one", "two", "Turn 2: two", "three", "half a re"]
    gate.set()


def _wait_for_partial(journal: Path, term: Terminal) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        database = sqlite3.connect(journal)
        kept = database.execute("SELECT 1 FROM entries WHERE partial LIKE '%half a re%'").fetchall()
        database.close()
        if kept:
            return
        time.sleep(0.02)
    raise AssertionError(term.text())


def test_a_chat_begins_while_the_store_is_away_and_any_command_that_reaches_it_puts_its_turns_there(
    user: User,
) -> None:
    port = free_port()
    url = f"redis://:geheim@127.0.0.1:{port}/0"
    with user.chat("-s", "s", "--store", url) as term:
        term.wait_for("without what was said before")
        term.enter("one")
        term.wait_for("store away · 1 turn kept here")
        term.key("c-d")
        term.wait_for("1 turn kept here for redis://:***@127.0.0.1")
        term.wait_exit()
    assert b"geheim" not in b"".join(path.read_bytes() for path in (user.home / "state").iterdir())
    failed = user.run("history", "show", "-s", "s", "--store", url)
    assert failed.returncode == 3
    with running(port=port, password="geheim"):
        shown = user.run("history", "show", "-s", "s", "--store", url, "--json")
        assert [message["content"] for message in json.loads(shown.stdout)] == ["one", "Turn 1: one"]
        assert "no turn waits" in user.run("doctor", "--store", url).stdout


def test_a_question_is_not_answered_without_the_past_it_builds_on(user: User) -> None:
    done = user.run("ask", "Hi", "-s", "s", "--store", f"redis://127.0.0.1:{free_port()}/0")
    assert done.returncode == 3
    assert user.server.chats == []


def test_an_answer_whose_store_goes_away_is_printed_kept_and_there_with_the_next(user: User, tmp_path: Path) -> None:
    import subprocess
    import sys

    from tests.terminal import clean_env

    gate = Event()
    user.server.replies("precious", gate, " reply")
    options = (*AOF, "--dir", str(tmp_path))
    with running(None, *options) as redis:
        asking = subprocess.Popen(
            [sys.executable, "-m", "chatcli", "ask", "one", "-s", "s", "--store", redis.url],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=clean_env(user.env),
            cwd=user.home,
        )
        user.server.wait_chats(1)
        redis.process.kill()
        redis.process.wait()
        gate.set()
        out, _ = asking.communicate(timeout=60)
        assert (asking.returncode, out) == (0, b"precious reply\n")
        with running(None, *options, port=redis.port):
            assert user.run("ask", "two", "-s", "s", "--store", redis.url).returncode == 0
            assert said(redis.url)[:3] == ["one", "precious reply", "two"]


def test_the_network_fails_in_every_way_and_nothing_is_lost_or_doubled(user: User) -> None:
    # By hand with 60 s and a bound of 2 s on the waits; here on a machine that may be busy.
    done = chat_through(user, seconds=10)
    assert (done.lost, done.doubled) == (0, 0)
    assert list(done.stored) == list(done.said)
    assert max(done.to_reply, done.to_prompt) < 4.5  # less than one time-out of Redis


def test_another_program_locks_the_file(user: User) -> None:
    with user.chat("-s", "s") as term:
        term.wait_for("you>")
        term.enter("one")
        term.wait(prompts(2))
        other = sqlite3.connect(user.home / "data" / "sessions.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        term.enter("two")
        term.wait(prompts(3))
        term.enter("three")
        term.wait(prompts(4))
        term.wait_for("store away · 2 turns kept here")
        other.execute("ROLLBACK")
        other.close()
        term.wait_gone("store away ·")
        leave(term)
    assert [text for role, text in user.said("s") if role == "user"] == ["one", "two", "three"]
    assert len(user.said("s")) == 6


def test_undo_says_that_the_store_is_away_and_the_chat_goes_on(user: User) -> None:
    with running() as redis, user.chat("-s", "s", "--store", redis.url, rows=40) as term:
        term.wait_for("you>")
        term.enter("one")
        term.wait(prompts(2))
        redis.process.kill()
        redis.process.wait()
        for number, command in enumerate(("/undo", "/fork", "/sessions"), 3):
            term.enter(command)
            term.wait(prompts(number))
            assert term.text().count("error: the store is away") + term.text().count("cannot be reached") >= number - 2
        term.enter("two")
        term.wait_for("Turn 2: two")
        term.wait_for("store away · 1 turn kept here")
        leave(term)


@pytest.mark.parametrize("cols", [40, 80])
def test_the_toolbar_says_it_at_any_width(user: User, cols: int) -> None:
    with user.chat("-s", "JavaEdge", "--store", f"redis://127.0.0.1:{free_port()}/0", cols=cols) as term:
        term.wait_for("store away")
        term.enter("one")
        term.wait_for("store away · 1 turn kept here")
        leave(term)
