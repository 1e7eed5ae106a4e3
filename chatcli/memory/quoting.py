"""How what was said is shown to a model that derives something from it."""

import re
from collections.abc import Mapping

from chatcli.messages import Message

_REFUSAL = (
    r"(i'?m |i am )?(very |so |really )?(sorry|afraid)\b|i (can(no|')t|cannot|am unable|won't)|as an ai\b"
    r"|很?(抱歉|对不起)|我(不能|无法|没办法)|作为(一个)?(ai|人工智能)"
)
_SHORT = 300
"""Characters of a refusal at most; a longer text that begins so is one that says more."""


def spoken(message: Message) -> str:
    """Return what the message says as text; a part that is none by its kind."""
    if isinstance(message.content, str):
        return message.content
    return "\n".join(_part(part) for part in message.content)


def _part(part: Mapping[str, object]) -> str:
    return (
        str(part.get("text", "")) if part.get("type") == "text" else f"[{part.get('type', 'part')}]".replace("_url", "")
    )


def abridged(text: str, most: int) -> str:
    """Return the text; of one with more than `most` characters the beginning and the end."""
    if len(text) <= most:
        return text
    head, end = most * 2 // 3, most // 3
    return f"{text[:head]}\n[… {len(text) - head - end:,} characters left out …]\n{text[len(text) - end :]}"


def is_refusal(text: str) -> bool:
    """Say whether the text declines what was asked for, instead of doing it."""
    return len(text) < _SHORT and re.match(_REFUSAL, text.strip(), re.IGNORECASE) is not None
