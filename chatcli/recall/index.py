"""The index of one session's messages: it follows the history, and finds what bears on a question."""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import chain, islice
from pathlib import Path

from chatcli.memory.history import History
from chatcli.memory.strategy import Hit
from chatcli.recall.entries import entries
from chatcli.recall.file import Busy, Form, Gone, IndexFile
from chatcli.recall.reading import find, read
from chatcli.recall.vectors import Embeds, Vectors
from chatcli.recall.writing import add, cut, mark, mark_before
from chatcli.stores import Watermark

RECALL = Form(
    "the recall index",
    version=1,
    application=0x63617263,  # "carc"
    schema="""
CREATE TABLE mark (position INTEGER NOT NULL, fingerprint TEXT NOT NULL);
INSERT INTO mark VALUES (0, '');
CREATE TABLE units (
    number INTEGER PRIMARY KEY, sitting INTEGER NOT NULL, length INTEGER NOT NULL, tokens INTEGER NOT NULL,
    form INTEGER NOT NULL, speaker TEXT NOT NULL);
CREATE TABLE texts (
    number INTEGER PRIMARY KEY, role TEXT NOT NULL, name BLOB, time REAL, day TEXT NOT NULL, text BLOB NOT NULL,
    whole INTEGER NOT NULL, fingerprint TEXT NOT NULL);
CREATE TABLE totals (units INTEGER NOT NULL, length INTEGER NOT NULL);
INSERT INTO totals VALUES (0, 0);
CREATE TABLE frequencies (term TEXT PRIMARY KEY, units INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE speakers (name TEXT PRIMARY KEY, units INTEGER NOT NULL) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5(terms, content='', detail=none, columnsize=0, tokenize='ascii')
""",
)

BATCH = 200
"""Messages that are taken in at once: a search waits for one batch at most."""

_READ_AT_ONCE = 16  # texts of what was found


class MessageIndex:
    """Finds what was said before in one session. Kept in the file at `path`, or in memory (None).

    `embedder`, where there is one, adds what messages mean to the words they are found by. `news` has a line for each
    thing that went wrong with it or with the file; the index goes on all the same.
    """

    def __init__(self, path: Path | None, embedder: Embeds | None = None) -> None:
        self.file = IndexFile(path, RECALL)
        self._vectors = Vectors(self.file, embedder) if embedder else None

    @property
    def news(self) -> list[str]:
        """What the user may want to know of the file, one line each."""
        return self.file.news

    def follow(self, history: History, most: int | None = None) -> int:
        """Take in up to `most` messages that were not indexed yet (None: all); return how many are left.

        What is not of this history any more is taken out first; of an empty one no file is left. When the file was
        removed meanwhile, the session may be gone as well: nothing is done until the next time. Raises StoreError.
        """
        if not history.length:
            self.file.remove()
            return 0
        reached = Watermark(0)
        try:
            reached = self._common(history)
            stop = history.length if most is None else min(history.length, reached.position + most)
            while reached.position < stop and history.holds(reached):
                self._take_in(history, reached, min(reached.position + BATCH, stop))
                reached = self.file.use(mark)
        except Gone:
            return 0
        except Busy:
            pass  # the next time
        return max(0, history.length - reached.position)

    def search(self, question: str, before: int) -> Iterator[Hit]:
        """Yield what bears on `question` among the indexed messages before position `before`, the best first.

        The texts are read as they are taken: of what is found, about half is ever looked at.
        """
        if not self.file.is_there:
            return
        with suppress(Busy):
            near = self._vectors.nearness(question) if self._vectors else None
            found = self.file.use(lambda db: find(db, question, before, near))
            while some := list(islice(found, _READ_AT_ONCE)):
                yield from self.file.use(partial(read, found=some))

    def embed(self) -> bool:
        """Turn some messages into vectors, where there is an embedder; return whether there may be more to do."""
        return self._vectors is not None and self.file.is_there and self._vectors.compute()

    def close(self) -> None:
        """Let go of the file, for good, and of whoever is asked for vectors."""
        self.file.close()
        if self._vectors:
            self._vectors.close()

    def _common(self, history: History) -> Watermark:
        """Return up to where index and history are the same; take out of the index what is beyond."""
        common, back = self.file.use(mark), 1
        if history.holds(common):
            return common
        while not history.holds(common):
            limit = max(0, min(common.position, history.length + 1) - back)
            common, back = self.file.use(lambda db: mark_before(db, limit)), 2 * back  # noqa: B023
        self.file.use(lambda db: cut(db, common))
        return common

    def _take_in(self, history: History, start: Watermark, stop: int) -> None:
        """Take in a batch; nothing when another process was faster."""
        messages = history.between(start.position, stop)
        batch = list(chain.from_iterable(map(entries, range(start.position, stop), messages)))
        end = history.watermark(stop)
        self.file.use(lambda db: add(db, start, batch, end))
