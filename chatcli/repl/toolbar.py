"""The line at the bottom: where we are, and how full the context is."""

from typing import TYPE_CHECKING, NamedTuple

from chatcli.render.safe import one_line

if TYPE_CHECKING:
    from chatcli.chat import Chat

_ANY_WIDTH = 10_000
_FULL = 0.8
"""Of the window, from which on the meter says how full it is."""


class Place(NamedTuple):
    """Where we are: the session, the model's id, the memory's spec, the store's address."""

    session: str
    model: str
    memory: str
    store: str


def place_of(chat: "Chat") -> Place:
    """Return where a chat is."""
    return Place(chat.session, chat.model.name, chat.memory_spec, chat.store.address)


def toolbar(place: Place, width: int, meter: str = "") -> str:
    """Return the session, model, memory, store and the tokens of the last context, at most `width` cells wide.

    Where that is too little the store goes first, then the memory, then the model; the tokens stay.
    """
    parts = [one_line(part) for part in (*place[:3], _kind(place.store))]
    end = f" · {meter}" if meter else ""
    for kept in (4, 3, 2):
        line = " · ".join(parts[:kept]) + end
        if one_line(line, width) == one_line(line, _ANY_WIDTH):
            return line
    return one_line(one_line(place.session, max(width - len(end), 1)) + end, width)


def meter(chat: "Chat") -> str:
    """Return how many tokens were sent last, `~` when estimated, and how full a window is that is nearly full.

    '' before the first turn.
    """
    if chat.last_context is None:
        return ""
    sent = chat.last_usage.prompt if chat.last_usage else chat.last_context.tokens
    shown = f"{'' if chat.last_usage else '~'}{sent:,}"
    if not chat.window:
        return f"{shown} tokens, window unknown"
    full = f" ({sent / chat.window:.0%})" if sent >= _FULL * chat.window else ""
    return f"{shown} of {chat.window:,} tokens{full}"


def _kind(address: str) -> str:
    return address.partition(":")[0]
