"""Large parts of messages in the SQLite file: each is kept once, by its SHA-256, however many messages have it.

In a message's data the text of such a part is replaced by `{"sha256": …}`, that of a data URL by
`{"sha256": …, "head": "data:image/png;base64,"}`, and its bytes are a row of `blobs`: no other part has an object
where its text stands. `uses` says which session needs which blob; one that none needs is deleted in the same
transaction. Every function works inside the caller's transaction.
"""

import base64
import binascii
import re
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

LARGE = 4096
"""Characters of a part from which it is kept as a blob."""

SHA = r"\b[0-9a-f]{64}\b"

Swap = Callable[[Any], Any]
"""Makes of a part's text the one to put in its place."""


def put_away(db: sqlite3.Connection, session: int, data: dict[str, Any]) -> dict[str, Any]:
    """Return a message's data with its large parts kept in `blobs`, and used by the session."""
    kept: dict[str, Any] = _swapped(
        data, lambda text: _put(db, session, text) if isinstance(text, str) and len(text) >= LARGE else text
    )
    return kept


def put_back(db: sqlite3.Connection, data: Any, known: dict[str, bytes] | None = None) -> Any:
    """Return a message's data as it was before `put_away`; `known` spares reading a blob again.

    A part whose blob is gone stays as it is: no content, so that its message is shown as unreadable.
    """
    loaded = {} if known is None else known
    return _swapped(data, lambda text: text if isinstance(text, str) else _get(db, text, loaded))


def used_by(data: Any) -> set[str]:
    """Return the hashes of the blobs that a message's data refers to."""
    found: set[str] = set()

    def note(text: Any) -> Any:
        if isinstance(text, dict) and isinstance(text.get("sha256"), str):
            found.add(text["sha256"])
        return text

    _swapped(data, note)
    return found


def of_session(db: sqlite3.Connection, session: int | None) -> list[str]:
    """Return the hashes of the blobs that a session uses."""
    return [sha for (sha,) in db.execute("SELECT sha256 FROM uses WHERE session = ?", [session])]


def release(db: sqlite3.Connection, session: int, hashes: Sequence[str]) -> None:
    """Forget those of the blobs that nothing in the session refers to any more; delete those that no session uses."""
    needless = set(hashes)
    for data in mentioning(db, session) if needless else ():
        needless.difference_update(re.findall(SHA, data))
        if not needless:
            return
    db.executemany("DELETE FROM uses WHERE session = ? AND sha256 = ?", [(session, sha) for sha in needless])
    sweep(db, sorted(needless))


def size_of(db: sqlite3.Connection, hashes: Collection[str]) -> int:
    """Return how many bytes the blobs have together."""
    query = "SELECT length(data) FROM blobs WHERE sha256 = ?"
    return sum(length for sha in hashes for (length,) in db.execute(query, [sha]))


def sweep(db: sqlite3.Connection, hashes: Sequence[str]) -> None:
    """Delete those of the blobs that no session uses."""
    unused = "DELETE FROM blobs WHERE sha256 = :sha AND NOT EXISTS (SELECT 1 FROM uses WHERE sha256 = :sha)"
    db.executemany(unused, [{"sha": sha} for sha in hashes])


def mentioning(db: sqlite3.Connection, session: int) -> Iterator[str]:
    """Yield the data of what a session has where it may refer to a blob: in one pass, however many blobs there are."""
    for (data,) in db.execute(
        "SELECT data FROM messages WHERE session = :key AND instr(data, :mark)"
        " UNION ALL SELECT data FROM undone WHERE session = :key AND instr(data, :mark)"
        " UNION ALL SELECT user FROM pending WHERE session = :key AND instr(user, :mark)",
        {"key": session, "mark": '"sha256"'},
    ):
        yield str(data)


def _swapped(data: Any, swap: Swap) -> Any:
    """Return a message's data with every part's text, or an image's address, swapped; the data itself if none is."""
    content = data.get("content") if isinstance(data, Mapping) else None
    if not isinstance(content, Sequence) or isinstance(content, str):
        return data
    parts = [_swapped_part(part, swap) for part in content]
    same = all(new is old for new, old in zip(parts, content, strict=True))
    return data if same else {**data, "content": parts}


def _swapped_part(part: Any, swap: Swap) -> Any:
    match part:
        case {"type": "text", "text": text}:
            new = swap(text)
            return part if new is text else {**part, "text": new}
        case {"type": "image_url", "image_url": {"url": url} as image}:
            new = swap(url)
            return part if new is url else {**part, "image_url": {**image, "url": new}}
    return part


def _put(db: sqlite3.Connection, session: int, text: str) -> dict[str, str]:
    import hashlib  # here: it brings OpenSSL along, and no prompt needs it

    head, data = _bytes_of(text)
    sha = hashlib.sha256(data).hexdigest()
    db.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?)", [sha, data])
    db.execute("INSERT OR IGNORE INTO uses VALUES (?, ?)", [session, sha])
    return {"sha256": sha, "head": head} if head else {"sha256": sha}


def _bytes_of(text: str) -> tuple[str, bytes]:
    """Return a data URL's beginning and the bytes it holds; for all else '' and the text's own bytes."""
    head, base64_, encoded = text.partition(";base64,")
    if base64_ and head.startswith("data:") and len(head) < 200:
        try:
            data = base64.b64decode(encoded, validate=True)
            if base64.b64encode(data).decode() == encoded:  # a way of writing that we would not write back is text
                return head + base64_, data
        except (binascii.Error, ValueError):
            pass
    return "", text.encode("utf-8", "surrogatepass")


def _get(db: sqlite3.Connection, reference: Any, known: dict[str, bytes]) -> Any:
    match reference:
        case {"sha256": str(sha), **others}:
            if sha not in known:
                row = db.execute("SELECT data FROM blobs WHERE sha256 = ?", [sha]).fetchone()
                if row is None or not isinstance(row[0], bytes):
                    return reference
                known[sha] = row[0]
            head = others.get("head")
            if isinstance(head, str):
                return head + base64.b64encode(known[sha]).decode()
            return known[sha].decode("utf-8", "surrogatepass")
    return reference
