"""Every way in which an endpoint fails, told in the user's words: once, here.

An exception of the HTTP client or of our own reading becomes a `Failure`: the error to show, and
whether the request may go out again.
"""

import socket
import ssl
from collections.abc import Iterator

import httpx2

from chatcli import errors
from chatcli.errors import ModelError
from chatcli.model.faults import (
    CutShort,
    Endless,
    EndpointError,
    Failure,
    LedAway,
    NoAnswer,
    NotAReply,
    Refused,
    TooSlow,
    Withheld,
)
from chatcli.model.proxy import Proxy, proxy_of
from chatcli.model.refusals import in_the_stream, one_line, refused
from chatcli.model.settings import ModelSettings

KNOWN = (
    httpx2.HTTPError,
    httpx2.InvalidURL,
    EndpointError,
    LedAway,
    NoAnswer,
    NotAReply,
    Refused,
    CutShort,
    TooSlow,
    Endless,
    Withheld,
)
"""What `translate` takes."""

_BEFORE_CONNECTED = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
    httpx2.InvalidURL,
)

SHOWN_OF_NO_REPLY = 80  # characters


def translate(error: Exception, settings: ModelSettings) -> Failure:
    """Return what one of the KNOWN exceptions means; no secret is in it."""
    match error:
        case LedAway(url=url):
            return Failure(_led_away(url, settings))
        case Refused():
            return refused(error, settings)
        case httpx2.TooManyRedirects():
            return Failure(_in_circles(settings))
        case httpx2.TimeoutException():
            return Failure(_timed_out(error, settings), again=True)
        case TooSlow():
            return Failure(_too_slow(settings), again=True)
        case Endless():
            return Failure(_endless(settings))
        case EndpointError():
            return in_the_stream(error.error, settings)
        case NotAReply(text=text):
            return Failure(_no_reply(text, settings))
        case Withheld():
            return Failure(_withheld(settings))
        case CutShort() | httpx2.HTTPError() if not _never_connected(error):
            return Failure(_cut(settings), again=True)
    return _unreachable(error, settings)


# There was no answer


def _led_away(url: str, settings: ModelSettings) -> ModelError:
    base_url = one_line(url.removesuffix("/chat/completions").removesuffix("/models"), settings)
    host = one_line(url.partition("://")[2].partition("/")[0], settings)
    where = f"base_url under [models.{settings.name}] in the config"
    trusted = f"if you trust it, put it as {where}: {base_url}"
    place = base_url if host in ("", settings.host) else host
    return errors.BadRequest(
        f"{settings.place} points to another place, {place}; nothing was sent there",
        trusted if url.startswith("http") else f"check {where}",
    )


def _in_circles(settings: ModelSettings) -> ModelError:
    return errors.BadRequest(
        f"{settings.place} redirects without an end", f"check base_url under [models.{settings.name}] in the config"
    )


def _timed_out(error: Exception, settings: ModelSettings) -> ModelError:
    if _never_connected(error):
        return errors.TimedOut(
            f"there is no way to {settings.place} ({settings.host}): the connection timed out",
            "check the network, the proxy and base_url",
        )
    return errors.TimedOut(
        f"{settings.place} was silent for {settings.timeout:g} seconds",
        f"send it again, or raise timeout under [models.{settings.name}] in the config",
    )


def _too_slow(settings: ModelSettings) -> ModelError:
    return errors.TimedOut(
        f"{settings.place} drips: nothing whole came within {settings.timeout:g} seconds",
        f"send it again, or raise timeout under [models.{settings.name}] in the config",
    )


def _endless(settings: ModelSettings) -> ModelError:
    return errors.BrokenStream(
        f"the reply of {settings.place} has no end; it was left when it was longer than any model's",
        "limit it with -o max_tokens=N, in a chat /set max_tokens N; or choose another model with --model",
    )


def _never_connected(error: Exception) -> bool:
    return any(isinstance(cause, _BEFORE_CONNECTED) for cause in _causes(error))


def _unreachable(error: Exception, settings: ModelSettings) -> Failure:
    """Translate a connection that failed before the first byte of an answer."""
    at = f"{settings.place} ({settings.host})" if settings.place != settings.host else settings.host
    proxy = proxy_of(settings)
    for cause in _causes(error):
        match cause:
            case ssl.SSLCertVerificationError():
                return Failure(_untrusted(at, cause))
            case socket.gaierror() | ConnectionRefusedError() if proxy:
                return Failure(_no_proxy(at, proxy), again=True)
            case socket.gaierror():
                hint = "check the network, the proxy and base_url"
                return Failure(errors.Unreachable(f"there is no address for {settings.host}", hint), again=True)
            case ConnectionRefusedError():
                hint = "start it, or correct base_url in the config"
                return Failure(errors.Unreachable(f"nothing answers at {at}: connection refused", hint), again=True)
    why = one_line(str(next(_causes(error, deepest=True))), settings)
    at += f" through the proxy {proxy.host}" if proxy else ""
    message = f"the connection to {at} failed: {why}" if why else f"the connection to {at} failed"
    return Failure(errors.Unreachable(message, "check the network, the proxy and base_url"), again=True)


def _no_proxy(at: str, proxy: Proxy) -> ModelError:
    return errors.Unreachable(
        f"the proxy {proxy.host} on the way to {at} does not answer",
        f"start it, or correct or unset {proxy.source}",
    )


def _untrusted(at: str, error: ssl.SSLCertVerificationError) -> ModelError:
    return errors.Unreachable(
        f"the certificate of {at} is not trusted: {error.verify_message}",
        "set SSL_CERT_FILE to the certificate of whoever signed it",
    )


def _causes(error: BaseException, deepest: bool = False) -> Iterator[BaseException]:
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    return iter(reversed(chain) if deepest else chain)


# The answer was no whole reply


def _cut(settings: ModelSettings) -> ModelError:
    return errors.BrokenStream(
        f"{settings.place} broke off before the reply was complete", "send it again, in a chat with /retry"
    )


def unreadable(error: Exception, place: str) -> ModelError:
    """Return what the user is told about an exception that nobody foresaw; its text may hold anything."""
    return errors.BrokenStream(
        f"the answer of {place} could not be read ({type(error).__name__})",
        "send it again, or choose another model with --model",
    )


def _withheld(settings: ModelSettings) -> ModelError:
    return errors.BadRequest(
        f"the content filter of {settings.place} stopped the reply", "put it in other words and send it again"
    )


def _no_reply(text: str, settings: ModelSettings) -> ModelError:
    return errors.BrokenStream(
        f"{settings.place} answered with something that is no reply: {one_line(text, settings, SHOWN_OF_NO_REPLY)!r}",
        f"check base_url under [models.{settings.name}] in the config: it usually ends in /v1",
    )
