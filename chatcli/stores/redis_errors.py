"""What redis-py's errors mean to the user; the only place where they are translated."""

import re
from typing import Any

from redis import exceptions as failures

from chatcli.errors import StoreAway, StoreError, StoreUnavailable

_OTHERWISE = "start it or correct the address (--store redis://HOST:PORT/DB), or use --store sqlite"
_OTHER_NODES = "start its nodes; the addresses that they announce must lead to them from here (cluster-announce-ip)"

_TO_ITS_ADDRESS = re.compile(r"^Error -?\d+ connecting to \S+\. (?=\S)")
"""What redis-py says before the reason, where there is one server, and its address was said already."""

_HANGS_UP = re.compile(r"(?i)certificate.required|EOF occurred|reset by peer|closed by server")


class WrongType(StoreError):
    """A key holds something else than what we keep there."""


def ours(error: Exception, address: str) -> StoreError:
    """Return the error in our words; `address` is the store's as it may be shown."""
    text, where = _reason(error, address), f"Redis at {address}"
    otherwise = _OTHER_NODES if _is_cluster(address) else _OTHERWISE
    if isinstance(error, failures.ConnectionError):
        return _no_connection(error, text, where, otherwise)
    match error:
        case failures.AuthenticationWrongNumberOfArgsError():
            return _wrong_password(where)
        case failures.NoPermissionError():
            return StoreUnavailable(f"{where} does not let this user in here: {text}", "ask for the rights (ACL)")
        case failures.TimeoutError():
            return StoreAway(f"{where} does not answer: {text}", otherwise)
        case OSError() | UnicodeError():
            return StoreAway(f"{where} cannot be reached: {text}", otherwise)
        case failures.InvalidResponse():
            return StoreUnavailable(f"{address} is no Redis server: {text}", otherwise)
        case failures.ReadOnlyError():
            return StoreUnavailable(f"{where} is a read-only replica", "give the address of its master")
        case failures.OutOfMemoryError():
            return StoreUnavailable(f"{where} is out of memory; nothing was changed", "raise its maxmemory, or delete")
    return of_cluster(error, address) or _refused(text, where)


def _no_connection(error: failures.ConnectionError, text: str, where: str, otherwise: str) -> StoreError:
    match error:
        case failures.AuthenticationError() if "required" in text.lower():
            return StoreUnavailable(f"{where} needs a password", "give it: redis://USER:PASSWORD@HOST:PORT/DB")
        case failures.AuthenticationError():
            return _wrong_password(where)
        case failures.BusyLoadingError():
            return StoreAway(f"{where} is still loading its data", "try again in a moment")
        case _ if "CERTIFICATE_VERIFY" in text:
            return StoreUnavailable(f"{where}: {text}", "give its CA: rediss://…?ssl_ca_certs=FILE")
        case _ if "at rediss" in where and _HANGS_UP.search(text):
            files = "rediss://…?ssl_certfile=FILE&ssl_keyfile=FILE"
            return StoreUnavailable(f"{where} hangs up: {text}", f"it may want a certificate of yours: {files}")
        case _ if "at rediss" in where and "No such file" in text:
            return StoreUnavailable(f"{where}: {text}", "look at the files that the address names: ssl_…=FILE")
    return StoreAway(f"{where} cannot be reached: {text}", otherwise)


def _wrong_password(where: str) -> StoreError:
    return StoreUnavailable(
        f"{where} does not accept this user and password",
        "correct them: in the address, or the password of [stores.NAME] in the config",
    )


def passes(error: Exception) -> bool:
    """Say whether the error may pass when another server has taken over."""
    match error:
        case failures.AuthenticationError() | failures.AuthorizationError():
            return False
        case failures.ConnectionError() | failures.TimeoutError() | OSError():
            return True
        case failures.ReadOnlyError() | failures.MasterDownError():
            return True
    return str(error).startswith("NOREPLICAS")


def takes_no_writes(reply: Any) -> bool:
    """Say whether the reply is the error of a server that takes none now, whoever writes whatever."""
    return isinstance(reply, failures.OutOfMemoryError) or (
        isinstance(reply, failures.ResponseError) and str(reply).startswith(("NOREPLICAS", "MISCONF"))
    )


def given_up(address: str, lost: bool) -> StoreError:
    """Return the error for a write that was tried to the end of the patience; `lost`: an outcome is unknown."""
    if lost:
        return StoreUnavailable(f"{address} hangs up before it answers a write", "look into its log")
    return StoreUnavailable(f"{address}: other writers are always faster", "repeat it when they are done")


def of_cluster(error: Exception, address: str) -> StoreError | None:
    """Return the error that only a cluster gives, in our words; None for any other one."""
    text, known = _first_line(error), _is_cluster(address)
    match error:
        case failures.MovedError() | failures.AskError() | failures.TryAgainError() if known:
            return StoreAway(
                f"Redis at {address} is moving this session",
                "try again in a moment; if that lasts: redis-cli --cluster fix",
            )
        case failures.ClusterDownError() | failures.MasterDownError() if known:
            return StoreAway(
                f"Redis at {address} has lost a master: {text}", "wait for its fail-over, or look at CLUSTER INFO"
            )
        case failures.MasterDownError():
            return StoreAway(
                f"Redis at {address} is a replica that has lost its master",
                "wait a moment, or give the master's address",
            )
        case failures.MovedError() | failures.AskError() | failures.TryAgainError() | failures.ClusterError():
            return _unnamed_cluster(address)
        case failures.ClusterCrossSlotError():
            return _unnamed_cluster(address)
    if "cluster support disabled" in text:
        return StoreUnavailable(f"Redis at {address} is one server, no cluster", "write redis://HOST:PORT/DB")
    return _unnamed_cluster(address) if "not allowed in cluster mode" in text else None


def _is_cluster(address: str) -> bool:
    return address.startswith(("redis+cluster:", "rediss+cluster:"))


def _unnamed_cluster(address: str) -> StoreError:
    """Return the error for a plain address of a server that is one of many."""
    named = re.sub(r"^(rediss?)(://[^/?]*)[^?]*", r"\1+cluster\2/", address)
    write = named if named != address else "redis+cluster://HOST:PORT/"
    return StoreUnavailable(f"Redis at {address} is part of a cluster", f"write {write}")


def _refused(text: str, where: str) -> StoreError:
    if text.startswith("WRONGTYPE"):
        return WrongType(f"{where}: {text}", "give other sessions' keys another prefix")
    if text.startswith("NOREPLICAS"):
        return StoreUnavailable(f"{where} takes no writes: too few replicas follow it", "look at its replicas")
    if text.startswith("MISCONF"):
        return StoreUnavailable(f"{where} cannot save to its disk and takes no writes", "make room on its disk")
    if text.startswith("DB index"):
        return StoreUnavailable(f"{where} has no such database", "end the address with the number of one it has: /0")
    return StoreError(f"{where} refuses: {text}", "look into its log")


def _reason(error: Exception, address: str) -> str:
    text = _first_line(error)
    return _TO_ITS_ADDRESS.sub("", text) if address.startswith(("redis:", "rediss:", "unix:")) else text


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
