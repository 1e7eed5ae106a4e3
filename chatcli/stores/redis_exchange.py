"""What is said to a Redis server on one connection: commands out, replies in, a write under WATCH.

It is spoken on connections of redis-py's pools directly. redis-py's own pipeline sends a MULTI whose reply was lost
again by itself, and tells a lost reply like a changed key; here nothing is sent twice unless a look at the server has
shown that it was not done.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from redis import exceptions as failures
from redis.connection import ConnectionPool

Command = tuple[Any, ...]
Ask = Callable[..., list[Any]]
Outcome = Literal["done", "changed", "lost"]
"""Of a write: done; a watched key had changed and nothing was done; the reply was lost."""
T = TypeVar("T")

REPLICATED = 1000  # milliseconds that a write waits for replicas, at most


@dataclass(frozen=True)
class Plan(Generic[T]):
    """What a writer decided after its look: the commands of one MULTI (none: nothing to do) and the verb's result.

    `index` is for the index of sessions: on one server it goes into the same MULTI; on a cluster, where the index lies
    elsewhere, it is told after it. `waits`: for the replicas, where that was asked for. `over`: nothing is left to do;
    if an attempt before this one was lost, it was done.
    """

    result: T
    commands: Sequence[Command] = ()
    index: Sequence[Command] = ()
    waits: bool = False
    over: bool = False


@dataclass(frozen=True)
class Write(Generic[T]):
    """A write under WATCH: what is watched, what is asked, and the plan that the replies lead to."""

    watch: Sequence[str]
    questions: Sequence[Command]
    plan: Callable[[list[Any], Ask], Plan[T]]


@dataclass(frozen=True)
class Attempt(Generic[T]):
    """What came of trying a write: `warning` says what it lacks, in one line, '' when it is as safe as was asked.

    None: nothing was asked.
    """

    plan: Plan[T]
    outcome: Outcome
    warning: str | None = None


@contextmanager
def borrowed(pool: ConnectionPool) -> Iterator[Any]:
    """Lend a connection of the pool."""
    connection: Any = pool.get_connection()
    try:
        yield connection
    except BaseException:
        # What was half said, and every WATCH, ends with the connection.
        connection.disconnect()
        raise
    finally:
        pool.release(connection)


def exchange(connection: Any, commands: Sequence[Command]) -> list[Any]:
    """Send the commands in one piece; return a reply or an exception for each."""
    send(connection, commands)
    return receive(connection, len(commands))


def send(connection: Any, commands: Sequence[Command]) -> None:
    """Send the commands in one piece."""
    connection.send_packed_command(connection.pack_commands(commands))


def receive(connection: Any, count: int) -> list[Any]:
    """Return so many replies, or an exception for each."""
    return [_reply(connection) for _ in range(count)]


def _reply(connection: Any) -> Any:
    try:
        return connection.read_response()
    except failures.ResponseError as error:
        return error


def checked(replies: list[Any]) -> list[Any]:
    """Return the replies; raise the first that is an exception."""
    for reply in replies:
        if isinstance(reply, failures.RedisError):
            raise reply
    return replies


def looked(connection: Any, commands: Sequence[Command]) -> list[Any]:
    """Return the replies as of one moment."""
    replies: list[Any] = checked(exchange(connection, [("MULTI",), *commands, ("EXEC",)]))[-1]
    return checked(replies)


def attempted(connection: Any, write: Write[T], wait_replicas: int = 0) -> Attempt[T]:
    """Look, plan, and do it in one transaction; then wait until so many replicas have it.

    What the plan has for the index is left to the caller.
    """
    _, *replies = checked(exchange(connection, [("WATCH", *write.watch), *write.questions]))
    planned = write.plan(replies, lambda *commands: checked(exchange(connection, commands)))
    try:
        if not planned.commands:
            exchange(connection, [("UNWATCH",)])
        elif not _executed(connection, planned.commands):
            return Attempt(planned, "changed")
        return Attempt(planned, "done", _missing(connection, wait_replicas) if planned.waits else None)
    except (failures.ConnectionError, failures.TimeoutError):
        return Attempt(planned, "lost")


def settled(attempt: Attempt[T], lost: Sequence[Plan[T]]) -> Plan[T]:
    """Return the plan that was done in the end: a lost one, when nothing was left to do after it.

    One that then could not be done any more, because somebody else was faster, was not done.
    """
    return lost[-1] if lost and attempt.plan.over and not attempt.plan.commands else attempt.plan


def _executed(connection: Any, commands: Sequence[Command]) -> bool:
    """Do the commands in one transaction; return False when a watched key had changed."""
    done = checked(exchange(connection, [("MULTI",), *commands, ("EXEC",)]))[-1]
    if done is None:
        return False
    checked(done)
    return True


def _missing(connection: Any, wait_replicas: int) -> str:
    """Wait for the replicas; say how many of them do not have yet what was written, '' when enough have it."""
    if not wait_replicas:
        return ""
    patience = max(1, min(REPLICATED, int(connection.socket_timeout * 500)))  # the reply must come before we hang up
    (have,) = exchange(connection, [("WAIT", wait_replicas, patience)])
    if isinstance(have, Exception):
        return f"this turn is kept, but not known to be on a replica: {have}"
    if have >= wait_replicas:
        return ""
    return f"this turn is kept, but so far on {have} of {wait_replicas} replicas: the server's loss would take it"
