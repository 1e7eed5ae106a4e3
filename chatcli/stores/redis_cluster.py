"""The store in a Redis cluster: each session's keys in one slot, the index of sessions in another.

What a RedisStore does in one session it does here, in one MULTI. What concerns two sessions goes over two slots: it
is copied to where nobody reads it, made visible whole, and only then removed where it was. Whatever stops in between
leaves everything where it was, or in both places; the same command again finishes it.
"""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chatcli.errors import Conflict, StoreError
from chatcli.messages import new_id
from chatcli.stores import redis_plans as plans
from chatcli.stores import redis_rows as rows
from chatcli.stores import rules
from chatcli.stores.redis import RedisStore
from chatcli.stores.redis_cluster_nodes import Slots, cluster_address
from chatcli.stores.redis_cluster_wire import ClusterWire
from chatcli.stores.redis_copying import Types, copied, digest
from chatcli.stores.redis_exchange import Ask, Command, Plan
from chatcli.stores.redis_keys import Keys, check_prefix, staging
from chatcli.stores.redis_standing import ClusterStanding, standing_of
from chatcli.stores.redis_wire import Wire
from chatcli.stores.redis_writing import naming

ATTEMPTS = 3  # to move a session that others write to


@dataclass(frozen=True, slots=True)
class Staged:
    """What lies ready beside the keys it is for: which, their milliseconds to live, and the digest of the whole."""

    mark: str
    lifetimes: Mapping[str, int]
    digest: str
    used: float


class ClusterStore(RedisStore):
    """Histories at a `redis+cluster://` or `rediss+cluster://` address; `ttl` as in RedisStore.

    Raises UsageError for a malformed address, and for a name or a prefix with a brace.
    """

    def __init__(
        self, url: str, key_prefix: str = "message_store:", ttl: int | None = None, wait_replicas: int = 0
    ) -> None:
        check_prefix(key_prefix)
        super().__init__(url, key_prefix, ttl, wait_replicas)

    def _wires(self, url: str, wait_replicas: int) -> tuple[Wire, Wire]:
        self._slots = Slots(cluster_address(url).seeds)
        return ClusterWire(url, False, wait_replicas, self._slots), ClusterWire(url, True, slots=self._slots)

    def standing(self) -> ClusterStanding:
        """Return how many masters there are, and who follows them."""
        told = self._wire.each(("INFO", "replication"))
        followers = [standing_of(info, "", 0).replicas for (info,) in told.values()]
        return ClusterStanding(followers, self._slots.unserved(), self._wire.wait_replicas)

    def delete(self, session: str) -> bool:
        """See Store."""
        found = self._removed(self._keys(session), session, None)
        self._index.settle(session)
        return bool(found)

    def fork(self, session: str, new: str, stop: int | None = None) -> None:
        """See Store."""
        source, target, mark = self._keys(session), self._keys(new), new_id()
        taken, ready = self.exists(new), staging(target, mark)
        here, there = ({keys.history: "list", keys.states: "hash"} for keys in (source, ready))

        def stage(replies: list[Any], ask: Ask) -> Plan[tuple[list[Any], str]]:
            length, raw = replies
            rules.check_fork(session, new, bool(length or raw), taken, length, stop)
            kept = length if stop is None else stop
            read = copied(ask, self._wire.ask, here, [*there], length - kept)
            return Plan((plans.fork_fields(source, ask, length, raw, kept), read), [_unchanged(source)])

        def publish(look: plans.Look) -> Plan[None]:
            if look.done:
                return Plan(None)
            rules.check_fork(session, new, True, look.exists, 0, None)
            _check_ready(session, look.ask, there, read)
            ready_keys = itertools.compress(there, look.replies)
            moved = [part for key in ready_keys for part in _published(key, ready, target, None)]
            return Plan(None, [*moved, ("HSET", target.info, *fields)])

        with naming(self._wire, source):
            watched = [source.history, source.info, source.states]
            fields, read = self._wire.transact(watched, [("LLEN", source.history), ("HGETALL", source.info)], stage)
        self._writes.once(new, publish, [("EXISTS", key) for key in there], done=mark, also=[*there])

    def rename(self, old: str, new: str) -> None:
        """See Store. What was begun before, and stopped after the copy was visible, is finished.

        The old session goes when its copy is on as many replicas as a turn waits for, and not before.
        """
        source, target = self._keys(old), self._keys(new)
        if begun := self._unfinished(source, target, old):
            if not self._replicated(target):
                raise _too_few_replicas(new)
            if self._removed(source, old, begun["digest"]) is None:
                raise Conflict(
                    f"{new!r} is a copy of {old!r}, which was written to since", f"delete {new!r}, then rename again"
                )
            self._index.settle(new)  # it may have stopped before the index was told
            return self._finish(target, old)
        for _ in range(ATTEMPTS):
            staged = self._staged(old, new)
            self._publish(old, new, staged)
            replicated = self._replicated(target)
            if replicated and self._removed(source, old, staged.digest) is not None:
                return self._finish(target, old)
            self._take_back(new, staged)
            if not replicated:
                raise _too_few_replicas(new)
        raise Conflict(f"{old!r} is written to all the time", "rename it when that has ended")

    # The steps of a rename

    def _unfinished(self, source: Keys, target: Keys, old: str) -> dict[str, Any] | None:
        """Return what the session `old` was whose copy stands there, if it was never removed, or nobody noted that.

        One that was begun under that name since is another one.
        """
        with naming(self._wire, target):
            raw, created = self._wire.ask(*(("HGET", target.info, name) for name in ("moved", "created")))
        kept = rules.from_json(raw) if raw else None
        if not isinstance(kept, dict) or kept.get("from") != old or "digest" not in kept:
            return None
        (begun,) = self._wire.ask(("HGET", source.info, "created"))
        return kept if begun in (None, created) else None

    def _staged(self, old: str, new: str) -> Staged:
        """Copy the session to keys beside those it shall have, as it is at one moment."""
        source, target, mark = self._keys(old), self._keys(new), new_id()
        taken, ready = self.exists(new), staging(target, mark)
        (score,) = self._wire.ask(("ZSCORE", self._index.key, old))

        def stage(replies: list[Any], ask: Ask) -> Plan[Staged]:
            time, pending, *others = replies
            there, lifetimes = others[: len(source.all)], others[len(source.all) :]
            now = rows.seconds(time)
            rules.check_rename(old, new, any(there[:2]), taken, rows.to_pending(rows.pairs(pending), now))
            read = copied(ask, self._wire.ask, source.types, ready.all)
            lives = {key: life for key, life, found in zip(ready.all, lifetimes, there, strict=True) if found}
            return Plan(Staged(mark, lives, read, now if score is None else float(score)), [_unchanged(source)])

        questions: list[Command] = [("TIME",), ("HGETALL", source.pending)]
        questions += [("EXISTS", key) for key in source.all] + [("PTTL", key) for key in source.all]
        with naming(self._wire, source):
            return self._wire.transact(source.all, questions, stage)

    def _publish(self, old: str, new: str, staged: Staged) -> None:
        """Give what lies ready its name, all at once, marked as a copy of the session it came from."""
        target = self._keys(new)
        ready = staging(target, staged.mark)

        def plan(replies: list[Any], ask: Ask) -> Plan[None]:
            done, taken, time = replies
            if done is not None:
                return Plan(None)
            rules.check_rename(old, new, True, bool(taken), ())
            _check_ready(old, ask, ready.types, staged.digest)
            came = json.dumps({"from": old, "digest": staged.digest})
            commands = [part for key, life in staged.lifetimes.items() for part in _published(key, ready, target, life)]
            commands += [("HSETNX", target.info, name, staged.used) for name in ("created", "used")]
            commands.append(("HSET", target.info, "moved", came))
            commands.append(("ZADD", target.written, rows.seconds(time), staged.mark))
            return Plan(None, commands, [("ZADD", self._index.key, staged.used, new)])

        questions = [("ZSCORE", target.written, staged.mark), ("EXISTS", target.history, target.info), ("TIME",)]
        self._wire.transact([*target.all, *staged.lifetimes], questions, plan)

    def _replicated(self, target: Keys) -> bool:
        """Wait for the replicas, as a turn does; say whether the copy is there, and on enough of them."""

        def plan(replies: list[Any], _: Ask) -> Plan[bool]:
            (came,) = replies
            # Written once more as it is: WAIT is for what its own connection wrote, and for all before that.
            return Plan(came is not None, [("HSET", target.info, "moved", came)] if came else [], waits=True)

        there = self._wire.transact([target.info], [("HGET", target.info, "moved")], plan)
        return there and not self._wire.warning

    def _removed(self, keys: Keys, session: str, expected: str | None) -> bool | None:
        """Remove the session, if its digest is `expected` or that is None; say whether there was one.

        None: it is another one by now, and was left alone.
        """

        def plan(replies: list[Any], ask: Ask) -> Plan[bool | None]:
            index = [("ZREM", self._index.key, session)]
            if not replies[0]:
                return Plan(False, index=index, over=True)
            if expected is not None and digest(ask, keys.types) != expected:
                return Plan(None)
            return Plan(True, [("DEL", *keys.all)], index)

        return self._wire.transact(keys.all, [("EXISTS", *keys.all)], plan)

    def _finish(self, target: Keys, old: str) -> None:
        self._wire.ask(("HDEL", target.info, "moved"))
        self._index.settle(old)

    def _take_back(self, new: str, staged: Staged) -> None:
        """Remove the copy again, unless somebody has written to it, or a fail-over has lost it."""
        target = self._keys(new)

        def plan(replies: list[Any], _: Ask) -> Plan[None]:
            if not replies[0]:
                return Plan(None)
            if replies[0] != [staged.mark.encode()]:
                raise Conflict(f"{new!r} and the session it was copied from are both in use", "look at both (/history)")
            return Plan(None, [("DEL", *target.all)], [("ZREM", self._index.key, new)])

        self._wire.transact(target.all, [("ZRANGE", target.written, -1, -1)], plan)


def _too_few_replicas(session: str) -> StoreError:
    return StoreError(f"too few replicas have {session!r}; nothing was changed", "look at them, then repeat it")


def _check_ready(session: str, ask: Ask, ready: Types, read: str) -> None:
    """Raise StoreError unless all that was read lies ready: a fail-over may have lost the newest of it."""
    if digest(ask, ready) != read:
        raise StoreError(f"the copy of {session!r} was lost on the way; nothing was changed", "repeat it")


def _unchanged(keys: Keys) -> Command:
    """Return a command that changes nothing: whether its MULTI is done tells whether what is watched is as it was."""
    return ("EXISTS", keys.history)


def _published(key: str, ready: Keys, target: Keys, life: int | None) -> list[Command]:
    """Give a key that lies ready its name, and its milliseconds to live if it has any."""
    name = dict(zip(ready.all, target.all, strict=True))[key]
    lives: Command = ("PEXPIRE", name, life) if life is not None and life > 0 else ("PERSIST", name)
    return [("RENAME", key, name), lives]
