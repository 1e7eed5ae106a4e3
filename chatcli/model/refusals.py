"""What an endpoint said in place of a reply, told in the user's words; no key is in it."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from chatcli import errors
from chatcli.errors import ModelError
from chatcli.model import clues
from chatcli.model.faults import Failure, Refused
from chatcli.model.settings import ModelSettings

SHOWN = 300
"""Characters of an endpoint's own words that are shown."""
PART_OF_A_KEY = 6
"""Characters of a key that say something about it; most begin with the same `sk-`."""

_LOGIN = re.compile(r"(?i)(authorization\W{1,4}\w+)\s+[^\s\"',|]+")


def refused(error: Refused, settings: ModelSettings) -> Failure:
    """Return what it means that the endpoint answered with an error status."""
    status, headers = error.status, error.headers
    if "text/html" in headers.get("content-type", ""):
        said, words = "a web page", ""
    else:
        said, words = _words(error.body, settings)
    kind = clues.classify(status, words)
    if status == 404 and kind is errors.BadRequest:
        return Failure(_wrong_address(settings))
    again = clues.may_pass(kind, status, words) and headers.get("x-should-retry") != "false"
    return Failure(_told(kind, status, said, words, settings), again, clues.retry_after(headers))


def in_the_stream(error: Any, settings: ModelSettings) -> Failure:
    """Return what the error means that came in place of the reply, or of its rest."""
    said, words = _words(error, settings)
    kind = clues.classify_in_stream(error, words)
    return Failure(_told(kind, 0, said, words, settings), clues.may_pass(kind, 0, words))


def _wrong_address(settings: ModelSettings) -> ModelError:
    return errors.BadRequest(
        f"there is no chat endpoint at {settings.place} (404)",
        f"check base_url under [models.{settings.name}] in the config: it usually ends in /v1",
    )


def _told(kind: type[ModelError], status: int, said: str, words: str, settings: ModelSettings) -> ModelError:
    message, hint = _sentences(kind, settings)
    if kind is errors.RateLimited and clues.is_used_up(status, words):
        message = "the quota at {place} is used up"
        hint = "check the plan and the billing there, or choose another model with --model"
    if kind is errors.BadKey and status == 403:
        message = "{place} does not allow this key to do that"
    message = message.format(place=settings.place, id=settings.id) + (f" ({status})" if status else "")
    error = kind(f"{message}: {said}" if said else message, hint)
    if isinstance(error, errors.ContextTooLong):
        error.limit = clues.longest_context(words)
    return error


def _sentences(kind: type[ModelError], settings: ModelSettings) -> tuple[str, str]:
    """Return what happened (`{place}` and `{id}` stand for themselves) and what to do, for a class of errors."""
    in_config = f"[models.{settings.name}] in the config"
    if kind is errors.BadKey:
        does = "refused the key" if settings.api_key else "wants a key"
        if settings.key_source:
            return "{place} " + does, f"check what {settings.key_source.setting} gives"
        first = f"set {settings.key_env}, or put another key" if settings.key_env else "put a key that it takes"
        return "{place} " + does, f"{first} under {in_config}"
    if kind is errors.UnknownModel:
        return "{place} does not know the model {id}", "`chatcli models` lists those it has; choose with --model"
    if kind is errors.NoImages:
        return "{id} at {place} takes no images", errors.NoImages.HINT
    if kind is errors.ContextTooLong:
        return (
            "the context is too long for {id} at {place}",
            "send less, with --memory tokens:N and a smaller N; "
            "`chatcli memory context`, in a chat /context, shows what is sent",
        )
    if kind is errors.RateLimited:
        return "{place} takes no more requests for now", "wait a little, then send it again"
    if kind is errors.ServerError:
        return "{place} failed", "send it again in a while, or choose another model with --model"
    if kind is errors.TimedOut:
        return "{place} did not answer in time", f"send it again, or raise timeout under {in_config}"
    return "{place} refused the request", f"check the options (-o, in a chat /set) and extra_body under {in_config}"


def _words(body: Any, settings: ModelSettings) -> tuple[str, str]:
    """Return the endpoint's message as one line without the key, and all its words as clues."""
    if isinstance(body, Mapping) and isinstance(body.get("error"), Mapping | str):
        body = body["error"]
    if isinstance(body, Mapping):
        said = body.get("message") or body.get("detail") or body.get("msg") or ""
        labels = " ".join(str(body.get(key) or "") for key in ("code", "type", "param"))
    else:
        said, labels = body or "", ""
    return one_line(str(said), settings), f"{labels} {said}"


def one_line(text: str, settings: ModelSettings, shown: int = SHOWN) -> str:
    """Return foreign text as one short line that does not hold the key, nor its beginning where the text ends.

    Nor other logins: some endpoints and proxies quote the request, its address with the query and all headers.
    """
    text = _LOGIN.sub(r"\1 …", text)
    if query := urlsplit(settings.base_url).query:
        text = text.replace(query, "…")
    key = settings.api_key
    if key:
        text = text.replace(key, "…")
        parts = (key[:size] for size in range(len(key) - 1, PART_OF_A_KEY - 1, -1))
        if cut := next(filter(text.endswith, parts), ""):
            text = text.removesuffix(cut) + "…"
    text = " ".join(text.split())
    return text if len(text) <= shown else text[: shown - 1] + "…"
