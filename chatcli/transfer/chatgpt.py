"""ChatGPT's export: `conversations.json`, alone or in the zip that OpenAI sends.

A conversation is a tree: each edited question and each regenerated answer is a branch. The branch that was shown
last leads to `current_node`; it becomes the session. The other ones are counted, or sessions of their own.

    {"id": …, "title": …, "create_time": …, "update_time": …, "current_node": "n9",
     "mapping": {"n9": {"id": "n9", "parent": "n8", "children": [],
       "message": {"id": …, "author": {"role": …}, "create_time": …, "content": {"content_type": "text", "parts": […]},
                   "metadata": {"model_slug": …}}}}}

What ChatGPT did on the way (a search, code that ran) stands as text of the assistant's; what it hides is left out.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from chatcli.messages import Content, Message, Role, is_time
from chatcli.transfer import Carried

_Nodes = Mapping[str, Any]

# Not said by anybody: thoughts, what is remembered of the user, ChatGPT's own instructions.
_HIDDEN = ("thoughts", "reasoning_recap", "user_editable_context", "model_editable_context", "system_error")
_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "tool": "assistant", "system": "system"}


def is_conversation(value: Any) -> bool:
    """Say whether a value is a conversation of ChatGPT's."""
    return isinstance(value, dict) and isinstance(value.get("mapping"), dict)


def read(conversation: Mapping[str, Any], branches: bool = False) -> Iterator[Carried]:
    """Yield the session that a conversation is, if anything is said in it; with `branches` each other branch too."""
    nodes: _Nodes = conversation["mapping"]
    leaves = _leaves(nodes)
    current = conversation.get("current_node")
    if not isinstance(current, str) or current not in nodes:
        current = leaves[-1] if leaves else ""
    others = _others(nodes, leaves, current)
    shown = _carried(conversation, current, "", 0 if branches else len(others))
    if shown.messages:
        yield shown
    for number, leaf in enumerate(others if branches else (), 2):
        yield _carried(conversation, leaf, f" (branch {number})", 0)


def _carried(conversation: Mapping[str, Any], leaf: str, suffix: str, left_out: int) -> Carried:
    found = conversation.get("conversation_id") or conversation.get("id") or leaf
    title = conversation.get("title")
    title = title.strip() if isinstance(title, str) else ""
    created = _time(conversation.get("create_time"))
    return Carried(
        (title or f"chatgpt-{found}") + suffix,
        _messages(conversation["mapping"], leaf),
        origin=f"chatgpt:{found}" + (f"/{leaf}" if suffix else ""),
        title=title,
        created=created or 0.0,
        used=_time(conversation.get("update_time")) or created or 0.0,
        left_out=left_out,
    )


# The tree


def _leaves(nodes: _Nodes) -> list[str]:
    """Return the nodes that nothing follows, in the file's order."""
    parents = {parent for node in nodes.values() if isinstance(parent := _dict(node).get("parent"), str)}
    return [name for name in nodes if name not in parents]


def _others(nodes: _Nodes, leaves: list[str], current: str) -> list[str]:
    """Return the leaves of the branches that say something the current one does not say."""
    shown = set(_path(nodes, current))
    return [leaf for leaf in leaves if any(_message(nodes[name]) for name in _path(nodes, leaf, shown))]


def _path(nodes: _Nodes, leaf: str, above: AbstractSet[str] = frozenset()) -> list[str]:
    """Return the nodes from the root, or from below those `above`, to the leaf; a ring ends where it began."""
    path: dict[str, None] = {}
    at: Any = leaf
    while isinstance(at, str) and at in nodes and at not in path and at not in above:
        path[at] = None
        at = _dict(nodes[at]).get("parent")
    return list(reversed(path))


# A message


def _messages(nodes: _Nodes, leaf: str) -> list[Message]:
    return [message for name in _path(nodes, leaf) if (message := _message(nodes[name]))]


def _message(node: Any) -> Message | None:
    """Return the message of a node; None for one without, and for what ChatGPT does not show."""
    found = _dict(_dict(node).get("message"))
    author, metadata = _dict(found.get("author")), _dict(found.get("metadata"))
    role = _ROLES.get(str(author.get("role")))
    content = None if metadata.get("is_visually_hidden_from_conversation") else _content(_dict(found.get("content")))
    if role is None or not content:
        return None
    model = metadata.get("model_slug")
    return Message(
        role,
        content,
        id=str(found.get("id") or ""),
        time=_time(found.get("create_time")),
        model=model if isinstance(model, str) and role == "assistant" else None,
        finish="stop" if role == "assistant" else None,
        extra={"chatgpt": {"tool": str(author.get("name"))}} if author.get("role") == "tool" else {},
    )


def _content(content: Mapping[str, Any]) -> Content:
    """Return what a message says; '' for nothing."""
    kind, text = content.get("content_type"), content.get("text")
    if kind in _HIDDEN:
        return ""
    if kind in ("code", "execution_output") and isinstance(text, str):
        language = content.get("language") if kind == "code" else ""
        return _fenced(text, language if isinstance(language, str) and language != "unknown" else "")
    parts = content.get("parts")
    said = [_part(part) for part in parts] if isinstance(parts, list) else []
    said += [found for key in ("text", "result") if isinstance(found := content.get(key), str)]
    return "\n\n".join(filter(str.strip, said))


def _part(part: Any) -> str:
    """Return a part as text; the pictures and recordings are other files of the export, which are not read."""
    if isinstance(part, str):
        return part
    kind, text = _dict(part).get("content_type"), _dict(part).get("text")
    if isinstance(text, str):  # of a recording
        return text
    return f"[{str(kind).removesuffix('_asset_pointer').replace('_', ' ')}]" if isinstance(kind, str) else ""


def _fenced(text: str, language: str) -> str:
    fence = "```" if "```" not in text else "~~~~~~"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}" if text.strip() else ""


def _time(value: Any) -> float | None:
    return float(value) if is_time(value) else None


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
