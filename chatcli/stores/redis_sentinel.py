"""Redis behind sentinels: connections to whichever server they call the master of a service.

    redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT,HOST:PORT/SERVICE/DB?sentinel_username=…&sentinel_password=…

User and password are the servers'; the sentinels have their own. `rediss+sentinel` speaks TLS with both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from redis import Redis
from redis import exceptions as failures
from redis.sentinel import Sentinel, SentinelConnectionPool, SentinelManagedConnection, SentinelManagedSSLConnection

from chatcli.errors import StoreAway, StoreUnavailable
from chatcli.stores.masking import masked
from chatcli.stores.redis_address import CONNECT_TIMEOUT, SENTINEL_LOGIN, malformed, options_of

USUAL_PORT = 26379
HURRIED = 0.1  # seconds for each sentinel
WRITTEN = "redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/SERVICE/DB"

Place = tuple[str, int]
"""Host and port."""


@dataclass(frozen=True, slots=True)
class SentinelAddress:
    """What a `redis+sentinel://` address says.

    `server` is the address of the service's master, with a host that only the sentinels know; `login` is what the
    sentinels want.
    """

    sentinels: Sequence[Place]
    service: str
    server: str
    login: Mapping[str, str]


def sentinel_address(url: str) -> SentinelAddress:
    """Read the address; raise ValueError when it is malformed."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    service, _, database = parts.path.removeprefix("/").partition("/")
    if not service:
        raise ValueError("no service is named")
    options = parse_qsl(parts.query, keep_blank_values=True)
    login = {name.removeprefix("sentinel_"): value for name, value in options if name in SENTINEL_LOGIN}
    query = urlencode([option for option in options if option[0] not in SENTINEL_LOGIN])
    server = f"{parts.scheme.removesuffix('+sentinel')}://{user}{at}master/{database}?{query}"
    return SentinelAddress([_place(host) for host in hosts.split(",")], unquote(service), server, login)


def _place(text: str) -> Place:
    parts = urlsplit(f"//{text.strip()}")
    if not parts.hostname or parts.port == 0 or parts.path or parts.username is not None:
        raise ValueError("no host, or no port")
    return parts.hostname, USUAL_PORT if parts.port is None else parts.port


def master_pool(url: str, hurried: bool) -> "MasterPool":
    """Return the pool for a `redis+sentinel://` address, without connecting; raise UsageError when it is malformed."""
    with malformed(url, WRITTEN):
        address = sentinel_address(url)
        options = options_of(address.server, url, hurried)
        tls = options.pop("connection_class", None)
        del options["host"]
        kind = SentinelManagedSSLConnection if tls else SentinelManagedConnection
        own = _sentinel_options(options, address.login, bool(tls), hurried)
        return MasterPool(Sentinels(address, masked(url).partition("?")[0], own), {**options, "connection_class": kind})


def _sentinel_options(options: Mapping[str, Any], login: Mapping[str, str], tls: bool, hurried: bool) -> dict[str, Any]:
    """Return what redis-py takes for a connection to a sentinel."""
    wait = HURRIED if hurried else CONNECT_TIMEOUT
    alike = {name: value for name, value in options.items() if name.startswith("ssl_")}
    alike |= {name: options[name] for name in ("protocol", "driver_info", "retry")}
    waits = {"socket_timeout": wait, "socket_connect_timeout": wait}
    return {**alike, **login, **waits, "ssl": tls, "decode_responses": True}


class MasterPool(SentinelConnectionPool):
    """Connections to the master that the sentinels name whenever one is made."""

    def __init__(self, sentinels: "Sentinels", options: Mapping[str, Any]) -> None:
        super().__init__(sentinels.service, sentinels, **options)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Hang up, with the sentinels too."""
        super().close()
        self.sentinel_manager.close()


class Sentinels(Sentinel):
    """The sentinels, of whom one is asked who is the master: another one first each time, as one may be behind."""

    def __init__(self, address: SentinelAddress, shown: str, options: Mapping[str, Any]) -> None:
        super().__init__(address.sentinels, sentinel_kwargs=dict(options))  # type: ignore[no-untyped-call]
        self.service = address.service
        self._shown = shown

    def discover_master(self, service_name: str) -> Place:
        """Return where the master is; raise StoreUnavailable when no sentinel can say."""
        failed: list[Redis] = []
        why, strangers = "", 0
        for sentinel in [*self.sentinels]:
            try:
                found = self._asked(sentinel, service_name)
            except (failures.ConnectionError, failures.TimeoutError) as error:
                failed.append(sentinel)
                why = why or str(error)
                continue
            if found is not None:
                others = [other for other in self.sentinels if other is not sentinel and other not in failed]
                self.sentinels = [*others, sentinel, *failed]
                return found
            strangers += 1
        raise self._nobody_knows(service_name, why, strangers)

    def _asked(self, sentinel: Any, service: str) -> Place | None:
        """Return where the master is by that sentinel; None when it does not know the service."""
        try:
            found = sentinel.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", service)
        except (failures.AuthenticationError, failures.AuthenticationWrongNumberOfArgsError) as error:
            does = "need a password" if "required" in str(error).lower() else "do not accept this user and password"
            raise StoreUnavailable(f"the sentinels of {self._shown} {does}", _LOG_IN) from error
        except failures.NoPermissionError as error:
            raise StoreUnavailable(
                f"the sentinels of {self._shown} do not let this user ask for the master", _ALLOW
            ) from error
        except failures.ResponseError as error:
            raise StoreUnavailable(f"{self._shown} names no sentinel: {error}", _PORT) from error
        return None if found is None else (found[0], int(found[1]))

    def _nobody_knows(self, service: str, why: str, strangers: int) -> StoreUnavailable:
        if strangers:
            return StoreUnavailable(
                f"the sentinels of {self._shown} know no service {service!r}", "SENTINEL MASTERS tells its name"
            )
        # What is wrong with certificates does not pass by itself.
        kind = StoreUnavailable if "SSL" in why or "ertificate" in why else StoreAway
        return kind(f"no sentinel of {self._shown} answers: {why}", _START)


_LOG_IN = "give it in the address: ?sentinel_username=USER&sentinel_password=PASSWORD"
_ALLOW = "allow it: ACL SETUSER USER +sentinel|get-master-addr-by-name"
_PORT = f"give the sentinels' own port, usually {USUAL_PORT}, or a plain redis:// address"
_START = "start them or correct the address, or use --store sqlite"
