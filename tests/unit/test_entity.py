"""What is known of whom: read by a scripted model, checked, kept with its turn, corrected, sent."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from chatcli.memory import View, corrections, derived, parse_memory
from chatcli.memory.extraction import SCHEMA
from chatcli.memory.facts import ENTITIES, FACTS, FACTS_OF_ONE, LONGEST_FACT, Fact
from chatcli.memory.history import open_history
from chatcli.memory.naming import key_of
from chatcli.messages import Message
from chatcli.stores import Change
from chatcli.stores.in_memory import InMemoryStore


class ScriptedAsk:
    """Gives the scripted answers in turn, then no facts; keeps what it was asked."""

    def __init__(self, *answers: Any, room: int = 2000) -> None:
        self.room = room
        self.answers = list(answers)
        self.asked: list[list[Message]] = []
        self.schemas: list[Mapping[str, Any] | None] = []

    def __call__(self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None) -> str:
        self.asked.append(list(messages))
        self.schemas.append(schema)
        answer = self.answers.pop(0) if self.answers else said()
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)

    @property
    def last(self) -> str:
        return self.asked[-1][-1].text


def said(*found: tuple[Any, ...]) -> dict[str, Any]:
    """Return the answer that gives these facts: entity, fact, turn, and what they replace."""
    return {"facts": [{"entity": f[0], "fact": f[1], "turn": f[2], "replaces": [*f[3:]]} for f in found]}


class Session:
    """A session whose turns are read by a scripted model, as the background does."""

    def __init__(self, *turns: tuple[str, str] | str) -> None:
        self.store = InMemoryStore()
        self.memory = parse_memory("entity+window:1")
        self.time = 1_700_000_000.0
        self.say(*turns)

    def say(self, *turns: tuple[str, str] | str) -> None:
        for turn in turns:
            user, reply = (turn, "ok") if isinstance(turn, str) else turn
            self.time += 60
            messages = [Message("user", user, id=f"{self.time}", time=self.time), Message("assistant", reply)]
            self.store.append("s", messages)

    def undo(self, turns: int = 1) -> None:
        self.store.append("s", [], at=self.store.length("s") - 2 * turns)

    @property
    def view(self) -> View:
        return View(open_history(self.store, "s", 4))

    def step(self, ask: ScriptedAsk) -> Change | None:
        view = self.view
        (derivation,) = self.memory.derivations(view)
        return derivation.step(view, ask)

    def read(self, *answers: Any, room: int = 2000) -> ScriptedAsk:
        """Read what is new, until there is nothing more."""
        ask = ScriptedAsk(*answers, room=room)
        while (change := self.step(ask)) is not None:
            assert self.store.put_state("s", change)
        return ask

    def change(self, change: Change) -> None:
        assert self.store.put_state("s", change)

    def forget(self, name: str) -> None:
        self.change(corrections.forget(self.view.history, key_of(name), self.time))

    @property
    def known(self) -> dict[str, list[str]]:
        """Facts by the name they are shown under."""
        found = corrections.known(self.view.history)
        return {entity.name: [fact.text for fact in entity.current] for entity in found.values()}

    def fact(self, name: str, text: str) -> tuple[str, Fact]:
        entity = corrections.known(self.view.history)[key_of(name)]
        return entity.name, next(fact for fact in entity.current if fact.text == text)

    def sent(self, question: str | None) -> str:
        """The facts that ride with a question."""
        asked = None if question is None else Message("user", question)
        parts = self.memory.select(self.view, asked).parts
        return "\n".join(message.text for part in parts if part.kind == "entities" for message in part.messages)


# Reading


def test_a_new_turn_is_read_with_one_request_with_a_schema() -> None:
    session = Session(("Ada moved to Rome.", "Nice!"))
    ask = session.read(said(("Ada", "Ada moved to Rome", 1)))
    assert len(ask.asked) == 1
    assert ask.schemas == [SCHEMA]
    assert '{"turn": 1, "user": "Ada moved to Rome.", "assistant": "Nice!"}' in ask.last
    assert session.known == {"Ada": ["Ada moved to Rome"]}
    (fact,) = corrections.known(session.view.history)["ada"].facts
    assert (fact.turn, fact.position, fact.time) == (1, 0, session.time)


def test_turns_that_are_behind_are_read_together_as_many_as_fit() -> None:
    session = Session(*(f"Friend{number} lives in Town{number}. " + "so " * 20 for number in range(10)))
    assert len(session.read().asked) == 1
    session = Session(*(f"Friend{number} lives in Town{number}. " + "so " * 20 for number in range(10)))
    ask = session.read(room=100)
    assert 3 <= len(ask.asked) <= 9
    assert all(sum(f'"turn": {n},' in request[-1].text for request in ask.asked) >= 1 for n in range(1, 11))


def test_each_fact_has_the_turn_it_came_from() -> None:
    session = Session("Hello", "Ada lives in Rome.", "Bob lives in Oslo.")
    session.read(said(("Ada", "lives in Rome", 2), ("Bob", "lives in Oslo", 3)))
    found = corrections.known(session.view.history)
    assert [(f.turn, f.position) for e in ("ada", "bob") for f in found[e].facts] == [(2, 2), (3, 4)]


def test_a_fact_with_a_wrong_turn_or_none_goes_to_the_turn_that_names_its_entity() -> None:
    session = Session("Hello", "Ada lives in Rome.", "Thanks")
    session.read({"facts": [{"entity": "Ada", "fact": "lives in Rome", "turn": 99}]})
    assert corrections.known(session.view.history)["ada"].facts[0].turn == 2


def test_nothing_new_is_not_asked_for() -> None:
    session = Session("Ada lives in Rome.")
    session.read(said())
    ask = ScriptedAsk()
    assert session.step(ask) is None
    assert ask.asked == []
    assert session.step(ScriptedAsk()) is None


def test_an_empty_answer_advances_the_watermark() -> None:
    session = Session("Hello")
    session.read(said())
    state = session.view.history.state("entities")
    assert state is not None
    assert state.watermark == session.view.history.watermark(2)


def test_messages_without_text_and_before_the_first_turn_are_passed_without_a_request() -> None:
    session = Session()
    image = ({"type": "image_url", "image_url": {"url": "data:image/png;base64,xx"}},)
    session.store.append("s", [Message("assistant", "Welcome"), Message("user", image), Message("assistant", "A cat")])
    assert session.read().asked == []
    session.say("Ada lives in Rome.")
    session.read(said(("Ada", "lives in Rome", 2)))
    assert corrections.known(session.view.history)["ada"].facts[0].turn == 2


def test_a_turn_that_another_program_goes_on_with_is_not_read_again() -> None:
    session = Session()
    session.store.append("s", [Message("user", "Ada lives in Rome.")])
    session.read(said(("Ada", "lives in Rome", 1)))
    session.store.append("s", [Message("assistant", "Nice"), Message("tool", "x"), Message("assistant", "!")])
    assert session.read().asked == []
    session.say("Bob lives in Oslo.")
    assert '"turn": 2' in session.read().last


def test_a_huge_message_is_shown_abridged_within_the_room() -> None:
    session = Session("Ada lives in Rome. " + "words " * 40_000, "我住在上海。" * 20_000)
    ask = session.read(room=1000)
    assert len(ask.asked) == 2
    assert all(session.view.count(request[-1].text) < 1600 for request in ask.asked)


def test_the_model_is_told_to_write_in_the_users_language_and_reads_chinese_as_it_is() -> None:
    session = Session(("我的姐姐住在上海。", "好的"), "谢谢", "好", "嗯")
    ask = session.read(said(("姐姐", "用户的姐姐住在上海", 1)))
    assert "Keep to the user's own words and language" in ask.asked[0][0].text
    assert "我的姐姐住在上海。" in ask.last
    assert session.known == {"姐姐": ["用户的姐姐住在上海"]}
    assert "用户的姐姐住在上海" in session.sent("你记得我姐姐吗？")


def test_known_facts_of_those_a_turn_names_are_shown_and_can_be_replaced() -> None:
    session = Session("Ada lives in Rome. Ada likes tea. Bob is ill.")
    session.read(said(("Ada", "lives in Rome", 1), ("Ada", "likes tea", 1), ("Bob", "is ill", 1)))
    session.say("Ada moved to Oslo.")
    ask = session.read(said(("Ada", "lives in Oslo", 2, 1)))
    assert "1. Ada: lives in Rome\n2. Ada: likes tea\n3. Bob: is ill" in ask.last
    assert sorted(session.known["Ada"]) == ["likes tea", "lives in Oslo"]
    session.undo()
    assert sorted(session.known["Ada"]) == ["likes tea", "lives in Rome"], "what replaced it was taken back"


def test_a_fact_replaces_none_of_another_entity() -> None:
    session = Session("Bob is ill.")
    session.read(said(("Bob", "is ill", 1)))
    session.say("Ada visited Bob.")
    session.read(said(("Ada", "visited Bob", 2, 1)))
    assert session.known == {"Bob": ["is ill"], "Ada": ["visited Bob"]}


@pytest.mark.parametrize("decide", [lambda s: s.read(), lambda s: s.sent("Ada?")])
def test_a_history_of_odd_messages_is_read(decide: Callable[[Session], object]) -> None:
    session = Session()
    session.store.append(
        "s",
        [
            Message("tool", "x"),
            Message("user", ""),
            Message("user", "Ada"),
            Message("user", "Ada"),
            Message("unreadable", "?"),
            Message("assistant", ""),
        ],
    )
    decide(session)
    session.say("Ada likes tea.")
    decide(session)


# LangChain's defects


@pytest.mark.parametrize("name", ["NONE", "NONE.", "none", "", " ", "N/A", "he", "It", "她", "这个", "无", "?", "the"])
def test_none_empty_and_pronouns_are_no_entities(name: str) -> None:
    session = Session("None of them knows. He said N/A, it is the one. 她说无，这个。")
    session.read(said((name, "knows them", 1)))
    assert session.known == {}


@pytest.mark.parametrize(
    "fact", ["", "None", "N/A.", "No new information provided.", "Ada", "UNCHANGED", "没有新信息。"]
)
def test_a_fact_that_says_nothing_is_none(fact: str) -> None:
    session = Session("Ada was here.")
    session.read(said(("Ada", fact, 1)))
    assert session.known == {}


def test_case_quotes_articles_and_width_make_no_second_entity() -> None:
    session = Session("Ada, ADA, “Ada”, Ada's dog, Ａｄａ: likes tea, plays chess, has a dog, is tall.")
    session.read(
        said(
            ("Ada", "likes tea", 1),
            ("ADA", "plays chess", 1),
            ("“Ada”", "has a dog", 1),
            ("Ada's", "is tall", 1),
            ("Ada", "Ada likes tea.", 1),
        )
    )
    assert session.known == {"Ada": ["likes tea", "plays chess", "has a dog", "is tall"]}


def test_the_user_is_one_entity_by_whatever_name() -> None:
    session = Session("I live in Rome, I like tea, I am tall, my dog is old, I play chess.")
    names = ("I", "the user", "User", "用户", "me")
    texts = ("lives in Rome", "likes tea", "is tall", "has an old dog", "plays chess")
    session.read(said(*((name, text, 1) for name, text in zip(names, texts, strict=True))))
    assert session.known == {"the user": [*texts]}


def test_the_same_fact_again_is_not_entered_again_but_its_negation_is() -> None:
    session = Session("Ada likes tea.", "Ada likes tea!", "Ada does not like tea.")
    session.read(said(("Ada", "likes tea", 1), ("Ada", "Ada likes the tea.", 2), ("Ada", "does not like tea", 3)))
    assert session.known == {"Ada": ["likes tea", "does not like tea"]}


def test_a_restart_loses_nothing() -> None:
    session = Session("Ada likes tea.")
    session.read(said(("Ada", "likes tea", 1)))
    session.memory = parse_memory("entity")
    assert session.known == {"Ada": ["likes tea"]}
    assert session.read().asked == []


def test_everything_is_bounded() -> None:
    session = Session()
    for number in range(22):
        session.say(f"Ada has seen thing{number} " + " ".join(f"P{number}x{n}" for n in range(20)))
    many = [(f"P{turn}x{n}", f"was seen {k}", turn + 1) for turn in range(22) for n in range(20) for k in "abc"]
    session.read(*(said(*((e, f, t) for e, f, t in many if t == turn + 1)) for turn in range(22)), room=100)
    found = derived.read(session.view.history).entities
    assert len(found) == FACTS // 3 < ENTITIES
    assert sum(len(entity.facts) for entity in found.values()) <= FACTS
    assert "p21x0" in found
    assert "p0x0" not in found
    session = Session(*(f"Ada saw thing{number}" for number in range(60)))
    session.read(*(said(("Ada", f"saw thing{number}" + " x" * 400, number + 1)) for number in range(60)), room=8)
    (ada,) = derived.read(session.view.history).entities.values()
    assert len(ada.facts) == FACTS_OF_ONE
    assert ada.facts[-1].turn == 60
    assert all(len(fact.text) <= LONGEST_FACT for fact in ada.facts)


# What happens to the history


def test_facts_of_a_turn_that_was_taken_back_are_not_sent_and_do_not_return_with_another() -> None:
    session = Session("Ada likes tea.", "Ada lives in Rome.")
    session.read(said(("Ada", "likes tea", 1), ("Ada", "lives in Rome", 2)))
    session.undo()
    assert session.known == {"Ada": ["likes tea"]}
    session.say("Hello")
    assert session.known == {"Ada": ["likes tea"]}, "another turn with the same reply stands there now"
    ask = session.read(said())
    assert '"turn": 2, "user": "Hello"' in ask.last
    assert session.known == {"Ada": ["likes tea"]}


def test_a_turn_that_says_the_same_as_one_that_was_taken_back_is_another_one() -> None:
    session = Session("Ada likes tea.", "Hello")
    mark = derived.mark_after(session.view.history.turn_at(2), 2)  # type: ignore[arg-type]
    assert mark.holds(session.view.history)
    session.undo()
    assert not mark.holds(session.view.history)
    session.say("Hello")
    assert not mark.holds(session.view.history)


def test_facts_return_when_their_turn_does() -> None:
    session = Session("Ada likes tea.", "Ada lives in Rome.")
    session.read(said(("Ada", "likes tea", 1), ("Ada", "lives in Rome", 2)))
    session.undo()
    session.store.redo("s")
    assert session.known == {"Ada": ["likes tea", "lives in Rome"]}


def test_a_history_that_another_program_cleared_is_read_from_the_beginning() -> None:
    session = Session("Ada likes tea.", "Ada lives in Rome.")
    session.read(said(("Ada", "likes tea", 1), ("Ada", "lives in Rome", 2)))
    session.undo(2)
    session.say("Bob is ill.", "Bob is well.")
    assert session.known == {}
    session.read(said(("Bob", "is well", 2)))
    assert session.known == {"Bob": ["is well"]}


def test_a_long_undo_goes_back_to_a_mark_that_holds() -> None:
    session = Session()
    for number in range(200):
        session.say(f"Ada saw thing{number}")
        session.read(said(("Ada", f"saw thing{number}", number + 1)))
    session.undo(120)
    kept = derived.read(session.view.history)
    assert 40 <= kept.turns <= 80
    assert len(kept.marks) <= 33
    assert f'"turn": {kept.turns + 1}' in session.read().asked[0][-1].text


def test_of_two_terminals_one_wins_and_the_other_goes_on_from_there() -> None:
    session = Session("Ada likes tea.")
    first = session.step(ScriptedAsk(said(("Ada", "likes tea", 1))))
    second = session.step(ScriptedAsk(said(("Ada", "drinks tea", 1))))
    assert first
    assert second
    assert session.store.put_state("s", first)
    assert not session.store.put_state("s", second)
    assert session.known == {"Ada": ["likes tea"]}
    assert session.step(ScriptedAsk()) is None


@pytest.mark.parametrize("value", [{}, {"marks": 3, "entities": {}}, {"marks": [{}], "entities": [1, {"names": {}}]}])
def test_a_damaged_state_counts_as_none(value: dict[str, Any]) -> None:
    session = Session("Ada likes tea.")
    history = session.view.history
    session.change(Change("entities", derived.State(value, history.watermark(2)), None))
    session.read(said(("Ada", "likes tea", 1)))
    assert session.known == {"Ada": ["likes tea"]}
