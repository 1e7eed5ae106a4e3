"""What an endpoint's refusal means, from its status and its words.

There is no standard: OpenAI, DashScope, DeepSeek, Mistral, Ollama, vLLM and llama.cpp word the same thing
differently, under statuses and codes of their own. `clues` is an error's code, type, param and message in one text.
"""

import email.utils
import math
import re
import time
from collections.abc import Mapping
from typing import Any

from chatcli import errors
from chatcli.errors import ModelError


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


_TOO_LONG = _words(
    r"context[ _](length|size|window)|maximum context|input length should be|input tokens exceed"
    r"|prompt is too long|too large for model"
)
_LONGEST = _words(
    r"(?:maximum context length is|context (?:size|window|length)\D{0,20}|input length should be \[\d+, )\s*(\d{3,9})"
)
_NO_MODEL = _words(
    r"model_not_found|model\b.{0,120}?(not exist|not found|not supported)|(unknown|invalid|no such) model"
)
_NO_OPTION = _words(r"unsupported_(parameter|value)")
_NO_QUOTA = _words(r"insufficient[ _](quota|balance)|exceeded your current quota|arrearage|good standing|purchase")
_NO_KEY = _words(r"invalid_api_key|api[ _-]?key.{0,30}(invalid|not valid|incorrect)|incorrect api")
_NO_IMAGES = _words(
    r"image_url.{0,20}only supported|(unknown variant|expected).{0,20}image_url"
    r"|image input.{0,20}not (supported|enabled)"
    r"|(not|n't) (support|accept)(ing|s)? (\w+ )?(image|vision)|support image input|not a multimodal model"
    r"|at most 0 image|missing data required for image|mmproj|(image|multimodal|vision)\w* (is|are) not supported"
    r"|unsupported content type.{0,20}image"
)
_TOO_MANY = _words(r"rate.?limit|too many requests|throttling")
_TOO_BIG_FOR_A_MINUTE = _words(r"request too large")
_STRANGE = _words(
    r"(unknown|unrecognized|unexpected|unsupported|extra)\W+(request )?(parameter|argument|field|input|key)"
)


def classify(status: int, clues: str) -> type[ModelError]:
    """Return the class of an error that came with an HTTP status of 400 or more."""
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
    if _NO_IMAGES.search(clues):
        return errors.NoImages
    if status >= 500:
        return errors.ServerError
    no_model = _NO_MODEL.search(clues) and not _NO_OPTION.search(clues)
    return errors.UnknownModel if no_model else errors.BadRequest


def classify_in_stream(error: Any, clues: str) -> type[ModelError]:
    """Return the class of an error that came with status 200; its code may be a status, a word or nothing."""
    code = str(error.get("code")) if isinstance(error, Mapping) else ""
    if code.isdecimal() and len(code) == 3 and 400 <= int(code) < 600:
        return classify(int(code), clues)
    if _TOO_MANY.search(clues):
        return errors.RateLimited
    if any(pattern.search(clues) for pattern in (_NO_KEY, _TOO_LONG, _NO_IMAGES, _NO_MODEL, _NO_QUOTA)):
        return classify(400, clues)
    return errors.ServerError


def longest_context(clues: str) -> int | None:
    """Return how many tokens the endpoint says it takes, if it says so."""
    found = _LONGEST.search(clues)
    return int(found[1]) if found else None


def is_used_up(status: int, clues: str) -> bool:
    """Say whether a RateLimited means the quota or the account: waiting does not help."""
    return status == 402 or _NO_QUOTA.search(clues) is not None


def may_pass(kind: type[ModelError], status: int, clues: str) -> bool:
    """Say whether the same request may succeed a little later."""
    if kind is errors.RateLimited:
        return not is_used_up(status, clues) and _TOO_BIG_FOR_A_MINUTE.search(clues) is None
    return kind in (errors.ServerError, errors.TimedOut)


def refuses_usage(status: int, param: str | None, body: object) -> bool:
    """Say whether a request was refused because the endpoint does not know `stream_options`."""
    if status not in (400, 422):
        return False
    words = str(body)
    named = "stream_options" in words or "include_usage" in words
    return named or (not param and _STRANGE.search(words) is not None)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds the endpoint asks to wait: `retry-after-ms`, or `Retry-After` of RFC 9110, 10.2.3."""
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
    except (ValueError, OverflowError):  # no date, or a year that no clock counts to
        return None
