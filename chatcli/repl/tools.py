"""What the chat in the terminal is given by who opens it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from chatcli.keymap import Keymap

if TYPE_CHECKING:
    from chatcli.chat import Chat
    from chatcli.model import Model
    from chatcli.prices import Prices
    from chatcli.prompt import Prompt
    from chatcli.search.find import Findings
    from chatcli.stores import Store


Find = Callable[[str, int, Callable[[int, int], object], Callable[[str], object]], "Findings"]
"""Searches for a query, for so many hits; is told whom to tell how far it is, and whom what is wrong with the index."""


class Outage(Protocol):
    """What is told of a store that may go away while the chat goes on."""

    on_change: Callable[[], object]
    """Called, in any thread, when it goes away or is back."""

    @property
    def state(self) -> str:
        """What there is to know in a few words; '' while the store is there."""
        ...

    def news(self) -> Sequence[str]:
        """Return what happened since it was last asked, one line each."""
        ...


class Lasting:
    """A store that is there as long as the process."""

    state = ""

    def __init__(self) -> None:
        self.on_change: Callable[[], object] = lambda: None

    def news(self) -> Sequence[str]:
        """See Outage."""
        return ()


class Tools(NamedTuple):
    """What the chat needs from outside to exchange its parts, and how the user wants things shown."""

    open_session: "Callable[[str | None], Chat]"
    """Return the chat of another session with the same store; None: a new one."""
    open_model: "Callable[[str], Model]"
    open_prompt: "Callable[[str], tuple[Prompt, Mapping[str, str]]]"
    """Return the prompt of the config with this name, and its variables' defaults."""
    prompt_names: Sequence[str]
    forget_index: Callable[[str], None]
    """Remove what the cache knows of a session that was emptied, deleted or renamed."""
    find: Find
    """Find what was said in any session of the store."""
    model_names: Sequence[str]
    price_of: Callable[[str], "Prices | None"]
    """Give what a model's tokens cost, by its id, if the config says so."""
    preload: Callable[[str], object]
    """Import what the first turn with the model of that id needs; runs while the user types."""
    state_folder: Path
    outage: Outage = Lasting()
    watched: "Callable[[], tuple[Store, bool]] | None" = None
    """Give the store to look into for what others write, and whether it is one of its own; None: nobody looks."""
    private: bool = False
    plain: bool = False
    quiet: bool = False
    whole_replies: bool = False
    reasoning: bool = True
    show_speed: bool = False
    keymap: Keymap = Keymap()
    vi: bool = False
