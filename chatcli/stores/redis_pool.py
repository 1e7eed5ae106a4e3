"""The connections to a Redis server: what its address may say, and how long they wait.

Connecting may take 1 s. Each wait for the next bytes of a reply may take 5 s (a long history arrives in many of them),
and so may sending one message: an image of some megabytes over a slow line needs them. `?socket_timeout=…` in the
address says otherwise. What is `hurried` connects, asks and writes within a second, whatever the address says.
"""

import re
from urllib.parse import parse_qs, urlsplit

from redis.backoff import NoBackoff
from redis.connection import ConnectionPool
from redis.exceptions import RedisError
from redis.retry import Retry

from chatcli.errors import UsageError
from chatcli.stores.masking import masked

CONNECT_TIMEOUT = 1.0  # seconds
TIMEOUT = 5.0
HURRIED = 0.3  # three waits: to connect, for the look, for the write
LONGEST = 3600.0

# redis-py has more; some would change what the replies look like.
_UNIX = ("db", "username", "password", "client_name", "max_connections", "health_check_interval", "socket_timeout")
_TCP = (*_UNIX, "socket_connect_timeout", "socket_keepalive")
_FILES = ("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_password")
_OPTIONS = {"unix": _UNIX, "redis": _TCP, "rediss": (*_TCP, *_FILES, "ssl_cert_reqs", "ssl_check_hostname")}


def connections(url: str, hurried: bool = False) -> ConnectionPool:
    """Return the pool for a `redis://`, `rediss://` or `unix://` address, without connecting.

    Raises UsageError for an address that is malformed, or has an option that is none.
    """
    try:
        _check(url)
        pool = ConnectionPool.from_url(url)
        options = pool.connection_kwargs
        options |= {"protocol": 2, "driver_info": None, "retry": Retry(NoBackoff(), 0)}
        for name, usual in _timeouts(url).items():
            options[name] = _timeout(options.get(name, usual), hurried)
        pool.connection_class(**options)  # what an option's value must not be shows only here
    except (ValueError, TypeError, RedisError):  # their texts quote parts of the address, which may be the password's
        raise UsageError(
            f"the store address {masked(url)!r} is malformed",
            "write redis://USER:PASSWORD@HOST:PORT/DB; in a password, @ is %40, / is %2F and # is %23",
        ) from None
    return pool


def _check(url: str) -> None:
    """Raise ValueError or UsageError for what redis-py reads otherwise than it was meant, or only when it connects."""
    parts = urlsplit(url)
    for name in parse_qs(parts.query, keep_blank_values=True):
        if name not in _OPTIONS[parts.scheme]:
            known = ", ".join(_OPTIONS[parts.scheme])
            raise UsageError(f"the store address {masked(url)!r} has an unknown option", f"known are {known}")
    if parts.scheme == "unix":
        if parts.hostname or not parts.path:
            raise ValueError("a socket's path has three slashes before it")
    elif not re.fullmatch(r"/?\d{0,9}", parts.path) or parts.port == 0:
        raise ValueError("a database has a number, a port is not 0")


def _timeouts(url: str) -> dict[str, float]:
    # redis-py's Unix sockets know one timeout for both.
    one = {"socket_timeout": TIMEOUT}
    return one if url.startswith("unix:") else {**one, "socket_connect_timeout": CONNECT_TIMEOUT}


def _timeout(seconds: float, hurried: bool) -> float:
    if not 0 < seconds <= LONGEST:
        raise ValueError("a timeout has some seconds")
    return min(seconds, HURRIED) if hurried else seconds
