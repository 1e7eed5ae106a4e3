"""Kills processes that chat and derive, and looks at what they leave: `python -m tests.benchmarks.killed --kills 1000`.

Each round one or two processes chat in a session with `summary-buffer+entity+recall`, as fast as they can, with a model
whose answers can be verified (see tests/scribe.py); a moment later they are killed, at whatever they do. Then the
history must hold whole turns, every turn that was reported committed once and in order; the summary must be one of
exactly the turns it claims to cover, and reach no less far than before; facts must be the user's, from turns below
their mark; the index must be whole and agree with the history. A session is gone on with for some rounds; a last
process then catches up.

The processes are forked from this one, which has imported everything: a round takes about 300 ms.
"""

import argparse
import os
import random
import re
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from chatcli.aids import Aids
from chatcli.chat import Chat
from chatcli.errors import Conflict
from chatcli.memory import corrections, parse_memory, summary
from chatcli.memory.history import History, open_history
from chatcli.messages import Message
from chatcli.recall import open_index
from chatcli.recall.rows import PARTS
from chatcli.stores import Store
from chatcli.stores.in_memory import InMemoryStore
from chatcli.stores.redis import RedisStore
from chatcli.stores.sqlite import SqliteStore
from chatcli.turn import Committed
from tests.redis_server import running
from tests.scribe import Scribe, digest_in, digest_of, some_pause

MEMORY = "summary-buffer:120+entity+recall:200"  # every third turn or so is followed by a fold
WINDOW = 4096
LONGEST_LIFE = 0.5
"""Seconds until a process is killed, at most; it makes a turn in about 20 ms."""

LONGEST_PAUSE = 0.001
LONGEST_WAIT = 0.4
"""Seconds for which some side requests dawdle: long enough for the other process to be faster twice."""

ROUNDS = 12
"""Kills that a session goes through."""

_SUMMED_UP = re.compile(r"turns 1 to (\d+) are summed up")
_PEOPLE = ("Ann", "Ben", "Cleo", "Dan")
_THINGS = ("tea", "rain", "chess", "rice")


@dataclass
class Place:
    """A session that is killed again and again: where it is, and what was seen of it before."""

    address: str
    folder: Path
    session: str
    reported: list[str] = field(default_factory=list)
    covered: int = 0
    names: set[str] = field(default_factory=set)
    processes: int = 0

    def take(self, reports: Sequence[str]) -> None:
        """Note what a process reported: turns that were committed, and how many turns a summary covers."""
        self.reported += [one for one in reports if not one.startswith("=")]
        self.covered = max([self.covered, *(2 * int(one[1:]) for one in reports if one.startswith("="))])

    def open(self) -> Store:
        return RedisStore(self.address) if self.address.startswith("redis") else SqliteStore(Path(self.address))

    @property
    def index(self) -> Path:
        return self.folder / "recall" / f"{self.session}.db"

    def chat(self, store: Store, source: random.Random) -> Chat:
        return chat_in(store, self.session, self.index, source)


def chat_in(store: Store, session: str, index: Path | None, source: random.Random) -> Chat:
    """Return a chat with a model that can be verified, and takes its time."""
    pauses = some_pause(source, LONGEST_PAUSE), some_pause(source, LONGEST_WAIT, 0.3)
    model = Scribe(reply, WINDOW, None, *pauses)
    return Chat(store, session, model, parse_memory(MEMORY), aids=Aids(index=open_index(index)))


def reply(context: Sequence[Message]) -> str:
    """Return the reply to an input, which ends with its id."""
    return f"re: {context[-1].text.split()[-1]}"


# The life of a process


def live(place: Place, who: str, seed: int, report: int) -> None:
    """Chat until the end, and report each turn that was committed."""
    source = random.Random(seed)
    chat = place.chat(place.open(), source)
    os.write(report, b"\n")
    for turn in chat.unfinished():
        if source.random() < 0.5:
            chat.drop(turn)
        else:
            with suppress(Conflict):  # the other process was faster
                finish(chat, chat.retry(turn), report, turn.user.text.split()[-1])
    chat.background.wake()
    for number in range(1_000_000):
        person, thing = source.choice(_PEOPLE), source.choice(_THINGS)
        text = f"{person}{source.randrange(9)} likes {thing}{source.randrange(99)} #{who}.{number}"
        finish(chat, chat.send(text), report, text.split()[-1])


def finish(chat: Chat, turn: Iterator[object], report: int, name: str) -> None:
    """Run the turn to its end and report it, and what was summed up meanwhile."""
    for event in turn:
        if isinstance(event, Committed):
            os.write(report, f"{name}\n".encode())
    for line in chat.background.news():
        if found := _SUMMED_UP.match(line):
            os.write(report, f"={found[1]}\n".encode())


def kill_some(place: Place, source: random.Random) -> int:
    """Let one or two processes live for a moment; return how many were killed."""
    count = source.choice((1, 2, 2))
    children = [start(place, f"{place.processes + number}", source.randrange(2**32)) for number in range(count)]
    place.processes += count
    try:
        for _, report in children:
            assert os.read(report, 1) == b"\n", "a process failed before it was killed"
        watch(place, time.monotonic() + source.random() * LONGEST_LIFE)
    finally:
        for child, _ in children:
            os.kill(child, signal.SIGKILL)
        ends = [os.waitpid(child, 0)[1] for child, _ in children]
    assert all(map(os.WIFSIGNALED, ends)), "a process failed before it was killed"
    for _, report in children:
        with open(report, "rb") as said:
            place.take(said.read().decode().split())
    return count


def watch(place: Place, end: float) -> None:
    """See to it, until the end, that nothing derived reaches less far than it did: a slow process must not win."""
    reached = dict[str, int]()
    with closing(place.open()) as store:
        while time.monotonic() < end:
            states = store.snapshot(place.session, 0).states
            now = {name: states[name].watermark.position for name in ("summary", "entities") if name in states}
            assert all(now.get(name, 0) >= before for name, before in reached.items()), (reached, now)
            reached |= now
            time.sleep(0.002)


def start(place: Place, who: str, seed: int) -> tuple[int, int]:
    """Fork a process that lives at `place`; return its id, and where it reports."""
    report, reporting = os.pipe()
    child = os.fork()
    if child:
        os.close(reporting)
        return child, report
    try:
        live(place, who, seed, reporting)
    except BaseException:  # noqa: BLE001 - it must end here, whatever happens, and not in the parent's code
        sys.excepthook(*sys.exc_info())
    os._exit(1)


# What must be left


def check(place: Place) -> None:
    """Raise AssertionError for what is not as it must be after a kill."""
    with closing(place.open()) as store:
        history = open_history(store, place.session, 0)
        messages = store.messages(place.session)
        check_turns(place, store, messages)
        states = store.snapshot(place.session, 0).states
        assert place.names <= states.keys(), "a state was lost or cannot be read"
        place.names |= states.keys()
        for name, state in states.items():
            assert history.holds(state.watermark), name
        check_summary(place, history, messages)
        check_facts(history, messages)
    check_index(place, messages)


def check_turns(place: Place, store: Store, messages: Sequence[Message]) -> None:
    """Whole turns, each once; those that were reported, in the order in which they were by each process."""
    asked, answers = messages[0::2], messages[1::2]
    names = [message.text.split()[-1] for message in asked]
    assert [message.role for message in messages] == ["user", "assistant"] * len(asked)
    assert [message.text for message in answers] == [f"re: {name}" for name in names]
    assert max(Counter(names).values(), default=1) == 1, "a turn is there twice"
    places = {name: at for at, name in enumerate(names)}
    assert set(place.reported) <= places.keys(), "a turn that was committed is gone"
    for who in {name.partition(".")[0] for name in place.reported}:
        own = [places[name] for name in dict.fromkeys(place.reported) if name.startswith(f"{who}.")]
        assert own == sorted(own)
    assert not {turn.user.text.split()[-1] for turn in store.pending(place.session)} & places.keys()


def check_summary(place: Place, history: History, messages: Sequence[Message]) -> None:
    """Each version was answered for exactly the turns it claims to cover; they reach further than before, or as far."""
    kept = history.state(summary.STATE)
    versions = summary.versions(history)
    assert len(versions) == (len(kept.value["versions"]) if kept else 0), "a version does not hold"
    ends = [version.mark.position for version in versions]
    assert ends == sorted(set(ends))
    assert max(ends, default=0) >= place.covered, "the summary reaches less far than before"
    place.covered = max(ends, default=0)
    for version in versions:
        assert version.turns * 2 == version.mark.position
        assert digest_in(version.text) == digest_of(messages[: version.mark.position]), "of other turns"


def check_facts(history: History, messages: Sequence[Message]) -> None:
    """Facts are the user's, and from turns that were read."""
    state = history.state("entities")
    for entity in corrections.known(history).values():
        for fact in entity.facts:
            assert state is not None
            assert fact.position < state.watermark.position
            assert fact.text in messages[fact.position].text


def check_index(place: Place, messages: Sequence[Message]) -> None:
    """The index is whole, holds each message up to its mark once, and counts right."""
    if not place.index.exists():
        return
    with closing(sqlite3.connect(place.index, isolation_level=None)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            return  # killed before it was made
        ((mark, _),) = db.execute("SELECT * FROM mark").fetchall()
        texts = [(number >> PARTS, text.decode()) for number, text in db.execute("SELECT number, text FROM texts")]
        assert texts == [(position, message.text) for position, message in enumerate(messages[:mark])]
        for query in ("SELECT number FROM units", "SELECT rowid FROM words WHERE words MATCH 'like OR re'"):
            assert sorted(number >> PARTS for (number,) in db.execute(query)) == list(range(mark)), query
        ((units,),) = db.execute("SELECT units FROM totals").fetchall()
        assert units == mark


def check_life(place: Place) -> None:
    """A last process goes on and catches up with everything."""
    with closing(place.open()) as store:
        chat = place.chat(store, random.Random(1))
        for turn in chat.unfinished():
            chat.drop(turn)
        chat.background.catch_up()
        assert not [line for line in chat.background.news() if "built anew" in line or "memory" in line]
        messages = store.messages(place.session)
        history = open_history(store, place.session, 0)
        check_summary(place, history, messages)
        states = store.snapshot(place.session, 0).states
        assert states["entities"].watermark.position == len(messages)
        assert len(messages) - place.covered <= 12
        assert chat.context(messages[0].text).messages[-1].text.endswith(messages[0].text)
        chat.close()
    check_index(place, messages)


# The campaign


def warm_up() -> None:
    """Do once, here, all that a process would otherwise import and load in its short life."""
    chat = chat_in(InMemoryStore(), "s", None, random.Random(0))
    for number in range(14):
        list(chat.send(f"Ann likes tea{number} #w.{number}"))
    chat.background.catch_up()
    chat.close()


@contextmanager
def places(folder: Path) -> Iterator[Iterator[Place]]:
    """Yield sessions without end, in SQLite and in Redis in turn."""

    def some() -> Iterator[Place]:
        for number in range(1_000_000):
            address = server.url if number % 2 else str(folder / "s.db")
            yield Place(address, folder, f"s{number}")

    with running() as server:
        yield some()


def campaign(kills: int, seed: int) -> Counter[str]:
    """Kill so many processes; return counts of what was there to be lost. Raises AssertionError."""
    warm_up()
    source, done = random.Random(seed), Counter[str]()
    with tempfile.TemporaryDirectory() as folder, places(Path(folder)) as sessions:
        while done["kills"] < kills:
            place = next(sessions)
            for _ in range(ROUNDS):
                done["kills"] += kill_some(place, source)
                check(place)
            with closing(place.open()) as store:
                done["turns"] += store.length(place.session) // 2
                done["summaries"] += len(summary.versions(open_history(store, place.session, 0)))
                done["left pending"] += len(store.pending(place.session))
            check_life(place)
            done["sessions"] += 1
    return done


def main() -> int:
    """Run a campaign; print what it met, or what was lost."""
    parser = argparse.ArgumentParser(description="Kill processes that chat and derive, and look at what they leave.")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    begin = time.monotonic()
    done = campaign(given.kills, given.seed)
    print(", ".join(f"{count} {what}" for what, count in done.items()), f"in {time.monotonic() - begin:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
