"""The store in Redis 6.2 and later, or Valkey, in the list that LangChain's `RedisChatMessageHistory` keeps.

A write is one MULTI under WATCH, two round trips when undisturbed; it leaves an id, so that it is done once even
when its reply was lost. All times are the server's. Keys: see redis_keys.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from chatcli.errors import StoreError
from chatcli.messages import Message, new_id
from chatcli.stores import Change, Pending, Repair, Session, Snapshot, rules
from chatcli.stores import redis_rows as rows
from chatcli.stores.durability import Durability
from chatcli.stores.redis_durability import durability_of
from chatcli.stores.redis_errors import WrongType
from chatcli.stores.redis_exchange import Ask, Command, Plan
from chatcli.stores.redis_index import Index
from chatcli.stores.redis_keys import Keys, keys_of
from chatcli.stores.redis_standing import ClusterStanding, Standing, standing_of
from chatcli.stores.redis_wire import Wire

REMEMBERED = 1000  # writes whose ids are kept
NEWEST = 20  # sessions that are looked at for what might take them
T = TypeVar("T")


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
        self._ttl = ttl
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
        with self._naming(keys):
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
        with self._naming(keys):
            (found,) = self._wire.ask(("LRANGE", keys.history, first, last))
        return rows.to_messages(found)

    def length(self, session: str) -> int:
        """See Store."""
        keys = self._keys(session)
        with self._naming(keys):
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

        def plan(look: rows.Look) -> Plan[int]:
            if look.done:
                return Plan(look.length)
            rules.check_splice(session, look.length, at, expected_length)
            if not messages and (at is None or at == look.length):
                return Plan(look.length)
            return rows.splice(keys, look, messages, at)

        return self._write(session, plan, rows.tail_questions(keys, at), waits=True)

    def redo(self, session: str) -> list[Message]:
        """See Store."""
        keys = self._keys(session)

        def plan(look: rows.Look) -> Plan[list[Message]]:
            return rows.redone(session, keys, look)

        return self._write(session, plan, [("LINDEX", keys.undone, 0), ("LINDEX", keys.history, 0)])

    def update(
        self,
        session: str,
        title: str | None = None,
        settings: Mapping[str, Any] | None = None,
        times: tuple[float, float] | None = None,
    ) -> None:
        """See Store."""
        keys = self._keys(session)

        def plan(look: rows.Look) -> Plan[None]:
            commands, index = list[Command](), list[Command]()
            commands.append(("HSETNX", keys.info, "settings", "{}"))
            if settings is not None:
                old = rules.check_settings(session, look.info.get("settings", "{}"))
                commands.append(("HSET", keys.info, "settings", json.dumps(rules.merged(old, settings), default=dict)))
            if title is not None:
                commands.append(("HSET", keys.info, "title", json.dumps(title)))
            if times is not None:
                commands.append(("HSET", keys.info, "created", times[0], "used", times[1]))
                index.append(("ZADD", self._index.key, times[1], session))
            return Plan(None, commands, index)

        self._write(session, plan, used=times is None)

    def put_state(self, session: str, change: Change) -> bool:
        """See Store."""
        keys = self._keys(session)

        def plan(look: rows.Look) -> Plan[bool]:
            taken = look.exists and not look.done and rows.taken(keys, look.replies, [change])
            return Plan(True, taken) if taken else Plan(look.done)

        return self._write(session, plan, rows.state_questions(keys, [change]), used=False)

    # A turn under way

    def begin(self, session: str, pending: Pending) -> None:
        """See Store."""
        keys = self._keys(session)

        def plan(look: rows.Look) -> Plan[None]:
            rules.check_not_committed(session, look.replies[0] is not None)
            return Plan(None, [rows.begun(keys, pending, look.now)])

        self._write(session, plan, [("ZSCORE", keys.written, pending.id)])

    def checkpoint(self, session: str, turn: str, partial: str) -> None:
        """See Store."""
        keys = self._keys(session)

        def plan(replies: list[Any], _: Ask) -> Plan[None]:
            known, now = replies
            return Plan(None, [rows.alive(keys, turn, partial, rows.seconds(now))] if known else [])

        with self._naming(keys):
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
        tail = rows.tail_questions(keys, at)

        def plan(look: rows.Look) -> Plan[int]:
            if look.done:
                return Plan(look.length, [rows.dropped(keys, turn)])
            rules.check_splice(session, look.length, at, expected_length)
            spliced = rows.splice(keys, look, messages, at)
            taken = rows.taken(keys, look.replies[len(tail) :], changes)
            return Plan(spliced.result, [*spliced.commands, *taken, rows.dropped(keys, turn)])

        questions = [*tail, *rows.state_questions(keys, changes)]
        return self._write(session, plan, questions, done=turn, waits=True)

    def pending(self, session: str) -> list[Pending]:
        """See Store."""
        keys = self._keys(session)
        with self._naming(keys):
            found, time = self._wire.ask(("HGETALL", keys.pending), ("TIME",))
        return rows.to_pending(rows.pairs(found), rows.seconds(time))

    def drop(self, session: str, turn: str) -> None:
        """See Store."""
        keys = self._keys(session)
        with self._naming(keys):
            self._wire.ask(rows.dropped(keys, turn))

    # Whole sessions

    def clear(self, session: str, expected_length: int | None = None) -> int:
        """See Store."""
        keys = self._keys(session)

        def plan(look: rows.Look) -> Plan[int]:
            if look.done or not look.exists:
                return Plan(0)
            rules.check_splice(session, look.length, None, expected_length)
            emptied = ("DEL", keys.history, keys.states, keys.pending, keys.undone)
            return Plan(look.length, [emptied, ("HSET", keys.info, "turns", 0, "counted", 0)])

        return self._write(session, plan)

    def delete(self, session: str) -> bool:
        """See Store."""
        keys = self._keys(session)

        def plan(replies: list[Any], _: Ask) -> Plan[bool]:
            there = any(replies)
            return Plan(there, [("DEL", *keys.all)], [("ZREM", self._index.key, session)]) if there else Plan(there)

        questions = [("EXISTS", *keys.all), ("ZSCORE", self._index.key, session)]
        return self._wire.transact(keys.all, questions, plan)

    def rename(self, old: str, new: str) -> None:
        """See Store."""
        source, target = self._keys(old), self._keys(new)
        mark = new_id()
        pairs = list(zip(source.all, target.all, strict=True))

        def plan(replies: list[Any], _: Ask) -> Plan[None]:
            done, taken, score, time, pending, *there = replies
            if done is not None:
                return Plan(None)
            now = rows.seconds(time)
            rules.check_rename(old, new, any(there[:2]), bool(taken), rows.to_pending(rows.pairs(pending), now))
            moved = [("RENAME", *pair) for pair, found in zip(pairs, there, strict=True) if found]
            used = now if score is None else float(score)
            known = [("HSETNX", target.info, name, used) for name in ("created", "used")]
            indexed = [("ZREM", self._index.key, old), ("ZADD", self._index.key, used, new)]
            return Plan(None, [*moved, *known, ("ZADD", target.written, now, mark)], indexed)

        questions: list[Command] = [("ZSCORE", target.written, mark), ("EXISTS", target.history, target.info)]
        questions += [("ZSCORE", self._index.key, old), ("TIME",), ("HGETALL", source.pending)]
        questions += [("EXISTS", key) for key in source.all]
        self._wire.transact([*source.all, *target.all], questions, plan)

    def fork(self, session: str, new: str, stop: int | None = None) -> None:
        """See Store. The server copies the list itself, which holds all of another program's entries as they are."""
        source, target = self._keys(session), self._keys(new)

        def plan(look: rows.Look) -> Plan[None]:
            if look.done:
                return Plan(None)
            length, *found = look.replies
            there = bool(length or found[0])
            rules.check_fork(session, new, there, look.exists, length, stop)
            return rows.forked(source, target, look, length if stop is None else stop)

        questions: list[Command] = [("LLEN", source.history), ("HGETALL", source.info), ("EXISTS", source.states)]
        self._write(new, plan, questions, also=(source.history, source.info, source.states))

    def standing(self) -> Standing | ClusterStanding:
        """Return the server's role and who follows it."""
        (info,) = self._wire.ask(("INFO", "replication"))
        return standing_of(info, self._wire.place, self._wire.wait_replicas)

    def durability(self) -> Durability:
        """Return what the servers promise to keep, and what speaks against it."""
        newest = [session.name for session in self.sessions(NEWEST)]
        return durability_of(self._wire, {name: self._keys(name).history for name in newest}, self._ttl)

    def expire(self, session: str, lifetime: int | None) -> None:
        """See Store. All keys of the session live as long, the list too that others may have given a ttl."""
        keys = self._keys(session)

        def plan(look: rows.Look) -> Plan[None]:
            if not look.exists:
                raise rules.no_session(session)
            if lifetime is not None:
                return Plan(None, [("HSET", keys.info, "lifetime", lifetime)])
            kept: list[Command] = [("HSET", keys.info, "lifetime", 0), ("HDEL", keys.info, "expires")]
            return Plan(None, [*kept, *(("PERSIST", key) for key in keys.all)])

        self._write(session, plan, used=False, lifetime=lifetime or 0)

    def repair(self, dry_run: bool = False) -> Iterator[Repair]:
        """See Store."""
        from chatcli.stores.redis_repair import repaired

        return repaired(self._wire, self._index, self._keys, dry_run)

    def close(self) -> None:
        """See Store."""
        self._wire.close()
        self._hurried.close()

    # How a write is done

    def _write(
        self,
        session: str,
        plan: Callable[[rows.Look], Plan[T]],
        questions: Sequence[Command] = (),
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
        keys, mark = self._keys(session), done or new_id()

        asked: list[Command] = [("TIME",), ("LLEN", keys.history), ("HGETALL", keys.info)]
        asked.append(("ZSCORE", keys.written, mark))
        # For their types alone: a key of a wrong one must fail here, not in the middle of the MULTI.
        asked += [("HLEN", keys.states), ("HLEN", keys.pending), ("LLEN", keys.undone)]
        asked += [] if self._wire.clustered else [("ZCARD", self._index.key)]
        asked += questions
        watched = [*also, *(key for key in keys.all if key != keys.pending)]  # a checkpoint disturbs nobody

        def whole(replies: list[Any], ask: Ask) -> Plan[T]:
            time, length, info, written = replies[:4]
            own = replies[len(asked) - len(questions) :]
            look = rows.Look(rows.seconds(time), length, rows.pairs(info), written is not None, own, ask, replies[6])
            planned = plan(look)
            if look.done or not planned.commands:
                return replace(planned, waits=waits)
            index = [*planned.index, *([("ZADD", self._index.key, look.now, session)] if used else [])]
            kept = self._bookkeeping(keys, look.now, mark, used)
            lives = self._lives(keys, look, lifetime)
            return Plan(planned.result, [*planned.commands, *kept, *lives], index, waits)

        with self._naming(keys):
            return self._wire.transact(watched, asked, whole)

    def _bookkeeping(self, keys: Keys, now: float, mark: str, used: bool) -> list[Command]:
        commands: list[Command] = [
            ("ZADD", keys.written, now, mark),
            ("ZREMRANGEBYRANK", keys.written, 0, -REMEMBERED - 1),
        ]
        if used:
            commands.append(("HSETNX", keys.info, "created", now))
            commands.append(("HSET", keys.info, "used", now))
        return commands

    def _lives(self, keys: Keys, look: rows.Look, lifetime: int | None) -> list[Command]:
        """Let the session live as long as was said of it, just now or before; else as the store's ttl says."""
        said = rows.lifetime_in(look.info) if lifetime is None else lifetime
        seconds = self._ttl if said is None else said
        return rows.lives(keys, look.now, seconds) if seconds else []

    @contextmanager
    def _naming(self, keys: Keys) -> Iterator[None]:
        """Name the key when one of the session's is of another type."""
        try:
            yield
        except WrongType as error:
            types = self._wire.ask(*(("TYPE", key) for key in keys.all))
            for (key, right), found in zip(keys.types.items(), types, strict=True):
                if found.decode() not in (right, "none"):
                    raise StoreError(
                        f"the key {key!r} holds a {found.decode()}, not a {right}; nothing was changed",
                        "choose another session name, or remove that key if nobody needs it",
                    ) from error
            raise
