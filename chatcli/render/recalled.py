"""Why something was recalled: which turns, which words, which scores."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chatcli.chat import Chat
from chatcli.context import Context
from chatcli.memory import Hit
from chatcli.memory.numbering import numbers_of, open_numbered
from chatcli.render.ink import Line, print_lines, width_of
from chatcli.render.safe import one_line
from chatcli.render.tables import columns

_NARROW = 100
"""Cells below which each hit has two lines of its own, and no table is drawn."""


_BEFORE = 12
"""Characters shown before the first word that was found."""


def print_recalled(chat: Chat, context: Context, asked: bool, plain: bool = False) -> None:
    """Print why the context holds what was recalled, the best first."""
    lines = recalled_lines(context, turns_of(chat, context), width_of(sys.stdout))
    print_lines(lines if context.hits else [[(_nothing(chat, context, asked), "")]], plain)


def turns_of(chat: Chat, context: Context) -> Mapping[int, int]:
    """Return the number of the turn that each hit stands in, by its position."""
    history, last = open_numbered(chat.store, chat.session, chat.memory.first_look)
    return numbers_of(history, last, {hit.position for hit in context.hits})


def recalled_lines(context: Context, turns: Mapping[int, int], width: int) -> Iterator[Line]:
    """Yield the hits as a table; in little room, two lines each."""
    rows = [_row(hit, turns) for hit in context.hits]
    if width < _NARROW:
        for turn, said, score, words, text in rows:
            found_by = f" · by {words}" if words else " · by what stands beside it"
            yield [(one_line(f"turn {turn} · {said} · {score}{found_by}", width), "chat.prompt")]
            yield [(f"  {one_line(text, width - 2)}", "")]
        return
    table = columns(rows, ("TURN", "SAID", "SCORE", "FOUND BY", "TEXT"), {3: 24, 4: width - 60})
    yield [(table[0], "bold")]
    yield from ([(line, "")] for line in table[1:])


def recalled_as_data(context: Context, turns: Mapping[int, int]) -> list[dict[str, Any]]:
    """Return the hits as data for JSON, the best first."""
    return [
        {
            "turn": turns.get(hit.position),
            "position": hit.position,
            "time": hit.message.time,
            "role": hit.message.role,
            "score": hit.score,
            "words": list(hit.words),
            "whole": hit.whole,
            "text": hit.message.text,
        }
        for hit in context.hits
    ]


def _row(hit: Hit, turns: Mapping[int, int]) -> tuple[str, str, str, str, str]:
    when = time.strftime("%Y-%m-%d", time.localtime(hit.message.time)) if hit.message.time else "-"
    words = [word for word in hit.words if not any(word != other and word in other for other in hit.words)]
    said = f"{hit.message.role}: {_around(hit.message.text, words)}"
    turn = turns.get(hit.position)
    return ("?" if turn is None else f"{turn:,}", when, f"{hit.score:.2f}", one_line(", ".join(words), 200), said)


def _around(text: str, words: Sequence[str]) -> str:
    """Return the text from shortly before the first of the words on."""
    folded = text.lower()
    first = min((at for word in words if (at := folded.find(word.lower())) >= 0), default=0)
    if first <= _BEFORE:
        return text
    before = text[first - _BEFORE : first]
    return f"… {before.partition(' ')[2] or before}{text[first:]}"


def _nothing(chat: Chat, context: Context, asked: bool) -> str:
    """Return why there is nothing to explain."""
    if not chat.memory.searches:
        return f"{chat.memory.spec} recalls nothing; recall:800, alone or with others, and auto do"
    if not asked:
        return "what is recalled depends on your message: give its text"
    if not context.length:
        return "nothing was said before this message yet"
    return "nothing of the older turns was recalled for this message"
