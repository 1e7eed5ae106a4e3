"""One Redis server: commands out, replies in, errors in our words."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from redis import exceptions as failures

from chatcli.stores.masking import masked
from chatcli.stores.redis_address import HURRIED, fails_over
from chatcli.stores.redis_errors import given_up, of_cluster, ours, passes
from chatcli.stores.redis_exchange import (
    Ask,
    Attempt,
    Command,
    Plan,
    Write,
    attempted,
    borrowed,
    checked,
    exchange,
    looked,
    settled,
)
from chatcli.stores.redis_pool import connections

PATIENCE = 10.0  # seconds during which a write yields to other writers
LOOKS = 3  # after so many lost connections the server counts as away
PAUSE = 0.1  # seconds between two looks whether another server has taken over

T = TypeVar("T")


class Wire:
    """The server at a `redis://`, `rediss://` or `unix://` address, or the master that sentinels name.

    Nothing is sent before the first question. While another master takes over, a verb waits for it, as long as the
    patience lasts; one that is `hurried` gives up within a second. A write waits for `wait_replicas` replicas;
    `warning` says of the last one how many do not have it yet. Raises UsageError for a malformed address.
    """

    clustered = False

    def __init__(self, url: str, hurried: bool = False, wait_replicas: int = 0) -> None:
        self.address = masked(url)
        self._pool = connections(url, hurried)
        self._patience = HURRIED if hurried else PATIENCE
        self._fails_over = fails_over(url)
        self.wait_replicas = wait_replicas
        self.warning = ""

    @property
    def place(self) -> str:
        """Where the master was last, by the sentinels' word; '' where the address says it."""
        found = getattr(self._pool, "master_address", None)
        return f"{found[0]}:{found[1]}" if found else ""

    def ask(self, *commands: Command) -> list[Any]:
        """Return the replies to `commands`, one round trip."""
        with self._translated():
            return checked(self.ask_each(*commands))

    def ask_each(self, *commands: Command) -> list[Any]:
        """Return the replies; a command that failed has its exception there."""
        with self._translated():
            return self._patiently(lambda connection: self._exchanged(connection, commands))

    def each(self, *commands: Command) -> dict[str, list[Any]]:
        """Return the replies of every master there is, by its place."""
        replies = self.ask(*commands)
        return {self.place: replies}

    def look(self, *commands: Command) -> list[Any]:
        """Return the replies as of one moment, one round trip."""
        with self._translated():
            return self._patiently(lambda connection: looked(connection, commands))

    def keys(self, pattern: str, kind: str) -> Iterator[list[bytes]]:
        """Yield the keys of one type that match, in pieces; some may come twice."""
        cursor = b"0"
        while True:
            ((cursor, found),) = self.ask(("SCAN", cursor, "MATCH", pattern, "COUNT", 1000, "TYPE", kind))
            yield found
            if int(cursor) == 0:
                return

    def transact(
        self, watch: Sequence[str], questions: Sequence[Command], plan: Callable[[list[Any], Ask], Plan[T]]
    ) -> T:
        """Do what `plan` says to the replies to `questions`, if no key in `watch` changes meanwhile; else look again.

        Two round trips when undisturbed. When the connection is lost while the outcome is on its way, the next look
        decides: a plan that then has nothing to do has been done. That is safe also when the first MULTI is
        still on its way, as it watches the same keys.
        """

        def whole(replies: list[Any], ask: Ask) -> Plan[T]:
            planned = plan(replies, ask)
            return replace(planned, commands=[*planned.commands, *planned.index])

        lost: list[Plan[T]] = []  # sent, outcome unknown
        deadline = time.monotonic() + self._patience
        while time.monotonic() < deadline and (self._fails_over or len(lost) < LOOKS):
            attempt = self._attempt(Write(watch, questions, whole), deadline)
            if attempt.outcome == "done":
                return settled(attempt, lost).result
            if attempt.outcome == "lost":
                lost.append(attempt.plan)
                time.sleep(PAUSE if self._fails_over else 0)
        raise given_up(self.address, bool(lost))

    def close(self) -> None:
        """Hang up."""
        self._pool.close()

    def _attempt(self, write: Write[T], deadline: float) -> Attempt[T]:
        with self._translated():
            attempt = self._patiently(lambda connection: attempted(connection, write, self.wait_replicas), deadline)
        self.warning = self.warning if attempt.warning is None else attempt.warning
        return attempt

    def _exchanged(self, connection: Any, commands: Sequence[Command]) -> list[Any]:
        replies = exchange(connection, commands)
        for reply in replies:
            # Each of the commands may belong to another node: their errors say nothing of their keys.
            if isinstance(reply, Exception) and (refused := of_cluster(reply, self.address)):
                raise refused from reply
        return replies

    def _patiently(self, talk: Callable[[Any], T], deadline: float | None = None) -> T:
        """Return what comes of the talk with the server; it begins again while another one takes over."""
        until = time.monotonic() + self._patience if deadline is None else deadline
        while True:
            try:
                with borrowed(self._pool) as connection:
                    return talk(connection)
            except (failures.RedisError, OSError) as error:
                if not (self._fails_over and passes(error) and time.monotonic() < until):
                    raise
            self._pool.disconnect(inuse_connections=False)  # they lead to the one that is away
            time.sleep(PAUSE)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (failures.RedisError, OSError, UnicodeError) as error:
            raise ours(error, self.address) from error
