"""Vectors of texts, from a model at an OpenAI-compatible endpoint: texts that mean the same lie near each other.

Wire format: the API reference of embeddings (platform.openai.com/docs/api-reference/embeddings), and DashScope's,
Ollama's, vLLM's and llama.cpp's dialects of it.
"""

import json
import math
from array import array
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from chatcli import errors
from chatcli.errors import ChatError, ConfigError
from chatcli.model.endpoint import Endpoint
from chatcli.model.faults import BEGINNING, NotAReply, Refused
from chatcli.model.settings import ModelSettings, checked
from chatcli.model.wire import whole

if TYPE_CHECKING:
    from chatcli.model.connection import Connection

    Vector = array[float]

MOST_NUMBERS = 16_384
SHORT = 250
"""Characters to which a text is not cut any further."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an endpoint is asked for at once: texts a request, characters a text, numbers a vector (None: its own).

    DashScope takes no more than 10 texts. 2,000 characters are about what small models take; the beginning says what
    the text is about.
    """

    texts: int = 10
    characters: int = 2000
    numbers: int | None = 256

    def less(self, refusal: str, texts: int, longest: int) -> "Asked | None":
        """Return what to ask for after a request of so many texts was refused; None when nothing is left to change."""
        if self.numbers and "dimension" in refusal.lower():
            return replace(self, numbers=None)
        if texts > 1:
            return replace(self, texts=texts // 2)
        if longest > SHORT:
            return replace(self, characters=max(min(longest, self.characters) // 2, SHORT))
        return replace(self, numbers=None) if self.numbers else None


class _TooMuch(Exception):
    """The endpoint does not take this request, but perhaps a smaller one."""

    def __init__(self, error: ChatError) -> None:
        super().__init__(error.message)
        self.error = error


class _Call:
    """One `embed` while it runs; `cut` ends it from any thread."""

    def __init__(self) -> None:
        self.answer: Future[list[Vector]] = Future()
        self._lock = Lock()
        self._connection: Connection | None = None
        self._is_cut = False

    def uses(self, connection: "Connection") -> None:
        with self._lock:
            self._connection = connection
            if self._is_cut:
                connection.cut()

    def done(self) -> None:
        with self._lock:
            self._connection = None

    def cut(self) -> None:
        self.answer.cancel()
        with self._lock:
            self._is_cut = True
            if self._connection is not None:
                self._connection.cut()


class Embedder:
    """A model that turns texts into vectors; `locate` says where it is, and may block or raise a ChatError."""

    def __init__(self, locate: Callable[[], ModelSettings]) -> None:
        self._locate = locate
        self._lock = Lock()
        self._endpoint: Endpoint | None = None
        self._asked = Asked()
        self._calls: set[_Call] = set()

    @property
    def identity(self) -> str:
        """Name the model, its place and what is asked of it; others' vectors must not be compared. Raises ChatError."""
        settings = self._opened().settings
        return f"{settings.id} {settings.host} {settings.extra_body.get('dimensions', '')}".rstrip()

    def embed(self, texts: Sequence[str], seconds: float) -> "list[Vector]":
        """Return a vector for each text, all of one length; raise ModelError, or UsageError for a wrong config.

        After `seconds` it is given up, whatever hangs.
        """
        if not texts:
            return []
        import_module("chatcli.model.connection")  # half a second that a reply would take as well: not of `seconds`
        call = _Call()
        with self._lock:
            self._calls.add(call)
        Thread(target=self._run, args=(call, list(texts)), name="embedding", daemon=True).start()
        try:
            return call.answer.result(seconds)
        except CancelledError:
            raise errors.BrokenStream(f"{self._place} was not waited for", "ask again") from None
        except TimeoutError:
            call.cut()
            hint = "check the embedding_model of the config, or name another"
            raise errors.TimedOut(f"{self._place} gave no vectors within {seconds:g} s", hint) from None
        finally:
            with self._lock:
                self._calls.discard(call)

    def close(self) -> None:
        """End what runs, and let go of the connections."""
        with self._lock:
            calls = list(self._calls)
        for call in calls:
            call.cut()
        if self._endpoint is not None:
            self._endpoint.close()

    def _run(self, call: _Call, texts: Sequence[str]) -> None:
        """Answer the call, on a thread of its own."""
        try:
            vectors = self._vectors(call, texts)
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            with suppress(InvalidStateError):
                call.answer.set_exception(error)
        else:
            with suppress(InvalidStateError):
                call.answer.set_result(vectors)

    def _vectors(self, call: _Call, texts: Sequence[str]) -> "list[Vector]":
        endpoint = self._opened()
        connection = endpoint.borrow()
        call.uses(connection)
        try:
            found: list[Vector] = []
            while len(found) < len(texts):
                found += self._some(connection, texts[len(found) :])
            if len({len(vector) for vector in found}) > 1:
                raise _unlike(endpoint.settings)
            return found
        finally:
            call.done()
            endpoint.give_back(connection)

    def _some(self, connection: "Connection", texts: Sequence[str]) -> "list[Vector]":
        """Return the vectors of the first of the texts: of as many as the endpoint takes at once."""
        while True:
            asked = self._asked
            batch = [whole(text[: asked.characters]) for text in texts[: asked.texts]]
            try:
                return _request(connection, batch, asked.numbers)
            except _TooMuch as too_much:
                less = asked.less(str(too_much), len(batch), max(map(len, batch)))
                self._asked = less or Asked()
                if less is None:
                    raise too_much.error from None

    def _opened(self) -> Endpoint:
        if self._endpoint is None:
            settings = checked(_at_an_endpoint(self._locate()))
            with self._lock:
                self._endpoint = self._endpoint or Endpoint(settings)
        return self._endpoint

    @property
    def _place(self) -> str:
        return self._endpoint.settings.place if self._endpoint else "the endpoint of the embedding_model"


def _at_an_endpoint(settings: ModelSettings) -> ModelSettings:
    if settings.kind != "endpoint":
        raise ConfigError(
            f"the embedding_model {settings.name} is no model at an endpoint",
            "name one that has a base_url, or an id that the default endpoint knows",
        )
    return settings


def _request(connection: "Connection", texts: Sequence[str], numbers: int | None) -> "list[Vector]":
    """Ask once; raises _TooMuch, or what the answer means in the user's words."""
    from chatcli.model import failures

    settings = connection.settings
    body: dict[str, Any] = {"dimensions": numbers} if numbers else {}
    body |= {**settings.extra_body, "model": settings.id, "input": list(texts), "encoding_format": "float"}
    try:
        return read_vectors(connection.embed(body), len(texts))
    except failures.KNOWN as error:
        told = failures.translate(error, settings).error
        if _is_elsewhere(error):
            told = errors.BadRequest(
                f"there are no embeddings at {settings.place} (404)",
                f"check base_url under [models.{settings.name}] in the config, and whether the endpoint has any",
            )
        elif _may_be_too_much(error, told):
            raise _TooMuch(told) from None
        raise told from None
    except Exception as error:
        raise failures.unreadable(error, settings.place) from error


def _is_elsewhere(error: Exception) -> bool:
    return isinstance(error, Refused) and error.status == 404 and "model" not in str(error.body).lower()


def _may_be_too_much(error: Exception, told: ChatError) -> bool:
    """Say whether a smaller request may do; llama.cpp says with 500 that a text is too long."""
    if not isinstance(error, Refused):
        return False
    return type(told) in (errors.BadRequest, errors.ContextTooLong) or "too large" in str(error.body)


def read_vectors(body: bytes, count: int) -> "list[Vector]":
    """Return the `count` vectors of an answer, each of length 1; raises NotAReply for one of another shape."""
    try:
        rows = json.loads(body)["data"]
        rows = [row["embedding"] for row in sorted(rows, key=lambda row: row.get("index", 0))]
        vectors = [array("f", map(_number, row)) for row in rows]
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        raise NotAReply(body[:BEGINNING].decode("utf-8", "replace")) from None
    if len(vectors) != count:
        raise NotAReply(f"{len(vectors)} vectors for {count} texts")
    sizes = {len(vector) for vector in vectors}
    if len(sizes) > 1 or not 0 < max(sizes) <= MOST_NUMBERS:
        raise NotAReply(f"vectors of {', '.join(map(str, sorted(sizes)))} numbers")
    return [_normal(vector) for vector in vectors]


def _number(value: Any) -> float:
    if isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(value)
    return float(value)


def _normal(vector: "Vector") -> "Vector":
    """Return the vector in length 1; one of zeros, which is near to nothing, as it is."""
    length = math.sqrt(sum(number * number for number in vector))
    if not math.isfinite(length):
        raise NotAReply("a vector without end")
    return array("f", (number / length for number in vector)) if length else vector


def _unlike(settings: ModelSettings) -> ChatError:
    return errors.BrokenStream(
        f"{settings.place} gives vectors of several lengths", "name another embedding_model in the config"
    )
