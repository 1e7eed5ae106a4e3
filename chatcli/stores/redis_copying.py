"""A key's content copied to another node of a cluster, in blocks that bound what is held at a time."""

import hashlib
from collections.abc import Iterator
from typing import Any

from chatcli.errors import StoreError
from chatcli.stores.redis_exchange import Ask, Command
from chatcli.stores.redis_keys import Keys

BLOCK = 64  # entries of a list; one with an image has some megabytes
LEFTOVER = 3600  # seconds after which what lies ready goes, when nobody came to publish it


def copied(ask: Ask, ask_there: Ask, pair: tuple[str, str], kind: str, start: int = 0) -> bool:
    """Copy a list from the index `start` on, a hash or a sorted set, and read it back; say whether there was anything.

    `pair` are the key here and the key there, whose content goes. Raises StoreError when it arrives as something else.
    """
    key, there = pair
    ask_there(("DEL", there))
    read = hashlib.blake2b(digest_size=16)
    for block in _blocks(ask, key, kind, start):
        _count(read, block)
        ask_there(_added(there, kind, block), ("EXPIRE", there, LEFTOVER))
    arrived = hashlib.blake2b(digest_size=16)
    for block in _blocks(ask_there, there, kind):
        _count(arrived, block)
    if arrived.digest() != read.digest():
        raise StoreError(f"the copy of {key!r} is not what was read; nothing was changed", "repeat it")
    return bool(ask_there(("EXISTS", there))[0])


def digest(ask: Ask, keys: Keys) -> str:
    """Return a digest of all that the session's keys hold."""
    found = hashlib.blake2b(digest_size=16)
    for key, kind in keys.types.items():
        found.update(kind.encode())
        for block in _blocks(ask, key, kind):
            _count(found, block)
    return found.hexdigest()


def _count(digest: Any, block: list[bytes]) -> None:
    for part in block:
        digest.update(len(part).to_bytes(8, "big") + part)


def _blocks(ask: Ask, key: str, kind: str, start: int = 0) -> Iterator[list[bytes]]:
    if kind == "list":
        while entries := ask(("LRANGE", key, start, start + BLOCK - 1))[0]:
            yield entries
            start += BLOCK
        return
    (flat,) = ask(("HGETALL", key) if kind == "hash" else ("ZRANGE", key, 0, -1, "WITHSCORES"))
    if flat:
        pairs = sorted(zip(flat[0::2], flat[1::2], strict=True))  # each server has its own order
        yield [part for pair in pairs for part in pair]


def _added(key: str, kind: str, block: list[bytes]) -> Command:
    if kind == "list":
        return ("RPUSH", key, *block)
    if kind == "hash":
        return ("HSET", key, *block)
    return ("ZADD", key, *(part for pair in zip(block[1::2], block[0::2], strict=True) for part in pair))
