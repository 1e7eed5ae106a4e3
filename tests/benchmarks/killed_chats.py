"""Kills chats in a terminal and looks at what they leave: `python -m tests.benchmarks.killed_chats --kills 200`.

Somebody chats in a real terminal, turn after turn, with a server that streams; at a random moment the program is killed
(SIGKILL): half of them anywhere in the first seconds, half within 40 ms of some reply's end, when it is committed. The
next start offers what was under way; it is continued, sent again, kept or dropped at random, and the chat goes on until
it is killed again. After each kill the store must hold whole turns, each once and in order; every turn after which a
prompt came; every input that had reached the server, in the history or to be decided on; and of each reply what the
screen had shown a second before. First in SQLite, then in Redis; three chats are killed at the same time.

Its full figure is 200 kills in each store; the suite makes 15 (tests/e2e/test_killed_chats.py). Printed is also how
long the newest word that was lost had been on the screen: 0.8 seconds pass between two checkpoints, and the machine
may be busy. With 200: nothing lost, torn or doubled, 0.74 seconds.
"""

import argparse
import hashlib
import random
import re
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from chatcli.alternatives import other_replies
from chatcli.messages import Message
from chatcli.stores.address import open_store
from tests.redis_server import running
from tests.servers import Body, ModelServer, Step, Stream
from tests.terminal import Terminal

ROOT = Path(__file__).parents[2]
LONGEST_LIFE = 5.0
"""Seconds from the first key until a chat is killed, at most; a turn takes 0.7."""

COMMITTING = 0.04
"""Seconds after the end of a reply in which it is committed."""

ROUNDS = 10
"""Kills that a session goes through."""

WITHIN = 1.0
"""Seconds after which a word that is on the screen must be safe."""

PATIENCE = 60.0
_GO_ON = re.compile(r"with these words:\n\n(.*)\n\nBegin with", re.DOTALL)
_WORD = re.compile(rb"(s\d+\.\d+):(\d+);")
_ANSWERED = re.compile(r"\[d\]rop it\? [crkd]")


# What is said


def reply_to(name: str) -> str:
    """Return the whole reply to an input: words that tell whose they are, and the how manieth."""
    chance = _chance(name)
    count = chance.choice((chance.randint(2, 9), chance.randint(2, 9), chance.randint(10, 60), chance.randint(60, 160)))
    return " ".join(f"{name}:{number};" for number in range(count))


def _chance(name: str) -> random.Random:
    return random.Random(hashlib.blake2b(name.encode()).digest())


class Meanwhile(threading.Event):
    """A step of an answer at which something else is done."""

    def __init__(self, then: "partial[None]") -> None:
        super().__init__()
        self._then = then

    def is_set(self) -> bool:
        """Do it; the answer goes on."""
        self._then()
        return True


class Talker(ModelServer):
    """Answers each input in its own pace, and goes on where it is told to; knows what reached it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()
        self.ended = Counter[str]()

    def _unscripted(self, body: Body) -> Stream:
        said = str(body["messages"][-1]["content"])
        words = _GO_ON.search(said)
        name = words[1].split()[-1].partition(":")[0] if words else said
        whole = reply_to(name)
        self.asked.add(name)
        return Stream(tuple(self._steps(name, whole[whole.index(words[1]) :] if words else whole)))

    def _steps(self, name: str, text: str) -> Iterator[Step]:
        pause = _chance(name).uniform(0.001, 0.025)
        for word in re.findall(r"\S+\s*", text):
            yield word
            yield Meanwhile(partial(time.sleep, pause))
        yield Meanwhile(partial(self.ended.update, [name.partition(".")[0]]))


# A session and its lives


@dataclass
class Killed:
    """A session that is killed again and again, and what was seen of it.

    `losses`: of each kill, how many seconds a word that was lost had been shown.
    """

    server: Talker
    home: Path
    address: str
    name: str
    source: random.Random
    sent: int = 0
    finished: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    done: Counter[str] = field(default_factory=Counter)
    losses: list[float] = field(default_factory=list)

    def terminal(self) -> Terminal:
        """Open the chat in a terminal."""
        env = {"PYTHONPATH": str(ROOT), "CHATCLI_HOME": str(self.home), "OPENAI_API_KEY": "sk-test"}
        env |= {"OPENAI_BASE_URL": self.server.url, "CHATCLI_MODEL": "test-model", "CHATCLI_STORE": self.address}
        command = [sys.executable, "-m", "chatcli", "chat", "-s", self.name, "--memory", "window:4"]
        return Terminal(command, env=env, cols=160, cwd=self.home)


class Life:
    """One start of the program, until it is killed."""

    def __init__(self, session: Killed, term: Terminal) -> None:
        self._session, self._term = session, term
        self._dead = threading.Event()
        self._shown: list[tuple[float, str, int]] = []
        self._read = 0
        self._answers = 0

    def live(self) -> None:
        """Chat until the end, which comes by surprise."""
        self._wait(lambda: self._is_asked() or self._is_prompted())
        killing = threading.Thread(target=self._kill)
        killing.start()
        try:
            while not self._dead.is_set():
                self._answer() if self._is_asked() else self._say()
        finally:
            self._dead.set()
            killing.join()

    def _wait(self, seen: Callable[[], bool]) -> None:
        self._term.wait(lambda _: self._dead.is_set() or seen(), PATIENCE)

    def _lines(self) -> list[str]:
        return [line for line in self._term.screen_lines() if line]

    def _is_prompted(self) -> bool:
        return self._lines()[-2:-1] == ["you>"]

    def _is_asked(self) -> bool:
        return self._lines()[-1:] != [] and self._lines()[-1].endswith("[d]rop it?")

    def _say(self) -> None:
        """Send the next input; when the prompt is back, all that was sent before it is in the history."""
        session = self._session
        session.sent += 1
        name = f"{session.name}.{session.sent}"
        self._term.enter(name)
        self._wait(lambda: f"you> {name}" in self._term.text())
        self._until_the_next_move()
        while self._is_asked() and not self._dead.is_set():  # about what came before
            self._answer()
        if not self._dead.is_set():
            session.finished.add(name)
            session.done["turns finished"] += 1

    def _answer(self) -> None:
        """Decide on what was under way."""
        continued = "[c]" in self._lines()[-1]
        about = re.findall(rf"(?:unfinished|unanswered): ({re.escape(self._session.name)}\.\d+)", self._term.text())[-1]
        letter = self._session.source.choice("ccrkd" if continued else "rrd")
        if letter == "d":
            self._session.dropped.add(about)
        self._answers += 1
        self._term.enter(letter)
        self._wait(lambda: len(_ANSWERED.findall(self._term.text())) >= self._answers)
        self._until_the_next_move()
        if not self._dead.is_set():
            self._session.done["offers taken up"] += 1
            self._session.finished |= {about} - self._session.dropped

    def _until_the_next_move(self) -> None:
        self._wait(lambda: self._is_prompted() or self._is_asked())
        assert "error:" not in self._term.text(), self._term.text()

    # Its end

    def _kill(self) -> None:
        """Kill the program at a random moment, watching until then when which word was shown first."""
        session = self._session
        if session.source.random() < 0.5:
            replies = session.server.ended[session.name] + session.source.randint(1, 4)
            self._watch_until(lambda: session.server.ended[session.name] >= replies)
            time.sleep(session.source.random() * COMMITTING)
            session.done["kills at a commit"] += 1
        else:
            end = time.monotonic() + session.source.random() * LONGEST_LIFE
            self._watch_until(lambda: time.monotonic() >= end)
        self._watch()
        session.done["kills"] += 1
        self._term.kill(signal.SIGKILL)
        self.killed = time.monotonic()
        self._dead.set()
        self._term.wait_exit()

    def _watch_until(self, come: Callable[[], bool]) -> None:
        while not come() and not self._dead.is_set():  # dead: an assertion failed
            self._watch()
            time.sleep(0.005)

    def _watch(self) -> None:
        raw, now = self._term.raw, time.monotonic()
        self._shown += [(now, word[1].decode(), int(word[2])) for word in _WORD.finditer(raw, self._read)]
        self._read = max(self._read, len(raw) - 40)

    def check_shown(self, kept: dict[str, str]) -> None:
        """See to it that what was shown is kept, but for what came last, and note how long that had been there."""
        lost = [
            self.killed - since
            for since, name, number in self._shown
            if name not in self._session.dropped and f"{name}:{number};" not in kept.get(name, "").split()
        ]
        self._session.losses.append(max(lost, default=0.0))


# What must be left


def check(session: Killed) -> dict[str, str]:
    """Raise AssertionError for what is not as it must be after a kill; return what is kept of each reply."""
    with closing(open_store(session.address, data_folder=session.home)) as store:
        messages, left = store.messages(session.name), store.pending(session.name)
    kept = check_turns(messages)
    under_way = {turn.user.text: turn.partial for turn in left}
    assert len(under_way) == len(left), "a turn is under way twice"
    # One whose reply had begun is kept before it is sent again: that replaces what stands in the history.
    new = {turn.user.text for turn in left if turn.at is None}
    assert not new & kept.keys(), "a turn is committed and under way"
    for name, partial_reply in under_way.items():
        assert reply_to(name).startswith(partial_reply.rstrip())
    missing = session.finished - kept.keys()
    assert not missing, f"turns that were committed are gone: {missing}"
    own = {name for name in session.server.asked if name.partition(".")[0] == session.name}
    lost = own - kept.keys() - under_way.keys() - session.dropped
    assert not lost, f"inputs that were sent are gone: {lost}"
    session.done["left under way"] += len(left)
    return {name: f"{kept.get(name, '')} {under_way.get(name, '')}" for name in kept | under_way}


def check_turns(messages: Sequence[Message]) -> dict[str, str]:
    """Return what is kept of replies, by input: whole turns, each once and in the order in which they were sent.

    A reply that was sent again is kept beside the one that replaced it, which may have been stopped sooner.
    """
    asked, answers = [message.text for message in messages[0::2]], messages[1::2]
    assert [message.role for message in messages] == ["user", "assistant"] * len(asked), "a turn is torn"
    assert max(Counter(asked).values(), default=1) == 1, "a turn is there twice"
    numbers = [int(name.partition(".")[2]) for name in asked]
    assert numbers == sorted(numbers), "turns changed places"
    for name, answer in zip(asked, answers, strict=True):
        whole = reply_to(name)
        assert answer.text == whole if answer.finish == "stop" else whole.startswith(answer.text.rstrip()), name
    kept = {name: [*other_replies(answer), answer] for name, answer in zip(asked, answers, strict=True)}
    return {name: " ".join(reply.text for reply in replies) for name, replies in kept.items()}


# The campaign


def kill_on(session: Killed, rounds: int) -> Killed:
    """Kill the session so many times, and look after each."""
    for _ in range(rounds):
        with session.terminal() as term:
            life = Life(session, term)
            life.live()
        life.check_shown(check(session))
    return session


def campaign(address: str, kills: int, seed: int, at_once: int = 3) -> tuple[Counter[str], float]:
    """Kill so many chats in the store; return counts, and the longest that a lost word was shown, in seconds."""
    source, done, losses = random.Random(seed), Counter[str](), [0.0]
    with tempfile.TemporaryDirectory() as home, Talker() as server, ThreadPoolExecutor(at_once) as pool:
        address = address or f"sqlite:///{home}/sessions.db"
        rounds = min(ROUNDS, -(-kills // at_once))
        sessions = [
            Killed(server, Path(home), address, f"s{number}", random.Random(source.random()))
            for number in range(-(-kills // rounds))
        ]
        counts = [min(rounds, kills - number * rounds) for number in range(len(sessions))]
        for session in pool.map(kill_on, sessions, counts):
            done += session.done
            losses += session.losses
    return done, max(losses)


def main() -> int:
    """Run a campaign in each store; print what it met, or what was lost."""
    parser = argparse.ArgumentParser(description="Kill chats in a terminal, and look at what they leave.")
    parser.add_argument("--kills", type=int, default=200, help="in each store")
    parser.add_argument("--store", choices=("sqlite", "redis", "both"), default="both")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--within", type=float, default=WITHIN, help="seconds after which a word must be safe")
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    longest = []
    with running() as server:
        for kind, address in {"sqlite": "", "redis": server.url}.items():
            if given.store not in (kind, "both"):
                continue
            begin = time.monotonic()
            done, loss = campaign(address, given.kills, given.seed)
            met = ", ".join(f"{count} {what}" for what, count in done.items())
            took = time.monotonic() - begin
            print(f"{kind}: {met}; 0 lost, 0 torn, 0 doubled; a lost word was shown for {loss:.2f} s; {took:.0f} s")
            longest.append(loss)
    return int(max(longest) > given.within)


if __name__ == "__main__":
    sys.exit(main())
