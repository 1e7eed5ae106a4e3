"""aichat's sessions: a YAML file each, called NAME.yaml.

model: openai:gpt-4o
temperature: 0.5
compressed_messages: […]      what a summary, the first of `messages`, stands for
messages:
- role: user
  content: Hi                 or a list of parts, or {tool_results, text} of the role `tool`
"""

from collections.abc import Iterator, Mapping
from typing import Any

from chatcli.messages import Message, fingerprint, to_content
from chatcli.render.as_json import as_json
from chatcli.transfer import Carried
from chatcli.transfer.json_stream import BadJson

LONGEST = 2**24
"""Characters of a session at most."""

MOST_NODES = 200_000
"""Texts, lists and mappings of a session at most: about 40,000 messages. PyYAML takes a kilobyte for each."""

_DEEPEST = 50


def read(text: str, name: str) -> Iterator[Carried]:
    """Yield the session in the text of a file called `name`; raise BadJson for what is none."""
    data = load_yaml(text)
    if not isinstance(data, dict) or not isinstance(data.get("messages"), list):
        raise BadJson("is no session of aichat: it holds no messages")
    older = data.get("compressed_messages")
    entries = [*(older if isinstance(older, list) else ()), *data["messages"]]
    model = data.get("model")
    model = model.partition(":")[2] or model if isinstance(model, str) else None
    messages = [message for entry in entries for message in _messages(entry, model)]
    begins = "".join(map(fingerprint, messages[:1]))  # another folder may hold a file of the same name
    yield Carried(name, messages, origin=f"aichat:{name}@{begins}")


def load_yaml(text: str) -> Any:
    """Return the data in a YAML text: texts, lists and mappings, nothing else is made of it.

    What would cost more memory than the text itself is refused: aliases, deep nesting and a million values,
    which aichat never writes.
    """
    import yaml  # type: ignore[import-untyped]

    if len(text) > LONGEST:
        raise BadJson(f"is longer than {LONGEST >> 20} MB, which no session of aichat is")
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    depth = nodes = 0
    try:
        for event in yaml.parse(text, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            nodes += isinstance(event, yaml.NodeEvent)
            if isinstance(event, yaml.AliasEvent) or depth > _DEEPEST:
                raise BadJson("holds YAML that no session of aichat has: aliases, or lists in lists in lists")
            if nodes > MOST_NODES:
                raise BadJson(f"holds more than {MOST_NODES:,} values, which no session of aichat does")
        return yaml.load(text, Loader=loader)  # noqa: S506 - the base loader makes texts, lists and mappings only
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise BadJson("is no YAML" + (f" in line {mark.line + 1:,}" if mark else "")) from error


def _messages(entry: Any, model: str | None) -> Iterator[Message]:
    role, content = (entry.get("role"), entry.get("content")) if isinstance(entry, dict) else (None, None)
    if role == "tool" and isinstance(content, dict):
        yield from _tools(content)
        return
    said = to_content(content)
    if said is None or role not in ("system", "user", "assistant"):
        raise BadJson(f"holds a message that is none: {str(entry)[:60]!r}")
    yield Message(role, said, model=model if role == "assistant" else None)


def _tools(content: Mapping[str, Any]) -> Iterator[Message]:
    """Yield the calls of one message and their results, as OpenAI's messages."""
    results = [one for one in content.get("tool_results") or () if isinstance(one, dict)]
    calls = [one["call"] if isinstance(one.get("call"), dict) else {} for one in results]
    names = [str(call.get("id") or f"call-{number}") for number, call in enumerate(calls)]
    yield Message("assistant", str(content.get("text") or ""), tool_calls=tuple(map(_call, calls, names)))
    for result, name in zip(results, names, strict=True):
        yield Message("tool", _as_text(result.get("output")), tool_call_id=name)


def _call(call: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    function = {"name": str(call.get("name", "")), "arguments": _as_text(call.get("arguments"))}
    return {"id": name, "type": "function", "function": function}


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else as_json(value, indent=None)
