"""What the messages mean, as vectors of an embedding model: found is also what shares no word with the question.

The vectors are kept in the index's file, in tables of their own that follow its texts by a trigger. They are computed
in the background, oldest first; what has none yet is found by its words. So is everything while the model is away.
"""

import sqlite3
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Protocol

from chatcli.errors import BadRequest, ChatError, ModelError
from chatcli.recall.file import Busy, IndexFile, transaction
from chatcli.recall.nearness import Kept, Nearness, has_vectors, kept, pack, unpacked
from chatcli.rest import Rest

BATCH = 10
"""Messages whose vectors are computed at once; between two batches the work can be broken off."""

QUICK = 1.5
"""Seconds that a question waits for its vector."""

LONGEST = 30.0
"""Seconds that the vectors of a batch are waited for; nobody waits for those."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS embedding (model TEXT NOT NULL, size INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS vectors (number INTEGER PRIMARY KEY, scale REAL NOT NULL, vector BLOB NOT NULL);
CREATE TRIGGER IF NOT EXISTS vectors_follow_texts AFTER DELETE ON texts BEGIN
    DELETE FROM vectors WHERE number = old.number;
END
"""


class Embeds(Protocol):
    """Turns texts into vectors."""

    @property
    def identity(self) -> str:
        """The model and its place: vectors of two identities must not be compared. Raises ChatError."""
        ...

    def embed(self, texts: Sequence[str], seconds: float) -> "list[array[float]]":
        """Return a vector of length 1 for each text; raise ChatError, after `seconds` at the latest."""
        ...

    def close(self) -> None:
        """Break off what runs."""
        ...


Texts = list[tuple[int, str]]
"""Numbers of units, and what is said in them."""


@dataclass(slots=True)
class Vectors:
    """The vectors of the messages in an index file. What goes wrong is said in the file's news, once."""

    file: IndexFile
    embedder: Embeds
    clock: Callable[[], float] = time.monotonic
    _computing: Rest = field(default_factory=Rest)
    _asking: Rest = field(default_factory=Rest)
    _batch: int = BATCH
    _last: "tuple[str, Nearness] | None" = None

    def compute(self) -> bool:
        """Compute the vectors of some messages that have none yet; return whether there may be more to do."""
        if self.clock() < self._computing.until:
            return False
        try:
            model = self.embedder.identity
            texts = self.file.use(lambda db: _without(db, model, self._batch))
            return bool(texts) and self._computed(model, texts)
        except Busy:
            return False
        except ChatError as error:
            self._failed(self._computing, error)
            return False

    def nearness(self, question: str) -> "Nearness | None":
        """Return what tells how near messages are to the question; None: there is nothing to tell it by."""
        if not question.strip() or self.clock() < max(self._computing.until, self._asking.until):
            return None
        if self._last is not None and self._last[0] == question:
            return self._last[1]
        try:
            return self._asked(question)
        except Busy:
            return None
        except ChatError as error:
            self._failed(self._asking, error)
            return None

    def close(self) -> None:
        """Break off what is asked."""
        self.embedder.close()

    def _computed(self, model: str, texts: Texts) -> bool:
        try:
            vectors = self.embedder.embed([text for _, text in texts], LONGEST)
        except BadRequest:
            if not self.file.use(lambda db: kept(db, model)):
                raise  # it takes nothing at all
            if len(texts) > 1:
                self._batch = 1  # find the one that it does not take
                return True
            vectors = []
        if not self.file.use(lambda db: _keep(db, model, texts, vectors)):
            raise ModelError(f"{model} gives vectors of another length than before", "name another embedding_model")
        self._batch = self._batch if vectors else BATCH
        self._computing = Rest()
        return True

    def _asked(self, question: str) -> "Nearness | None":
        if not self.file.use(lambda db: kept(db)):
            return None
        (vector,) = self.embedder.embed([question], QUICK)
        now = Kept(self.embedder.identity, len(vector))
        self._asking = Rest()
        if self.file.use(lambda db: kept(db, now.model)) != now:
            return None  # another model's; they are computed anew
        self._last = question, Nearness(now, unpacked(pack(vector)[1]))
        return self._last[1]

    def _failed(self, rest: Rest, error: ChatError) -> None:
        if self.file.is_closed:
            return  # it was broken off
        if not (self._computing.failures or self._asking.failures):
            self.file.news.append(f"recall goes by words alone: {error.message}; {error.hint}")
        rest.begin(self.clock())


# What is done within the file


def _without(db: sqlite3.Connection, model: str, most: int) -> Texts:
    """Return the oldest messages that have no vector of the model yet."""
    first = 0
    if kept(db, model):
        (first,) = db.execute("SELECT max(number) + 1 FROM vectors").fetchone()
    rows = db.execute("SELECT number, name, text FROM texts WHERE number >= ? ORDER BY number LIMIT ?", (first, most))
    return [(number, _said(name, text)) for number, name, text in rows]


def _said(name: bytes | None, text: bytes) -> str:
    said = text.decode("utf-8", "surrogatepass")
    return f"{name.decode('utf-8', 'surrogatepass')}: {said}" if name else said


def _keep(db: sqlite3.Connection, model: str, texts: Texts, vectors: "Sequence[array[float]]") -> bool:
    """Keep the vectors (none: the model does not take the text at all), unless the file changed meanwhile.

    Those of another model or size are thrown away first; returns False when the same model changed its size.
    """
    if not has_vectors(db):
        db.executescript(_SCHEMA)
    with transaction(db):
        before = kept(db, model)
        now = Kept(model, len(vectors[0])) if vectors else before
        if now is None:
            return True
        if before != now:
            db.execute("DELETE FROM vectors")
            db.execute("DELETE FROM embedding")
            db.execute("INSERT INTO embedding VALUES (?, ?)", now)
        if _without(db, model, len(texts)) == texts:
            packed = map(pack, vectors) if vectors else repeat((0.0, bytes(now.size)))
            rows = ((number, *row) for (number, _), row in zip(texts, packed, strict=False))
            db.executemany("INSERT INTO vectors VALUES (?, ?, ?)", rows)
        return before in (None, now)
