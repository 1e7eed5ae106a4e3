"""A chat while its Redis master is lost: `python -m tests.benchmarks.failover [TURNS]` prints the longest pause.

Each turn waits for one replica. In the middle the master is killed (`kill -9`), stopped as if it hung, or changes by
the sentinels' command. 200 turns each. tests/contracts/test_redis_sentinel.py runs them too, with sentinels that are
more patient: on a machine under load they would replace a master that is alive.
"""

import argparse
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any

from chatcli.chat import Chat
from chatcli.errors import StoreError
from chatcli.memory import parse_memory
from chatcli.messages import Message
from chatcli.stores.journal import Journal
from chatcli.stores.journaled import Journaled
from chatcli.stores.redis import RedisStore
from chatcli.turn import Committed
from tests.fakes import ScriptedModel, ScriptedReply
from tests.redis_sentinel import SERVICE, Trio, trio, wait_for
from tests.redis_server import binaries


@dataclass(frozen=True)
class Blow:
    """What befalls the master, and how many of the two replicas a turn waits for.

    A master that is told to step down takes writes, which the other replica acknowledges, until the sentinels have seen
    the new one: what must not be lost then must be on both.
    """

    strike: Callable[[Trio], object]
    wait_replicas: int


BLOWS = {
    "killed": Blow(Trio.kill_master, 1),
    "hung": Blow(lambda servers: servers.master.process.send_signal(signal.SIGSTOP), 1),
    "switched": Blow(lambda servers: replace(servers, sentinels=servers.sentinels[:1]).ask(*STEP_DOWN), 2),
}
STEP_DOWN = ("SENTINEL", "FAILOVER", SERVICE)
TYPED = 0.1  # seconds that somebody types at least
BACK = 120.0  # seconds in which the store must have what the journal kept for it


@dataclass
class Talk:
    """What came of it: what was acknowledged and what is there, in order; the longest turn; what the user was told."""

    acknowledged: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    longest: float = 0.0
    notices: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lost = len({*self.acknowledged} - {*self.kept})
        doubled = len(self.kept) - len({*self.kept})
        turns = f"{len(self.acknowledged) // 2} turns acknowledged, {lost} messages of them lost, {doubled} doubled"
        told = f"{len(self.notices)} turns not on the replicas yet, {len(self.errors)} errors"
        return f"{turns}; longest pause {self.longest:.1f} s; {told}"


class Numbering(ScriptedModel):
    """Answers each request with its number."""

    def stream(self, context: Sequence[Message], options: Mapping[str, Any]) -> ScriptedReply:
        self._scripts = [self._steps([f"reply {len(self.asked)}"])]
        return super().stream(context, options)


def talk(servers: Trio, blow: Blow, turns: int) -> Talk:
    """Send `turns` turns, or more until there is another master; the blow falls in the middle, at whatever step.

    The chat has a journal, as in the terminal; what that took counts as acknowledged, too.
    """
    came, before, number = Talk(), servers.master.port, 0
    with _journaled(servers, blow) as store:
        chat = Chat(store, "talk", Numbering(), parse_memory("window:3"))
        changed = Event()
        store.on_change = changed.set
        while number < turns or before in servers.masters():
            if number == turns // 2:
                Thread(target=blow.strike, args=[servers]).start()
            _say(chat, f"question {number}", came)
            number += 1
            if store.state:  # else thousands of turns would go to the journal meanwhile
                changed.clear()
                changed.wait(TYPED)
        for later in range(number, number + turns // 4):
            _say(chat, f"question {later}", came)
        chat.background.close()
        wait_for(lambda: not store.state, BACK)
        came.kept = [message.text for message in store.messages("talk")]
    return came


@contextmanager
def _journaled(servers: Trio, blow: Blow) -> Iterator[Journaled]:
    inner = RedisStore(servers.url, wait_replicas=blow.wait_replicas)
    with TemporaryDirectory() as folder:
        file = Path(folder, "journal.db")
        with closing(Journaled(inner, lambda: Journal(file, "talk"), waits=False)) as store:
            yield store


def _say(chat: Chat, text: str, came: Talk) -> None:
    """Send it, and note what is said to be kept."""
    begun = time.monotonic()
    try:
        for event in chat.send(text):
            if isinstance(event, Committed):
                _note(came, [text, event.reply.text], chat.store.warning)
    except StoreError as error:
        came.errors.append(error.message)
    came.longest = max(came.longest, time.monotonic() - begun)


def _note(came: Talk, turn: list[str], warning: str) -> None:
    if warning:
        came.notices.append(warning)
    else:
        came.acknowledged += turn


def main() -> None:
    parser = argparse.ArgumentParser(description="A chat while its Redis master is lost.")
    parser.add_argument("turns", nargs="?", type=int, default=200)
    turns = parser.parse_args().turns
    for name, binary in binaries().items():
        for what, blow in BLOWS.items():
            with trio(binary, down_after=1000) as servers:
                print(f"{name}, {what}: {talk(servers, blow, turns)}", flush=True)


if __name__ == "__main__":
    main()
