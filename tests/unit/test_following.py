"""What others did to a history: told from looks at its end, in a store of any kind."""

from collections.abc import Sequence

import pytest

from chatcli.chat import Chat
from chatcli.errors import Conflict
from chatcli.following import EMPTIED, MOST, NOTHING, REMEMBERED, News, OwnWriting, Seen, look, seen
from chatcli.messages import Message, new_id
from chatcli.repl.others_shown import drawn
from chatcli.revising import clear, put_back, take_back
from chatcli.stores import Snapshot
from chatcli.stores.in_memory import InMemoryStore
from tests.fakes import ScriptedModel

ANNA = "anna@desk"


def turn(text: str, author: str | None = ANNA) -> list[Message]:
    return [Message("user", text, new_id(), author=author), Message("assistant", f"re {text}", new_id())]


def texts(news: News) -> list[str]:
    return [message.text for message in news.added]


class Eyes:
    """Somebody who looks at the session `s` again and again."""

    def __init__(self, store: InMemoryStore, own: OwnWriting | None = None, before: Seen | None = None) -> None:
        self.store = store
        self.own = own or OwnWriting()
        self.seen = before or seen(store.length("s"), store.messages("s"))

    def look(self) -> News:
        news, self.seen = look(self.store, "s", self.seen, self.own)
        self.own.took_from = None
        return news


@pytest.fixture
def store() -> InMemoryStore:
    made = InMemoryStore()
    for text in ("one", "two", "three"):
        made.append("s", turn(text))
    return made


def test_nothing_is_news_where_nothing_happened(store: InMemoryStore) -> None:
    assert Eyes(store).look() == NOTHING
    assert Eyes(InMemoryStore()).look() == NOTHING


def test_what_was_added_is_told_once_message_by_message_too(store: InMemoryStore) -> None:
    eyes = Eyes(store)
    question, reply = turn("four")
    store.append("s", [question])
    assert texts(eyes.look()) == ["four"]
    store.append("s", [reply])
    assert texts(eyes.look()) == ["re four"]
    assert eyes.look() == NOTHING


def test_a_first_turn_in_a_session_that_was_empty_is_told() -> None:
    store = InMemoryStore()
    eyes = Eyes(store)
    store.append("s", turn("one"))
    assert texts(eyes.look()) == ["one", "re one"]


def test_own_turns_are_no_news_those_of_others_before_and_behind_them_are(store: InMemoryStore) -> None:
    chat = Chat(store, "s", ScriptedModel())
    eyes = Eyes(store, chat.own)
    store.append("s", turn("before"))
    list(chat.send("mine"))
    store.append("s", turn("behind"))
    assert texts(eyes.look()) == ["before", "re before", "behind", "re behind"]
    assert eyes.look() == NOTHING


def test_of_many_messages_only_the_number_is_told_and_the_next_one_is_shown_again(store: InMemoryStore) -> None:
    chat = Chat(store, "s", ScriptedModel())
    eyes = Eyes(store, chat.own)
    for number in range(MOST):
        store.append("s", turn(f"more {number}"))
    list(chat.send("mine"))
    assert eyes.look() == News(total=2 * MOST)
    store.append("s", turn("last"))
    assert texts(eyes.look()) == ["last", "re last"]


def test_ten_messages_are_shown_and_eleven_are_counted(store: InMemoryStore) -> None:
    eyes = Eyes(store)
    store.append("s", [Message("user", str(number)) for number in range(MOST)])
    assert len(eyes.look().added) == MOST
    store.append("s", [Message("user", str(number)) for number in range(MOST + 1)])
    assert eyes.look() == News(total=MOST + 1)


@pytest.mark.parametrize("turns", [1, 2])
def test_turns_that_were_taken_back_are_counted(store: InMemoryStore, turns: int) -> None:
    eyes = Eyes(store)
    take_back(store, "s", turns)
    assert eyes.look() == News(taken=True, turns=turns)
    assert eyes.look() == NOTHING
    put_back(store, "s")
    assert len(eyes.look().added) == 2 * turns


def test_a_reply_that_was_replaced_is_told_with_the_new_one_though_the_length_is_the_same(store: InMemoryStore) -> None:
    eyes = Eyes(store)
    list(Chat(store, "s", ScriptedModel(["another"])).retry())
    assert (eyes.look().turns, texts(Eyes(store, before=seen(5, store.messages("s", 0, 5))).look())) == (0, ["another"])


def test_a_turn_that_was_edited_is_told_with_the_new_one(store: InMemoryStore) -> None:
    eyes, chat = Eyes(store), Chat(store, "s", ScriptedModel(["another"]))
    list(chat.edit(chat.last(), "otherwise"))
    news = eyes.look()
    assert (news.taken, news.turns, texts(news)) == (True, 1, ["otherwise", "another"])


def test_what_is_taken_back_before_an_own_turn_is_told_so(store: InMemoryStore) -> None:
    chat = Chat(store, "s", ScriptedModel())
    eyes = Eyes(store, chat.own)
    take_back(store, "s", 1)
    list(chat.send("mine"))
    assert eyes.look() == News(taken=True, turns=1, before_own=True)
    take_back(store, "s", 1)
    assert eyes.look() == News(taken=True, turns=1)


def test_what_was_emptied_before_an_own_turn_is_told_so(store: InMemoryStore) -> None:
    chat = Chat(store, "s", ScriptedModel())
    eyes = Eyes(store, chat.own)
    clear(store, "s", ANNA)
    list(chat.send("mine"))
    assert eyes.look() == News(taken=True, emptied=True, author=ANNA, before_own=True)


def test_an_own_turn_that_others_took_back_and_brought_back_is_told_both_times(store: InMemoryStore) -> None:
    chat = Chat(store, "s", ScriptedModel())
    list(chat.send("mine"))
    eyes = Eyes(store, chat.own)
    take_back(store, "s", 1)
    assert eyes.look() == News(taken=True, turns=1)
    put_back(store, "s")
    assert texts(eyes.look()) == ["mine", "ok"]


@pytest.mark.parametrize(
    ("news", "told"),
    [
        (News(taken=True, turns=0, total=1), "the last reply was replaced elsewhere"),
        (News(taken=True, turns=1), "the last turn was taken back elsewhere"),
        (News(taken=True, turns=2), "the last 2 turns were taken back elsewhere"),
        (News(taken=True, turns=0, total=1, before_own=True), "the reply before your last turn was replaced elsewhere"),
        (News(taken=True, turns=1, before_own=True), "the turn before your last turn was taken back elsewhere"),
        (News(taken=True, turns=2, before_own=True), "the 2 turns before yours were taken back elsewhere"),
        (
            News(taken=True, gone=True),
            "this session is not in the store now: it was deleted or renamed elsewhere, or the store lost it; "
            "what you send next begins it anew",
        ),
        (News(taken=True, emptied=True, author=ANNA), "this session was emptied by anna@desk"),
        (
            News(taken=True, emptied=True, before_own=True),
            "this session was emptied elsewhere; your last turn stands in it",
        ),
    ],
)
def test_it_is_said_where_that_was_which_was_taken_back(news: News, told: str) -> None:
    assert drawn(news._replace(added=(Message("assistant", "anew"),) * news.total), plain=True).splitlines()[0] == told


def test_what_this_chat_took_back_or_replaced_is_no_news(store: InMemoryStore) -> None:
    chat = Chat(store, "s", ScriptedModel(), author=ANNA)
    eyes = Eyes(store, chat.own)
    for done in (chat.undo, chat.redo, lambda: list(chat.retry()), lambda: chat.choose(1), chat.clear):
        done()
        assert eyes.look() == NOTHING, done


def test_what_others_took_back_before_what_this_chat_replaced_is_told(store: InMemoryStore) -> None:
    chat = Chat(store, "s", ScriptedModel())
    list(chat.send("mine"))
    eyes = Eyes(store, chat.own)
    again = chat.retry()
    clear(store, "s", ANNA)
    list(again)
    assert eyes.look() == News(taken=True, emptied=True, author=ANNA, before_own=True)


def test_what_others_took_back_before_what_this_chat_took_is_counted_without_that(store: InMemoryStore) -> None:
    chat = Chat(store, "s", ScriptedModel())
    eyes = Eyes(store, chat.own)
    chat.undo()
    take_back(store, "s", 1)
    assert eyes.look() == News(taken=True, turns=1)


def test_what_others_added_behind_what_this_chat_took_back_is_told(store: InMemoryStore) -> None:
    chat = Chat(store, "s", ScriptedModel())
    eyes = Eyes(store, chat.own)
    chat.undo()
    store.append("s", turn("four"))
    assert texts(eyes.look()) == ["four", "re four"]


def test_who_emptied_it_is_told(store: InMemoryStore) -> None:
    eyes = Eyes(store)
    clear(store, "s", ANNA)
    assert eyes.look() == News(taken=True, emptied=True, author=ANNA)


def test_who_emptied_it_once_is_not_said_to_have_emptied_it_when_it_is_taken_back(store: InMemoryStore) -> None:
    clear(store, "s", ANNA)
    store.append("s", turn("one"))
    eyes = Eyes(store)
    take_back(store, "s", 1)
    assert eyes.look() == News(taken=True, emptied=True)


def test_who_could_not_empty_it_is_not_said_to_have_done_it(store: InMemoryStore) -> None:
    eyes = Eyes(store)
    with pytest.raises(Conflict):
        clear(store, "s", ANNA, expected_length=4)
    take_back(store, "s", 3)
    assert eyes.look() == News(taken=True, emptied=True)


def test_a_session_that_was_emptied_and_begun_anew_is_told_with_what_stands_there(store: InMemoryStore) -> None:
    eyes = Eyes(store)
    clear(store, "s", ANNA)
    store.append("s", turn("anew"))
    news = eyes.look()
    assert (news.emptied, news.author, texts(news)) == (True, ANNA, ["anew", "re anew"])


@pytest.mark.parametrize("noted", ["anna", 5, ["by"], {"by": 5, "last": ""}, {}])
def test_who_emptied_it_is_told_by_no_one_where_another_program_wrote_something_else_there(
    store: InMemoryStore, noted: object
) -> None:
    eyes = Eyes(store)
    store.update("s", settings={EMPTIED: noted})
    store.clear("s")
    assert eyes.look() == News(taken=True, emptied=True)


def test_a_history_that_shrinks_during_a_look_has_got_nothing_less_than_nothing(store: InMemoryStore) -> None:
    class Shrinking(InMemoryStore):
        def snapshot(self, session: str, newest: int) -> Snapshot:
            self.append(session, [], at=1)
            return super().snapshot(session, newest)

    shrinking = Shrinking()
    shrinking.append("s", turn("one"))
    eyes = Eyes(shrinking)
    shrinking.append("s", [Message("user", str(number)) for number in range(MOST + 1)])
    assert eyes.look() == NOTHING


@pytest.mark.parametrize("gone", ["deleted", "renamed"])
def test_a_session_that_is_gone_is_told(store: InMemoryStore, gone: str) -> None:
    eyes = Eyes(store)
    if gone == "deleted":
        store.delete("s")
    else:
        store.rename("s", "other")
    assert eyes.look() == News(taken=True, gone=True)
    assert eyes.look() == NOTHING


@pytest.mark.parametrize("left", [0, 1, 5])
def test_more_than_is_remembered_may_be_taken(left: int) -> None:
    store = InMemoryStore()
    store.append("s", [Message("user", str(number)) for number in range(3 * REMEMBERED)])
    eyes = Eyes(store)
    store.append("s", [], at=left)
    news = eyes.look()
    assert (news.taken, news.turns, news.total) == (True, None, 0)
    store.append("s", turn("then"))
    assert texts(eyes.look()) == ["then", "re then"]


def test_a_look_reads_one_message_that_was_seen_however_long_the_history_is() -> None:
    read: list[int] = []

    class Counting(InMemoryStore):
        def messages(self, session: str, start: int | None = None, stop: int | None = None) -> list[Message]:
            found = super().messages(session, start, stop)
            read.append(len(found))
            return found

    store = Counting()
    store.append("s", [Message("user", str(number)) for number in range(10_000)])
    eyes = Eyes(store, before=seen(10_000, store.messages("s", -4)))
    read.clear()
    assert eyes.look() == NOTHING
    assert read == [1]


def test_more_than_is_remembered_that_this_chat_took_back_is_no_news() -> None:
    store = InMemoryStore()
    for number in range(REMEMBERED):
        store.append("s", turn(str(number)))
    chat = Chat(store, "s", ScriptedModel())
    eyes = Eyes(store, chat.own)
    chat.undo(REMEMBERED - 1)
    assert eyes.look() == NOTHING


@pytest.mark.parametrize("theirs", [0, 3])
def test_more_than_is_remembered_that_this_chat_brought_back_is_no_news(theirs: int) -> None:
    store = InMemoryStore()
    store.append("s", [message for number in range(50) for message in turn(str(number))])
    chat = Chat(store, "s", ScriptedModel())
    eyes = Eyes(store, chat.own)
    chat.undo(45)
    eyes.look()
    chat.redo()
    for number in range(theirs):
        store.append("s", turn(f"their {number}"))
    assert eyes.look().total == 2 * theirs
    assert eyes.look() == NOTHING


def test_messages_without_an_id_are_told_apart_by_what_they_say(store: InMemoryStore) -> None:
    store.append("s", [Message("user", "hello"), Message("assistant", "ok")])
    eyes = Eyes(store)
    more: Sequence[Message] = [Message("user", "hello"), Message("assistant", "ok")]
    store.append("s", more)
    assert texts(eyes.look()) == ["hello", "ok"]
