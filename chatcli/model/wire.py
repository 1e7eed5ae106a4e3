"""The OpenAI protocol on its way out: messages into a request's body.

Formats: the API reference of chat completions (platform.openai.com/docs/api-reference/chat), the dialects of
DashScope, DeepSeek, OpenRouter, Ollama, vLLM and llama.cpp.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from chatcli.messages import Content, Message, readable
from chatcli.model.settings import ModelSettings


def request_body(
    settings: ModelSettings, context: Sequence[Message], options: Mapping[str, Any], usage: bool
) -> dict[str, Any]:
    """Return the body of a request; what the chat sets wins over the model's own options."""
    body = {**settings.extra_body, **settings.options, **options}
    body |= {"model": settings.id, "messages": [to_wire(message) for message in readable(context)], "stream": True}
    if usage:
        body["stream_options"] = {"include_usage": True}
    return body


def to_wire(message: Message) -> dict[str, Any]:
    """Return the message as the protocol wants it."""
    wire: dict[str, Any] = {"role": message.role, "content": _content(message.content)}
    if message.name:
        wire["name"] = message.name
    if message.tool_calls:
        wire["tool_calls"] = [dict(call) for call in message.tool_calls]
    if message.tool_call_id:
        wire["tool_call_id"] = message.tool_call_id
    return wire


def _content(content: Content) -> str | list[dict[str, Any]]:
    """Return text, or parts; parts that are plain text and no more as one text: many endpoints take no others."""
    if isinstance(content, str):
        return whole(content)
    if content and all(part.keys() == {"type", "text"} and part["type"] == "text" for part in content):
        return whole("\n\n".join(part["text"] for part in content))
    return [_part(part) for part in content]


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    plain = dict(part)
    if isinstance(plain.get("text"), str):
        plain["text"] = whole(plain["text"])
    return plain


def whole(text: str) -> str:
    """Return the text with halves of surrogate pairs joined, or replaced where the other half is missing.

    A half cannot be encoded: it would break the request, the store and the terminal.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
