"""What a session's memory holds: how far each thing reaches, and what it is worth in tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from chatcli.chat import Chat
from chatcli.memory import View, corrections, derived, pins, summary
from chatcli.memory.history import History
from chatcli.memory.numbering import numbers_of, open_numbered
from chatcli.messages import Message, readable
from chatcli.render.context import tail_of, turns_from, turns_named
from chatcli.render.ink import Line, print_lines
from chatcli.render.safe import neutralise, one_line
from chatcli.values import counted

_MOST = 20_000
"""Messages of which the tokens are counted: more would take too long for what it tells."""

_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Thing:
    """Something the memory holds: `tokens` is what it takes in a request, `covers` what it stands for, if known.

    It reaches over the messages before `position`, the last of them in turn `turn`; `detail` says more in one line.
    """

    name: str
    position: int
    turn: int
    tokens: int | None = None
    covers: int | None = None
    detail: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """All of it, for a session of so many messages and turns."""

    session: str
    memory: str
    messages: int
    turns: int
    things: Sequence[Thing]


def held_by(chat: Chat) -> Held:
    """Look at what the session has and what the index knows of it. Raises StoreError."""
    history, last = open_numbered(chat.store, chat.session, chat.memory.first_look)
    view = chat.aids.view(history, chat.model)
    things = [
        *_summary(view),
        *_entities(view, last),
        *_pins(view, last),
        *_index(chat, view, last),
        *_tail(chat, last),
    ]
    return Held(chat.session, chat.memory.spec, history.length, last, things)


def print_held(held: Held) -> None:
    """Print it on stdout."""
    print_lines(held_lines(held))


def held_as_data(held: Held) -> dict[str, Any]:
    """Return it as data for JSON."""
    things = [
        {
            "name": thing.name,
            "messages": thing.position,
            "turn": thing.turn,
            "tokens": thing.tokens,
            "stands_for": thing.covers,
            "detail": thing.detail,
            **({"text": thing.text} if thing.text else {}),
        }
        for thing in held.things
    ]
    return {
        "session": held.session,
        "memory": held.memory,
        "messages": held.messages,
        "turns": held.turns,
        "held": things,
    }


def held_lines(held: Held) -> Iterator[Line]:
    """Yield a block for each thing."""
    size = f"{counted(held.turns, 'turn')}, {counted(held.messages, 'message')}"
    yield [(one_line(f"{held.session} · {held.memory} · {size}", _LONGEST), "bold")]
    for thing in held.things:
        worth = "" if thing.tokens is None else f" · ~{thing.tokens:,} tokens"
        if thing.covers is not None:
            worth += f" for ~{thing.covers:,}"
        yield []
        yield [(f"{thing.name:<9} ", "chat.prompt"), (f"{thing.detail}{worth}", "")]
        if thing.text:
            yield [(neutralise(thing.text), "chat.warning")]
    if not held.things:
        yield [("nothing is derived or pinned", "chat.dim")]


# Each thing


def _summary(view: View) -> Iterator[Thing]:
    versions = summary.versions(view.history)
    if not versions:
        return
    newest, end = versions[-1], versions[-1].mark.position
    known = f"{counted(len(versions), 'version')}{', edited by you' if newest.edited else ''}"
    detail = f"{turns_from(1, newest.turns)}, message {end:,} of {view.history.length:,}; {known}"
    covers = view.cost(readable(view.history.between(0, end))) if end <= _MOST else None
    yield Thing("summary", end, newest.turns, view.count(newest.text), covers, detail, newest.text)


def _entities(view: View, last: int) -> Iterator[Thing]:
    """Yield what is known of whom, the user's own facts among it, and how far the history was read for it."""
    known, read = corrections.known(view.history), derived.read(view.history)
    texts = [fact.text for entity in known.values() for fact in entity.current]
    if not (texts or read.stop):
        return
    upto = _upto(view.history, last, read.stop, read.turns)
    about = f"{counted(len(texts), 'fact')} about {', '.join(entity.name for entity in known.values())}"
    detail = f"{about if texts else 'none'}; {upto}"
    yield Thing("entities", read.stop, read.turns, sum(map(view.count, texts)), detail=one_line(detail, _LONGEST))


def _pins(view: View, last: int) -> Iterator[Thing]:
    found = pins.pinned(view.history)
    if not found:
        return
    numbers = numbers_of(view.history, last, {turn.start for turn in found})
    messages: list[Message] = [message for turn in found for message in readable(turn.messages)]
    detail = turns_named([numbers[turn.start] for turn in found])
    yield Thing("pins", found[-1].stop, numbers[found[-1].start], view.cost(messages), detail=detail)


def _index(chat: Chat, view: View, last: int) -> Iterator[Thing]:
    """Yield how far the index has come; a memory that searches needs it."""
    if view.index is None or not chat.memory.searches:
        return
    position = view.history.length - view.index.follow(view.history, 0)
    turn = _turn(view.history, last, position)
    news = "".join(f"; {line}" for line in dict.fromkeys(view.index.news))
    detail = one_line(f"{_upto(view.history, last, position, turn)}{news}", _LONGEST)
    yield Thing("index", position, turn, detail=detail)


def _tail(chat: Chat, last: int) -> Iterator[Thing]:
    """Yield the turns that the next request holds word for word."""
    context = chat.context(None)
    sent, users = tail_of(context.selection.parts)
    if sent:
        detail = f"{turns_from(last - users + 1, last)} word for word"
        yield Thing("tail", context.length, last, context.count(sent), detail=detail)


def _upto(history: History, last: int, position: int, turn: int) -> str:
    if position == history.length:
        return f"all {counted(position, 'message')}"
    return f"up to message {position:,} of {history.length:,}, turn {turn:,} of {last:,}"


def _turn(history: History, last: int, position: int) -> int:
    if position in (0, history.length):
        return last if position else 0
    return numbers_of(history, last, {position - 1})[position - 1]
