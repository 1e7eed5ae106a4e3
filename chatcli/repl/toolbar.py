"""The line at the bottom: where we are, and how full the context is."""

from chatcli.chat import Chat
from chatcli.render.safe import one_line

_ANY_WIDTH = 10_000


def toolbar(chat: Chat, width: int) -> str:
    """Return the session, model, memory, store and the tokens of the last context, at most `width` cells wide.

    Where that is too little the store goes first, then the memory, then the model; the tokens stay.
    """
    parts = [one_line(part) for part in (chat.session, chat.model.name, chat.memory.spec, _kind(chat.store.address))]
    end = f" · {meter(chat)}" if meter(chat) else ""
    for kept in (4, 3, 2):
        line = " · ".join(parts[:kept]) + end
        if one_line(line, width) == one_line(line, _ANY_WIDTH):
            return line
    return one_line(one_line(chat.session, max(width - len(end), 1)) + end, width)


def meter(chat: Chat) -> str:
    """Return how many tokens were sent last, `~` when estimated; '' before the first turn."""
    if chat.last_context is None:
        return ""
    exact = chat.last_usage
    sent = f"{exact.prompt:,}" if exact else f"~{chat.last_context.tokens:,}"
    return f"{sent} of {chat.window:,} tokens" if chat.window else f"{sent} tokens, window unknown"


def _kind(address: str) -> str:
    return address.partition(":")[0]
