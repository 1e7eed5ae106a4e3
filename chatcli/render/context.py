"""What is sent for one turn: part by part, with the tokens of each and a bar of the whole window.

The messages are those of Context.messages, which also makes the request; nothing here chooses or leaves out. Tokens
are always `~1,234`: a tokenizer counts the texts, but not what the chat's format puts around each message.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from chatcli.chat import Chat
from chatcli.context import Context, merged
from chatcli.memory import Part
from chatcli.messages import Content, Message
from chatcli.render.bar import Slice, bar
from chatcli.render.history import describe
from chatcli.render.ink import Line, print_lines, width_of
from chatcli.render.safe import neutralise, one_line
from chatcli.values import counted


@dataclass(frozen=True, slots=True)
class Kind:
    """How parts of a kind are called, alone and where another part is sent inside them, and how they are drawn."""

    name: str
    colour: str
    letter: str
    around: str = "the next message"


# Told apart on a light background too, where cyan is drawn as blue and yellow as magenta.
KINDS = {
    "system": Kind("system", "magenta", "s", "the system text"),
    "summary": Kind("summary", "dark_goldenrod", "m"),
    "pins": Kind("pins", "grey50", "p"),
    "tail": Kind("tail", "cyan", "t"),
    "recall": Kind("recall", "red", "r"),
    "entities": Kind("entities", "bright_magenta", "e"),
    "input": Kind("input", "green", "i", "your message"),
    "prompt": Kind("prompt", "turquoise4", "o"),
}
_NOT_YET = "was said before it yet"
_WIDEST = 100
_LONGEST = 200
_VERBATIM = " word for word"


@dataclass(frozen=True, slots=True)
class Request:
    """A context, and what it takes to show it.

    `turns` is how many turns the session has; of the `window` (None: unknown) `reply` tokens are kept for the reply.
    `asked`: the input is known. `idle` says why a strategy adds nothing, a line each.
    """

    context: Context
    turns: int = 0
    window: int | None = None
    reply: int = 0
    asked: bool = True
    idle: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """A part as it is shown; `inside` names the message that its own are sent in, '' when they stand alone."""

    part: Part
    label: str
    tokens: int
    inside: str = ""

    @property
    def kind(self) -> Kind:
        """How it is drawn."""
        return _kind(self.part)


def next_request(chat: Chat, content: Content | None) -> Request:
    """Return what the chat would send for `content`, by the function that sends it; None: it is not known yet."""
    context, window = chat.context(content), chat.window
    turns = chat.store.snapshot(chat.session, 0).session.turns
    reply = chat.reply_room(window) if window else 0
    idle = () if content is None else tuple(_idle(chat, context))
    return Request(context, turns, window, reply, content is not None, idle)


def _idle(chat: Chat, context: Context) -> Iterator[str]:
    """Yield why a strategy adds nothing to the input, where it could have."""
    kinds = {part.kind for part in context.parts}
    for strategy in chat.memory.strategies:
        failed = [note for note in context.notes if note.startswith(f"{strategy.spec} adds nothing")]
        if failed:
            yield from failed
        elif strategy.searches and chat.aids.index is not None and "recall" not in kinds:
            yield f"recall: {_idle_recall(context)}"
        elif strategy.spec == "entity" and "entities" not in kinds:
            nothing = "is known of the names in it that the tail does not say" if context.length else _NOT_YET
            yield f"entity: nothing {nothing}"


def _idle_recall(context: Context) -> str:
    if not context.length:
        return f"nothing {_NOT_YET}"
    return "nothing older bears on it" if context.start else "all is in the tail already"


def print_request(request: Request, plain: bool = False) -> None:
    """Print the request on stdout: in colours on a terminal, as plain text elsewhere or when `plain`."""
    letters = plain or not sys.stdout.isatty() or bool(os.environ.get("NO_COLOR"))
    print_lines(request_lines(request, width_of(sys.stdout), letters), plain)


def request_lines(request: Request, width: int, letters: bool = False) -> Iterator[Line]:
    """Yield the messages part by part, then the parts, the window and the sum, `width` cells wide.

    A message's own lines are as long as they are: whoever prints them wraps them. `letters` tell the parts apart where
    no colours do.
    """
    pieces = pieces_of(request)
    for piece in pieces:
        inside = f" · sent inside {piece.inside}" if piece.inside else ""
        yield [(f"{piece.label} · ~{piece.tokens:,} tokens{inside}", "chat.prompt")]
        for message in piece.part.messages:
            yield [(neutralise(f"{message.role}: {describe(message, whole=True)}"), piece.kind.colour)]
        yield []
    yield from _listed(request, pieces, width, letters)
    yield bar(_slices(request, pieces), min(width, _WIDEST), letters)
    yield [(_sum(request), "chat.dim")]
    if request.context.start < request.context.length and not any(piece.part.kind == "tail" for piece in pieces):
        yield [("the prompt has the history as text: it stands inside its messages", "chat.dim")]
    yield from ([(one_line(line, _LONGEST), "chat.dim")] for line in request.idle)
    if not request.asked:
        yield [("what depends on your next message is shown when its text is given", "chat.dim")]


# Parts


def pieces_of(request: Request) -> list[Piece]:
    """Return the parts that hold messages, with where these are sent and what they cost there."""
    context = request.context
    parts = [part for part in context.parts if part.messages]
    joined = [False, *(_is_joined(before, part) for before, part in pairwise(parts))]
    overhead = context.count([Message("user", "")])
    return [
        Piece(
            part,
            _label(part, request),
            max(0, context.count(part.messages) - joined[index] * overhead),
            _inside(parts, joined, index),
        )
        for index, part in enumerate(parts)
    ]


def _is_joined(before: Part, part: Part) -> bool:
    """Say whether the part begins inside the message that the one before it ends with."""
    return len(merged([before, part])) < len(before.messages) + len(part.messages)


def _inside(parts: Sequence[Part], joined: Sequence[bool], index: int) -> str:
    """Return what stands around the part in the request; '' for a part that stands alone."""
    if parts[index].joins == "before" and joined[index]:
        return _kind(parts[index - 1]).around
    while parts[index].joins == "after" and index + 1 < len(parts) and joined[index + 1]:
        index += 1
        if parts[index].joins != "after":
            return _kind(parts[index]).around
    return ""


def _kind(part: Part) -> Kind:
    return KINDS.get(part.kind) or Kind(one_line(part.kind), "blue", "x")


def _label(part: Part, request: Request) -> str:
    """Return what the part is, with the turns it covers."""
    users = sum(message.role == "user" for message in part.messages)
    if part.kind == "tail":
        return f"tail: {turns_from(request.turns - users + 1, request.turns)}{_VERBATIM}"
    if part.kind == "pins":
        return f"pins: {counted(users, 'turn')}"
    return _kind(part).name


def turns_from(first: int, last: int) -> str:
    """Return `turn 3` or `turns 3 to 7`."""
    return f"turn {last:,}" if first >= last else f"turns {max(first, 1):,} to {last:,}"


def turns_named(numbers: Sequence[int]) -> str:
    """Return `turn 3` or `turns 3, 7`."""
    return f"turn{'' if len(numbers) == 1 else 's'} {', '.join(f'{number:,}' for number in numbers)}"


def tail_of(parts: Sequence[Part]) -> tuple[list[Message], int]:
    """Return the messages that are sent word for word, and how many turns they are."""
    sent = [message for part in parts if part.kind == "tail" for message in part.messages]
    return sent, sum(message.role == "user" for message in sent)


# The parts in a table, and the window


def _listed(request: Request, pieces: Sequence[Piece], width: int, letters: bool) -> Iterator[Line]:
    """Yield a line for each part, its tokens aligned at the right."""
    from rich.cells import set_cell_size

    figures = [f"~{piece.tokens:,}" for piece in pieces]
    right = max(map(len, figures), default=0)
    places = [f"  inside {piece.inside}" if piece.inside else "" for piece in pieces]
    labels = [piece.label.removesuffix(_VERBATIM) for piece in pieces]
    longest = max(map(len, labels), default=0)
    if longest + right + 4 + max(map(len, places), default=0) > width:
        places = [""] * len(pieces)
    room = max(8, min(longest, width - right - 4))
    for piece, label, figure, place in zip(pieces, labels, figures, places, strict=True):
        mark = piece.kind.letter if letters else "■"
        name = set_cell_size(one_line(label, room), room)
        yield [(f"{mark} ", piece.kind.colour), (f"{name}  {figure:>{right}}", ""), (place, "chat.dim")]


def _slices(request: Request, pieces: Sequence[Piece]) -> list[Slice]:
    slices = [Slice(piece.tokens, piece.kind.colour, piece.kind.letter) for piece in pieces]
    if request.window is None:
        return slices
    free = max(0, request.window - request.context.tokens - request.reply)
    return [*slices, Slice(free, "bright_black", ".", free=True), Slice(request.reply, "white", "-", shaded=True)]


def _sum(request: Request) -> str:
    """Return the request in one line: messages, tokens, what the window leaves."""
    total, messages = request.context.tokens, counted(len(request.context.messages), "message")
    if request.window is None:
        return f"{messages}, ~{total:,} tokens; the model's window is unknown, the bar is the request"
    left = request.window - total - request.reply
    room = f"~{left:,} free" if left >= 0 else f"~{-left:,} too many"
    kept = f"{request.reply:,} kept for the reply"
    return f"{messages}, ~{total:,} of {request.window:,} tokens; {kept}, {room}"
