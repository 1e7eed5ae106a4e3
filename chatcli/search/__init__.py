"""Finds what was said in any session of a store: full-text search, ranked by BM25.

The index is one file for all sessions of a store, in the cache folder. Each search first takes in what is new and takes
out what is gone; the file can be deleted at any time, at the cost of reading the store again.
"""

import hashlib
from pathlib import Path


def search_path(cache: Path, store: str) -> Path:
    """Return where the index of the store with the address `store` lies; its name does not tell the address."""
    key = store.encode("utf-8", "surrogatepass")
    return cache / "search" / f"{hashlib.blake2b(key, digest_size=16).hexdigest()}.db"


def forget_session(path: Path, session: str) -> None:
    """Take every word of a session out of the index at `path`, if there is one. Raises OSError."""
    if not path.exists():
        return
    from chatcli.recall import forget
    from chatcli.recall.file import Busy
    from chatcli.search.index import SearchIndex

    index = SearchIndex(path)
    try:
        index.forget(session)
    except Busy:  # another process writes into it, and may be writing just that
        forget(path)
    finally:
        index.close()
