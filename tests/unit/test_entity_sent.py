"""Which facts ride with an input."""

from dataclasses import replace

import pytest

from chatcli.errors import UsageError
from chatcli.memory import Shown, corrections, parse_memory
from chatcli.memory.facts import Fact
from chatcli.messages import Message
from tests.unit.test_entity import Session, said


def told(*extra: str) -> Session:
    session = Session("Ada lives in Rome.", "我住在上海。", "Bob is ill.", *extra, "a", "b")
    answer = said(("Ada", "lives in Rome", 1), ("user", "用户住在上海", 2), ("Bob", "is ill", 3))
    session.read(answer)
    return session


def test_facts_are_sent_only_of_those_the_input_or_the_last_turns_name() -> None:
    session = told()
    assert "lives in Rome (turn 1, 2023-11-1" in session.sent("Where is ada?")
    assert "Bob" not in session.sent("Where is ada?")
    assert session.sent("adage") == ""
    assert session.sent("Hello") == ""
    session.say("Bob?", "c")
    session.read(said(), said())
    assert "is ill" in session.sent("And now?")
    assert session.sent("And Ada now?").index("Ada") < session.sent("And Ada now?").index("Bob")


@pytest.mark.parametrize("question", ["What do I do?", "It's my turn", "我该去哪里？", "带我去"])
def test_facts_of_the_user_are_sent_when_they_speak_of_themselves(question: str) -> None:
    assert "the user:\n- 用户住在上海 (turn 2" in told().sent(question)


def test_a_first_name_will_do_but_no_part_of_a_word() -> None:
    session = Session("Ada Lovelace likes tea.", "a", "b", "c")
    session.read(said(("Ada Lovelace", "likes tea", 1)))
    assert "likes tea" in session.sent("What does Ada like?")
    assert session.sent("an adage, an Adam") == ""


def test_a_fact_whose_turn_is_sent_anyway_is_left_out() -> None:
    session = Session("Ada lives in Rome.")
    session.read(said(("Ada", "lives in Rome", 1)))
    assert session.sent("Where is Ada?") == ""
    session.say("Hello")
    assert "lives in Rome" in session.sent("Where is Ada?")


def test_without_an_input_it_says_that_it_depends_on_it_and_knowing_nothing_it_says_nothing() -> None:
    assert "your next message" in told().sent(None)
    assert Session("Hello").sent(None) == ""
    assert Session("Hello").sent("Ada?") == ""


def test_the_facts_take_at_most_their_room_and_every_entity_of_the_input_has_some() -> None:
    session = Session()
    for number in range(30):
        session.say(f"Ada and Bob saw the long thing number {number} " + "x " * 10)
    everything = [
        (name, f"{name} saw the long thing number {number}", number + 1)
        for number in range(30)
        for name in ("Ada", "Bob")
    ]
    session.read(*(said(*(one for one in everything if one[2] == n + 1)) for n in range(30)), room=30)
    text = session.sent("Ada and Bob?")
    assert session.view.count(text) <= 400
    assert text.count("Ada saw") > 5
    assert abs(text.count("Ada saw") - text.count("Bob saw")) <= 1
    assert "number 28" in text, "the newest, but for the one in the tail"


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_a_fact_that_does_not_fit_is_left_out_and_a_shorter_one_behind_it_is_not(scale: float) -> None:
    session = Session("Hi", "Hello")
    texts = [*(f"saw {'a very long wall ' * 15}number {number}" for number in range(20)), "is tall"]
    added = [("Ada", Fact(text, own=True)) for text in texts]
    session.change(corrections.edit(session.view.history, [], added))
    view = replace(session.view, scale=scale)
    rider = parse_memory("entity").strategies[0].rider(view, Message("user", "Ada?"), Shown(2))
    assert rider is not None
    assert 300 - 100 * scale < view.count(rider.text) <= 400
    assert 0 < rider.text.count("number") < 20
    assert "is tall" in rider.text


def test_it_takes_no_parameters_and_leaves_the_tail_to_others() -> None:
    with pytest.raises(UsageError):
        parse_memory("entity:3")
    memory = parse_memory("entity")
    assert memory.spec == "entity"
    assert memory.derives
    assert [strategy.tail(Session("Hi").view) for strategy in memory.strategies] == [None]


def test_facts_ride_beside_a_summary_and_recall_too() -> None:
    session = told()
    session.memory = parse_memory("auto+entity")
    assert [one.name for one in session.memory.derivations(session.view)] == ["summary", "entity"]
    session.memory = parse_memory("window:1+entity")
    assert "lives in Rome" in session.sent("Ada?")
