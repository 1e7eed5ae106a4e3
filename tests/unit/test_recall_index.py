"""The recall index follows a history and finds what was said."""

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from chatcli.memory.history import History, open_history
from chatcli.messages import Message
from chatcli.recall import forget, index_path, open_index
from chatcli.recall.index import MessageIndex
from chatcli.stores import Session, Snapshot
from chatcli.stores.sqlite import SqliteStore

DAY = 86_400.0


def history_of(messages: Sequence[Message]) -> History:
    return History(Snapshot(Session("s"), len(messages), (), {}), lambda start, stop: messages[start:stop])


def talk(*texts: str, start: float = 1.7e9) -> list[Message]:
    roles = ("user", "assistant")
    return [Message(roles[at % 2], text, time=start + 60 * at) for at, text in enumerate(texts)]  # type: ignore[arg-type]


def filler(count: int, start: float = 1.6e9) -> list[Message]:
    return talk(*(f"Something about topic{at} and nothing else" for at in range(count)), start=start)


def texts(index: MessageIndex, question: str, before: int = 10**6) -> list[str]:
    return [hit.message.text for hit in index.search(question, before)]


@pytest.fixture
def index(tmp_path: Path) -> MessageIndex:
    return open_index(tmp_path / "recall" / "index.db")


def test_a_message_is_found_by_a_word_of_it(index: MessageIndex) -> None:
    index.follow(history_of([*filler(20), *talk("My landlord is Mr Abernethy", "Noted."), *filler(20, 1.8e9)]))
    assert texts(index, "What is the landlord's name?")[0] == "My landlord is Mr Abernethy"


def test_other_forms_and_related_words_are_found(index: MessageIndex) -> None:
    index.follow(history_of([*filler(20), *talk("We bought twenty chairs", "Nice"), *filler(20, 1.8e9)]))
    for question in ("Who buys chairs?", "20 of what?", "How much furniture?"):
        assert "We bought twenty chairs" in texts(index, question)[:2], question


def test_chinese_is_found_by_characters_pairs_and_related_words(index: MessageIndex) -> None:
    index.follow(history_of([*filler(20), *talk("我女儿对芒果过敏", "记住了"), *filler(20, 1.8e9)]))
    for question in ("芒果能不能吃？", "闺女不能吃什么？", "孩子对什么过敏来着？"):
        assert texts(index, question)[0] == "我女儿对芒果过敏", question


def test_what_answers_is_found_though_only_the_question_before_it_has_the_word(index: MessageIndex) -> None:
    index.follow(history_of([*filler(20), *talk("Which port does staging use?", "5433"), *filler(20, 1.8e9)]))
    assert "5433" in texts(index, "staging port")[:2]


def test_nothing_at_or_after_the_given_position_is_found(index: MessageIndex) -> None:
    index.follow(history_of(talk("a dog", "a dog", "a dog")))
    assert [hit.position for hit in index.search("dog", 2)] == [1, 0] or {
        hit.position for hit in index.search("dog", 2)
    } == {0, 1}
    assert not list(index.search("dog", 0))


def test_a_hit_names_the_words_it_was_found_by(index: MessageIndex) -> None:
    index.follow(history_of(talk("The red keyboard", "Fine")))
    hit = next(index.search("Where is my red keyboard?", 10))
    assert set(hit.words) == {"red", "keyboard"}


def test_a_question_without_words_finds_nothing(index: MessageIndex) -> None:
    index.follow(history_of(talk("a dog", "a cat")))
    for question in ("", "?!", "the of and", "什么", "\x00", "\ud800", '"*^:(', "NEAR(dog cat) OR", "🙂"):
        assert list(index.search(question, 10)) == [] or "NEAR" in question


def test_a_very_long_question_is_answered(index: MessageIndex) -> None:
    index.follow(history_of(talk("a keyboard", "yes")))
    assert texts(index, "keyboard " + " ".join(f"word{at}" for at in range(50_000)))


def test_messages_that_are_nobodys_words_are_never_found(index: MessageIndex) -> None:
    image = ({"type": "image_url", "image_url": {"url": "data:keyboard"}},)
    odd = [
        Message("tool", "keyboard"), Message("unreadable", "keyboard"), Message("system", "keyboard"),
        Message("user", image), Message("assistant", ""), Message("assistant", " \n"),
    ]  # fmt: skip
    assert index.follow(history_of(odd)) == 0
    assert not list(index.search("keyboard", 100))


def test_text_beside_an_image_is_found(index: MessageIndex) -> None:
    parts = ({"type": "text", "text": "my keyboard"}, {"type": "image_url", "image_url": {"url": "data:"}})
    index.follow(history_of([Message("user", parts)]))
    assert texts(index, "keyboard") == ["my keyboard"]


def test_half_characters_and_nul_are_kept_as_they_are(index: MessageIndex) -> None:
    said = "keyboard \ud83d \x00 end"
    index.follow(history_of([Message("user", said, name="A\ud800")]))
    hit = next(index.search("keyboard", 10))
    assert (hit.message.text, hit.message.name) == (said, "A\ud800")


def test_a_very_long_message_is_found_in_passages(index: MessageIndex) -> None:
    long = "This sentence is about nothing at all. " * 2500 + "The code is on the yellow note. " + "More of it. " * 9000
    assert len(long) > 200_000
    index.follow(history_of([Message("user", long), Message("assistant", "x" * 200_000)]))
    hit = next(index.search("yellow note", 10))
    assert "yellow note" in hit.message.text
    assert not hit.whole
    assert hit.message.text in long
    assert len(hit.message.text) < 2000


def test_a_question_to_the_assistant_prefers_what_it_said(index: MessageIndex) -> None:
    index.follow(history_of([*filler(10), *talk("mutex costs what", "mutex costs 200 ns", "mutex costs money")]))
    assert texts(index, "What did you tell me that a mutex costs?")[0] == "mutex costs 200 ns"


def test_only_what_is_new_is_read(index: MessageIndex) -> None:
    messages = filler(1000)
    index.follow(history_of(messages))
    read: list[int] = []

    def fetch(start: int, stop: int) -> Sequence[Message]:
        read.append(stop - start)
        return messages[start:stop]

    messages += talk("a dog", "a cat")
    assert index.follow(History(Snapshot(Session("s"), len(messages), (), {}), fetch)) == 0
    assert sum(read) <= 5
    assert texts(index, "dog")


def test_follow_says_how_many_messages_are_left(index: MessageIndex) -> None:
    history = history_of(filler(1000))
    assert index.follow(history, 300) == 700
    assert index.follow(history, 300) == 400
    assert index.follow(history) == 0


@pytest.mark.parametrize("kept", [0, 1, 3, 997])
def test_what_was_undone_is_not_found_any_more(index: MessageIndex, kept: int) -> None:
    messages = [*filler(997), *talk("a zebra", "a giraffe", "an elephant")]
    index.follow(history_of(messages))
    shorter = messages[:kept]
    index.follow(history_of(shorter))
    assert not texts(index, "zebra")
    assert not texts(index, "giraffe elephant")
    index.follow(history_of([*shorter, *talk("a zebra instead", "fine")]))
    assert texts(index, "zebra")[0] == "a zebra instead"


@pytest.mark.parametrize("after", [[], talk("Something else", "Yes")])
def test_of_a_history_that_was_emptied_no_byte_stays(tmp_path: Path, index: MessageIndex, after: list[Message]) -> None:
    index.follow(history_of([*filler(300), *talk("I am a xylophonist", "Good")]))
    assert [file for file in tmp_path.rglob("*") if file.is_file() and b"lophonist" in file.read_bytes()]
    index.follow(history_of(after))
    assert [file.name for file in tmp_path.rglob("*") if file.is_file() and b"lophonist" in file.read_bytes()] == []


def test_another_history_of_the_same_length_replaces_the_first(index: MessageIndex) -> None:
    index.follow(history_of(talk("a dog", "a dog")))
    index.follow(history_of(talk("a cat", "a cat")))
    assert not texts(index, "dog")
    assert texts(index, "cat") == ["a cat", "a cat"]


def test_the_index_is_the_same_after_undoing_as_when_made_anew(tmp_path: Path, index: MessageIndex) -> None:
    messages = [*filler(300), *talk("a zebra", "zebra crossing"), *filler(30, 1.8e9)]
    for length in (300, 320, 290, 332, 301, 332):
        index.follow(history_of(messages[:length]))
    fresh = open_index(None)
    fresh.follow(history_of(messages))
    for question in ("zebra", "topic7 crossing", "nothing about topic12"):
        assert list(index.search(question, 400)) == list(fresh.search(question, 400))


def test_an_index_is_taken_up_again_by_the_next_process(tmp_path: Path, index: MessageIndex) -> None:
    index.follow(history_of(talk("a dog", "a cat")))
    index.close()
    again = open_index(tmp_path / "recall" / "index.db")
    assert texts(again, "dog")[0] == "a dog"
    assert again.news == []


def test_two_indexes_follow_into_one_file(tmp_path: Path) -> None:
    messages = filler(2000)
    indexes = [open_index(tmp_path / "one.db") for _ in range(2)]
    threads = [threading.Thread(target=index.follow, args=(history_of(messages),)) for index in indexes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = open_index(None)
    alone.follow(history_of(messages))
    for index in indexes:
        assert index.follow(history_of(messages)) == 0
        assert list(index.search("topic77", 2000)) == list(alone.search("topic77", 2000))


def test_an_index_that_another_process_cut_further_meanwhile_misses_nothing(tmp_path: Path) -> None:
    said = filler(100)
    mine, other = (open_index(tmp_path / "one.db") for _ in range(2))
    mine.follow(history_of(said))
    now = [*said[:60], *filler(20, 1.8e9)]
    waiting = [lambda: other.follow(history_of(said[:40]))]

    def fetch(start: int, stop: int) -> Sequence[Message]:
        if stop <= 60 and waiting:
            waiting.pop()()
        return now[start:stop]

    mine.follow(History(Snapshot(Session("s"), len(now), (), {}), fetch))
    assert waiting == []
    for position in (39, 45, 55, 59):
        assert any(hit.position == position for hit in mine.search(f"topic{position}", 100)), position


def test_one_thread_searches_while_another_follows(index: MessageIndex) -> None:
    messages = filler(3000)
    thread = threading.Thread(target=index.follow, args=(history_of(messages),))
    thread.start()
    while thread.is_alive():
        for hit in index.search("topic3", 3000):
            assert hit.message in messages
    thread.join()
    assert "topic3" in texts(index, "topic3")[0]


def test_a_real_store_is_followed(tmp_path: Path, index: MessageIndex) -> None:
    store = SqliteStore(tmp_path / "sessions.db")
    store.append("s", [*filler(500), *talk("a dog", "a cat")])
    assert index.follow(open_history(store, "s", newest=2)) == 0
    assert texts(index, "dog")[0] == "a dog"
    store.close()


def test_the_path_of_an_index_tells_no_names(tmp_path: Path) -> None:
    path = index_path(tmp_path, "sqlite:///secret.db", "JavaEdge/../x")
    assert "JavaEdge" not in str(path.relative_to(tmp_path))
    assert path != index_path(tmp_path, "sqlite:///secret.db", "other")
    assert path != index_path(tmp_path, "redis://h", "JavaEdge/../x")


def test_forgetting_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "recall" / "index.db"
    index = open_index(path)
    index.follow(history_of(filler(10)))
    forget(path)
    assert list(path.parent.iterdir()) == []
    forget(path)


def test_opening_an_index_makes_no_file(tmp_path: Path) -> None:
    open_index(tmp_path / "deep" / "index.db")
    assert list(tmp_path.iterdir()) == []


def test_texts_are_read_as_hits_are_taken_and_none_after_the_index_is_closed() -> None:
    index = open_index(None)
    index.follow(history_of(talk(*(f"The dog has toy {at}" for at in range(100)))))
    assert len(list(index.search("dog", 100))) == 100
    hits = index.search("dog", 100)
    next(hits)
    index.close()
    assert len(list(hits)) < 50
