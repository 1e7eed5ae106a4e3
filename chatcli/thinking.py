"""Thoughts that stand in the text of a reply: some models write them in front of it, between two tags."""

OPENS, CLOSES = "<think>", "</think>"


def without_thoughts(reply: str) -> str:
    """Return the reply without the thoughts in front of it; as it is where none are, or where they do not end."""
    begun = reply.lstrip()
    if not begun.startswith(OPENS):
        return reply
    _, closed, answer = begun.partition(CLOSES)
    return answer.lstrip() if closed else reply
