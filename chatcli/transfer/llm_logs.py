"""The `logs.db` of the program `llm`, in both forms it has had.

Now a *thread* leads to its newest message, each message to the one before it, and a message's *parts* are text,
reasoning, tool calls, tool results and attachments; a *turn* says which model answered, when, with how many tokens.
Before (0.26), a *conversation* had *responses*, each with its prompt. A file that was upgraded holds both.
"""

import base64
import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chatcli.messages import Message, Part, Usage, to_usage
from chatcli.transfer import Carried

_Row = Mapping[str, Any]
_THREADS = {
    "threads": {"id", "name", "tip_message_hash", "forked_from", "datetime_utc"},
    "messages": {"hash", "parent_hash", "role"},
    "parts": {"message_hash", "position", "type", "text", "payload"},
    "turns": {
        "id", "thread_id", "tip_message_hash", "parent_message_hash", "datetime_utc", "model",
        "input_tokens", "output_tokens",
    },
}  # fmt: skip
_RESPONSES = {
    "conversations": {"id", "name"},
    "responses": {
        "id", "conversation_id", "system", "prompt", "response", "model", "datetime_utc",
        "input_tokens", "output_tokens",
    },
}  # fmt: skip
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_LARGEST = 20_000_000  # bytes of a picture that is read from its file


def is_ours(tables: Mapping[str, set[str]]) -> bool:
    """Say whether these are the tables (with their columns) of llm's logs."""
    return _has(tables, _THREADS) or _has(tables, _RESPONSES)


def _has(tables: Mapping[str, set[str]], wanted: Mapping[str, set[str]]) -> bool:
    return all(tables.get(name, set()) >= columns for name, columns in wanted.items())


def read(db: sqlite3.Connection, tables: Mapping[str, set[str]]) -> Iterator[Carried]:
    """Yield the sessions, the one begun first first; one that was logged in both forms once."""
    known = set()
    if _has(tables, _THREADS):
        for row in _rows(db, "SELECT * FROM threads ORDER BY id").fetchall():
            known.add(row["id"])
            yield _carried(row, _chain(db, row), row["datetime_utc"])
    if _has(tables, _RESPONSES):
        for row in _rows(db, "SELECT * FROM conversations ORDER BY id").fetchall():
            if row["id"] not in known:
                yield _carried(row, _responses(db, tables, row["id"]), None)


def _carried(row: _Row, messages: Iterator[Message], time: Any) -> Carried:
    title = str(row["name"] or "")
    created = _time(time) or 0.0
    return Carried(title or f"llm-{row['id']}", messages, f"llm:{row['id']}", title, created=created)


def _rows(db: sqlite3.Connection, query: str, *values: Any) -> sqlite3.Cursor:
    cursor = db.cursor()
    cursor.row_factory = sqlite3.Row
    return cursor.execute(query, values)


# Threads


def _chain(db: sqlite3.Connection, thread: _Row) -> Iterator[Message]:
    """Yield the messages of a thread from the first one to the newest."""
    hashes: dict[str, str] = {}  # with their roles; in order, each once
    tip = thread["tip_message_hash"]
    while tip is not None and tip not in hashes:
        row = _rows(db, "SELECT parent_hash, role FROM messages WHERE hash = ?", tip).fetchone()
        if row is None:
            break
        hashes[tip] = str(row["role"])
        tip = row["parent_hash"]
    turns = _turns(db, thread)
    for found, role in reversed(hashes.items()):
        yield from _thread_messages(db, found, role, turns.get(found))


def _turns(db: sqlite3.Connection, thread: _Row) -> Mapping[str, _Row]:
    """Return the turn that each message of a thread belongs to; it may be one of the threads this one forked from."""
    turns: dict[str, _Row] = {}
    seen, at = set(), thread
    while at is not None and at["id"] not in seen:
        seen.add(at["id"])
        for row in _rows(db, "SELECT * FROM turns WHERE thread_id = ? ORDER BY id", at["id"]):
            turns.setdefault(row["tip_message_hash"], row)
            turns.setdefault(row["parent_message_hash"], row)
        at = _rows(db, "SELECT * FROM threads WHERE id = ?", at["forked_from"]).fetchone()
    return turns


def _thread_messages(db: sqlite3.Connection, found: str, role: str, turn: _Row | None) -> Iterator[Message]:
    """Yield the message with the hash `found`; one with the results of several tools is as many messages."""
    time = _time(turn["datetime_utc"]) if turn else None
    parts = [_data(row) for row in _rows(db, "SELECT * FROM parts WHERE message_hash = ? ORDER BY position", found)]
    for part in parts:
        if part["type"] == "tool_result":
            yield Message("tool", str(part.get("output", "")), time=time, tool_call_id=str(part.get("tool_call_id")))
    said = [shown for part in parts if (shown := _thread_part(db, part))]
    calls = tuple(_call(part) for part in parts if part["type"] == "tool_call")
    if role not in ("system", "user", "assistant") or not (said or calls):
        return
    if role == "assistant":
        yield _reply(said, found, turn, calls)
    else:
        yield Message("system" if role == "system" else "user", _content(said), id=found, time=time)


def _data(row: _Row) -> dict[str, Any]:
    try:
        payload = json.loads(row["payload"] or "{}")
    except (ValueError, RecursionError):
        payload = {}
    data = payload if isinstance(payload, dict) else {}
    return {**data, "type": row["type"], **({} if row["text"] is None else {"text": row["text"]})}


def _thread_part(db: sqlite3.Connection, part: Mapping[str, Any]) -> Part | None:
    if part["type"] == "text":
        pieces = part.get("text_ref")
        text = part.get("text") or "".join(_piece(db, one) for one in pieces or () if isinstance(one, dict))
        return {"type": "text", "text": str(text)} if text else None
    reference = part.get("attachment")
    if part["type"] == "attachment" and isinstance(reference, dict):
        row = _rows(db, "SELECT * FROM attachments WHERE id = ?", str(reference.get("id"))).fetchone()
        return _attachment(row) if row else None
    return None


def _piece(db: sqlite3.Connection, piece: Mapping[str, Any]) -> str:
    if "literal" in piece:
        return str(piece["literal"])
    row = _rows(db, "SELECT content FROM fragments WHERE id = ?", str(piece.get("fragment"))).fetchone()
    return str(row["content"]) if row else ""


def _reply(said: Sequence[Part], name: str, row: _Row | None, calls: tuple[Part, ...] = ()) -> Message:
    """Return the assistant's message; `row`, a turn or a response, says what model, when, how many tokens."""
    return Message(
        "assistant",
        _content(said),
        id=name,
        time=_time(row["datetime_utc"]) if row else None,
        model=row["model"] if row else None,
        usage=_usage(row) if row else None,
        finish="stop",
        tool_calls=calls,
    )


# Responses


def _responses(db: sqlite3.Connection, tables: Mapping[str, set[str]], conversation: str) -> Iterator[Message]:
    system = None
    for row in _rows(db, "SELECT * FROM responses WHERE conversation_id = ? ORDER BY id", conversation):
        if row["system"] and row["system"] != system:
            system = row["system"]
            yield Message("system", str(system))
        yield from _results(db, tables, row)
        asked: list[Part] = [{"type": "text", "text": text} for text in _prompt(db, tables, row) if text]
        asked += [_attachment(found) for found in _prompt_attachments(db, tables, row["id"])]
        if asked:
            yield Message("user", _content(asked), id=f"{row['id']}-user", time=_time(row["datetime_utc"]))
        calls = _linked(db, tables, "tool_calls", row["id"])
        answer: list[Part] = [{"type": "text", "text": str(row["response"] or "")}]
        yield _reply(answer, str(row["id"]), row, tuple(_call(call) for call in calls))


def _prompt(db: sqlite3.Connection, tables: Mapping[str, set[str]], row: _Row) -> Iterator[str]:
    """Yield the prompt's text: its fragments, then what was typed."""
    found = ""
    if "prompt_fragments" in tables:
        fragments = _rows(
            db,
            "SELECT content FROM prompt_fragments JOIN fragments ON fragments.id = fragment_id"
            ' WHERE response_id = ? ORDER BY prompt_fragments."order"',
            row["id"],
        )
        found = "\n".join(str(fragment["content"]) for fragment in fragments)
    yield "\n".join(filter(None, (found, str(row["prompt"] or ""))))


def _prompt_attachments(db: sqlite3.Connection, tables: Mapping[str, set[str]], response: str) -> Sequence[_Row]:
    if "prompt_attachments" not in tables:
        return ()
    query = (
        "SELECT attachments.* FROM prompt_attachments JOIN attachments ON attachments.id = attachment_id"
        ' WHERE response_id = ? ORDER BY prompt_attachments."order"'
    )
    return _rows(db, query, response).fetchall()


def _results(db: sqlite3.Connection, tables: Mapping[str, set[str]], row: _Row) -> Iterator[Message]:
    for result in _linked(db, tables, "tool_results", row["id"]):
        yield Message("tool", str(result["output"] or ""), tool_call_id=str(result["tool_call_id"]))


def _linked(db: sqlite3.Connection, tables: Mapping[str, set[str]], table: str, response: str) -> list[dict[str, Any]]:
    if table not in tables:
        return []
    return [dict(row) for row in _rows(db, f"SELECT * FROM {table} WHERE response_id = ? ORDER BY id", response)]  # noqa: S608


# What both have


def _content(parts: Sequence[Part]) -> str | tuple[Part, ...]:
    """Return the parts as a message's content: as text, where they are nothing else."""
    if all(part["type"] == "text" for part in parts):
        return "\n".join(part["text"] for part in parts)
    return tuple(parts)


def _call(call: Mapping[str, Any]) -> Part:
    arguments = call.get("arguments")
    text = arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)
    function = {"name": str(call.get("name", "")), "arguments": text}
    return {"id": str(call.get("tool_call_id") or call.get("id")), "type": "function", "function": function}


def _attachment(row: _Row) -> Part:
    """Return a picture as it was sent, by its address or its bytes; anything else by its kind and name."""
    kind, url = str(row["type"]), str(row["url"] or "")
    if kind in _PICTURES:
        if data := row["content"] if isinstance(row["content"], bytes) else _own_file(row):
            return _image(f"data:{kind};base64,{base64.b64encode(data).decode()}")
        if url.startswith(("http://", "https://")):
            return _image(url)
    return {"type": "text", "text": f"[{kind}: {row['path'] or url or row['id']}]"}


def _image(url: str) -> Part:
    return {"type": "image_url", "image_url": {"url": url}}


def _own_file(row: _Row) -> bytes | None:
    """Return the bytes of the file that was attached; of no other one, whatever path a database may name.

    An attachment's id is the hash of its bytes.
    """
    try:
        path = Path(str(row["path"]))
        if not row["path"] or not path.is_file() or path.stat().st_size > _LARGEST:
            return None
        data = path.read_bytes()
    except (OSError, ValueError):
        return None
    return data if hashlib.sha256(data).hexdigest() == row["id"] else None


def _usage(row: _Row) -> Usage | None:
    return to_usage({"prompt": row["input_tokens"], "completion": row["output_tokens"]})


def _time(text: Any) -> float | None:
    """Return a time that llm wrote, in UTC whether it says so or not, in Unix seconds."""
    try:
        time = datetime.fromisoformat(str(text))
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
