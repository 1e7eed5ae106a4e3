"""How a session in Redis is written: a look, a plan, one MULTI under WATCH; two round trips when undisturbed.

Each write leaves an id, so that it is done once even when its reply was lost. All times are the server's.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from chatcli.errors import StoreError
from chatcli.messages import new_id
from chatcli.stores import redis_rows as rows
from chatcli.stores.redis_errors import WrongType
from chatcli.stores.redis_exchange import Ask, Command, Plan
from chatcli.stores.redis_keys import Keys
from chatcli.stores.redis_plans import Look
from chatcli.stores.redis_wire import Wire

REMEMBERED = 1000  # writes whose ids are kept
T = TypeVar("T")


class Writes:
    """Writes to sessions, which the sorted set `index` lists by their last use.

    With `ttl` (seconds), each lets all keys of the session expire that long after it, unless another lifetime was
    said of the session itself.
    """

    def __init__(self, wire: Wire, keys_of: Callable[[str], Keys], index: str, ttl: int | None) -> None:
        self._wire = wire
        self._keys_of = keys_of
        self._index = index
        self.ttl = ttl

    def once(
        self,
        session: str,
        plan: Callable[[Look], Plan[T]],
        questions: Sequence[Command] = (),
        *,
        done: str | None = None,
        used: bool = True,
        also: Sequence[str] = (),
        waits: bool = False,
        lifetime: int | None = None,
    ) -> T:
        """Do what `plan` says, once: under the id `done`, or a new one. `used`: the session counts as used now.

        `also` are keys of another session that must not change meanwhile. `waits`: for replicas, where that was asked.
        `lifetime`: how many seconds the session lives from now on (0: for good); None: as long as was said before.
        """
        keys, mark = self._keys_of(session), done or new_id()
        asked = self._asked(keys, mark)
        watched = [*also, *(key for key in keys.all if key != keys.pending)]  # a checkpoint disturbs nobody

        def whole(replies: list[Any], ask: Ask) -> Plan[T]:
            look = _look(replies, replies[len(asked) :], ask)
            planned = plan(look)
            if look.done or not planned.commands:
                return replace(planned, waits=waits, over=look.done)
            kept = [*_noted(keys, look.now, mark), *(_used(keys, look.now) if used else [])]
            index = [("ZADD", self._index, look.now, session)] if used else []
            commands = [*planned.commands, *kept, *self._lives(keys, look, lifetime)]
            return Plan(planned.result, commands, [*planned.index, *index], waits)

        with naming(self._wire, keys):
            return self._wire.transact(watched, [*asked, *questions], whole)

    def _asked(self, keys: Keys, mark: str) -> list[Command]:
        """Ask for what a Look has."""
        asked: list[Command] = [("TIME",), ("LLEN", keys.history), ("HGETALL", keys.info)]
        asked += [("ZSCORE", keys.written, mark), ("LLEN", keys.undone)]
        # For their types alone: a key of a wrong one must fail here, not in the middle of the MULTI.
        asked += [("HLEN", keys.states), ("HLEN", keys.pending)]
        return asked if self._wire.clustered else [*asked, ("ZCARD", self._index)]

    def _lives(self, keys: Keys, look: Look, lifetime: int | None) -> list[Command]:
        """Let the session live as long as was said of it, just now or before; else as the store's ttl says."""
        said = rows.lifetime_in(look.info) if lifetime is None else lifetime
        seconds = self.ttl if said is None else said
        if not seconds:
            return []
        return [("HSET", keys.info, "expires", look.now + seconds), *(("EXPIRE", key, seconds) for key in keys.all)]


def _look(asked: Sequence[Any], own: Sequence[Any], ask: Ask) -> Look:
    time, length, info, written, steps, *_ = asked
    return Look(rows.seconds(time), length, rows.pairs(info), written is not None, own, ask, steps)


def _noted(keys: Keys, now: float, mark: str) -> list[Command]:
    """Leave the id of the write."""
    return [("ZADD", keys.written, now, mark), ("ZREMRANGEBYRANK", keys.written, 0, -REMEMBERED - 1)]


def _used(keys: Keys, now: float) -> list[Command]:
    return [("HSETNX", keys.info, "created", now), ("HSET", keys.info, "used", now)]


@contextmanager
def naming(wire: Wire, keys: Keys) -> Iterator[None]:
    """Name the key when one of the session's is of another type."""
    try:
        yield
    except WrongType as error:
        types = wire.ask(*(("TYPE", key) for key in keys.all))
        for (key, right), found in zip(keys.types.items(), types, strict=True):
            if found.decode() not in (right, "none"):
                raise StoreError(
                    f"the key {key!r} holds a {found.decode()}, not a {right}; nothing was changed",
                    "choose another session name, or remove that key if nobody needs it",
                ) from error
        raise
