"""The open chat: put together once, by whichever thread asks first; another one in its place; closed in the end."""

from threading import Thread

from chatcli.chat import Chat
from chatcli.repl.opening import Opening
from chatcli.stores.in_memory import InMemoryStore
from tests.fakes import ScriptedModel


class WatchedChat(Chat):
    was_closed = False

    def close(self) -> None:
        self.was_closed = True
        super().close()


def test_two_threads_that_ask_at_once_get_the_same_chat() -> None:
    made: list[Chat] = []
    got: list[Chat] = []

    def put_together() -> Chat:
        made.append(chat := Chat(InMemoryStore(), "s", ScriptedModel()))
        if len(made) == 1:
            second.start()
            second.join(0.3)  # it waits for this one, or else it is through by now
        return chat

    opening = Opening(InMemoryStore(), "s", "scripted", "none", put_together)
    second = Thread(target=lambda: got.append(opening.chat))
    got.append(opening.chat)
    second.join()
    assert (got, len(made)) == ([made[0], made[0]], 1)
    opening.close()


def test_a_chat_that_is_put_together_while_it_is_closed_is_closed() -> None:
    def put_together() -> Chat:
        closing.start()
        closing.join(0.3)
        return chat

    chat = WatchedChat(InMemoryStore(), "s", ScriptedModel())
    opening = Opening(InMemoryStore(), "s", "scripted", "none", put_together)
    closing = Thread(target=opening.close)
    assert opening.chat is chat
    closing.join()
    assert chat.was_closed


def test_a_chat_that_is_left_for_another_is_closed_at_once_and_the_other_one_in_the_end() -> None:
    first = WatchedChat(InMemoryStore(), "first", ScriptedModel())
    other = WatchedChat(InMemoryStore(), "other", ScriptedModel())
    opening = Opening(first.store, "first", "scripted", "none", lambda: first)
    assert opening.place.session == opening.chat.session == "first"
    opening.switch(other)
    assert (first.was_closed, other.was_closed) == (True, False)
    assert opening.chat is opening.begun is other
    assert opening.place.session == "other"
    opening.close()
    assert other.was_closed


def test_a_chat_that_was_never_put_together_is_not_for_the_sake_of_another() -> None:
    def put_together() -> Chat:
        raise AssertionError("nobody asked for it")

    other = WatchedChat(InMemoryStore(), "other", ScriptedModel())
    opening = Opening(other.store, "first", "scripted", "none", put_together)
    opening.switch(other)
    assert opening.chat is other
    opening.close()
