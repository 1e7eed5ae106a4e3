"""The store in Redis 6.2 and later, or Valkey, in the list that LangChain's `RedisChatMessageHistory` keeps.

The keys: see redis_keys. How a write is done, once: redis_writing; what it changes: redis_plans.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from chatcli.messages import Message, new_id
from chatcli.stores import Change, Pending, Repair, Session, Snapshot, rules
from chatcli.stores import redis_plans as plans
from chatcli.stores import redis_rows as rows
from chatcli.stores.durability import Durability
from chatcli.stores.redis_durability import durability_of
from chatcli.stores.redis_exchange import Ask, Command, Plan
from chatcli.stores.redis_index import Index
from chatcli.stores.redis_keys import keys_of
from chatcli.stores.redis_standing import ClusterStanding, Standing, standing_of
from chatcli.stores.redis_wire import Wire
from chatcli.stores.redis_writing import Writes, naming

NEWEST = 20  # sessions that are looked at for what might take them


class RedisStore:
    """Histories at a `redis://`, `rediss://`, `unix://` or `redis+sentinel://` address, connected to at the first verb.

    With `ttl` (seconds), every write lets all keys of the session expire that long after it. A turn waits for
    `wait_replicas` replicas, a second at most. Raises UsageError for a malformed address.
    """

    durable = True

    def __init__(
        self, url: str, key_prefix: str = "message_store:", ttl: int | None = None, wait_replicas: int = 0
    ) -> None:
        self._wire, self._hurried = self._wires(url, wait_replicas)
        self._keys = partial(keys_of, key_prefix, clustered=self._wire.clustered)
        self._index = Index(self._wire, key_prefix, self._keys)
        self._writes = Writes(self._wire, self._keys, self._index.key, ttl)
        self.address = self._wire.address

    def _wires(self, url: str, wait_replicas: int) -> tuple[Wire, Wire]:
        """Return the way to the server, and a hurried one."""
        return Wire(url, wait_replicas=wait_replicas), Wire(url, hurried=True)

    @property
    def warning(self) -> str:
        """See Store."""
        return self._wire.warning

    # Reading

    def snapshot(self, session: str, newest: int) -> Snapshot:
        """See Store."""
        keys = self._keys(session)
        newest_first = (0, newest - 1) if newest > 0 else (1, 0)
        with naming(self._wire, keys):
            length, tail, info, states = self._wire.look(
                ("LLEN", keys.history),
                ("LRANGE", keys.history, *newest_first),
                ("HGETALL", keys.info),
                ("HGETALL", keys.states),
            )
        found = rows.to_session(session, rows.pairs(info), length)
        return Snapshot(found, length, rows.to_messages(tail), rows.to_states(rows.pairs(states)))

    def messages(self, session: str, start: int | None = None, stop: int | None = None) -> list[Message]:
        """See Store."""
        if stop == 0:
            return []
        # The list has the newest first: position p is its index -p-1, which stays right while others LPUSH.
        first = 0 if stop is None else -stop
        last = -1 if start is None else -start - 1
        keys = self._keys(session)
        with naming(self._wire, keys):
            (found,) = self._wire.ask(("LRANGE", keys.history, first, last))
        return rows.to_messages(found)

    def length(self, session: str) -> int:
        """See Store."""
        keys = self._keys(session)
        with naming(self._wire, keys):
            (length,) = self._wire.ask(("LLEN", keys.history))
        return int(length)

    def exists(self, session: str) -> bool:
        """See Store."""
        keys = self._keys(session)
        (found,) = self._wire.ask(("EXISTS", keys.history, keys.info))
        return bool(found)

    def sessions(self, limit: int | None = None, offset: int = 0) -> list[Session]:
        """See Store."""
        return self._index.page(limit, offset)

    def foreign(self) -> Iterator[Session]:
        """See Store. Names that chatcli does not allow are left out."""
        return self._index.foreign()

    def documents(self) -> Iterator[tuple[str, Callable[[], Iterator[Message]]]]:
        """Yield the name of each session that `langchain-redis` keeps here, and what reads its messages."""
        from chatcli.stores import redis_documents  # only an import looks for them

        for name, keys in redis_documents.sessions(self._wire).items():
            yield name, partial(redis_documents.messages, self._wire, keys)

    # Writing

    def append(
        self, session: str, messages: Sequence[Message], at: int | None = None, expected_length: int | None = None
    ) -> int:
        """See Store."""
        keys = self._keys(session)

        def plan(look: plans.Look) -> Plan[int]:
            if look.done:
                return Plan(look.length)
            rules.check_splice(session, look.length, at, expected_length)
            if not messages and (at is None or at == look.length):
                return Plan(look.length)
            return plans.splice(keys, look, messages, at)

        return self._writes.once(session, plan, plans.tail_questions(keys, at), waits=True)

    def redo(self, session: str) -> list[Message]:
        """See Store."""
        keys = self._keys(session)

        def plan(look: plans.Look) -> Plan[list[Message]]:
            return plans.redone(session, keys, look)

        return self._writes.once(session, plan, [("LINDEX", keys.undone, 0), ("LINDEX", keys.history, 0)])

    def update(
        self,
        session: str,
        title: str | None = None,
        settings: Mapping[str, Any] | None = None,
        times: tuple[float, float] | None = None,
    ) -> None:
        """See Store."""
        keys = self._keys(session)

        def plan(look: plans.Look) -> Plan[None]:
            index = [("ZADD", self._index.key, times[1], session)] if times else []
            return Plan(None, plans.updated(session, keys, look, title, settings, times), index)

        self._writes.once(session, plan, used=times is None)

    def put_state(self, session: str, change: Change) -> bool:
        """See Store."""
        keys = self._keys(session)

        def plan(look: plans.Look) -> Plan[bool]:
            taken = look.exists and not look.done and plans.taken(keys, look.replies, [change])
            return Plan(True, taken) if taken else Plan(look.done)

        return self._writes.once(session, plan, plans.state_questions(keys, [change]), used=False)

    # A turn under way

    def begin(self, session: str, pending: Pending) -> None:
        """See Store."""
        keys = self._keys(session)

        def plan(look: plans.Look) -> Plan[None]:
            rules.check_not_committed(session, look.replies[0] is not None)
            return Plan(None, [plans.begun(keys, pending, look.now)])

        self._writes.once(session, plan, [("ZSCORE", keys.written, pending.id)])

    def checkpoint(self, session: str, turn: str, partial: str) -> None:
        """See Store."""
        keys = self._keys(session)

        def plan(replies: list[Any], _: Ask) -> Plan[None]:
            known, now = replies
            return Plan(None, [plans.alive(keys, turn, partial, rows.seconds(now))] if known else [])

        with naming(self._wire, keys):
            questions = [("HEXISTS", keys.pending, f"{turn}/turn"), ("TIME",)]
            self._hurried.transact([keys.pending], questions, plan)

    def commit(
        self,
        session: str,
        turn: str,
        messages: Sequence[Message],
        at: int | None = None,
        expected_length: int | None = None,
        changes: Sequence[Change] = (),
    ) -> int:
        """See Store."""
        keys = self._keys(session)
        tail = plans.tail_questions(keys, at)

        def plan(look: plans.Look) -> Plan[int]:
            if look.done:
                return Plan(look.length, [plans.dropped(keys, turn)])
            rules.check_splice(session, look.length, at, expected_length)
            spliced = plans.splice(keys, look, messages, at)
            taken = plans.taken(keys, look.replies[len(tail) :], changes)
            return Plan(spliced.result, [*spliced.commands, *taken, plans.dropped(keys, turn)])

        questions = [*tail, *plans.state_questions(keys, changes)]
        return self._writes.once(session, plan, questions, done=turn, waits=True)

    def pending(self, session: str) -> list[Pending]:
        """See Store."""
        keys = self._keys(session)
        with naming(self._wire, keys):
            found, time = self._wire.ask(("HGETALL", keys.pending), ("TIME",))
        return rows.to_pending(rows.pairs(found), rows.seconds(time))

    def drop(self, session: str, turn: str) -> None:
        """See Store."""
        keys = self._keys(session)
        with naming(self._wire, keys):
            self._wire.ask(plans.dropped(keys, turn))

    # Whole sessions

    def clear(self, session: str, expected_length: int | None = None) -> int:
        """See Store."""
        keys = self._keys(session)

        def plan(look: plans.Look) -> Plan[int]:
            if look.done or not look.exists:
                return Plan(0)
            rules.check_splice(session, look.length, None, expected_length)
            emptied = ("DEL", keys.history, keys.states, keys.pending, keys.undone)
            return Plan(look.length, [emptied, ("HSET", keys.info, "turns", 0, "counted", 0)])

        return self._writes.once(session, plan)

    def delete(self, session: str) -> bool:
        """See Store."""
        keys = self._keys(session)

        def plan(replies: list[Any], _: Ask) -> Plan[bool]:
            there = any(replies)
            if not there:
                return Plan(there, over=True)
            return Plan(there, [("DEL", *keys.all)], [("ZREM", self._index.key, session)])

        questions = [("EXISTS", *keys.all), ("ZSCORE", self._index.key, session)]
        return self._wire.transact(keys.all, questions, plan)

    def rename(self, old: str, new: str) -> None:
        """See Store."""
        source, target, mark = self._keys(old), self._keys(new), new_id()

        def plan(replies: list[Any], _: Ask) -> Plan[None]:
            done, taken, score, time, pending, *there = replies
            if done is not None:
                return Plan(None)
            now = rows.seconds(time)
            rules.check_rename(old, new, any(there[:2]), bool(taken), rows.to_pending(rows.pairs(pending), now))
            used = now if score is None else float(score)
            indexed = [("ZREM", self._index.key, old), ("ZADD", self._index.key, used, new)]
            return Plan(None, [*plans.moved(source, target, there, used), ("ZADD", target.written, now, mark)], indexed)

        questions: list[Command] = [("ZSCORE", target.written, mark), ("EXISTS", target.history, target.info)]
        questions += [("ZSCORE", self._index.key, old), ("TIME",), ("HGETALL", source.pending)]
        questions += [("EXISTS", key) for key in source.all]
        self._wire.transact([*source.all, *target.all], questions, plan)

    def fork(self, session: str, new: str, stop: int | None = None) -> None:
        """See Store. The server copies the list itself, which holds all of another program's entries as they are."""
        source, target = self._keys(session), self._keys(new)

        def plan(look: plans.Look) -> Plan[None]:
            if look.done:
                return Plan(None)
            length, *found = look.replies
            there = bool(length or found[0])
            rules.check_fork(session, new, there, look.exists, length, stop)
            return plans.forked(source, target, look, length if stop is None else stop)

        questions: list[Command] = [("LLEN", source.history), ("HGETALL", source.info), ("EXISTS", source.states)]
        self._writes.once(new, plan, questions, also=(source.history, source.info, source.states))

    def standing(self) -> Standing | ClusterStanding:
        """Return the server's role and who follows it."""
        (info,) = self._wire.ask(("INFO", "replication"))
        return standing_of(info, self._wire.place, self._wire.wait_replicas)

    def durability(self) -> Durability:
        """Return what the servers promise to keep, and what speaks against it."""
        newest = [session.name for session in self.sessions(NEWEST)]
        return durability_of(self._wire, {name: self._keys(name).history for name in newest}, self._writes.ttl)

    def expire(self, session: str, lifetime: int | None) -> None:
        """See Store. All keys of the session live as long, the list too that others may have given a ttl."""
        keys = self._keys(session)

        def plan(look: plans.Look) -> Plan[None]:
            if not look.exists:
                raise rules.no_session(session)
            return Plan(None, plans.limited(keys, lifetime))

        self._writes.once(session, plan, used=False, lifetime=lifetime or 0)

    def repair(self, dry_run: bool = False) -> Iterator[Repair]:
        """See Store."""
        from chatcli.stores.redis_repair import repaired

        return repaired(self._wire, self._index, self._keys, dry_run)

    def close(self) -> None:
        """See Store."""
        self._wire.close()
        self._hurried.close()
