"""SQLite files of other programs: opened to be read only, and told apart by their tables."""

import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from chatcli.errors import UsageError
from chatcli.stores.sqlite_file import APPLICATION
from chatcli.transfer import PIPED, Carried, called, langchain_sql, llm_logs, no_session_in

MAGIC = b"SQLite format 3\0"

KINDS = {"llm": (llm_logs.is_ours, llm_logs.read), "langchain": (langchain_sql.is_ours, langchain_sql.read)}
"""By format: what knows its database, and what reads it."""


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the file; nothing in it is changed, and nothing in it is run."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
        db.execute("PRAGMA query_only = ON")
        db.execute("PRAGMA trusted_schema = OFF")
        db.text_factory = lambda raw: raw.decode("utf-8", "replace")
        yield db


def tables_of(db: sqlite3.Connection) -> dict[str, set[str]]:
    """Return the columns of each table; views are none."""
    names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: {row[0] for row in db.execute("SELECT name FROM pragma_table_info(?)", [name])} for name in names}


def read(path: Path, kind: str | None, name: str) -> Iterator[Carried]:
    """Yield the sessions in the file called `name`, in the format `kind`, None for any that is known.

    Raises sqlite3's errors.
    """
    with opened(path) as db:
        if db.execute("PRAGMA application_id").fetchone() == (APPLICATION,):
            address = shlex.quote(f"sqlite:///{'FILE' if name == PIPED else path.resolve()}")
            raise UsageError(f"{called(name)} is a store of chatcli", f"give its address: {address}")
        tables = tables_of(db)
        for known, (is_ours, sessions) in KINDS.items():
            if kind in (None, known) and is_ours(tables):
                yield from sessions(db, tables)
                return
    raise no_session_in(name)
