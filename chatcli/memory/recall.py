"""`recall:N` sends up to N tokens of the older turns that bear on the newest input, quoted under their dates."""

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from chatcli.memory.strategy import Hit, Rider, Shown, Strategy, View, positive
from chatcli.messages import Message
from chatcli.values import counted

_TITLE = "Quoted from earlier in this conversation:"
_AT_ONCE = 64  # messages that may be indexed while the input waits; the background takes in the rest
_MISSES = 25  # hits in a row that do not fit, after which no other is tried
_LEAST = 6  # tokens that a quotation takes at least


@dataclass(frozen=True, slots=True)
class Recall(Strategy):
    """Up to `limit` tokens of older messages, the best first until they are used up, in time order."""

    limit: int
    searches: bool = True

    @property
    def spec(self) -> str:
        """`recall:N`."""
        return f"recall:{self.limit}"

    def rider(self, view: View, question: Message | None, shown: Shown) -> Rider | None:
        """Return quotations that bear on the question and are not sent anyway."""
        if view.index is None:
            return None
        if question is None:
            return Rider("recall", "[what bears on your next message is quoted here]")
        # What comes after the end of a history that is seen up to a retry's place is still there: keep it indexed.
        behind = view.index.follow(view.history, _AT_ONCE) if view.history.is_whole else 0
        notes = (f"{counted(behind, 'message')} of the history not searched yet",) if behind else ()
        hits = (hit for hit in view.index.search(question.text, shown.start) if hit.position not in shown)
        chosen = fitting(hits, self.limit, view)
        if chosen:
            notes = (f"recalled {counted(len({hit.position for hit in chosen}), 'earlier message')}", *notes)
        return Rider("recall", quote(chosen), tuple(chosen), notes)


def fitting(hits: Iterable[Hit], limit: int, view: View) -> list[Hit]:
    """Return the hits, the best first, whose quotation is at most `limit` tokens; one that does not fit is left out."""
    chosen: list[Hit] = []
    left, misses = limit - _cost(view, _TITLE), 0
    headings: set[tuple[str, str]] = set()
    for hit in hits:
        cost = _cost(view, _line(hit) + "\n")
        if (heading := _heading(hit)) not in headings:
            cost += _cost(view, _written(heading, {year for _, year in headings}) + "\n")
        if cost > left:
            misses += 1
            if misses == _MISSES or left < _LEAST:
                break
            continue
        chosen.append(hit)
        headings.add(heading)
        left, misses = left - cost, 0
    while chosen and view.count(quote(chosen)) > limit:  # a whole may cost more than its parts
        chosen.pop()
    return chosen


def quote(hits: Iterable[Hit]) -> str:
    """Return the text that quotes the hits in the order of the history, each day under its date."""
    ordered = sorted(hits, key=lambda hit: (hit.position, hit.part))
    return "\n".join([_TITLE, *_lines(ordered)]) if ordered else ""


def _lines(hits: Sequence[Hit]) -> Iterator[str]:
    years: set[str] = set()
    for heading, same in groupby(hits, key=_heading):
        yield _written(heading, years)
        years = {heading[1]}
        yield from map(_line, same)


def _heading(hit: Hit) -> tuple[str, str]:
    """Return the day and the year that a hit stands under."""
    if hit.message.time is None:
        return "earlier", ""
    day = time.localtime(hit.message.time)
    return f"{day.tm_mday} {_MONTHS[day.tm_mon - 1]}", str(day.tm_year)


def _written(heading: tuple[str, str], years: Collection[str]) -> str:
    """Return the heading's line; the year only where it is not one of those that stand there."""
    day, year = heading
    return f"[{day} {year}]" if year and year not in years else f"[{day}]"


def _line(hit: Hit) -> str:
    speaker = hit.message.name or hit.message.role
    return f"{speaker}: {hit.message.text}" if hit.whole else f"{speaker}: … {hit.message.text.strip()} …"


def _cost(view: View, text: str) -> float:
    return view.measure(text) * view.scale


_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # noqa: SIM905


def build(parameters: str) -> Recall:
    """Build from `N`, a number of tokens."""
    return Recall(positive(parameters, f"recall:{parameters}" if parameters else "recall"))
