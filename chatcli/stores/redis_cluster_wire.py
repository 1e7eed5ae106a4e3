"""A Redis cluster: each command goes to the master that has its key's slot.

A slot may move while we speak (a resharding), a master may be replaced (a fail-over). What a node refused because it
has the slot no more was not done, and is sent again, to the right one; a write whose outcome is unknown begins again
with its look. All of that for as long as the patience lasts.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, TypeVar

from redis import exceptions as failures
from redis.connection import ConnectionPool
from redis.exceptions import AskError

from chatcli.errors import StoreError
from chatcli.stores.masking import masked
from chatcli.stores.redis_address import HURRIED
from chatcli.stores.redis_cluster_nodes import Node, Slots, cluster_address, named, slot_of, slots_of
from chatcli.stores.redis_errors import given_up, passes, takes_no_writes
from chatcli.stores.redis_exchange import (
    Ask,
    Command,
    Plan,
    Write,
    attempted,
    borrowed,
    checked,
    exchange,
    looked,
    receive,
    send,
    settled,
)
from chatcli.stores.redis_pool import connections
from chatcli.stores.redis_waiting import ELSEWHERE, Waiting
from chatcli.stores.redis_wire import Wire

PATIENCE = 20.0
"""Seconds: a fail-over takes the cluster's node timeout, 15 s unless it was set, and an election."""
INDEX_PATIENCE, INDEX_PAUSE = 2.0, 5.0
"""Seconds that a write waits for the index's master at most, and that the next ones leave it alone then."""
OWED = 1000  # commands for the index that are kept meanwhile, at most
QUICK = "socket_timeout=1"  # for who has what, and for the index: what hangs must not keep us

SCANS = 3

T = TypeVar("T")


class ClusterWire(Wire):
    """The cluster at a `redis+cluster://` or `rediss+cluster://` address. `slots` may be shared with another wire."""

    clustered = True

    def __init__(self, url: str, hurried: bool = False, wait_replicas: int = 0, slots: Slots | None = None) -> None:
        self.address = masked(url)
        self._nodes = cluster_address(url)
        self._slots = slots or Slots(self._nodes.seeds)
        self._is_hurried = hurried
        self._pools: dict[tuple[Node, str], ConnectionPool] = {}
        self._patience = HURRIED if hurried else PATIENCE
        self.wait_replicas = wait_replicas
        self.warning = ""
        self._owed: list[Command] = []
        self._leave_index_until = 0.0
        self._pool_of(self._nodes.seeds[0])  # raises UsageError for an option that is none

    def ask_each(self, *commands: Command) -> list[Any]:
        """Return the replies; a command that failed has its exception there.

        One round trip to each node concerned, all at the same time. When a connection is lost its commands are sent
        again.
        """
        with self._translated():
            return self._asked(commands, Waiting(self._patience))

    def each(self, *commands: Command) -> dict[str, list[Any]]:
        """Return the replies of every master there is, by its place; raise what one of them does not answer."""
        with self._translated():
            self._refresh(None, Waiting(self._patience))
            return {f"{node[0]}:{node[1]}": self._of(node, commands) for node in self._slots.masters()}

    def look(self, *commands: Command) -> list[Any]:
        """Return the replies as of one moment, one round trip; all keys lie in one slot."""
        with self._translated():
            return self._at(slots_of(commands)[0], lambda node: looked(node, commands), Waiting(self._patience))

    def keys(self, pattern: str, kind: str) -> Iterator[list[bytes]]:
        """Yield the keys of one type that match, of every master; some may come twice."""
        for _ in range(SCANS):
            with self._translated():
                self._refresh(None, Waiting(self._patience))
                before = [*self._slots.owners]  # a slot that moves is noted in the list itself
                yield from self._scanned(("MATCH", pattern, "COUNT", 1000, "TYPE", kind))
                self._refresh(None, Waiting(self._patience))
            if self._slots.owners == before:
                return
            # What moved meanwhile to a master that was through, nobody has seen.

    def transact(
        self, watch: Sequence[str], questions: Sequence[Command], plan: Callable[[list[Any], Ask], Plan[T]]
    ) -> T:
        """As Wire does, all keys in one slot; what the plan has for the index follows in a third round trip.

        When the index's master is away, the write is done all the same: the index is told later, or repaired. What is
        for the index alone is an error then.
        """
        write, slot, waiting = Write(watch, questions, plan), slot_of(watch[0]), Waiting(self._patience)
        lost: list[Plan[T]] = []  # sent, outcome unknown
        while waiting.lasts():
            with self._translated():
                attempt = self._at(slot, lambda node: attempted(node, write, self.wait_replicas), waiting)
            if attempt.outcome == "done":
                self.warning = self.warning if attempt.warning is None else attempt.warning
                if attempt.plan.commands or lost:
                    self._tell(attempt.plan.index or (lost[-1].index if lost else ()))
                else:
                    self._tell_at_once(attempt.plan.index)
                return settled(attempt, lost).result
            if attempt.outcome == "lost":
                lost.append(attempt.plan)
        raise given_up(self.address, bool(lost))

    def close(self) -> None:
        """Tell the index what it is owed, if it is there, and hang up."""
        self._leave_index_until = 0.0
        self._tell(())
        for pool in list(self._pools.values()):
            pool.close()

    # One node, and the right one

    def _at(self, slot: int, talk: Callable[[Any], T], waiting: Waiting) -> T:
        """Return what comes of the talk with the slot's master; it begins again when that is another one."""
        while True:
            node = self._owner(slot, waiting)
            try:
                with borrowed(self._pool_of(node)) as connection:
                    return talk(connection)
            except failures.RedisError as error:
                if not isinstance(error, ELSEWHERE) and not passes(error):
                    raise
                self._correct(node, error, waiting)
                waiting.pause(error)

    def _asked(self, commands: Sequence[Command], waiting: Waiting, option: str = "") -> list[Any]:
        slots, replies = slots_of(commands), dict[int, Any]()
        asking: dict[int, Node] = {}  # where a key is already, whose slot has not moved yet
        while len(replies) < len(commands):
            left = [number for number in range(len(commands)) if number not in replies]
            where = {number: asking.get(number) or self._owner(slots[number], waiting) for number in left}
            came = self._everywhere(commands, where, asking, option)
            refused = {number: reply for number, reply in came.items() if isinstance(reply, ELSEWHERE)}
            replies |= {number: reply for number, reply in came.items() if number not in refused}
            asking = {
                number: named(reply, where[number]) for number, reply in refused.items() if type(reply) is AskError
            }
            for (node, _, _), error in _different(refused, where).items():
                self._correct(node, error, waiting)
            if refused:
                waiting.pause(next(iter(refused.values())))
        return [replies[number] for number in range(len(commands))]

    def _everywhere(
        self, commands: Sequence[Command], where: Mapping[int, Node], asking: Mapping[int, Node], option: str
    ) -> dict[int, Any]:
        """Send each command to its node, all before any reply is read; return the replies, or what failed."""
        parts = {number: [*([("ASKING",)] if number in asking else []), commands[number]] for number in where}
        came: dict[int, Any] = {}
        sent: list[tuple[Any, list[int]]] = []
        with ExitStack() as lent:
            for node in dict.fromkeys(where.values()):
                numbers = [number for number, at in where.items() if at == node]
                with _failing(came, numbers):
                    connection = lent.enter_context(borrowed(self._pool_of(node, option)))
                    send(connection, [part for number in numbers for part in parts[number]])
                    sent.append((connection, numbers))
            for connection, numbers in sent:
                with _failing(came, numbers):
                    for number in numbers:
                        came[number] = receive(connection, len(parts[number]))[-1]
        return came

    def _scanned(self, how: Command) -> Iterator[list[bytes]]:
        through, waiting = set[Node](), Waiting(self._patience)
        while node := next((node for node in self._slots.masters() if node not in through), None):
            cursor = b"0"
            try:
                while True:
                    ((cursor, found),) = self._of(node, [("SCAN", cursor, *how)])
                    waiting = Waiting(self._patience)  # it answers: what comes later has its own
                    yield found
                    if int(cursor) == 0:
                        break
                through.add(node)
            except ELSEWHERE as error:
                self._correct(node, error, waiting)
                waiting.pause(error)

    def _of(self, node: Node, commands: Sequence[Command]) -> list[Any]:
        with borrowed(self._pool_of(node)) as connection:
            return checked(exchange(connection, commands))

    def _tell(self, commands: Sequence[Command]) -> None:
        """Let the index know; what cannot be told now goes with what is told later."""
        owed, self._owed = [*self._owed, *commands], []
        if owed and time.monotonic() >= self._leave_index_until:
            owed = self._untold(owed)
            self._leave_index_until = time.monotonic() + INDEX_PAUSE if owed else 0.0
        # A name too many goes when it is looked at; one that is taken off late may be a session again by then.
        self._owed = [command for command in owed if command[0] != "ZREM"][-OWED:]

    def _untold(self, commands: Sequence[Command]) -> list[Command]:
        """Let the index know; return what it takes later, perhaps."""
        with suppress(StoreError), self._translated():
            replies = self._asked(commands, Waiting(INDEX_PATIENCE), QUICK)
            return [command for command, reply in zip(commands, replies, strict=True) if takes_no_writes(reply)]
        return [*commands]

    def _tell_at_once(self, commands: Sequence[Command]) -> None:
        """Let the index know; raise StoreError when it cannot be told."""
        with self._translated():
            checked(self._asked(commands, Waiting(INDEX_PATIENCE), QUICK))

    # Who has what

    def _pool_of(self, node: Node, option: str = "") -> ConnectionPool:
        pool = self._pools.get((node, option))
        if pool is None:
            pool = connections(self._nodes.of(node, option), self._is_hurried)
            pool = self._pools.setdefault((node, option), pool)
        return pool

    def _owner(self, slot: int, waiting: Waiting) -> Node:
        """Return the master that has the slot, as far as is known."""
        while (owner := self._slots.owners[slot]) is None:
            self._refresh(None, waiting)
            if self._slots.owners[slot] is None:
                waiting.pause(failures.ClusterDownError("Hash slot not served"))
        return owner

    def _correct(self, node: Node, error: Exception, waiting: Waiting) -> None:
        """Learn from what the node said, or that it said nothing; raise what no other node will change."""
        match error:
            case failures.AuthenticationError() | failures.AuthorizationError():
                raise error
            case failures.MovedError():  # redis-py counts it among the AskErrors
                self._slots.moved(error.slot_id, named(error, node))
            case AskError() | failures.TryAgainError():
                pass  # the slot is on its way
            case _ if waiting.lasts():
                # Whatever else was said to it lately would wait as long.
                self._pool_of(node).disconnect(inuse_connections=False)
                self._refresh(node, waiting)

    def _refresh(self, failed: Node | None, waiting: Waiting) -> None:
        """Ask a node for the slots, `failed` last; raise what went wrong when none answers."""
        last: Exception = failures.ClusterDownError("no node has slots")
        for node in self._slots.to_ask(failed):
            try:
                with borrowed(self._pool_of(node, QUICK)) as connection:
                    (reply,) = checked(exchange(connection, [("CLUSTER", "SLOTS")]))
            except ELSEWHERE as error:
                last = error
            else:
                if reply:
                    return self._slots.learn(reply, node)
            if not waiting.lasts():
                break
        raise last


def _different(refused: Mapping[int, Exception], where: Mapping[int, Node]) -> dict[tuple[Node, type, int], Exception]:
    """Return one error for each node and kind, and for each slot that moved."""
    return {
        (where[number], type(error), error.slot_id if isinstance(error, AskError) else 0): error
        for number, error in refused.items()
    }


@contextmanager
def _failing(came: dict[int, Any], numbers: Sequence[int]) -> Iterator[None]:
    """Note a connection's failure as the reply to all that it has not answered."""
    try:
        yield
    except (failures.ConnectionError, failures.TimeoutError) as error:
        came.update({number: error for number in numbers if number not in came})
