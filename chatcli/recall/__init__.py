"""Finds what was said before in a session, without a model: full-text search and a ranking made for conversations.

The index lies in the cache folder, one file a session, the same for every store. It follows the history, can be deleted
at any time, and is never wrong for long: what does not agree with the history is taken out when it is looked at.
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatcli.recall.index import MessageIndex
    from chatcli.recall.vectors import Embeds


def index_path(cache: Path, store: str, session: str) -> Path:
    """Return where the index of a session of the store with the address `store` lies; its name tells neither."""
    key = f"{store}\0{session}".encode("utf-8", "surrogatepass")
    return cache / "recall" / f"{hashlib.blake2b(key, digest_size=16).hexdigest()}.db"


def open_index(path: Path | None, embedder: "Embeds | None" = None) -> "MessageIndex":
    """Return the index in the file at `path`, or one in memory (None). Nothing is opened before it is used."""
    from chatcli.recall.index import MessageIndex

    return MessageIndex(path, embedder)


def forget(path: Path) -> None:
    """Remove the index at `path`, if it is there: nothing is lost but time. Raises OSError."""
    for end in ("", "-wal", "-shm", "-journal"):
        Path(f"{path}{end}").unlink(missing_ok=True)
