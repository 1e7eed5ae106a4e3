"""OpenAI's messages: a line `{"messages": […]}` for each conversation, as its fine-tuning takes them.

Read as well: a list of messages, alone in a file or a message a line.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from chatcli.messages import Message, from_dict, readable
from chatcli.model.wire import to_wire
from chatcli.render.as_json import as_json
from chatcli.transfer import Carried
from chatcli.transfer.json_stream import BadJson

_OURS = ("role", "content", "name", "tool_calls", "tool_call_id")


def write(carried: Carried) -> Iterator[str]:
    """Yield one line: the session's messages as they are sent, in pieces. Entries that are no messages are left out."""
    yield '{"messages": ['
    for number, message in enumerate(readable(carried.messages)):
        yield (", " if number else "") + as_json(to_wire(message), indent=None)
    yield "]}\n"


def is_conversation(value: Any) -> bool:
    """Say whether a value is a conversation in this form."""
    return isinstance(value, dict) and isinstance(value.get("messages"), list)


def is_message(value: Any) -> bool:
    """Say whether a value is one message in this form."""
    return isinstance(value, dict) and "role" in value and "content" in value


def read(values: Iterable[Any], name: str) -> Iterator[Carried]:
    """Yield a session for each conversation among the values, or one for all of them when they are messages.

    They are called `name`, with the line's number from the second on; an empty one is none. Raises BadJson for
    what is neither.
    """
    values = iter(values)
    first = next(values, None)
    if is_message(first):
        yield _carried([to_message(value) for value in chain([first], values)], name)
        return
    for number, value in enumerate(chain([first], values), 1):
        if not is_conversation(value):
            raise BadJson(f"holds no conversation in line {number:,}: {str(value)[:60]!r}")
        if messages := [to_message(one) for one in value["messages"]]:
            yield _carried(messages, name if number == 1 else f"{name}-{number}")


def _carried(messages: list[Message], name: str) -> Carried:
    said = hashlib.blake2b(b"[", digest_size=12)  # of one list; as a whole it would take the memory once more
    for number, message in enumerate(messages):
        one = json.dumps([message.role, message.content], default=dict)
        said.update(f"{', ' if number else ''}{one}".encode())
    said.update(b"]")
    return Carried(name, messages, origin=f"openai:{said.hexdigest()}")


def to_message(data: Any) -> Message:
    """Return the message in OpenAI's form; what it has beyond ours is kept beside it. Raises BadJson for none."""
    if not isinstance(data, Mapping):
        raise BadJson(f"holds a message that is none: {str(data)[:60]!r}")
    known = {key: data[key] for key in _OURS if data.get(key) is not None}
    known["role"] = {"developer": "system", "function": "tool"}.get(str(data.get("role")), data.get("role"))
    if "content" in data or "tool_calls" in data:  # beside tool calls it is null, or not there
        known.setdefault("content", "")
    beyond = {key: value for key, value in data.items() if key not in _OURS}
    try:
        return from_dict({**known, **({"extra": {"openai": beyond}} if beyond else {})})
    except ValueError as error:
        raise BadJson(f"holds a message that is none: {str(data)[:60]!r}") from error
