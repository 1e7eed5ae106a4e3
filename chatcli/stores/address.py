"""Store addresses: from what the user wrote to an open store.

    memory:                             this process only
    sqlite                              the file in the data folder
    sqlite:///FILE                      three slashes: relative; four: absolute; ~ expands
    redis                               $REDIS_URL, else redis://localhost:6379/0
    redis://… rediss://… unix://…       as redis-py reads them, with its query options
    redis+cluster://HOST:PORT,HOST/     some nodes of a cluster; rediss+cluster:// by TLS

A store's library is imported when one is opened.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from chatcli.errors import UsageError
from chatcli.stores import Store
from chatcli.stores.masking import masked

KNOWN = "memory:, sqlite:///FILE, redis://HOST:PORT/DB, rediss://…, unix://PATH, redis+cluster://HOST:PORT/"
LOCAL_REDIS = "redis://localhost:6379/0"


def open_store(
    address: str,
    *,
    data_folder: Path,
    key_prefix: str = "message_store:",
    ttl: int | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Store:
    """Open the store that `address` names.

    `data_folder` is where `sqlite` alone keeps its file; `key_prefix` and `ttl` (seconds after the last write)
    are for Redis, which is connected to at the first verb. Raises UsageError for an address that is none,
    StoreError when a file cannot be opened.
    """
    short = {
        "memory": "memory:",
        "sqlite": f"sqlite:///{data_folder / 'sessions.db'}",
        "redis": environ.get("REDIS_URL") or LOCAL_REDIS,
    }
    address = short.get(address, address)
    for beginning, opened in _KINDS.items():
        if address.startswith(beginning):
            return opened(address, key_prefix, ttl)
    raise _unknown(address)


def _memory(address: str, key_prefix: str, ttl: int | None) -> Store:
    from chatcli.stores.in_memory import InMemoryStore

    if address != "memory:":
        raise _unknown(address)
    return InMemoryStore()


def _sqlite(address: str, key_prefix: str, ttl: int | None) -> Store:
    from chatcli.stores.sqlite import SqliteStore

    return SqliteStore(_file(address))


def _redis(address: str, key_prefix: str, ttl: int | None) -> Store:
    from chatcli.stores.redis import RedisStore

    return RedisStore(address, key_prefix=key_prefix, ttl=ttl)


def _cluster(address: str, key_prefix: str, ttl: int | None) -> Store:
    from chatcli.stores.redis_cluster import ClusterStore

    return ClusterStore(address, key_prefix=key_prefix, ttl=ttl)


_KINDS: Mapping[str, Callable[[str, str, int | None], Store]] = {
    "memory:": _memory,
    "sqlite:": _sqlite,
    "redis://": _redis,
    "rediss://": _redis,
    "unix://": _redis,
    "redis+cluster://": _cluster,
    "rediss+cluster://": _cluster,
}
"""What opens an address, by how it begins; it is given the key prefix and the ttl, which are for Redis."""


def _file(address: str) -> Path:
    """Return the path in `sqlite:///FILE`."""
    name = address.removeprefix("sqlite:///")
    if name == address or not name:
        raise UsageError(
            f"the store address {address!r} names no file",
            "write sqlite:///FILE with three slashes for a relative path, four for an absolute one",
        )
    path = Path(name)
    try:
        return path.expanduser()
    except RuntimeError as error:  # ~nobody
        raise UsageError(f"the store address {address!r}: {error}", "write the whole path") from error


def _unknown(address: str) -> UsageError:
    if address.startswith("redis+sentinel://"):
        return UsageError(
            f"the store {masked(address)!r}: this version knows no sentinel",
            "give one server: redis://HOST:PORT/DB",
        )
    return UsageError(f"no kind of store has the address {masked(address)!r}", f"known are {KNOWN}")
