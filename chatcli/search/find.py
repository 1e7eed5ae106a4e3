"""One search: bring the index up to date, look the query up, and check what was found against the store."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from chatcli.authors import who_asked
from chatcli.messages import fingerprint
from chatcli.names import listed
from chatcli.recall.file import Busy, CacheError, Gone
from chatcli.search.excerpt import Excerpt, excerpt
from chatcli.search.follow import Progress, follow
from chatcli.search.index import TITLE, Found, SearchIndex
from chatcli.search.query import Query, loosened, parse
from chatcli.stores import Session, Store

Result = TypeVar("Result")

WIDTH = 160
"""Characters of an excerpt; of wide ones two thirds of that."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A message that holds what was looked for; one with the role `title` stands for a session so called.

    `turn` is the number the user sees, 0 before the first; the higher the score the better. `author` is who wrote it,
    if somebody else did.
    """

    session: str
    title: str
    turn: int
    position: int
    role: str
    time: float | None
    excerpt: Excerpt
    score: float
    author: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where to look: in one session or in all; `foreign`: in those that only other programs wrote, too."""

    session: str | None = None
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class Findings:
    """The hits, the best first; `loose`: no message has all of the words, these have some of them."""

    hits: Sequence[Hit]
    loose: bool = False


def find(
    index: SearchIndex,
    store: Store,
    text: str,
    most: int,
    scope: Scope,
    progress: Progress = lambda done, of: None,
) -> Findings:
    """Return the up to `most` best hits for the query `text`.

    Raises UsageError for a query without a word, StoreError, and CacheError when the index cannot be read.
    """
    query = parse(text)
    looking = _Looking(index, store, scope, progress)
    looking.catch_up()
    for asked in (query, loosened(query)):
        if hits := looking.hits(asked, most):
            return Findings(hits, asked.loose)
    return Findings([])


class _Looking:
    """A search under way."""

    def __init__(self, index: SearchIndex, store: Store, scope: Scope, progress: Progress) -> None:
        self._index, self._store, self._scope, self._progress = index, store, scope, progress
        own = listed(store) if scope.session is None else [store.snapshot(scope.session, 0).session]
        others = list(store.foreign()) if scope.foreign else []
        self._foreign = {session.name for session in others}
        self._listed: dict[str, Session] = {session.name: session for session in (*own, *others)}

    def catch_up(self, again: Sequence[str] = ()) -> None:
        """Bring the index up to date; where another process does that just now, leave it to it."""
        sessions, gone = list(self._listed.values()), self._scope.session is None
        update = partial(follow, self._index, self._store, sessions, self._foreign, gone, again, self._progress)
        with suppress(Busy):
            for _ in range(3):
                with suppress(Gone):
                    self._unbroken(update)
                    return

    def hits(self, query: Query, most: int) -> list[Hit]:
        """Return the hits that the store still has; where one has changed, its session is read again, once."""
        for _ in range(2):
            found = [one for one in self._found(query, 2 * most) if one.session in self._listed]
            hits = [(one, self._hit(one, query)) for one in _without_titles_of_others(found)[:most]]
            stale = {one.session for one, hit in hits if hit is None}
            if not stale:
                break
            self.catch_up(again=list(stale))
        return [hit for _, hit in hits if hit is not None]

    def _found(self, query: Query, most: int) -> list[Found]:
        search = partial(self._index.search, query, most, self._scope.session, self._scope.foreign)
        try:
            with suppress(Gone):
                return self._unbroken(search)
            self.catch_up()
            return search()
        except Busy:
            raise CacheError("the search index is in use by another program", "repeat it when that is done") from None

    def _unbroken(self, work: Callable[[], Result]) -> Result:
        """Return what `work` does; raise Gone when the index was made anew meanwhile: it lacks what came before."""
        replaced = self._index.replaced
        result = work()
        if self._index.replaced != replaced:
            raise Gone
        return result

    def _hit(self, found: Found, query: Query) -> Hit | None:
        """Return the hit with its text as the store has it now; None when that is another one."""
        title = self._listed[found.session].title
        text, author = title, ""
        if found.position != TITLE:
            messages = self._store.messages(found.session, found.position, found.position + 1)
            if not messages or fingerprint(messages[0]) != found.fingerprint:
                return None
            text, author = messages[0].text, who_asked(messages[0])
        width = WIDTH if text.isascii() else WIDTH * 2 // 3
        part = excerpt(text, query, width)
        at = max(found.position, 0)
        return Hit(found.session, title, found.turn, at, found.role, found.time, part, found.score, author)


def _without_titles_of_others(found: Sequence[Found]) -> list[Found]:
    """Return what was found without the titles of sessions that have a message among it: those say it better."""
    said = {one.session for one in found if one.position != TITLE}
    return [one for one in found if one.position != TITLE or one.session not in said]
