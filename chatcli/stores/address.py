"""Store addresses: from what the user wrote to an open store.

    memory:                             this process only
    sqlite                              the file in the data folder
    sqlite:///FILE                      three slashes: relative; four: absolute; ~ expands
    redis                               $REDIS_URL, else redis://localhost:6379/0
    redis://… rediss://… unix://…       as redis-py reads them, with its query options, and wait_replicas
    redis+cluster://HOST:PORT,HOST/     some nodes of a cluster; rediss+cluster:// by TLS
    redis+sentinel://HOSTS/SERVICE/DB   the master that sentinels name; rediss+sentinel:// by TLS

A store's library is imported when one is opened.
"""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from chatcli.errors import UsageError
from chatcli.stores import Store
from chatcli.stores.masking import masked

KNOWN = (
    "memory:, sqlite:///FILE, redis://HOST:PORT/DB, rediss://…, unix://PATH, "
    "redis+cluster://HOST:PORT/, redis+sentinel://HOSTS/SERVICE/DB"
)
SHORT = ("memory", "sqlite", "redis")
"""The addresses that are one word."""
USUAL_PREFIX = "message_store:"
"""Where LangChain's Python class keeps its lists."""
LOCAL_REDIS = "redis://localhost:6379/0"


def open_store(
    address: str,
    *,
    data_folder: Path,
    key_prefix: str = USUAL_PREFIX,
    ttl: int | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Store:
    """Open the store that `address` names.

    `data_folder` is where `sqlite` alone keeps its file; `key_prefix` and `ttl` (seconds after the last write)
    are for Redis, which is connected to at the first verb. Raises UsageError for an address that is none and for a
    ttl that would keep nothing, StoreError when a file cannot be opened.
    """
    if ttl is not None and ttl < 1:
        raise UsageError(f"a session cannot live {ttl} seconds", "give a ttl of 1 or more; without one it stays")
    short = {"memory": "memory:", "sqlite": f"sqlite:///{data_folder / 'sessions.db'}"}
    address = whole(short.get(address, address), environ)
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
    from chatcli.stores.redis_address import replicas_of

    url, wait_replicas = replicas_of(address)
    return RedisStore(url, key_prefix, ttl, wait_replicas)


def _cluster(address: str, key_prefix: str, ttl: int | None) -> Store:
    from chatcli.stores.redis_address import replicas_of
    from chatcli.stores.redis_cluster import ClusterStore

    url, wait_replicas = replicas_of(address)
    return ClusterStore(url, key_prefix, ttl, wait_replicas)


_KINDS: Mapping[str, Callable[[str, str, int | None], Store]] = {
    "memory:": _memory,
    "sqlite:": _sqlite,
    "redis://": _redis,
    "rediss://": _redis,
    "unix://": _redis,
    "redis+sentinel://": _redis,
    "rediss+sentinel://": _redis,
    "redis+cluster://": _cluster,
    "rediss+cluster://": _cluster,
}
"""What opens an address, by how it begins; it is given the key prefix and the ttl, which are for Redis."""


def whole(address: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the address, that of the environment for `redis` alone; raise UsageError when that is no Redis."""
    if address != "redis":
        return address
    found = environ.get("REDIS_URL") or LOCAL_REDIS
    if not _is_redis(found):
        raise UsageError(f"REDIS_URL is no address of a Redis: {masked(found)!r}", "write redis://HOST:PORT/DB")
    return found


def with_password(address: str, password: str) -> str:
    """Return the address of a Redis server with that password; raise UsageError when it has one, or is no Redis."""
    _check_redis(address, "password")
    scheme, _, rest = address.partition("://")
    place = re.split("[/?]", rest, maxsplit=1)[0]
    user, _, host = place.rpartition("@")
    if ":" in user:
        raise UsageError(f"the store address {masked(address)!r} has a password of its own", "say it in one place")
    return f"{scheme}://{user}:{_quoted(password)}@{host}{rest[len(place) :]}"


def with_option(address: str, name: str, value: str | int) -> str:
    """Return the address of a Redis server with one more query option; raise UsageError for another store's."""
    _check_redis(address, name)
    return f"{address}{'&' if '?' in address else '?'}{name}={_quoted(str(value))}"


def _quoted(text: str) -> str:
    from urllib.parse import quote  # the prompt need not wait for it

    return quote(text, safe="")


def _check_redis(address: str, what: str) -> None:
    if not _is_redis(address):
        raise UsageError(f"the store address {masked(address)!r} takes no {what}", "that is for Redis alone")


def _is_redis(address: str) -> bool:
    return _KINDS.get(address.partition("://")[0] + "://") in (_redis, _cluster)


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
    return UsageError(f"no kind of store has the address {masked(address)!r}", f"known are {KNOWN}")
