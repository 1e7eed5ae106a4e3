"""The keys of a session in Redis.

    message_store:NAME                     list, newest message first: LangChain's own
    {message_store:NAME}:info              hash: title, created, used, turns, counted (up to which length), settings
    {message_store:NAME}:states            hash: what was derived, by name
    {message_store:NAME}:pending           hash: TURN/turn, TURN/partial, TURN/beat (its last sign of life)
    {message_store:NAME}:undone            list, undone last first
    {message_store:NAME}:written           sorted set: ids of the writes that were done, by time, the newest 1000
    chatcli:index:message_store:           sorted set: session names by time of last use

Between the braces `%`, `{` and `}` are percent-encoded. On a cluster what stands there is the list's name to the
letter, so that all of them lie in one slot; a name with a brace of its own cannot have that, and is refused there.
"""

from typing import NamedTuple

from chatcli.errors import UsageError


class Keys(NamedTuple):
    """The names of one session's keys; `history` is LangChain's list."""

    history: str
    info: str
    states: str
    pending: str
    undone: str
    written: str

    @property
    def all(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(self)

    @property
    def types(self) -> dict[str, str]:
        """The type that each of them has when it is ours."""
        return dict(zip(self.all, ("list", "hash", "hash", "hash", "list", "zset"), strict=True))


def keys_of(prefix: str, session: str, clustered: bool = False) -> Keys:
    """Return the session's keys.

    Raises UsageError when one could be another session's (with an unusual prefix), or when a cluster could not keep
    them together.
    """
    history = prefix + session
    if history.startswith(("{", "chatcli:index:")):
        raise UsageError(
            f"the session name {session!r} cannot be used with the key prefix {prefix!r}", "choose another name"
        )
    if clustered and _has_brace(session):
        raise UsageError(
            f"the session name {session!r} has a brace: a Redis cluster cannot keep its keys together",
            "choose a name without { and }",
        )
    tag = history if clustered else history.replace("%", "%25").replace("{", "%7B").replace("}", "%7D")
    return _beside(history, f"{{{tag}}}:")


def _beside(history: str, start: str) -> Keys:
    return Keys(history, f"{start}info", f"{start}states", f"{start}pending", f"{start}undone", f"{start}written")


def staging(keys: Keys, mark: str) -> Keys:
    """Return the keys, in the same slot, where what is to become the session's lies until it is whole."""
    start = f"{keys.info.removesuffix('info')}coming:{mark}:"
    return _beside(f"{start}history", start)


def check_prefix(prefix: str) -> None:
    """Raise UsageError when a cluster could not keep a session's keys together under this prefix."""
    if _has_brace(prefix):
        raise UsageError(
            f"the key prefix {prefix!r} has a brace: a Redis cluster cannot keep a session's keys together",
            "choose a key_prefix without { and }",
        )


def _has_brace(text: str) -> bool:
    return "{" in text or "}" in text


def index_key(prefix: str) -> str:
    """Return the key of the sessions' index."""
    return f"chatcli:index:{prefix}"


def glob_escaped(text: str) -> str:
    """Return a pattern that matches `text` alone."""
    return "".join(f"\\{character}" if character in "*?[]\\^" else character for character in text)
