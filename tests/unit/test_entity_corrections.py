"""What the user forgot, removed, changed or added holds, whatever is derived."""

from chatcli.memory import corrections, derived
from chatcli.memory.facts import Fact
from chatcli.messages import Message
from chatcli.stores import Change
from tests.unit.test_entity import ScriptedAsk, Session, said


def test_what_was_forgotten_stays_away_and_what_is_said_later_does_not() -> None:
    session = Session("Ada likes tea.", "Bob is ill.")
    session.read(said(("Ada", "likes tea", 1), ("Bob", "is ill", 2)))
    session.forget("ADA")
    assert session.known == {"Bob": ["is ill"]}
    assert session.sent("What about Ada?").count("tea") == 0
    session.say("Ada likes tea.")
    session.read(said(("Ada", "likes tea", 3)))
    assert session.known == {"Bob": ["is ill"], "Ada": ["likes tea"]}


def test_a_job_that_ran_while_something_was_forgotten_does_not_bring_it_back() -> None:
    session = Session("Ada likes tea.")
    session.read(said(("Ada", "likes tea", 1)))
    session.say("Ada lives in Rome.")
    running = session.step(ScriptedAsk(said(("Ada", "lives in Rome", 2))))
    session.forget("Ada")
    assert running
    session.store.put_state("s", running)
    assert session.known == {}


def test_a_derivation_from_the_beginning_brings_nothing_forgotten_back() -> None:
    session = Session("Ada likes tea.", "Bob is ill.")
    session.read(said(("Ada", "likes tea", 1)))
    session.forget("Ada")
    state = session.view.history.state("entities")
    session.change(Change("entities", derived.State({}, derived.State({}, state.watermark).watermark), state))  # type: ignore[union-attr]
    session.read(said(("Ada", "drinks tea", 1), ("Bob", "is ill", 2)))
    assert session.known == {"Bob": ["is ill"]}


def test_after_an_undo_new_turns_may_speak_of_what_was_forgotten_but_old_ones_may_not() -> None:
    session = Session("Ada likes tea.", "Hello", "Hello", "Hello")
    session.read(said(("Ada", "likes tea", 1)))
    session.forget("Ada")
    session.undo(3)
    session.say("Ada lives in Rome.")
    session.read(said(("Ada", "lives in Rome", 2)))
    assert session.known == {"Ada": ["lives in Rome"]}


def test_a_history_without_times_is_forgotten_by_position() -> None:
    session = Session()
    session.store.append("s", [Message("user", "Ada likes tea."), Message("assistant", "ok")])
    session.read(said(("Ada", "likes tea", 1)))
    session.forget("Ada")
    assert session.known == {}
    session.store.append("s", [Message("user", "Ada likes tea."), Message("assistant", "ok")])
    session.read(said(("Ada", "likes tea", 2)))
    assert session.known == {"Ada": ["likes tea"]}


def test_a_removed_fact_stays_away_in_other_words_too_and_its_neighbour_stays() -> None:
    session = Session("Ada lives in Paris and likes tea.")
    session.read(said(("Ada", "lives in Paris", 1), ("Ada", "likes tea", 1)))
    session.change(corrections.edit(session.view.history, [session.fact("Ada", "lives in Paris")], []))
    assert session.known == {"Ada": ["likes tea"]}
    state = session.view.history.state("entities")
    assert state
    session.change(Change("entities", derived.State({}, state.watermark), state))
    session.read(said(("Ada", "has a home in Paris", 1), ("Ada", "is fond of tea", 1)))
    assert session.known == {"Ada": ["is fond of tea"]}


def test_a_changed_fact_is_the_users_own_and_wins() -> None:
    session = Session("Ada lives in Paris.", "Hello")
    session.read(said(("Ada", "lives in Paris", 1)))
    removed = session.fact("Ada", "lives in Paris")
    session.change(corrections.edit(session.view.history, [removed], [("Ada", Fact("lives in Oslo", 1))]))
    assert session.known == {"Ada": ["lives in Oslo"]}
    assert "lives in Oslo (the user's own note)" in session.sent("Where is Ada?")
    session.say("Ada is tall.")
    ask = session.read(said(("Ada", "is tall", 3, 1), ("Ada", "lives in Oslo", 3)))
    assert "1. Ada: lives in Oslo" in ask.last
    assert session.known == {"Ada": ["lives in Oslo", "is tall"]}


def test_what_the_user_added_is_forgotten_with_the_rest() -> None:
    session = Session("Hello")
    session.change(corrections.edit(session.view.history, [], [("Ada", Fact("likes tea"))]))
    assert session.known == {"Ada": ["likes tea"]}
    session.forget("Ada")
    assert session.known == {}


def test_two_corrections_do_not_overwrite_each_other() -> None:
    session = Session("Ada likes tea.", "Bob is ill.")
    session.read(said(("Ada", "likes tea", 1), ("Bob", "is ill", 2)))
    first = corrections.forget(session.view.history, "ada", session.time)
    second = corrections.forget(session.view.history, "bob", session.time)
    assert session.store.put_state("s", first)
    assert not session.store.put_state("s", second)
