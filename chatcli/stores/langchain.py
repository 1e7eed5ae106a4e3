"""The JSON that LangChain keeps a message in, to and from `Message`.

What Python's `RedisChatMessageHistory` writes (langchain-core's `message_to_dict`), in its field order and spelling:

    {"type": "human", "data": {"content": "Hi", "additional_kwargs": {}, "response_metadata": {}, "type": "human",
     "name": null, "id": "h1"}}

chatcli's own fields ride in `response_metadata.chatcli`, which LangChain gives back unchanged. Whatever stands in an
entry that a Message has no field for is kept in `extra["langchain"]` and laid over what `encode` makes, so that
decoding and encoding loses nothing. Read as well: chunks (`AIMessageChunk`), LangChain.js, which leaves out `name`
and the inner `type`, its first form `{type, text, role}`, and the `example` field of old versions.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from chatcli.messages import (
    Content,
    Finish,
    Message,
    Role,
    Usage,
    is_calls,
    is_count,
    is_time,
    to_content,
    to_usage,
)

_TYPES: dict[Role, str] = {"user": "human", "assistant": "ai", "system": "system", "tool": "tool"}
_ROLES: dict[str, Role] = {
    **{name: role for role, name in _TYPES.items()},
    "HumanMessageChunk": "user",
    "AIMessageChunk": "assistant",
    "SystemMessageChunk": "system",
    "ToolMessageChunk": "tool",
}
# What a `chat` message (LangChain.js: `generic`), which names its role freely, may call the roles we know.
_CHAT_ROLES: dict[str, Role] = {
    **{name: role for role, name in _TYPES.items()},
    "user": "user",
    "assistant": "assistant",
    "developer": "system",
}
_SHOWN = 120  # characters of an unreadable entry that stand in its note


def encode(message: Message) -> str:
    """Return the entry for a message; an unreadable one is given back as it was found."""
    kept = _mapping(message.extra.get("langchain"))
    if message.role == "unreadable" and "raw" in kept:
        return str(kept["raw"])
    return json.dumps(_laid_over(_element(message), kept), default=dict)


def decode(raw: str) -> Message:
    """Return the message in an entry. What is none has the role `unreadable` and a note as its content."""
    try:
        return _decoded(raw, json.loads(raw))
    except (ValueError, RecursionError):  # nested deeper than anything that is a message
        return unreadable(raw, "no JSON")


def _decoded(raw: str, element: Any) -> Message:
    if not isinstance(element, dict) or not isinstance(element.get("type"), str):
        return unreadable(raw, "no message")
    message = _read(element["type"], _data(element))
    if message is None:
        return unreadable(raw, f"of the type {element['type']!r}")
    kept = _beyond(element, _element(message))
    return replace(message, extra={**message.extra, "langchain": kept}) if kept else message


def unreadable(raw: str, what: str) -> Message:
    """Return the message that stands for an entry that is none; `encode` gives the entry back."""
    note = f"an entry that is {what}: {raw[:_SHOWN]}{'…' if len(raw) > _SHOWN else ''}"
    return Message("unreadable", note, extra={"langchain": {"raw": raw}})


# From a message to an entry


def _element(message: Message) -> dict[str, Any]:
    kind = _TYPES.get(message.role, message.role)
    own = _own_fields(message)
    data: dict[str, Any] = {
        "content": message.content,
        "additional_kwargs": {},
        "response_metadata": {"chatcli": own} if own else {},
        "type": kind,
        "name": message.name,
        "id": message.id or None,
    }
    if kind == "ai":
        calls = [_lc_call(call) for call in message.tool_calls]
        data["tool_calls"] = [call for call in calls if call["type"] == "tool_call"]
        data["invalid_tool_calls"] = [call for call in calls if call["type"] != "tool_call"]
        data["usage_metadata"] = _lc_usage(message.usage) if message.usage else None
    if kind == "tool":
        data |= {"tool_call_id": message.tool_call_id or "", "artifact": None, "status": "success"}
    return {"type": kind, "data": data}


def _own_fields(message: Message) -> dict[str, Any]:
    """Return what LangChain has no place for, under its own names; empty for another program's message."""
    usage, extra = message.usage, {key: value for key, value in message.extra.items() if key != "langchain"}
    fields: dict[str, Any] = {
        "time": message.time,
        "model": message.model,
        "usage": usage and {"prompt": usage.prompt, "completion": usage.completion, "cached": usage.cached},
        "finish": message.finish,
        "author": message.author,
        "extra": extra or None,
    }
    if not _survive(message):
        fields["tool_calls"] = list(message.tool_calls)
    if message.role != "tool" or message.tool_call_id == "":  # LangChain's has one always
        fields["tool_call_id"] = message.tool_call_id
    return {key: value for key, value in fields.items() if value is not None}


def _survive(message: Message) -> bool:
    """Say whether the tool calls come back to the letter: what was sent once must not be spelled otherwise."""
    if message.role != "assistant":
        return not message.tool_calls
    calls = sorted(map(_lc_call, message.tool_calls), key=lambda call: call["type"] != "tool_call")
    return [_call(call) for call in calls] == list(message.tool_calls)


def _lc_usage(usage: Usage) -> dict[str, Any]:
    counts: dict[str, Any] = {
        "input_tokens": usage.prompt,
        "output_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
    }
    return {**counts, "input_token_details": {"cache_read": usage.cached}} if usage.cached else counts


def _lc_call(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return an OpenAI tool call as LangChain's; one whose arguments are no JSON object is an invalid one there."""
    function = _mapping(call.get("function"))
    name, arguments = function.get("name"), function.get("arguments")
    try:
        parsed = json.loads(arguments or "")
    except (TypeError, ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, dict):
        return {"name": name, "args": parsed, "id": call.get("id"), "type": "tool_call"}
    return {"name": name, "args": arguments, "id": call.get("id"), "error": None, "type": "invalid_tool_call"}


# From an entry to a message


def _data(element: Mapping[str, Any]) -> Mapping[str, Any]:
    data = element.get("data")
    if isinstance(data, dict):
        return data
    return {"content": element.get("text"), "role": element.get("role")}  # LangChain.js, first form


def _read(kind: str, data: Mapping[str, Any]) -> Message | None:
    """Return the message, or None when its type or its content is none that we know."""
    named = _CHAT_ROLES.get(str(data.get("role"))) if kind in ("chat", "generic") else None
    role, content = named or _ROLES.get(kind), _content(data.get("content"))
    if role is None or content is None:
        return None
    metadata = _mapping(data.get("response_metadata"))
    own = _mapping(metadata.get("chatcli"))
    return Message(
        role,
        content,
        id=_text(data.get("id")) or "",
        time=own.get("time") if is_time(own.get("time")) else None,
        name=_text(data.get("name")),
        model=_text(own.get("model", metadata.get("model_name"))),
        usage=to_usage(own.get("usage")) or _usage(data.get("usage_metadata")),
        finish=_finish(own.get("finish")) or _finish(metadata.get("finish_reason")),
        tool_calls=_own_calls(own) or _calls(data),
        tool_call_id=_text(data.get("tool_call_id")) or _text(own.get("tool_call_id")),
        author=_text(own.get("author")),
        extra={key: value for key, value in _mapping(own.get("extra")).items() if key != "langchain"},
    )


def _content(content: Any) -> Content | None:
    return to_content([_part(part) for part in content] if isinstance(content, list) else content)


def _part(part: Any) -> Any:
    """Return the part in OpenAI's shape where LangChain takes a shorter one."""
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if isinstance(part, dict) and part.get("type") == "image_url" and isinstance(part.get("image_url"), str):
        return {**part, "image_url": {"url": part["image_url"]}}
    return part


def _own_calls(own: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    calls = own.get("tool_calls")
    return tuple(calls) if is_calls(calls) else ()


def _calls(data: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return the tool calls in OpenAI's shape, the invalid ones too: each has an answer in the history."""
    calls = [*_list(data.get("tool_calls")), *_list(data.get("invalid_tool_calls"))]
    if not calls:  # langchain-core before 0.2
        return _own_calls(_mapping(data.get("additional_kwargs")))
    return tuple(_call(call) for call in calls if isinstance(call, dict))


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    arguments = call.get("args")
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    function = {"name": call.get("name"), "arguments": arguments}
    return {"id": call.get("id"), "type": "function", "function": function}


def _usage(counts: Any) -> Usage | None:
    found = _mapping(counts)
    cached = _mapping(found.get("input_token_details")).get("cache_read")
    prompt, completion = found.get("input_tokens"), found.get("output_tokens")
    return to_usage({"prompt": prompt, "completion": completion, "cached": cached if is_count(cached) else 0})


def _finish(value: Any) -> Finish | None:
    return value if value in get_args(Finish) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


# What an entry holds beyond the message


def _beyond(found: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `found` has and `made`, the entry of the message read from it, has not, or has otherwise."""
    beyond: dict[str, Any] = {}
    for key, value in found.items():
        other = made.get(key)
        if isinstance(value, dict) and isinstance(other, dict):
            if deeper := _beyond(value, other):
                beyond[key] = deeper
        elif key not in made or not _same(value, other):
            beyond[key] = value
    return beyond


def _same(value: Any, made: Any) -> bool:
    made = list(made) if isinstance(made, tuple) else made
    return type(value) is type(made) and bool(value == made)


def _laid_over(made: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return `made` with `kept` laid over it, key by key."""
    both = dict(made)
    for key, value in kept.items():
        below = both.get(key)
        both[key] = _laid_over(below, value) if isinstance(value, Mapping) and isinstance(below, dict) else value
    return both
