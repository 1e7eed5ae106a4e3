"""Plays the loss of power in a store that is written to: `python -m tests.benchmarks.power_loss --images 200`.

A process commits turns and reports each verb that returned. At a random moment it is stopped (SQLite; in Redis the
server is), in the middle of whatever it does, and the files are copied as they are: that is the disk if everything
written had reached it. What was reported was written through before it was: `synchronous=FULL`, `appendfsync always`.
What was written after that may have reached the disk in part: the end of the WAL, or of the append-only file, is cut at
a random byte, or in SQLite overwritten with noise from there on. The copy is opened: what was reported is there, whole
turns and no other, and the turn that had begun; the database is sound and takes the next turn.

An append-only file is also cut anywhere at all, which `appendfsync everysec` may come to: each turn whose EXEC stands
before the cut is there, none is there in part. What this does not show: disks that lie about what they wrote, and file
systems that reorder whole files. With 200 images of each: nothing lost, nothing torn. The suite takes 20 and 8
(tests/contracts/test_power_loss.py).
"""

import argparse
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import redis

from chatcli.errors import StoreUnavailable
from chatcli.messages import Message
from chatcli.stores import Pending, Store
from chatcli.stores.address import open_store
from chatcli.stores.redis import RedisStore
from chatcli.stores.sqlite import SqliteStore
from tests.redis_server import RedisServer, running, valkey_binary

SESSION = "s"
LONGEST_PAUSE = 0.1
"""Seconds between two images, at most; a turn takes 5 to 20 ms."""

EACH = 20
"""Images of one store, which grows with each turn."""

AOF = ("--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0")
_WAL_HEADER, _FRAME_HEADER = 32, 24


# What writes


def said(number: int) -> list[Message]:
    """Return a turn, of any size."""
    chance = random.Random(number)
    return [
        Message("user", f"{number} " + "ask " * chance.randrange(50)),
        Message("assistant", f"{number} " + "answer " * chance.choice((1, 50, 3000))),
    ]


def write(store: Store) -> None:
    """Commit turns until the end; report on stdout which one has begun, and which one is committed."""
    for number in range(1_000_000):
        turn = said(number)
        store.begin(SESSION, Pending(f"t{number}", turn[0], "writer"))
        os.write(1, f"begun {number}\n".encode())
        with suppress(StoreUnavailable):  # it gives up when the server is stopped for long
            store.checkpoint(SESSION, f"t{number}", turn[1].text[:40])
        store.commit(SESSION, f"t{number}", turn)
        os.write(1, f"committed {number}\n".encode())


@dataclass
class Writer:
    """The process that writes, and what it has reported: how many turns have begun, and were committed."""

    process: subprocess.Popen[bytes]
    begun: int = 0
    committed: int = 0
    _rest: bytes = field(default=b"", init=False)

    def read(self) -> None:
        """Take in what was reported until now."""
        assert self.process.stdout is not None
        with_rest = self._rest + (self.process.stdout.read(1 << 20) or b"")
        *lines, self._rest = with_rest.split(b"\n")
        for line in lines:
            what, _, number = line.decode().partition(" ")
            setattr(self, what, int(number) + 1)


@contextmanager
def writing(address: str) -> Iterator[Writer]:
    """Run a process that writes there until the block ends."""
    command = [sys.executable, "-m", "tests.benchmarks.power_loss", "--write", address]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun 0\n"
    os.set_blocking(process.stdout.fileno(), False)
    try:
        yield Writer(process, begun=1)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextmanager
def stopped(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Let the process do nothing until the block ends."""
    process.send_signal(signal.SIGSTOP)
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2][0] not in "Tt":
        pass
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


# What must be left


def check(store: Store, begun: int, committed: int) -> int:
    """Raise AssertionError unless what was reported is there and nothing in part; return how many turns there are."""
    messages = store.messages(SESSION)
    turns = len(messages) // 2
    assert messages == [message for number in range(turns) for message in said(number)], "a turn is torn, or twice"
    assert turns >= committed, f"{turns} turns are left of {committed}"
    under_way = [turn.id for turn in store.pending(SESSION)]
    assert under_way in ([], [f"t{turns}"])
    assert turns + len(under_way) >= begun, "a turn that had begun is gone"
    known = store.snapshot(SESSION, 0).session
    assert (known.messages, known.turns) == (2 * turns, turns)
    store.commit(SESSION, "next", said(turns))
    assert store.length(SESSION) == 2 * turns + 2
    return turns


# SQLite


def commits_of(wal: bytes) -> tuple[list[int], int]:
    """Return where transactions end in a WAL, with 0 for none of them, and where that ends which is being written."""
    ends, at = [0], _WAL_HEADER
    if len(wal) < at:
        return ends, len(wal)
    length, salts = _FRAME_HEADER + struct.unpack(">I", wal[8:12])[0], wal[16:24]
    while len(frame := wal[at : at + length]) == length and frame[8:16] == salts:  # others are of an earlier round
        at += length
        if frame[4:8] != bytes(4):
            ends.append(at)
    return ends, min(at + length, len(wal))


def image_of_file(source: Path, target: Path, writer: Writer, chance: random.Random) -> int:
    """Make an image of the database at `target` as a loss of power might leave it, and check it."""
    with stopped(writer.process):
        writer.read()
        shutil.copy(source, target)
        wal = source.with_name(f"{source.name}-wal").read_bytes()
        shared = source.with_name(f"{source.name}-shm").read_bytes()
    ends, written = commits_of(wal)
    while len(ends) > 1 and holds(target, wal[: ends[-2]], writer):
        ends.pop()
    cut = chance.randint(max(ends[-1], min(copied(wal, shared), written)), written)
    rest = chance.choice((b"", chance.randbytes(written - cut) + wal[written:]))
    place(target, wal[:cut] + rest)
    with closing(SqliteStore(target)) as store:
        check(store, writer.begun, writer.committed)
        assert store._db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return written - cut


def copied(wal: bytes, shared: bytes) -> int:
    """Return up to where the WAL was, or is being, copied into the database: it was written through before."""
    if shared[32:40] != wal[16:24]:
        return len(wal)  # all of it, and it is about to begin anew
    frames = int.from_bytes(shared[128:132], sys.byteorder)  # nBackfillAttempted
    return _WAL_HEADER + frames * (_FRAME_HEADER + struct.unpack(">I", wal[8:12])[0]) if frames else 0


def holds(target: Path, wal: bytes, writer: Writer) -> bool:
    """Say whether what was reported is there with this much of the WAL."""
    copy = target.with_name("held.db")
    shutil.copy(target, copy)
    place(copy, wal)
    with closing(SqliteStore(copy)) as store:
        turns = store.length(SESSION) // 2
        return turns >= writer.committed and turns + len(store.pending(SESSION)) >= writer.begun


def place(database: Path, wal: bytes) -> None:
    """Put the WAL beside the database, and nothing else."""
    database.with_name(f"{database.name}-shm").unlink(missing_ok=True)
    database.with_name(f"{database.name}-wal").write_bytes(wal)


def sqlite_images(count: int, chance: random.Random) -> Counter[str]:
    """Take so many images of files that are written to; return counts."""
    done = Counter[str]()
    while done["images"] < count:
        with tempfile.TemporaryDirectory() as folder, writing(f"sqlite:///{folder}/source.db") as writer:
            for number in range(min(EACH, count - done["images"])):
                pause(chance)
                target = Path(folder, str(number), "s.db")
                target.parent.mkdir()
                done["bytes cut"] += image_of_file(Path(folder, "source.db"), target, writer, chance)
                done["images"] += 1
                shutil.rmtree(target.parent)
            done["turns"] += writer.committed
    return done


def pause(chance: random.Random) -> None:
    """Let the writer go on for a moment, any."""
    time.sleep(chance.random() * LONGEST_PAUSE)


# Redis


def log_of(folder: Path) -> Path:
    """Return the append-only file that is written to."""
    (found,) = folder.rglob("*.incr.aof")
    return found


def commits_in(log: bytes) -> dict[str, int]:
    """Return where the transaction ends that committed a turn, by its id."""
    ends, at = dict[str, int](), 0
    while (end := log.find(b"EXEC\r\n", at)) >= 0:
        for name in commit_ids(log[at:end]):
            ends[name] = end + len(b"EXEC\r\n")
        at = end + len(b"EXEC\r\n")
    return ends


def commit_ids(transaction: bytes) -> Iterator[str]:
    """Yield the id of the turn that a transaction commits."""
    at = transaction.find(b"\r\nLPUSH\r\n")
    if at >= 0:
        entry = transaction[transaction.index(b'{"', at) :].partition(b"\r\n")[0]
        yield f"t{json.loads(entry)['data']['content'].split()[0]}"


def image_of_log(folder: Path, target: Path, server: RedisServer, writer: Writer, chance: random.Random) -> int:
    """Make an image of the server's files at `target` as a loss of power might leave it, and check it."""
    with stopped(server.process):
        writer.read()
        shutil.copytree(folder, target)
    log = log_of(target)
    whole = log.read_bytes()
    ends = commits_in(whole)
    synced = chance.random() < 0.5
    safe = ends.get(f"t{writer.committed - 1}", 0) if synced else 0
    cut = chance.randint(safe, len(whole))
    log.write_bytes(whole[:cut])
    there = sum(end <= cut for end in ends.values())
    assert there >= writer.committed or not synced
    with (
        running(valkey_binary(), "--dir", str(target), *AOF) as restarted,
        closing(RedisStore(restarted.url)) as store,
    ):
        wait_until_loaded(restarted)
        assert check(store, there, there) == there
    return len(whole) - cut


def wait_until_loaded(server: RedisServer) -> None:
    """Wait until the server has read its files."""
    with redis.Redis.from_url(server.url) as client:
        while True:
            with suppress(redis.exceptions.BusyLoadingError):
                client.ping()
                return


def redis_images(count: int, chance: random.Random) -> Counter[str]:
    """Take so many images of servers that are written to; return counts."""
    done = Counter[str]()
    while done["images"] < count:
        with tempfile.TemporaryDirectory() as home:
            folder = Path(home, "source")
            folder.mkdir()
            with running(valkey_binary(), "--dir", str(folder), *AOF) as server, writing(server.url) as writer:
                for number in range(min(EACH, count - done["images"])):
                    pause(chance)
                    target = Path(home, str(number))
                    done["bytes cut"] += image_of_log(folder, target, server, writer, chance)
                    done["images"] += 1
                    shutil.rmtree(target)
                done["turns"] += writer.committed
    return done


def main() -> int:
    """Take images of both; print what was met."""
    parser = argparse.ArgumentParser(description="Take the power away from a store that is written to.")
    parser.add_argument("--images", type=int, default=200, help="of each store")
    parser.add_argument("--store", choices=("sqlite", "redis", "both"), default="both")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--write", metavar="ADDRESS", help="write there until the end")
    given = parser.parse_args()
    if given.write:
        with closing(open_store(given.write, data_folder=Path())) as store:
            write(store)
    print(f"seed {given.seed}", flush=True)
    for name, images in {"sqlite": sqlite_images, "redis": redis_images}.items():
        if given.store not in (name, "both"):
            continue
        done = images(given.images, random.Random(given.seed))
        print(f"{name}: " + ", ".join(f"{count:,} {what}" for what, count in done.items()) + "; 0 lost, 0 torn")
    return 0


if __name__ == "__main__":
    sys.exit(main())
