"""Several processes on one store, and one that is killed."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from chatcli.messages import Message
from chatcli.stores import Pending
from tests.contracts.conftest import Place

PRELUDE = """
import sys
from contextlib import suppress
from pathlib import Path
from chatcli.errors import StoreUnavailable
from chatcli.messages import Message
from chatcli.stores import Pending
from chatcli.stores.address import open_store

address, folder, prefix, who, turns = sys.argv[1:]
store = open_store(address, data_folder=Path(folder), key_prefix=prefix)
def turn(number):
    return [Message("user", f"{who} {number}"), Message("assistant", f"re: {who} {number}")]
print("ready", flush=True)
sys.stdin.readline()
"""
WRITE = """
for number in range(int(turns)):
    pending = Pending(f"{who}{number}", turn(number)[0], who)
    store.begin("s", pending)
    with suppress(StoreUnavailable):  # it gives up soon when others write, as it may
        store.checkpoint("s", pending.id, "re")
    store.commit("s", pending.id, turn(number))
store.close()
"""
HANG = """
store.append("s", turn(0))
store.begin("s", Pending("t1", turn(1)[0], "host/1/2"))
store.checkpoint("s", "t1", "half a rep")
print("begun", flush=True)
sys.stdin.readline()
"""


def started(place: Place, body: str, who: str, turns: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PRELUDE + body, place.address, str(place.folder), place.prefix, who, str(turns)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def released(processes: list[subprocess.Popen[str]]) -> Iterator[tuple[int, str]]:
    """Let the processes go on once all are ready; yield how each ended, and what it complained of."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        _, complaints = process.communicate(timeout=600)
        yield process.returncode, complaints


@pytest.mark.timeout(900)
@pytest.mark.parametrize("durable_place", ["sqlite", "valkey"], indirect=True)
def test_eight_processes_that_open_a_new_store_at_once_add_250_whole_turns_each(durable_place: Place) -> None:
    turns = 250
    writers = [started(durable_place, WRITE, who, turns) for who in "abcdefgh"]
    assert list(released(writers)) == [(0, "")] * 8, "a turn was refused"
    store = durable_place.open()
    said = [message.text for message in store.messages("s")]
    asked = said[0::2]
    assert len(asked) == 8 * turns
    assert said[1::2] == [f"re: {text}" for text in asked]
    for who in "abcdefgh":
        assert [text for text in asked if text.startswith(who)] == [f"{who} {number}" for number in range(turns)]
    assert store.pending("s") == []
    assert store.snapshot("s", 0).session.turns == 8 * turns


def test_a_killed_process_leaves_its_turn_pending(durable_place: Place) -> None:
    process = started(durable_place, HANG, "me")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert [process.stdout.readline() for _ in range(2)] == ["ready\n", "begun\n"]
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    store = durable_place.open()
    assert [message.text for message in store.messages("s")] == ["me 0", "re: me 0"]
    (left,) = store.pending("s")
    assert (left.id, left.user.text, left.partial, left.writer) == ("t1", "me 1", "half a rep", "host/1/2")
    assert 0 <= left.age < 30
    assert store.commit("s", "t1", [left.user, Message("assistant", "again")]) == 4


def test_what_is_kept_is_there_when_the_store_is_opened_again(durable_place: Place) -> None:
    first = durable_place.open()
    first.append("s", [Message("user", "hello")])
    first.begin("s", Pending("t1", Message("user", "and?"), "w"))
    second = durable_place.open()
    assert second.length("s") == 1
    second.append("s", [Message("assistant", "hi")])
    assert [message.text for message in first.messages("s")] == ["hello", "hi"]
    assert first.durable
    first.close()
    assert [turn.id for turn in second.pending("s")] == ["t1"]


def test_a_process_that_leaves_takes_nothing_from_one_that_has_the_store_open_twice(durable_place: Place) -> None:
    first, second = durable_place.open(), durable_place.open()
    first.append("s", [Message("user", "hello")])
    for who in "ab":
        assert list(released([started(durable_place, "store.append('s', turn(0)); store.close()", who)])) == [(0, "")]
        assert second.messages("s")[-1].text == f"re: {who} 0"
    second.append("s", [Message("user", "and?")])
    third = durable_place.open()
    assert [len(store.messages("s")) for store in (first, second, third)] == [6, 6, 6]
