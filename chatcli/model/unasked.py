"""A model that is named, but never asked: for what only has to know how much it takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chatcli.errors import ModelError
from chatcli.messages import Message
from chatcli.model import Reply


@dataclass(frozen=True, slots=True)
class UnaskedModel:
    """Stands in for a model where no request may leave and nothing may be started."""

    name: str
    window: int | None = None
    host: str = ""
    local: bool = False
    images: bool | None = None

    def stream(self, context: Sequence[Message], options: Mapping[str, Any]) -> Reply:
        """Refuse: nothing is asked here."""
        raise ModelError(f"{self.name} is not asked here", "chatcli ask asks it")

    def models(self) -> list[str]:
        """Return its own name."""
        return [self.name]

    def listed_window(self) -> int | None:
        """Return the window that was named."""
        return self.window

    def close(self) -> None:
        """Do nothing: nothing is open."""
