"""One Redis server: commands out, replies in, errors in our words.

Each exchange takes a connection of redis-py's pool and speaks on it directly. redis-py's own pipeline sends a MULTI
whose reply was lost again by itself, and tells a lost reply like a changed key; here nothing is sent twice unless a
look at the server has shown that it was not done.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from redis import exceptions as failures

from chatcli.errors import StoreError, StoreUnavailable
from chatcli.stores.masking import masked
from chatcli.stores.redis_pool import HURRIED, connections

PATIENCE = 10.0  # seconds during which a write yields to other writers
LOOKS = 3  # after so many lost connections the server counts as away

Command = tuple[Any, ...]
Ask = Callable[..., list[Any]]
T = TypeVar("T")


class WrongType(StoreError):
    """A key holds something else than what we keep there."""


@dataclass(frozen=True)
class Plan(Generic[T]):
    """What a writer decided after its look: the commands of one MULTI (none: nothing to do) and the verb's result."""

    result: T
    commands: Sequence[Command] = ()


class Wire:
    """The server at a `redis://`, `rediss://` or `unix://` address; nothing is sent before the first question.

    One that is `hurried` gives up within a second. Raises UsageError for a malformed address.
    """

    def __init__(self, url: str, hurried: bool = False) -> None:
        self.address = masked(url)
        self._pool = connections(url, hurried)
        self._patience = HURRIED if hurried else PATIENCE

    def ask(self, *commands: Command) -> list[Any]:
        """Return the replies to `commands`, one round trip."""
        with self._translated():
            return _checked(self.ask_each(*commands))

    def ask_each(self, *commands: Command) -> list[Any]:
        """Return the replies; a command that failed has its exception there."""
        with self._translated(), self._connection() as connection:
            return _exchange(connection, commands)

    def look(self, *commands: Command) -> list[Any]:
        """Return the replies as of one moment, one round trip."""
        with self._translated(), self._connection() as connection:
            replies: list[Any] = _checked(_exchange(connection, [("MULTI",), *commands, ("EXEC",)]))[-1]
            return _checked(replies)

    def transact(
        self, watch: Sequence[str], questions: Sequence[Command], plan: Callable[[list[Any], Ask], Plan[T]]
    ) -> T:
        """Do what `plan` says to the replies to `questions`, if no key in `watch` changes meanwhile; else look again.

        Two round trips when undisturbed. When the connection is lost while the outcome is on its way, the next look
        decides: a plan that then has nothing to do has been done. That is safe also when the first MULTI is
        still on its way, as it watches the same keys.
        """
        lost: list[Plan[T]] = []  # sent, outcome unknown
        deadline = time.monotonic() + self._patience
        while time.monotonic() < deadline and len(lost) < LOOKS:
            planned, done = self._attempt(watch, questions, plan)
            if done:
                return lost[-1].result if lost and not planned.commands else planned.result
            if done is None:
                lost.append(planned)
        if lost:
            raise StoreUnavailable(f"{self.address} hangs up before it answers a write", "look into its log")
        raise StoreUnavailable(f"{self.address}: other writers are always faster", "repeat it when they are done")

    def close(self) -> None:
        """Hang up."""
        self._pool.close()

    def _attempt(
        self, watch: Sequence[str], questions: Sequence[Command], plan: Callable[[list[Any], Ask], Plan[T]]
    ) -> tuple[Plan[T], bool | None]:
        """Return the plan, and whether it was done: False when a key changed, None when the reply was lost."""
        with self._translated(), self._connection() as connection:
            _, *replies = _checked(_exchange(connection, [("WATCH", *watch), *questions]))
            planned = plan(replies, lambda *commands: _checked(_exchange(connection, commands)))
            if not planned.commands:
                _exchange(connection, [("UNWATCH",)])
                return planned, True
            try:
                return planned, _execute(connection, planned.commands)
            except (failures.ConnectionError, failures.TimeoutError):
                return planned, None

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        connection: Any = self._pool.get_connection()
        try:
            yield connection
        except BaseException:
            # What was half said, and every WATCH, ends with the connection.
            connection.disconnect()
            raise
        finally:
            self._pool.release(connection)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (failures.RedisError, OSError, UnicodeError) as error:
            raise self._ours(error) from error

    def _ours(self, error: Exception) -> StoreError:
        """Return what redis-py's error means to the user; the only place where they are translated."""
        text, where = _first_line(error), f"Redis at {self.address}"
        match error:
            case failures.AuthenticationError() if "required" in text.lower():
                return StoreUnavailable(f"{where} needs a password", "give it: redis://USER:PASSWORD@HOST:PORT/DB")
            case failures.AuthenticationError() | failures.AuthenticationWrongNumberOfArgsError():
                return StoreUnavailable(
                    f"{where} does not accept this user and password", "correct them in the address"
                )
            case failures.NoPermissionError():
                return StoreUnavailable(f"{where} does not let this user in here: {text}", "ask for the rights (ACL)")
            case failures.BusyLoadingError():
                return StoreUnavailable(f"{where} is still loading its data", "try again in a moment")
            case failures.ConnectionError() if "CERTIFICATE" in text.upper():
                return StoreUnavailable(f"{where}: {text}", "give its CA: rediss://…?ssl_ca_certs=FILE")
            case failures.TimeoutError():
                return StoreUnavailable(f"{where} does not answer: {text}", _OTHERWISE)
            case failures.ConnectionError() | OSError() | UnicodeError():
                return StoreUnavailable(f"{where} cannot be reached: {text}", _OTHERWISE)
            case failures.InvalidResponse():
                return StoreUnavailable(f"{self.address} is no Redis server: {text}", _OTHERWISE)
            case failures.ReadOnlyError():
                return StoreUnavailable(f"{where} is a read-only replica", "give the address of its master")
            case failures.MovedError() | failures.ClusterError():
                return StoreUnavailable(f"{where} is part of a cluster, which this version does not know", _OTHERWISE)
            case failures.OutOfMemoryError():
                return StoreError(f"{where} is out of memory; nothing was changed", "raise its maxmemory, or delete")
        if text.startswith("WRONGTYPE"):
            return WrongType(f"{where}: {text}", "give other sessions' keys another prefix")
        if text.startswith("MISCONF"):
            return StoreError(f"{where} cannot save to its disk and takes no writes", "make room on its disk")
        return StoreError(f"{where} refuses: {text}", "look into its log")


_OTHERWISE = "start it or correct the address (--store redis://HOST:PORT/DB), or use --store sqlite"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _exchange(connection: Any, commands: Sequence[Command]) -> list[Any]:
    """Send the commands in one piece; return a reply or an exception for each."""
    connection.send_packed_command(connection.pack_commands(commands))
    return [_reply(connection) for _ in commands]


def _reply(connection: Any) -> Any:
    try:
        return connection.read_response()
    except failures.ResponseError as error:
        return error


def _checked(replies: list[Any]) -> list[Any]:
    for reply in replies:
        if isinstance(reply, failures.RedisError):
            raise reply
    return replies


def _execute(connection: Any, commands: Sequence[Command]) -> bool:
    """Do the commands in one transaction; return False when a watched key had changed."""
    done = _checked(_exchange(connection, [("MULTI",), *commands, ("EXEC",)]))[-1]
    if done is None:
        return False
    _checked(done)
    return True
