"""The OpenAI protocol on its way in: a response's bytes into events, an entry of a list of models into a window.

Formats: the API reference of chat completions (platform.openai.com/docs/api-reference/chat), the dialects of
DashScope, DeepSeek, OpenRouter, Ollama, vLLM and llama.cpp, and the
event stream of the WHATWG HTML standard.
"""

import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from chatcli.messages import Finish, Usage
from chatcli.model import Delta, Event, Finished, Reasoning, Used
from chatcli.model.faults import BEGINNING, CutShort, Endless, EndpointError, NotAReply, TooSlow, Withheld
from chatcli.model.inline import thoughts_apart
from chatcli.model.wire import whole

LONGEST = 16 * 2**20
"""Bytes of one line, of one event, or of a whole answer that is no stream, beyond which it cannot be a reply."""
LONGEST_REPLY = 4 * 2**20
"""Characters that a model thinks and says: about a million tokens; none can say so much at once."""
MOST_TOKENS = 2**53
"""No endpoint counts so many; what is beyond (infinity too) is no count."""


def read_events(chunks: Iterable[bytes], patience: float = math.inf) -> Iterator[Event]:
    """Yield the events of a response's body, be it a stream or one JSON message; thoughts in its text stand apart.

    Raises EndpointError, NotAReply, CutShort, Endless or Withheld, and TooSlow when a line takes longer than `patience`
    seconds. Nothing is read beyond the stream's `[DONE]`.
    """
    return thoughts_apart(_as_they_come(chunks, patience))


def _as_they_come(chunks: Iterable[bytes], patience: float) -> Iterator[Event]:
    reader = _Reader()
    for line in lines(chunks, patience):
        yield from reader.read(line)
        if reader.done:
            break
    yield from reader.end()


def lines(chunks: Iterable[bytes], patience: float = math.inf) -> Iterator[bytes]:
    r"""Cut bytes into lines ended by \n or \r\n: other line breaks occur inside of JSON texts."""
    rest, begun = bytearray(), time.monotonic()
    for chunk in chunks:
        if not rest:
            begun = time.monotonic()
        rest += chunk
        if b"\n" in chunk:
            *complete, rest = rest.split(b"\n")
            begun = time.monotonic()
            for line in complete:
                yield bytes(line.removesuffix(b"\r"))
        if len(rest) > LONGEST:
            raise NotAReply(_beginning(rest))
        if rest and time.monotonic() - begun > patience:
            raise TooSlow
    if rest:
        yield bytes(rest)


class _Reader:
    """Reads a response line by line: server-sent events, or else lines that together are JSON."""

    def __init__(self) -> None:
        self.done = False
        self._data: list[bytes] = []
        self._is_error = False
        self._stray: list[bytes] = []
        self._kept = 0
        self._streams = False
        self._said = 0
        self._finish: Finish | None = None
        self._usage: Usage | None = None

    def read(self, line: bytes) -> Sequence[Event]:
        if line.startswith(b"data:"):
            self._keep(self._data, line[5:].strip())
        elif not line:
            return self._dispatch()
        elif line.startswith(b"event:"):
            self._is_error = line[6:].strip() == b"error"
        elif line.startswith(b"error:"):  # llama.cpp's own field
            raise EndpointError(_parse(line[6:]))
        elif not (self._streams or line.startswith((b":", b"id:", b"retry:"))):
            self._keep(self._stray, line)
        return ()

    def end(self) -> Iterator[Event]:
        yield from self._dispatch()
        if not self._streams and not self.done:
            yield from self._one_message()
        if self._finish is None:
            if not self.done:
                raise CutShort
            yield Finished("stop")
        if self._usage is not None:
            yield Used(self._usage)

    def _dispatch(self) -> Sequence[Event]:
        if not self._data:
            return ()
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        self._data.clear()
        self._kept = 0
        if not data.strip():  # a sign of life
            return ()
        if data.startswith(b"[DONE]"):
            self.done = True
            return ()
        self._streams = True
        return self._events(_parse(data))

    def _keep(self, kept: list[bytes], line: bytes) -> None:
        kept.append(line)
        self._kept += len(line) + 64  # what an empty one takes, too
        if self._kept > LONGEST:
            raise NotAReply(_beginning(kept[0]))

    def _one_message(self) -> Sequence[Event]:
        if not self._stray:
            raise CutShort
        text = b"\n".join(self._stray)
        self.done = True
        message = _parse(text)
        events = self._events(message)
        if not message.get("choices"):
            raise NotAReply(_beginning(text))
        return events

    def _events(self, chunk: Any) -> Sequence[Event]:
        if not isinstance(chunk, dict):
            raise NotAReply(str(chunk)[:BEGINNING])
        if self._is_error or chunk.get("error") or _is_bare_error(chunk):
            raise EndpointError(chunk.get("error") or chunk)
        if counts := chunk.get("usage"):
            self._usage = _usage(counts) or self._usage
        choices = chunk.get("choices")
        if not choices:
            return ()
        try:
            return self._choice(choices[0])
        except (AttributeError, TypeError, KeyError) as error:
            raise NotAReply(str(chunk)[:BEGINNING]) from error

    def _choice(self, choice: Mapping[str, Any]) -> Sequence[Event]:
        events: list[Event] = []
        said = choice.get("delta") or choice.get("message") or {}
        if thought := said.get("reasoning_content") or said.get("reasoning"):
            events.append(Reasoning(self._counted(_text(thought))))
        if text := said.get("content") or said.get("refusal"):
            events.append(Delta(self._counted(_text(text))))
        if (reason := choice.get("finish_reason")) and self._finish is None:
            if reason == "content_filter":
                raise Withheld
            self._finish = "length" if reason in ("length", "max_tokens") else "stop"
            events.append(Finished(self._finish))
        return events

    def _counted(self, text: str) -> str:
        self._said += len(text)
        if self._said > LONGEST_REPLY:
            raise Endless
        return text


def _parse(data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:  # no JSON, or nested beyond reason
        raise NotAReply(_beginning(data)) from error


def _beginning(data: bytes | bytearray) -> str:
    return data[:BEGINNING].decode("utf-8", "replace")


def _is_bare_error(chunk: Mapping[str, Any]) -> bool:
    """Whether the chunk is an error without a wrapping: vLLM's and DashScope's way."""
    return "message" in chunk and "choices" not in chunk and ("code" in chunk or chunk.get("object") == "error")


def _text(content: Any) -> str:
    """Return the text of a delta's content: a string, or (Mistral) a list of parts."""
    if isinstance(content, str):
        return whole(content)
    return "".join(str(part.get("text") or "") for part in content)


def _usage(counts: Any) -> Usage | None:
    """Return the counts; what was read from a cache stands in two places: OpenAI's and DeepSeek's."""
    if not isinstance(counts, Mapping):
        return None
    details = counts.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, Mapping) else None
    return Usage(
        prompt=_count(counts.get("prompt_tokens")),
        completion=_count(counts.get("completion_tokens")),
        cached=_count(cached or counts.get("prompt_cache_hit_tokens")),
    )


_WINDOWS = ("max_model_len", "context_length", "context_window", "max_context_length", "n_ctx")


def window_listed(entry: Mapping[str, Any]) -> int | None:
    """Return the window in an entry of a list of models: vLLM's, OpenRouter's, Groq's, LM Studio's or llama.cpp's."""
    meta = entry.get("meta")
    known = {**(meta if isinstance(meta, Mapping) else {}), **entry}
    found = (_count(known.get(name)) for name in _WINDOWS)
    return next((window for window in found if window), None)


def _count(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and 0 <= value <= MOST_TOKENS else 0
