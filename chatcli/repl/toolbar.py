"""The line at the bottom: where we are, and how full the context is."""

from chatcli.chat import Chat
from chatcli.render.safe import one_line

_ANY_WIDTH = 10_000
_FULL = 0.8
"""Of the window, from which on the meter says how full it is."""


def toolbar(chat: Chat, width: int) -> str:
    """Return the session, model, memory, store and the tokens of the last context, at most `width` cells wide.

    Where that is too little the store goes first, then the memory, then the model; the tokens stay.
    """
    parts = [one_line(part) for part in (chat.session, chat.model.name, chat.memory_spec, _kind(chat.store.address))]
    end = f" · {meter(chat)}" if meter(chat) else ""
    for kept in (4, 3, 2):
        line = " · ".join(parts[:kept]) + end
        if one_line(line, width) == one_line(line, _ANY_WIDTH):
            return line
    return one_line(one_line(chat.session, max(width - len(end), 1)) + end, width)


def meter(chat: Chat) -> str:
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
