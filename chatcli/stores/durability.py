"""What a store promises of what was written, and what speaks against it."""

from typing import NamedTuple, Protocol, runtime_checkable


class Durability(NamedTuple):
    """What a store promises, in a few words, and warnings: each what is wrong, and what to do."""

    promise: str
    warnings: tuple[str, ...] = ()


@runtime_checkable
class Lasting(Protocol):
    """A store that outlives the process, and can say how well."""

    def durability(self) -> Durability:
        """Return what the store promises to keep, and what speaks against it; raises StoreError."""
        ...
