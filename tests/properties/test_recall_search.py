"""What holds for recall whatever was said and asked."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from chatcli.memory.history import History
from chatcli.memory.recall import build
from chatcli.memory.strategy import Shown, View
from chatcli.messages import Message
from chatcli.recall import open_index
from chatcli.recall.passages import length, passages
from chatcli.recall.segment import pieces, terms
from chatcli.stores import Session, Snapshot

WORDS = st.sampled_from("dog cat red 芒果 过敏 port 5433 what 什么 gift present The of Über it's 二十 mother".split())  # noqa: SIM905
TEXTS = st.one_of(st.lists(WORDS, max_size=8).map(" ".join), st.text(st.characters(exclude_categories=()), max_size=30))
MESSAGES = st.builds(
    Message,
    st.sampled_from(["user", "assistant", "tool", "system", "unreadable"]),
    TEXTS,
    time=st.one_of(st.none(), st.floats(0, 4e9), st.integers(0, 2_000_000).map(float)),
    name=st.one_of(st.none(), st.sampled_from(["Ann", "Bob", "\ud800", "dog"])),
)
HISTORIES = st.lists(MESSAGES, max_size=25)


def history_of(messages: Sequence[Message]) -> History:
    return History(Snapshot(Session("s"), len(messages), (), {}), lambda start, stop: messages[start:stop])


@settings(deadline=None)
@given(HISTORIES, TEXTS, st.integers(0, 30))
def test_hits_are_messages_of_the_history_before_the_position(
    messages: list[Message], question: str, before: int
) -> None:
    index = open_index(None)
    index.follow(history_of(messages))
    hits = list(index.search(question, before))
    for hit in hits:
        assert hit.position < before
        said = messages[hit.position]
        assert said.role in ("user", "assistant")
        assert (hit.message.role, hit.message.text, hit.message.name) == (said.role, said.text, said.name)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len({(hit.position, hit.part) for hit in hits}) == len(hits)


@settings(deadline=None)
@given(HISTORIES, TEXTS, st.integers(1, 300), st.integers(0, 25))
def test_a_quotation_keeps_within_its_limit_quotes_in_order_and_nothing_that_is_shown(
    messages: list[Message], question: str, limit: int, shown_from: int
) -> None:
    index = open_index(None)
    view = View(history_of(messages), index=index)
    rider = build(str(limit)).rider(view, Message("user", question), Shown(shown_from))
    assert rider is not None
    assert view.count(rider.text) <= limit
    positions = sorted(hit.position for hit in rider.hits)
    assert all(position < shown_from for position in positions)
    place = 0
    for position in positions:
        place = rider.text.index(messages[position].text, place)


@settings(max_examples=40, deadline=None)
@given(HISTORIES, HISTORIES, st.integers(0, 25), TEXTS, st.lists(st.integers(1, 9), max_size=4))
def test_following_step_by_step_through_an_undo_is_the_same_as_building_anew(
    first: list[Message], second: list[Message], kept: int, question: str, steps: list[int]
) -> None:
    index = open_index(None)
    for most in steps:
        index.follow(history_of(first), most)
    index.follow(history_of(first))
    messages = [*first[:kept], *second]
    for most in steps:
        index.follow(history_of(messages), most)
    assert index.follow(history_of(messages)) == 0
    fresh = open_index(None)
    fresh.follow(history_of(messages))
    assert list(index.search(question, 100)) == list(fresh.search(question, 100))


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_a_term_never_holds_a_space_or_ascii_punctuation(text: str) -> None:
    for term in terms(text):
        assert term
        assert not any(character.isspace() or (character.isascii() and not character.isalnum()) for character in term)
        term.encode()
    assert all(found for _, found in pieces(text))


@settings(deadline=None)
@given(st.text(max_size=50), st.integers(1, 400))
def test_passages_together_are_the_text(text: str, times: int) -> None:
    long = (text + " The end of it. ") * times
    assert "".join(passages(long, length(long))).split() == long.split()
