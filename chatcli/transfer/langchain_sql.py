"""The table that LangChain's `SQLChatMessageHistory` keeps: `message_store(id, session_id, message)`.

A message is the JSON that `stores.langchain` knows from Redis; the table may have another name.
"""

import sqlite3
from collections.abc import Iterator, Mapping

from chatcli.messages import Message, fingerprint
from chatcli.stores.langchain import decode
from chatcli.transfer import Carried

_COLUMNS = {"id", "session_id", "message"}


def is_ours(tables: Mapping[str, set[str]]) -> bool:
    """Say whether these are the tables (with their columns) of such a database."""
    return any(columns >= _COLUMNS for columns in tables.values())


def read(db: sqlite3.Connection, tables: Mapping[str, set[str]]) -> Iterator[Carried]:
    """Yield the sessions, the one begun first first."""
    for table in (name for name, columns in tables.items() if columns >= _COLUMNS):
        quoted = '"' + table.replace('"', '""') + '"'
        sessions = db.execute(f"SELECT session_id, min(id) FROM {quoted} GROUP BY session_id ORDER BY min(id)")  # noqa: S608
        for session, first in sessions.fetchall():
            (raw,) = db.execute(f"SELECT message FROM {quoted} WHERE id = ?", [first]).fetchone()  # noqa: S608
            # Every database may have a session "1": with how it begins it is told from the others.
            origin = f"langchain:{session}@{fingerprint(decode(str(raw)))}"
            yield Carried(str(session), _messages(db, quoted, session), origin=origin)


def _messages(db: sqlite3.Connection, quoted: str, session: object) -> Iterator[Message]:
    rows = db.execute(f"SELECT message FROM {quoted} WHERE session_id IS ? ORDER BY id", [session])  # noqa: S608
    return (decode(str(raw)) for (raw,) in rows)
