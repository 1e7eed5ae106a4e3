"""Which sessions there are in Redis: the index of ours, and a search for those that only other programs wrote."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from chatcli.errors import StoreError, UsageError
from chatcli.stores import Session, rules
from chatcli.stores import redis_rows as rows
from chatcli.stores.redis_exchange import Ask, Plan
from chatcli.stores.redis_keys import Keys, glob_escaped, index_key
from chatcli.stores.redis_wire import Wire


class Index:
    """A sorted set, `key`, of session names by the server's time of last use; each write of a session renews it.

    Turns that other programs added count as one per two messages until our next write.
    """

    def __init__(self, wire: Wire, prefix: str, keys_of: Callable[[str], Keys]) -> None:
        self._wire = wire
        self._prefix = prefix
        self._keys_of = keys_of
        self.key = index_key(prefix)

    def page(self, limit: int | None, offset: int) -> list[Session]:
        """Return a page of the sessions, the one used last first: two round trips."""
        if limit == 0:
            return []
        offered, stay = set[str](), 0  # names of which nothing is left; how many of them may be in the index still
        while True:
            last = -1 if limit is None else offset + limit + stay - 1
            (found,) = self._wire.ask(("ZREVRANGE", self.key, offset, last))
            names = [name for raw in found if (name := self._allowed(raw))]
            listed = self.described(names)
            gone = {*names} - {session.name for session in listed}
            if gone <= offered:
                return listed[:limit]
            # Some have expired, or another program removed their list.
            fresh, offered = gone - offered, offered | gone
            try:
                for name in fresh:
                    self.forget(name)
            except StoreError:  # a server that takes no writes keeps their names
                stay = len(offered)

    def foreign(self) -> Iterator[Session]:
        """Yield the sessions whose lists stand under the prefix and not in the index; looks at every key there is."""
        seen = set[bytes]()
        for found in self._wire.keys(glob_escaped(self._prefix) + "*", "list"):
            fresh = [key for key in dict.fromkeys(found) if key not in seen]
            seen.update(fresh)
            names = [self._allowed(key.removeprefix(self._prefix.encode())) for key in fresh]
            yield from self.described(self.unlisted([name for name in names if name]))

    def names(self) -> Iterator[str]:
        """Yield the names in the index that a session can have; in no order, each once."""
        cursor, seen = b"0", set[bytes]()
        while True:
            ((cursor, found),) = self._wire.ask(("ZSCAN", self.key, cursor, "COUNT", 1000))
            fresh = [raw for raw in dict.fromkeys(found[0::2]) if raw not in seen]
            seen.update(fresh)
            yield from filter(None, map(self._allowed, fresh))
            if int(cursor) == 0:
                return

    def unlisted(self, names: Sequence[str]) -> list[str]:
        """Return those of the names that the index lacks."""
        scores = self._wire.ask(*(("ZSCORE", self.key, name) for name in names)) if names else []
        return [name for name, score in zip(names, scores, strict=True) if score is None]

    def bring_back(self, name: str) -> None:
        """Put the session into the index, as used when it says it was, if it is still there."""
        keys = self._keys_of(name)

        def plan(replies: list[Any], _: Ask) -> Plan[None]:
            there, used = replies
            return Plan(None, index=[("ZADD", self.key, rules.to_time(used), name)] if there else [])

        self._wire.transact([keys.info], [("EXISTS", keys.info), ("HGET", keys.info, "used")], plan)

    def settle(self, name: str) -> None:
        """Put a name that was taken off the index back if there is a session of it again.

        On a cluster the index lies apart: between a look at the session and the index, another writer may begin one.
        """
        (used,) = self._wire.ask(("HGET", self._keys_of(name).info, "used"))
        if used is not None:
            self._wire.ask(("ZADD", self.key, used, name))

    def described(self, names: Sequence[str]) -> list[Session]:
        """Return the sessions of these names, without those of which nothing is left."""
        keys = [self._keys_of(name) for name in names]
        questions = [question for key in keys for question in (("HGETALL", key.info), ("LLEN", key.history))]
        # A key of another type under one name must not hide all the others.
        replies = iter(self._wire.ask_each(*questions) if questions else [])
        listed = []
        for name, info, length in zip(names, replies, replies, strict=False):
            if info or length:
                listed.append(rows.to_session(name, rows.pairs(_or(info, [])), _or(length, 0)))
        return listed

    def forget(self, name: str) -> None:
        """Take the name off the index, unless there is a session again."""
        keys = self._keys_of(name)

        def plan(replies: list[Any], _: Ask) -> Plan[None]:
            return Plan(None, index=[] if replies[0] else [("ZREM", self.key, name)])

        self._wire.transact([keys.history, keys.info], [("EXISTS", keys.history, keys.info)], plan)
        if self._wire.clustered:
            self.settle(name)

    def _allowed(self, raw: bytes) -> str | None:
        """Return the session's name, None when no session can have it here."""
        try:
            name = raw.decode()
            self._keys_of(name)
        except (UnicodeDecodeError, UsageError):
            return None
        return name if rules.is_session_name(name) else None


def _or(reply: Any, otherwise: Any) -> Any:
    return otherwise if isinstance(reply, Exception) else reply
