"""What Redis promises to keep, by its own word: INFO, and CONFIG and TTL where the user may ask for them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from chatcli.errors import StoreError
from chatcli.stores.durability import Durability
from chatcli.stores.redis_exchange import Command
from chatcli.stores.redis_wire import Wire

_QUESTIONS: tuple[Command, ...] = (
    ("INFO", "persistence"),
    ("INFO", "memory"),
    ("INFO", "stats"),
    ("INFO", "replication"),
    ("CONFIG", "GET", "appendfsync"),
    ("CONFIG", "GET", "save"),
)
NEARLY_FULL = 0.9
_SYNCED = {
    "always": "an append-only file, written through with each turn: a crash or a loss of power takes nothing",
    "everysec": "an append-only file, written through each second: a loss of power may take two seconds",
    "no": "an append-only file, written through when the system likes: a loss of power may take half a minute",
    "": "an append-only file; how often it is written through cannot be seen (CONFIG)",
}


def durability_of(wire: Wire, histories: Mapping[str, str], ttl: int | None) -> Durability:
    """Ask all servers what they promise; `histories` are the keys of the newest sessions' lists.

    `ttl` is the store's own, in seconds. Raises StoreError.
    """
    told = _asked(wire)
    lives = wire.ask_each(*(("TTL", key) for key in histories.values())) if histories else []
    promises = dict.fromkeys(one.promise for one in told.values())
    if any(isinstance(life, Exception) for life in lives):
        promises["whether sessions have a TTL cannot be seen (TTL)"] = None
    mortal = of_ttl(ttl) if ttl else of_lifetimes(dict(zip(histories, lives, strict=True)))
    return Durability("; ".join(promises), (*_merged(told), *mortal))


def _asked(wire: Wire) -> dict[str, Durability]:
    """Return what each server promises; a question that is refused is none."""
    replies = dict[str, list[Any]]()
    for question in _QUESTIONS:
        with suppress(StoreError):
            for place, (reply,) in wire.each(question).items():
                replies.setdefault(place, []).append(reply)
    return {place: of_server(known) for place, known in (replies or {"": []}).items()}


def _merged(told: Mapping[str, Durability]) -> Iterator[str]:
    """Yield what speaks against each server: with its place, unless it is so of all of them."""
    for warning in dict.fromkeys(warning for one in told.values() for warning in one.warnings):
        places = [place for place, one in told.items() if warning in one.warnings]
        yield warning if len(places) == len(told) else f"{', '.join(places)}: {warning}"


def of_server(replies: Sequence[Any]) -> Durability:
    """Return what a server promises by its replies to INFO, texts, and to CONFIG, lists; some may be missing."""
    info = _info(replies)
    if "aof_enabled" not in info:
        return Durability("it cannot be seen what is kept: this user may not ask (INFO)")
    config = dict(pair for reply in replies if (pair := _setting(reply)))
    return Durability(_promise(info, config), (*_of_disk(info, config), *_of_memory(info), *_of_role(info)))


def of_lifetimes(lives: Mapping[str, Any]) -> Iterator[str]:
    """Warn of sessions that will expire: the seconds that each has left, negative for none, or an exception."""
    mortal = {name: left for name, left in lives.items() if isinstance(left, int) and left >= 0}
    if mortal:
        first = min(mortal, key=lambda name: mortal[name])
        yield (
            f"{len(mortal)} of the newest {len(lives)} sessions {'has' if len(mortal) == 1 else 'have'} a TTL,"
            " of chatcli or of a LangChain program:"
            f" {first!r} goes in {_time(mortal[first])}"
        )


def of_ttl(ttl: int) -> Iterator[str]:
    """Warn of the store's own ttl."""
    yield f"the store's ttl lets a session go {_time(ttl)} after its last turn"


def _info(replies: Sequence[Any]) -> dict[str, str]:
    text = b"\n".join(reply for reply in replies if isinstance(reply, bytes)).decode("utf-8", "replace")
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def _setting(reply: Any) -> tuple[str, str] | None:
    if not isinstance(reply, list) or len(reply) != 2:
        return None
    return reply[0].decode(), reply[1].decode("utf-8", "replace")


def _promise(info: Mapping[str, str], config: Mapping[str, str]) -> str:
    if info["aof_enabled"] == "1":
        return _SYNCED.get(config.get("appendfsync", ""), _SYNCED[""])
    if "save" not in config:
        return "no append-only file; whether there are snapshots cannot be seen (CONFIG)"
    return "snapshots now and then" if config["save"] else "the memory of the server alone"


def _of_disk(info: Mapping[str, str], config: Mapping[str, str]) -> Iterator[str]:
    if info["aof_enabled"] != "1":
        lost = "all" if config.get("save") == "" else "what came since the last snapshot"
        yield f"without an append-only file a crash takes {lost}: appendonly yes in its configuration"
    elif config.get("appendfsync") == "no":
        yield "appendfsync is no; everysec costs little"
    if info.get("aof_last_write_status", "ok") != "ok":
        yield "its last write to the append-only file failed: look at its disk"
    if info.get("rdb_last_bgsave_status", "ok") != "ok" or info.get("aof_last_bgrewrite_status", "ok") != "ok":
        yield "its last snapshot failed: look at its disk and its log"


def _of_memory(info: Mapping[str, str]) -> Iterator[str]:
    most, used, evicted = (_number(info, name) for name in ("maxmemory", "used_memory", "evicted_keys"))
    policy = info.get("maxmemory_policy", "noeviction")
    evicts = most > 0 and policy != "noeviction"
    if evicts:
        what = "sessions that have a TTL" if policy.startswith("volatile") else "sessions"
        yield f"maxmemory-policy is {policy}: it throws {what} away when memory is full; set noeviction"
    if evicted:
        yield f"it has thrown {evicted} keys away since it started, for want of memory"
    if most and used >= NEARLY_FULL * most:
        then = "throw sessions away" if evicts else "refuse what is written"
        yield f"memory is {100 * used // most} % full, soon it will {then}: raise its maxmemory, or delete sessions"


def _of_role(info: Mapping[str, str]) -> Iterator[str]:
    if info.get("role", "master") != "master":
        yield "it is a replica: what is written there goes, or is refused; give the address of its master"


def _number(info: Mapping[str, str], name: str) -> int:
    text = info.get(name, "")
    return int(text) if text.isdecimal() else 0


def _time(seconds: int) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{round(seconds / size)} {unit}"
    return f"{seconds} seconds"
