"""Our own JSON: everything of a session, in one document, a message a line.

    {"chatcli": 1, "name": …, "title": …, "created": …, "used": …, "settings": {…},
     "states": {"pins": {"value": {…}, "position": 7, "fingerprint": …}}, "messages": [
    {"role": "user", "content": …, "id": …, "time": …},
    …
    ]}

`states` is what a memory derived and what the user pinned, edited or forgot. Times are Unix seconds. A message has the
fields of `messages.to_dict`.
"""

from collections.abc import Iterator
from typing import Any

from chatcli.messages import Message, from_dict, is_time, to_dict
from chatcli.render.as_json import as_json
from chatcli.stores import State
from chatcli.stores.rules import fits, to_state
from chatcli.transfer import Carried
from chatcli.transfer.json_stream import BadJson, JsonReader

VERSION = 1


def write(carried: Carried) -> Iterator[str]:
    """Yield the document in pieces."""
    head = {
        "chatcli": VERSION,
        "name": carried.name,
        "title": carried.title or "",
        "created": carried.created,
        "used": carried.used,
        "settings": carried.settings,
        "states": {name: _from_state(state) for name, state in carried.states.items()},
    }
    yield as_json(head, indent=None).removesuffix("}") + ', "messages": ['
    for number, message in enumerate(carried.messages):
        yield (",\n" if number else "\n") + as_json(to_dict(message), indent=None)
    yield "\n]}\n"


def read(reader: JsonReader) -> Iterator[Carried]:
    """Yield the session of the document at which `reader` stands.

    Its messages are read as they are asked for, when what belongs to the session stands before them, as we
    write it. Raises BadJson.
    """
    head: dict[str, Any] = {}
    members = reader.members()
    for key in members:
        if key != "messages":
            head[key] = reader.value()
        elif "states" in head:
            rest = _rest(reader, members)
            yield _carried(head, rest)
            for _ in rest:  # of a session that nobody wanted
                pass
            return
        else:  # another program has put the members into another order
            head[key] = list(map(_message, _list(reader.value())))
    if "messages" not in head:
        raise BadJson("holds no messages")
    yield _carried(head, head["messages"])


def _rest(reader: JsonReader, members: Iterator[str]) -> Iterator[Message]:
    """Yield the messages; the document must end after them as it should."""
    for _ in reader.items():
        yield _message(reader.value())
    for _ in members:
        reader.value()


def _message(data: Any) -> Message:
    try:
        return from_dict(data)
    except ValueError as error:
        raise BadJson(f"holds a message that is none: {str(data)[:60]!r}") from error


def _carried(head: dict[str, Any], messages: Any) -> Carried:
    version = head.get("chatcli")
    if version != VERSION:
        raise BadJson(f"is of version {version!r}, which this chatcli does not know: upgrade it")
    name, title, settings = str(head.get("name", "")), head.get("title"), _dict(head.get("settings"))
    unfit = [key for key, value in settings.items() if not fits(key, value)]
    created, used = (_time(head.get(key)) for key in ("created", "used"))
    return Carried(
        name,
        messages,
        origin=str(settings.get("origin") or f"chatcli:{name}@{created}"),
        title=title if isinstance(title, str) else "",
        created=created,
        used=used,
        settings={key: value for key, value in settings.items() if key not in unfit},
        unfit=unfit,
        is_ours=True,
        states={key: state for key, data in _dict(head.get("states")).items() if (state := _state(data))},
    )


def _from_state(state: State) -> dict[str, Any]:
    return {
        "value": state.value,
        "position": state.watermark.position,
        "fingerprint": state.watermark.fingerprint,
    }


def _state(data: Any) -> State | None:
    found = _dict(data)
    return to_state(found.get("value"), found.get("position"), found.get("fingerprint"))


def _time(value: Any) -> float:
    return float(value) if is_time(value) else 0.0


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
