"""The line at the bottom: where we are, and how full the context is."""

from chatcli.chat import Chat
from chatcli.render.safe import one_line


def toolbar(chat: Chat, width: int) -> str:
    """Return the session, model, memory, store and the tokens of the last context, at most `width` cells wide."""
    parts = [chat.session, chat.model.name, chat.memory.spec, _kind(chat.store.address), meter(chat)]
    return one_line(" · ".join(part for part in parts if part), width)


def meter(chat: Chat) -> str:
    """Return how many tokens were sent last, `~` when estimated; '' before the first turn."""
    if chat.last_context is None:
        return ""
    exact = chat.last_usage
    sent = f"{exact.prompt:,}" if exact else f"~{chat.last_context.tokens:,}"
    return f"{sent} of {chat.model.window:,} tokens" if chat.model.window else f"{sent} tokens, window unknown"


def _kind(address: str) -> str:
    return address.partition(":")[0]
