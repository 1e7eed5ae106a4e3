"""What the address of a Redis server may say, and how long connections to it wait.

Connecting may take 1 s. Each wait for the next bytes of a reply may take 5 s (a long history arrives in many of them),
and so may sending one message: an image of some megabytes over a slow line needs them. `?socket_timeout=…` in the
address says otherwise. What is `hurried` connects, asks and writes within a second, whatever the address says.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from redis.backoff import NoBackoff
from redis.connection import Connection, parse_url
from redis.exceptions import RedisError
from redis.retry import Retry

from chatcli.errors import UsageError
from chatcli.stores.masking import masked

CONNECT_TIMEOUT = 1.0  # seconds
TIMEOUT = 5.0
HURRIED = 0.3  # three waits: to connect, for the look, for the write
LONGEST = 3600.0
MOST_REPLICAS = 100

# redis-py has more; some would change what the replies look like.
_UNIX = ("db", "username", "password", "client_name", "max_connections", "health_check_interval", "socket_timeout")
_TCP = (*_UNIX, "socket_connect_timeout", "socket_keepalive")
_FILES = ("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_password")
_OPTIONS = {"unix": _UNIX, "redis": _TCP, "rediss": (*_TCP, *_FILES, "ssl_cert_reqs", "ssl_check_hostname")}
_SENTINELS = ("redis+sentinel://", "rediss+sentinel://")
SENTINEL_LOGIN = ("sentinel_username", "sentinel_password")
_PASSWORDS = "in a password, @ is %40, / is %2F and # is %23"


def fails_over(url: str) -> bool:
    """Say whether another server takes over from one that is away."""
    return url.startswith(_SENTINELS)


@contextmanager
def malformed(url: str, right: str) -> Iterator[None]:
    """Raise UsageError for what redis-py or we find wrong in an address; `right` shows how it is written."""
    try:
        yield
    except (ValueError, TypeError, RedisError):  # their texts quote parts of the address, which may be the password's
        raise UsageError(f"the store address {masked(url)!r} is malformed", f"write {right}; {_PASSWORDS}") from None


def options_of(url: str, shown: str, hurried: bool) -> dict[str, Any]:
    """Return what redis-py's pool takes for a `redis://`, `rediss://` or `unix://` address; errors call it `shown`.

    Raises UsageError for an option that is none; ValueError, TypeError or RedisError for what else is malformed.
    """
    _check(url, shown)
    options: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]
    options |= {"protocol": 2, "driver_info": None, "retry": Retry(NoBackoff(), 0)}
    for name, usual in _timeouts(url).items():
        options[name] = _timeout(options.get(name, usual), hurried)
    options |= {name: os.path.expanduser(options[name]) for name in _FILES[:-1] if name in options}
    kind = options.get("connection_class", Connection)
    own = ("connection_class", "max_connections")
    kind(**{name: value for name, value in options.items() if name not in own})  # what a value must not be shows here
    return options


def replicas_of(url: str) -> tuple[str, int]:
    """Return the address without the option `wait_replicas`, and what that says (0: it is not there).

    Raises UsageError when that is no number.
    """
    place, _, query = url.partition("?")
    options = query.split("&")
    said = [option.removeprefix("wait_replicas=") for option in options if option.startswith("wait_replicas=")]
    if not said:
        return url, 0
    if not re.fullmatch(r"\d{1,3}", said[-1]) or int(said[-1]) > MOST_REPLICAS:
        raise UsageError(f"wait_replicas in {masked(url)!r} is no number of replicas", f"write 0 to {MOST_REPLICAS}")
    rest = "&".join(option for option in options if not option.startswith("wait_replicas="))
    return (f"{place}?{rest}" if rest else place), int(said[-1])


def _check(url: str, shown: str) -> None:
    """Raise ValueError or UsageError for what redis-py reads otherwise than it was meant, or only when it connects."""
    parts = urlsplit(url)
    for name in parse_qs(parts.query, keep_blank_values=True):
        if name not in _OPTIONS[parts.scheme]:
            own = ("wait_replicas", *(SENTINEL_LOGIN if fails_over(shown) else ()))
            known = ", ".join((*_OPTIONS[parts.scheme], *own))
            place = masked(shown).partition("?")[0]  # the value may be a password, the name mistyped
            tls = "that is for TLS: write rediss in place of redis" if name in _OPTIONS["rediss"] else ""
            raise UsageError(f"the store address {place!r} has an unknown option {name!r}", tls or f"known are {known}")
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
