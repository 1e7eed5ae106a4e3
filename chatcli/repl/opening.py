"""A chat that is about to begin: what it is greeted with is known, the rest is still to be put together."""

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING

from chatcli.repl.toolbar import Place
from chatcli.stores import Store

if TYPE_CHECKING:
    from chatcli.chat import Chat


class Opening:
    """What the prompt needs of a chat before anything is sent.

    The chat itself takes as long to import as the prompt does. It is put together when it is first asked for: by the
    thread that works behind the prompt, or by the first line that is sent.
    """

    def __init__(self, store: Store, session: str, model: str, memory: str, put_together: "Callable[[], Chat]") -> None:
        self.store = store
        self.session = session
        self.place = Place(session, model, memory, store.address)
        self._put_together = put_together
        self._lock = Lock()
        self._chat: Chat | None = None

    @property
    def chat(self) -> "Chat":
        """The chat; the same one to everybody who asks."""
        with self._lock:
            if self._chat is None:
                self._chat = self._put_together()
            return self._chat

    @property
    def begun(self) -> "Chat | None":
        """The chat if it is there already."""
        return self._chat

    def close(self) -> None:
        """Close the chat, if there is one; one that is being put together is waited for."""
        with self._lock:
            if self._chat is not None:
                self._chat.close()
