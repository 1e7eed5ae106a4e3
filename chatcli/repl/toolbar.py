"""The line at the bottom: where we are, how full the context is, what goes along."""

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from chatcli.render.safe import one_line

if TYPE_CHECKING:
    from chatcli.chat import Chat

_BETWEEN = " · "
_LONGEST_NAME = 200
_TELLING = 8  # cells of a name that say which it is


class Place(NamedTuple):
    """Where we are: the session, the model's id, the memory's spec, the store's address."""

    session: str
    model: str
    memory: str
    store: str

    @property
    def told(self) -> str:
        """All of it in one line; of the store's address no path of a file, and no options: /info has all of it."""
        store = self.store.partition("///")[0].partition("?")[0]
        return _BETWEEN.join([self.session, self.model, self.memory, store.rstrip(":")])


class Meter(NamedTuple):
    """How full the context is: in words, in figures, and as little as says it; all '' before the first turn."""

    in_words: str = ""
    in_figures: str = ""
    share: str = ""


NOTHING_SENT = Meter()


def place_of(chat: "Chat") -> Place:
    """Return where a chat is."""
    return Place(chat.session, chat.model.name, chat.memory_spec, chat.store.address)


def toolbar(place: Place, width: int, meter: Meter = NOTHING_SENT, attached: int = 0, away: str = "") -> str:
    """Return the session, model, memory, store, what is attached and the last context, at most `width` cells wide.

    Where that is too little the store goes first, then the memory, the model, the words of the meter; then the
    session is cut. How full the context is stays to the last, but for a store that is `away`, in these words.
    """
    name = one_line(place.session, _LONGEST_NAME)
    about = [one_line(part) for part in (place.model, place.memory, place.store.partition(":")[0])]
    waiting = [f"{attached} attached"] if attached else []
    gone = [away] if away else []
    long, short, shortest = ([*([one] if one else []), *gone] for one in meter)
    for kept, end in ((2 if away else 3, long), (2, long), (1, long), (0, long), (0, short), (0, gone or short)):
        line = _BETWEEN.join([name, *about[:kept], *waiting, *end])
        if _width_of(line) <= width:
            return line
    ends = [[*waiting, *end] for end in (long, short, shortest)] + [gone] * bool(gone)
    return _cut(name, next((end for end in ends if _room(end, width) >= _TELLING), ends[-1]), width)


def meter_of(chat: "Chat") -> Meter:
    """Return how many tokens were sent last, `~` when estimated, of how many, and what share that is."""
    if chat.last_context is None:
        return NOTHING_SENT
    sent = chat.last_usage.prompt if chat.last_usage else chat.last_context.tokens
    shown = f"{'' if chat.last_usage else '~'}{sent:,}"
    if not chat.window:
        return Meter(f"{shown} tokens, window unknown", f"{shown} tokens", shown)
    share = f"{sent / chat.window:.0%}" if sent >= chat.window / 100 else "<1%"
    about = "" if chat.last_usage else "~"
    return Meter(f"{shown} of {chat.window:,} tokens ({share})", f"{shown} of {chat.window:,}", f"{about}{share}")


def _room(end: Sequence[str], width: int) -> int:
    """Return how many cells the end of the line leaves to what stands before it."""
    return width - sum(_width_of(f"{_BETWEEN}{part}") for part in end)


def _cut(name: str, end: Sequence[str], width: int) -> str:
    """Return as much of the name as there is room for before the end; where there is none, of the end."""
    if _room(end, width) >= 2:
        return _BETWEEN.join([_clipped(name, _room(end, width)), *end])
    return _clipped(end[-1] if end else name, width)


def _clipped(text: str, width: int) -> str:
    """Return the text in at most `width` cells as the prompt counts them: character by character."""
    if _width_of(text) <= width:
        return text
    widths = accumulate(map(_width_of, text))
    return text[: sum(used < width for used in widths)] + "…"


def _width_of(text: str) -> int:
    """Return how many cells the prompt counts for a text."""
    from prompt_toolkit.utils import get_cwidth

    return get_cwidth(text)
