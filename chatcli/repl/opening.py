"""The chat that is open: what it is greeted with is known at once, the rest is put together behind the prompt."""

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING

from chatcli.repl.toolbar import Place, place_of
from chatcli.stores import Store

if TYPE_CHECKING:
    from chatcli.chat import Chat


class Opening:
    """What the prompt needs of a chat before anything is sent, and the chat itself once it is asked for.

    To import what it is made of takes as long as the prompt does. It is put together by the thread that works behind
    the prompt, or by the first line that is sent. Another chat may take its place.
    """

    def __init__(self, store: Store, session: str, model: str, memory: str, put_together: "Callable[[], Chat]") -> None:
        self.store = store
        self._announced = Place(session, model, memory, store.address)
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

    @property
    def place(self) -> Place:
        """Where we are, as the toolbar says it."""
        return place_of(self._chat) if self._chat is not None else self._announced

    def switch(self, chat: "Chat") -> None:
        """Close the chat, and go on with this one."""
        with self._lock:
            left, self._chat = self._chat, chat
        if left is not None:
            left.close()

    def close(self) -> None:
        """Close the chat, if there is one; one that is being put together is waited for."""
        with self._lock:
            if self._chat is not None:
                self._chat.close()
