"""What a Redis server says of its own part: a master, whom so many replicas follow, or a replica."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Standing:
    """A server's role (`master` or `slave`), where it is if sentinels named it, and how many replicas are in step.

    `follows` is the master of a replica. `wait_replicas` is how many a turn waits for.
    """

    role: str
    place: str
    replicas: int
    follows: str
    wait_replicas: int

    @property
    def told(self) -> str:
        """The standing, in a few words."""
        if self.role != "master":
            return f"a replica of {self.follows}"
        follow = "1 replica follows" if self.replicas == 1 else f"{self.replicas} replicas follow"
        return f"master {self.place}, {follow}" if self.place else f"a master, {follow}"

    @property
    def hint(self) -> str:
        """What to do about it, '' when all is well."""
        if self.role != "master":
            return "it takes no writes: give the address of its master, or of the sentinels"
        if self.replicas < self.wait_replicas:
            return f"wait_replicas is {self.wait_replicas}: each turn waits a second in vain; look at the replicas"
        return ""


@dataclass(frozen=True, slots=True)
class ClusterStanding:
    """A cluster's masters: how many replicas follow each, and how many slots have none; what a turn waits for."""

    replicas: Sequence[int]
    unserved: int
    wait_replicas: int

    @property
    def told(self) -> str:
        """The standing, in a few words."""
        masters = "1 master" if len(self.replicas) == 1 else f"{len(self.replicas)} masters"
        follow = "1 replica follows" if sum(self.replicas) == 1 else f"{sum(self.replicas)} replicas follow"
        return f"{masters}, {follow}"

    @property
    def hint(self) -> str:
        """What to do about it, '' when all is well."""
        if self.unserved:
            return f"slots without a master: {self.unserved}, and their sessions are away; look at CLUSTER INFO"
        fewest = min(self.replicas, default=0)
        if fewest < self.wait_replicas:
            return (
                f"wait_replicas is {self.wait_replicas}, a master has {fewest}: each turn there waits a second in vain"
            )
        return ""


def standing_of(info: bytes, place: str, wait_replicas: int) -> Standing:
    """Read the reply to INFO replication."""
    lines = info.decode("utf-8", "replace").splitlines()
    told: dict[str, Any] = dict(line.split(":", 1) for line in lines if ":" in line)
    in_step = sum(name.startswith("slave") and ",state=online," in f"{line}," for name, line in told.items())
    follows = f"{told.get('master_host', '')}:{told.get('master_port', '')}"
    return Standing(told.get("role", ""), place, in_step, follows, wait_replicas)
