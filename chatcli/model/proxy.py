"""The proxy that the environment puts in front of an endpoint."""

import os
from dataclasses import dataclass, field
from fnmatch import fnmatch
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from chatcli.errors import UsageError
from chatcli.model.settings import ModelSettings


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy: `source` is the variable that names it, `host` its host and port, `url` may hold a password."""

    source: str
    host: str
    url: str = field(repr=False)


def proxy_of(settings: ModelSettings) -> Proxy | None:
    """Return the proxy that requests go through; None for one of this machine: key and words stay here.

    Raises UsageError for one that cannot be used.
    """
    proxies = getproxies()
    scheme = urlsplit(settings.base_url).scheme
    kind = next((kind for kind in (scheme, "all") if proxies.get(kind)), "")
    if settings.local or not kind or _is_excepted(settings.host, proxies.get("no", "")):
        return None
    url = proxies[kind] if "://" in proxies[kind] else f"http://{proxies[kind]}"
    return _usable(url, _source(kind))


def _is_excepted(host: str, exceptions: str) -> bool:
    """Say whether NO_PROXY excepts the host; `*.example.com` is taken as well, which the standard library leaves."""
    patterns = (entry.strip().lower() for entry in exceptions.split(","))
    name = host.rpartition(":")[0] or host
    return bool(proxy_bypass(host)) or any(fnmatch(name.lower(), entry) for entry in patterns if entry[:2] == "*.")


def _source(kind: str) -> str:
    names = (name for name, value in os.environ.items() if value and name.lower() == f"{kind}_proxy")
    return max(names, default="the settings of the system")  # lower case goes first, as for the standard library


def _usable(url: str, source: str) -> Proxy:
    try:
        parts = urlsplit(url)
        # a proxy has no path: one was meant as the rest of a password
        host = parts.netloc.rpartition("@")[2] if parts.hostname and parts.port != 0 and parts.path in ("", "/") else ""
    except ValueError:
        host = ""
    if host and url.isascii() and url.isprintable() and parts.scheme in ("http", "https"):
        return Proxy(source, host, url)
    scheme = url.partition("://")[0].lower()
    why = "SOCKS is not supported" if scheme.startswith("socks") else "it is no http:// or https:// address"
    raise UsageError(
        f"the proxy in {source} cannot be used: {why}",
        f"put an HTTP proxy into {source}, unset it, or name the endpoint's host in NO_PROXY",
    )
