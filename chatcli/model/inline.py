"""Takes the thoughts that a model writes in front of its reply out of the text, while it streams."""

from collections.abc import Iterable, Iterator

from chatcli.model import Delta, Event, Finished, Reasoning
from chatcli.thinking import CLOSES, OPENS


def thoughts_apart(events: Iterable[Event]) -> Iterator[Event]:
    """Yield the events of a reply; where its text begins with thoughts between tags, these come as Reasoning.

    Where such thoughts do not end before the reply does, all of it is the reply too: nothing of it may be lost.
    """
    rest, head = iter(events), _Head()
    for event in rest:
        match event:
            case Delta(piece):
                yield from head.take(piece)
            case Finished():
                yield from head.end()
                yield event
            case _:
                yield event
        if head.passed:  # what follows is as it came: nothing is done for each delta any more
            break
    yield from rest


class _Head:
    """The beginning of a reply, until it is `passed`: perhaps a tag, thoughts, and the tag that ends them."""

    def __init__(self) -> None:
        self.passed = False
        self._all: list[str] = []
        self._held = ""
        self._opened = self._closed = False

    def take(self, piece: str) -> Iterator[Event]:
        self._all.append(piece)
        self._held += piece
        if not self._opened:
            begun = self._held.lstrip()
            self._opened = begun.startswith(OPENS)
            if not self._opened and OPENS.startswith(begun):
                return
            self._held = begun.removeprefix(OPENS) if self._opened else self._held
        if self._opened and not self._closed:
            yield from self._think()
        if self._closed:
            self._held = self._held.lstrip()
        if self._held and self._closed == self._opened:
            self.passed = True
            yield Delta(self._held)

    def _think(self) -> Iterator[Event]:
        thought, closes, behind = self._held.partition(CLOSES)
        self._closed = bool(closes)
        if not closes:
            behind = next(end for end in _ENDS if thought.endswith(end))
            thought = thought.removesuffix(behind)
        self._held = behind
        if thought:
            yield Reasoning(thought)

    def end(self) -> Iterator[Event]:
        self.passed = True
        said = "" if self._closed else "".join(self._all)
        if said:
            yield Delta(said)


_ENDS = [CLOSES[:length] for length in range(len(CLOSES) - 1, -1, -1)]
"""What a piece may end with of the tag that closes, the longest first; nothing at last."""
