"""The content of keys copied to another node of a cluster, in blocks that bound what is held at a time."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chatcli.stores.redis_exchange import Ask, Command

BLOCK = 64  # entries of a list; one with an image has some megabytes
LEFTOVER = 3600  # seconds after which what lies ready goes, when nobody came to publish it

Types = Mapping[str, str]
"""Keys and what they are: list, hash or zset."""


def copied(ask: Ask, ask_there: Ask, types: Types, ready: Sequence[str], start: int = 0) -> str:
    """Copy each key to the one of `ready`, a list from the index `start` on; return the digest of what was read."""
    read = hashlib.blake2b(digest_size=16)
    for (key, kind), there in zip(types.items(), ready, strict=True):
        read.update(kind.encode())
        ask_there(("DEL", there))
        for block in _blocks(ask, key, kind, start):
            _count(read, block)
            ask_there(_added(there, kind, block), ("EXPIRE", there, LEFTOVER))
    return read.hexdigest()


def digest(ask: Ask, types: Types) -> str:
    """Return the digest of all that the keys hold."""
    found = hashlib.blake2b(digest_size=16)
    for key, kind in types.items():
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
