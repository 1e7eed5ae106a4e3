"""Every way in which an endpoint fails, told in the user's words: once, here.

An exception of openai, of its HTTP transport or of our own reading becomes a `Failure`: the error to show, and
whether the request may go out again.
"""

import email.utils
import math
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import openai

from chatcli import errors
from chatcli.errors import ChatError, ModelError
from chatcli.model.settings import ModelSettings
from chatcli.model.wire import CutShort, EndpointError, NotAReply, Withheld

KNOWN = (openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL, EndpointError, NotAReply, CutShort, Withheld)
"""What `translate` takes; anything else is a mistake of ours, and stays one."""

_BEFORE_CONNECTED = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
    httpx2.InvalidURL,
)

SHOWN = 300
"""Characters of an endpoint's own words that are shown."""

# How endpoints word the same thing: OpenAI, DashScope, DeepSeek, Mistral, Ollama, vLLM, llama.cpp
_TOO_LONG = re.compile(
    r"context[ _](length|size|window)|maximum context|input length should be|input tokens exceed"
    r"|prompt is too long|too large for model",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(
    r"model_not_found|model\b.{0,120}?(not exist|not found|not supported)|(unknown|invalid|no such) model",
    re.IGNORECASE | re.DOTALL,
)
_NO_QUOTA = re.compile(
    r"insufficient[ _](quota|balance)|exceeded your current quota|arrearage|good standing|purchase", re.IGNORECASE
)
_NO_KEY = re.compile(r"invalid_api_key|api[ _-]?key.{0,30}(invalid|not valid|incorrect)|incorrect api", re.IGNORECASE)
_TOO_MANY = re.compile(r"rate.?limit|too many requests|throttling", re.IGNORECASE)
_STRANGE = re.compile(
    r"(unknown|unrecognized|unexpected|unsupported|extra)\W+(request )?(parameter|argument|field|input|key)",
    re.IGNORECASE,
)
_TOO_BIG_FOR_A_MINUTE = re.compile(r"request too large", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request failed; `again`: it may succeed when repeated, after `seconds` if the endpoint said so."""

    error: ChatError
    again: bool = False
    seconds: float | None = None


def translate(error: Exception, settings: ModelSettings) -> Failure:
    """Return what one of the KNOWN exceptions means; no secret is in it."""
    match error:
        case openai.APIStatusError():
            return _refused(error, settings)
        case openai.APITimeoutError() | httpx2.TimeoutException():
            return Failure(_timed_out(error, settings), again=True)
        case EndpointError():
            return _in_the_stream(error.error, settings)
        case NotAReply():
            return Failure(_no_reply(error.text, settings))
        case Withheld():
            return Failure(_withheld(settings))
        case CutShort() | httpx2.HTTPError() if not _never_connected(error):
            return Failure(_cut(settings), again=True)
    return _unreachable(error, settings)


# The endpoint said no


def _refused(error: openai.APIStatusError, settings: ModelSettings) -> Failure:
    status, headers = error.status_code, error.response.headers
    if "text/html" in headers.get("content-type", ""):
        said, clues = "a web page", ""
    else:
        said, clues = _words(error.body, settings)
    kind = classify(status, clues)
    if status == 404 and kind is errors.BadRequest:
        return Failure(_wrong_address(settings))
    seconds = retry_after(headers)
    again = kind in (errors.ServerError, errors.TimedOut) or (
        kind is errors.RateLimited and not _NO_QUOTA.search(clues) and not _TOO_BIG_FOR_A_MINUTE.search(clues)
    )
    again = again and headers.get("x-should-retry") != "false"
    return Failure(_told(kind, f" ({status})", said, clues, settings), again, seconds)


def _in_the_stream(error: Any, settings: ModelSettings) -> Failure:
    """Translate an error object that came with status 200; its code may be a status, a word or nothing."""
    said, clues = _words(error, settings)
    status = _status_in(error)
    if not status:
        status = 429 if _TOO_MANY.search(clues) else 401 if _NO_KEY.search(clues) else 0
    kind = classify(status, clues) if status or _special(clues) else errors.ServerError
    again = kind in (errors.ServerError, errors.RateLimited) and not _NO_QUOTA.search(clues)
    return Failure(_told(kind, "", said, clues, settings), again)


def _status_in(error: Any) -> int:
    code = str(error.get("code")) if isinstance(error, Mapping) else ""
    return int(code) if code.isdecimal() and 400 <= int(code) < 600 else 0


def _special(clues: str) -> bool:
    return any(pattern.search(clues) for pattern in (_TOO_LONG, _NO_MODEL, _NO_QUOTA))


def classify(status: int, clues: str) -> type[ModelError]:
    """Return the class of an error, by its HTTP status and the endpoint's code, type and message."""
    if status == 401 or (status == 400 and _NO_KEY.search(clues)):
        return errors.BadKey
    if status in (402, 429) or (status in (400, 403) and _NO_QUOTA.search(clues)):
        return errors.RateLimited
    if status == 403:
        return errors.BadKey
    if status == 413 or _TOO_LONG.search(clues):
        return errors.ContextTooLong
    if status == 408:
        return errors.TimedOut
    if status >= 500:
        return errors.ServerError
    return errors.UnknownModel if _NO_MODEL.search(clues) else errors.BadRequest


def _told(kind: type[ModelError], status: str, said: str, clues: str, settings: ModelSettings) -> ModelError:
    message, hint = _sentences(kind, settings)
    if kind is errors.RateLimited and (_NO_QUOTA.search(clues) or status == " (402)"):
        message, hint = (
            "the quota at {place} is used up",
            "check the plan and the billing there, or choose another model",
        )
    if kind is errors.BadKey and status == " (403)":
        message = "{place} does not allow this key to do that"
    message = message.format(place=settings.place, id=settings.id) + status
    return kind(f"{message}: {said}" if said else message, hint)


def _sentences(kind: type[ModelError], settings: ModelSettings) -> tuple[str, str]:
    """Return what happened (`{place}` and `{id}` stand for themselves) and what to do, for a class of errors."""
    in_config = f"[models.{settings.name}] in the config"
    if kind is errors.BadKey:
        does = "refused the key" if settings.api_key else "wants a key"
        first = f"set {settings.key_env}, or put another key" if settings.key_env else "put a key that it takes"
        return "{place} " + does, f"{first} under {in_config}"
    if kind is errors.UnknownModel:
        return "{place} does not know the model {id}", "`chatcli models` lists those it has; choose with --model"
    if kind is errors.ContextTooLong:
        return (
            "the context is too long for {id} at {place}",
            "send less, with --memory tokens:N and a smaller N; /context shows what is sent",
        )
    if kind is errors.RateLimited:
        return "{place} takes no more requests for now", "wait a little, then send it again"
    if kind is errors.ServerError:
        return "{place} failed", "send it again in a while, or choose another model with --model"
    if kind is errors.TimedOut:
        return "{place} did not answer in time", f"send it again, or raise timeout under {in_config}"
    return "{place} refused the request", f"check the options of this chat (-o, /set) and extra_body under {in_config}"


def _words(body: Any, settings: ModelSettings) -> tuple[str, str]:
    """Return the endpoint's message as one line without the key, and all its words for looking up clues."""
    if isinstance(body, Mapping) and isinstance(body.get("error"), Mapping | str):
        body = body["error"]
    if isinstance(body, Mapping):
        said = body.get("message") or body.get("detail") or body.get("msg") or ""
        clues = " ".join(str(body.get(key) or "") for key in ("code", "type", "param"))
    else:
        said, clues = body or "", ""
    return one_line(str(said), settings), f"{clues} {said}"


def one_line(text: str, settings: ModelSettings) -> str:
    """Return foreign text as one short line that does not hold the key."""
    if settings.api_key:
        text = text.replace(settings.api_key, "…")
    text = " ".join(text.split())
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds the endpoint asks to wait, from `retry-after-ms` or `Retry-After` (RFC 9110, 10.2.3)."""
    try:
        if asked := headers.get("retry-after-ms"):
            seconds = float(asked) / 1000
        else:
            seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return _until(headers.get("retry-after", ""))
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _until(date: str) -> float | None:
    try:
        return max(email.utils.parsedate_to_datetime(date).timestamp() - time.time(), 0.0)
    except ValueError:
        return None


def refuses_usage(error: openai.APIStatusError) -> bool:
    """Say whether the endpoint refuses a request because it does not know `stream_options`."""
    words = str(error.body)
    if error.status_code not in (400, 422):
        return False
    return (
        "stream_options" in words
        or "include_usage" in words
        or (not error.param and _STRANGE.search(words) is not None)
    )


# There was no answer


def _wrong_address(settings: ModelSettings) -> ModelError:
    return errors.BadRequest(
        f"there is no chat endpoint at {settings.place} (404)",
        f"check base_url under [models.{settings.name}] in the config: it usually ends in /v1",
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


def _never_connected(error: Exception) -> bool:
    return any(isinstance(cause, _BEFORE_CONNECTED) for cause in _causes(error))


def _unreachable(error: Exception, settings: ModelSettings) -> Failure:
    """Translate a connection that failed before the first byte of an answer."""
    at = f"{settings.place} ({settings.host})" if settings.place != settings.host else settings.host
    for cause in _causes(error):
        match cause:
            case ssl.SSLCertVerificationError():
                return Failure(_untrusted(at, cause))
            case socket.gaierror():
                hint = "check the network, the proxy and base_url"
                return Failure(errors.Unreachable(f"there is no address for {settings.host}", hint), again=True)
            case ConnectionRefusedError():
                hint = "start it, or correct base_url in the config"
                return Failure(errors.Unreachable(f"nothing answers at {at}: connection refused", hint), again=True)
    why = one_line(str(next(_causes(error, deepest=True))), settings)
    message = f"the connection to {at} failed: {why}" if why else f"the connection to {at} failed"
    return Failure(errors.Unreachable(message, "check the network, the proxy and base_url"), again=True)


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
        f"{settings.place} broke off before the reply was complete", "send it again; in a chat with /retry"
    )


def _withheld(settings: ModelSettings) -> ModelError:
    return errors.BadRequest(
        f"the content filter of {settings.place} stopped the reply", "put it in other words and send it again"
    )


def _no_reply(text: str, settings: ModelSettings) -> ModelError:
    return errors.BrokenStream(
        f"{settings.place} answered with something that is no reply: {one_line(text, settings)!r}",
        f"check base_url under [models.{settings.name}] in the config: it usually ends in /v1",
    )
