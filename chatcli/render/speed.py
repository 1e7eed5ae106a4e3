"""How fast a reply came, in one line."""

from chatcli.messages import Message
from chatcli.tokens import estimate
from chatcli.values import counted


def speed_line(reply: Message, seconds: float, first: float) -> str:
    """Return what there is to say of a reply that took so many seconds, the first of them until it began.

    The tokens are those that the endpoint counted, else an estimate. The speed is that since the reply began.
    """
    told = reply.usage.completion if reply.usage else 0
    tokens = told or estimate(reply.text)
    flowed = seconds - first
    speed = f" · {tokens / flowed:,.0f} tokens/s" if flowed > 0 else ""
    return f"{'' if told else '~'}{counted(tokens, 'token')} · {seconds:.1f} s{speed} · first after {first:.1f} s"
