"""The nodes of a Redis cluster: the address that names some of them, and which of them has which slot."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import AskError

from chatcli.errors import UsageError
from chatcli.stores.masking import masked
from chatcli.stores.redis_exchange import Command

Node = tuple[str, int]
"""Host and port."""

WITHOUT_KEY = ("TIME", "PING", "INFO", "CONFIG", "ROLE", "DBSIZE", "ACL")
USUAL_PORT = 6379


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """What `redis+cluster://USER:PASSWORD@HOST:PORT,HOST:PORT/?OPTIONS` says: where to begin, and how to connect."""

    scheme: str
    login: str
    seeds: tuple[Node, ...]
    query: str

    def of(self, node: Node, option: str = "") -> str:
        """Return the address of one node, with an option that goes before those of the cluster's."""
        host, port = node
        host = f"[{host}]" if ":" in host else host
        options = "&".join(filter(None, (option, self.query)))
        return f"{self.scheme}://{self.login}{host}:{port}/0{'?' if options else ''}{options}"


def cluster_address(url: str) -> ClusterAddress:
    """Read the address of a cluster, which has one database; raise UsageError when it is malformed."""
    found = _ADDRESS.fullmatch(url)
    try:
        if found is None:
            raise ValueError("no address of a cluster")
        scheme, login, hosts, query = found.groups()
        return ClusterAddress(scheme, login or "", tuple(map(_node, hosts.split(","))), query or "")
    except ValueError:  # its text quotes parts of the address, which may be the password's
        raise UsageError(
            f"the store address {masked(url)!r} is malformed",
            "write redis+cluster://USER:PASSWORD@HOST:PORT,HOST:PORT/; in a password, @ is %40, / is %2F and # is %23",
        ) from None


_ADDRESS = re.compile(r"(rediss?)\+cluster://([^/?#]*@)?([^/?#@]+)(?:/0?)?(?:\?(.*))?")


def _node(text: str) -> Node:
    parts = urlsplit(f"//{text.strip()}")
    port = parts.port  # raises ValueError for what is none
    if not parts.hostname or port == 0:
        raise ValueError("no host, or no port")
    return parts.hostname, USUAL_PORT if port is None else port


def slots_of(commands: Sequence[Command]) -> list[int]:
    """Return the slot of each command; one without a key goes where the one before it goes, or the first with one."""
    found = [None if command[0] in WITHOUT_KEY else slot_of(command[1]) for command in commands]
    latest = next((slot for slot in found if slot is not None), 0)
    slots = []
    for slot in found:
        latest = latest if slot is None else slot
        slots.append(latest)
    return slots


def slot_of(key: str) -> int:
    """Return the slot of a key; of one that cannot be sent at all, any."""
    return key_slot(key.encode(errors="replace"))


@dataclass(slots=True)
class Slots:
    """Which master has which slot, as last heard; shared by all who speak to the cluster."""

    seeds: tuple[Node, ...]
    owners: list[Node | None] = field(default_factory=lambda: [None] * REDIS_CLUSTER_HASH_SLOTS)
    nodes: list[Node] = field(default_factory=list)

    def masters(self) -> list[Node]:
        """Return the nodes that have slots."""
        return [node for node in dict.fromkeys(self.owners) if node]

    def unserved(self) -> int:
        """Return how many slots nobody has."""
        return self.owners.count(None)

    def moved(self, slot: int, node: Node) -> None:
        """Note a slot's new owner."""
        self.owners[slot] = node

    def to_ask(self, not_first: Node | None) -> list[Node]:
        """Return the nodes that may know better, replicas and those of the address too; another one first each time."""
        known = list(dict.fromkeys([*self.nodes, *self.seeds]))
        self.nodes = [*self.nodes[1:], *self.nodes[:1]]
        return [node for node in known if node != not_first] + [node for node in known if node == not_first]

    def learn(self, reply: Sequence[Any], asked: Node) -> None:
        """Take over what the node `asked` replied to CLUSTER SLOTS."""
        owners: list[Node | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        nodes: dict[Node, None] = {}
        for first, last, *found in reply:
            here = [_of_here(host, int(port), asked) for host, port, *_ in found]
            owners[first : last + 1] = [here[0]] * (last + 1 - first)
            nodes |= dict.fromkeys(here)
        self.owners, self.nodes = owners, list(nodes)


def named(error: AskError, asked: Node) -> Node:
    """Return the node that the error names."""
    return _of_here(error.host.encode(), error.port, asked)


def _of_here(host: bytes | None, port: int, asked: Node) -> Node:
    """Return the node; one that does not know its name is where the one is that was asked."""
    name = (host or b"").decode()
    return (asked[0] if name in ("", "?") else name, port)
