"""Puts right what Redis says of the sessions: the index of them, and how many turns each has."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import unquote

from chatcli.errors import UsageError
from chatcli.stores import Repair, rules
from chatcli.stores import redis_rows as rows
from chatcli.stores.redis_exchange import Ask, Plan
from chatcli.stores.redis_index import Index
from chatcli.stores.redis_keys import Keys, glob_escaped
from chatcli.stores.redis_wire import Wire

_PAGE = 500  # names, or entries of a list, that are asked for at once
_ATTEMPTS = 3  # to count a session that others write to

KeysOf = Callable[[str], Keys]


def repaired(wire: Wire, index: Index, keys_of: KeysOf, dry_run: bool) -> Iterator[Repair]:
    """Yield what was wrong; see Store.repair. Lists that only other programs wrote are left to them."""
    for name in _without_session(index):
        if not dry_run:
            index.forget(name)
        yield Repair(name, "listed no more: there is no such session")
    for name in _unlisted(wire, index, keys_of):
        if not dry_run:
            index.bring_back(name)
        yield Repair(name, "listed again")
    for name in [*index.names()]:
        found = _counted(wire, name, keys_of(name), dry_run)
        if found is not None:
            yield Repair(name, f"counted again: turns {found[0]:,}, not {found[1]:,}")


def _without_session(index: Index) -> Iterator[str]:
    """Yield the names in the index of which nothing is left."""
    for page in _pages([*index.names()]):
        yield from sorted({*page} - {one.name for one in index.described(page)})


def _unlisted(wire: Wire, index: Index, keys_of: KeysOf) -> Iterator[str]:
    """Yield the names of the sessions of ours that the index lacks."""
    start = keys_of("a").info.removesuffix("a}:info")
    for found in wire.keys(f"{glob_escaped(start)}*}}:info", "hash"):
        names = {_name(key, start, keys_of, wire.clustered) for key in found} - {None}
        yield from index.unlisted(sorted(name for name in names if name))


def _name(key: bytes, start: str, keys_of: KeysOf, clustered: bool) -> str | None:
    """Return the name of the session whose info stands under the key, None when it is none's."""
    try:
        tag = key.decode().removeprefix(start).removesuffix("}:info")
        name = tag if clustered else unquote(tag, errors="strict")
        mine = rules.is_session_name(name) and keys_of(name).info.encode() == key
    except (UnicodeDecodeError, UsageError):
        return None
    return name if mine else None


def _counted(wire: Wire, name: str, keys: Keys, dry_run: bool) -> tuple[int, int] | None:
    """Count the turns and keep the number; return it and the one that was shown, None when it was right."""
    for _ in range(_ATTEMPTS):
        length, kind = wire.ask(("LLEN", keys.history), ("TYPE", keys.info)) if _is_ours(wire, keys) else (0, b"none")
        if kind == b"none":  # another program's list, which has no number
            return None
        turns = sum(rules.count_turns(rows.to_messages(page)) for page in _entries(wire, keys, length))

        def plan(replies: list[Any], _: Ask, length: int = length, turns: int = turns) -> Plan[int | None]:
            now, info = replies
            shown = rows.to_session(name, rows.pairs(info), now).turns
            if now != length or not info:
                return Plan(None)
            wrong = shown != turns and not dry_run
            counted = [("HSET", keys.info, "turns", turns, "counted", length)] if wrong else []
            return Plan(shown, counted, over=not wrong)

        questions = [("LLEN", keys.history), ("HGETALL", keys.info)]
        shown = wire.transact([keys.history, keys.info], questions, plan)
        if shown is not None:
            return (turns, shown) if shown != turns else None
    return None


def _is_ours(wire: Wire, keys: Keys) -> bool:
    """Say whether the keys are of the types that they have when they are ours."""
    types = wire.ask(("TYPE", keys.history), ("TYPE", keys.info))
    return types[0] in (b"list", b"none") and types[1] == b"hash"


def _entries(wire: Wire, keys: Keys, length: int) -> Iterator[Sequence[bytes]]:
    """Yield the list piece by piece, counted from its old end: that stays where it is while others write."""
    for start in range(0, length, _PAGE):
        (page,) = wire.ask(("LRANGE", keys.history, -min(start + _PAGE, length), -start - 1))
        yield page


def _pages(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), _PAGE):
        yield names[start : start + _PAGE]
