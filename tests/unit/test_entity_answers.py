"""What a model may answer when it is asked for facts, and which of them are the user's."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatcli.errors import BrokenStream, ChatError, ModelError, Unreachable
from chatcli.memory import corrections, derived, facts
from chatcli.memory.extraction import LONGEST_ANSWER
from chatcli.memory.naming import USER, Said, key_of
from tests.unit.test_entity import ScriptedAsk, Session, said

# Whose words


@pytest.mark.parametrize(
    ("user", "reply", "entity", "fact"),
    [
        ("Who was that?", "Ada Lovelace, born 1815.", "Ada Lovelace", "was born in 1815"),
        ("Tell me about Ada.", "Ada was born in 1815.", "Ada", "was born in 1815"),
        ("Tell me about Ada.", "Ada wrote programs for engines.", "Ada", "wrote programs for engines"),
        ("介绍一下李白。", "李白出生于碎叶城。", "李白", "李白出生于碎叶城"),
        ("那是谁？", "李白。", "李白", "是诗人"),
        ("My name is Maria.", "Nice to meet you!", "user", "I love to eat Italian food."),
        ("我住在上海。", "好的", "user", "用户对花生过敏"),
        ("Hello", "Hi, you sound like a teacher from Oslo.", "user", "is a teacher from Oslo"),
    ],
)
def test_what_the_assistant_said_or_the_model_invented_is_no_fact(
    user: str, reply: str, entity: str, fact: str
) -> None:
    session = Session((user, reply))
    session.read(said((entity, fact, 1)))
    assert session.known == {}


def test_a_pronoun_leads_to_a_known_entity_that_the_turn_before_was_about() -> None:
    session = Session("Ada is my sister.", "She lives in Rome.", "She has a dog.", "Hello", "She is tall.")
    answer = said(
        ("Ada", "is the user's sister", 1),
        ("Ada", "lives in Rome", 2),
        ("Ada", "has a dog", 3),
        ("Ada", "is tall", 5),
    )
    session.read(answer)
    assert session.known["Ada"] == ["is the user's sister", "lives in Rome", "has a dog"]


def test_a_pronoun_works_over_two_requests_too() -> None:
    session = Session("Ada is my sister.")
    session.read(said(("Ada", "is the user's sister", 1)))
    session.say("She lives in Rome.")
    ask = session.read(said(("Ada", "lives in Rome", 2)))
    assert "The turn before, no source of facts:" in ask.last
    assert '"user": "Ada is my sister."' in ask.last
    session.say("And has a dog.")
    session.read(said(("Ada", "has a dog", 3)))
    assert session.known["Ada"] == ["is the user's sister", "lives in Rome", "has a dog"]


def test_an_unknown_entity_is_not_reached_by_a_pronoun() -> None:
    session = Session(("Who wrote it?", "Mary Shelley."), "She lives in Rome.")
    session.read(said(("Mary Shelley", "lives in Rome", 2)))
    assert session.known == {}


# Answers of every kind


FACT = {"entity": "Ada", "fact": "likes tea", "turn": 1, "replaces": []}


@pytest.mark.parametrize(
    "answer",
    [
        json.dumps({"facts": [FACT]}),
        f"Here are the facts:\n```json\n{json.dumps({'facts': [FACT]}, indent=1)}\n```\nAnything else?",
        json.dumps([FACT]),
        json.dumps(FACT),
        '{"facts": [{"entity": "Ada", "fact": "likes tea", "turn": 1, "replaces": [],},],}',
        "{'facts': [{'entity': 'Ada', 'fact': 'likes tea', 'turn': 1, 'replaces': None}]}",
        '{"Facts": [{"Name": "Ada", "Text": "likes tea", "Turn": "turn 1"}]}',
        '{"entities": [{"name": "Ada", "facts": ["likes tea"]}]}',
        '{"entities": {"Ada": ["likes tea"]}}',
        '{"entity": "Ada", "facts": ["likes tea"]}',
        "<think>{not json}</think>" + json.dumps({"facts": [FACT]}),
        json.dumps(FACT) + "\n" + json.dumps({**FACT, "fact": "Ada likes tea"}),
        '{"facts": [' + json.dumps(FACT),
    ],
)
def test_an_answer_in_another_shape_is_understood(answer: str) -> None:
    session = Session("Ada likes tea.")
    session.read(answer)
    assert session.known == {"Ada": ["likes tea"]}


@pytest.mark.parametrize(
    "answer", ['{"facts": []}', "[]", "{}", "Sure!\n```\n[]\n```", '{"facts": [], "note": "none"}']
)
def test_an_answer_without_facts_is_one(answer: str) -> None:
    session = Session("Hello")
    assert session.step(ScriptedAsk(answer)) is not None


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "NONE",
        "I'm sorry, I can't help with that.",
        "对不起，我无法完成。",
        '{"foo": 1}',
        '{"facts": 3}',
        '{"facts": [1, 2, 3]}',
        '"text"',
        "null",
        "{'a': ",
        "{" * 5000,
        "[" * 30_000,
        json.dumps({"facts": [{**FACT, "fact": "x" * LONGEST_ANSWER}]}),
        "word " * 10_000,
        '{"name": "get_weather", "arguments": {"city": "Rome"}}',
    ],
    ids=lambda answer: answer[:20],
)
def test_an_answer_that_is_none_is_an_error_and_changes_nothing(answer: str) -> None:
    session = Session("Ada likes tea.")
    session.read(said(("Ada", "likes tea", 1)))
    session.say("Ada lives in Rome.")
    before = session.view.history.state("entities")
    with pytest.raises(ModelError):
        session.step(ScriptedAsk(answer))
    assert session.view.history.state("entities") == before
    session.read(said(("Ada", "lives in Rome", 2)))
    assert session.known == {"Ada": ["likes tea", "lives in Rome"]}


def fail(session: Session, error: Exception | str, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(ChatError):
            session.step(ScriptedAsk(error))


def test_a_turn_that_spoils_every_request_is_passed_over_and_takes_no_other_with_it() -> None:
    session = Session("poison", "Ada likes tea.")
    fail(session, "no", 3)
    ask = session.read(said(("Ada", "likes tea", 2)))
    assert len(ask.asked) == 1
    assert "poison" not in ask.last.split("New turns:")[1]
    assert session.known == {"Ada": ["likes tea"]}
    assert derived.read(session.view.history).skipped == (1,)


def test_after_a_failure_the_turn_is_asked_for_alone() -> None:
    session = Session("poison", "Ada likes tea.")
    fail(session, BrokenStream("cut", ""))
    ask = session.read()
    assert ["Ada" in request[-1].text for request in ask.asked] == [False, True]


def test_an_endpoint_that_is_away_costs_no_turn() -> None:
    session = Session("Ada likes tea.")
    fail(session, Unreachable("away", ""), 10)
    session.read(said(("Ada", "likes tea", 1)))
    assert session.known == {"Ada": ["likes tea"]}


# Whatever the model says


TEXTS = st.sampled_from(
    [
        "Ada",
        "ADA",
        "ada.",
        "the Ada",
        "NONE.",
        "",
        "he",
        "I",
        "用户",
        "张三",
        "张 三",
        "Zeta",
        "likes tea",
        "x",
        "\x1b[31m",
    ]
) | st.text(max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["facts", "entity", "fact", "turn", "replaces", "name"]) | TEXTS, inner, max_size=5
        )
    ),
    max_leaves=20,
)
ENTRIES = st.lists(
    st.fixed_dictionaries(
        {
            "entity": TEXTS,
            "fact": TEXTS,
            "turn": st.integers(-1, 4),
            "replaces": st.lists(st.integers(-2, 9), max_size=3),
        }
    ),
    max_size=6,
)
ANSWERS = VALUES.map(json.dumps) | ENTRIES.map(lambda entries: json.dumps({"facts": entries})) | st.text()


@settings(max_examples=300, deadline=None)
@given(st.lists(ANSWERS, min_size=1, max_size=3))
def test_no_answer_breaks_anything_or_makes_a_name_of_none_or_one_of_two(answers: list[str]) -> None:
    session = Session(("Ada likes tea, 张三 too.", "Zeta drinks coffee"), ("I saw Ada.", "Zeta"), "She likes x.")
    for answer in answers:
        try:
            change = session.step(ScriptedAsk(answer))
        except ChatError:
            continue
        if change is not None:
            json.dumps(change.state.value)
            session.change(change)
    found = corrections.known(session.view.history)
    keys = [key_of(entity.name) for entity in found.values()]
    assert all(keys)
    assert len(set(keys)) == len(keys)
    assert set(found) <= said_by_the_user(session)
    for entity in found.values():
        gists = [facts.gist(fact.text, entity.name) for fact in entity.current]
        assert all(gists)
        assert len(set(gists)) == len(gists)
    session.sent("Ada, 张三 and I?")


def said_by_the_user(session: Session) -> set[str]:
    texts = [Said(message.text) for message in session.store.messages("s") if message.role == "user"]
    found = corrections.known(session.view.history)
    return {key for key in found if key == USER or any(text.names(key) for text in texts)}


WORDS = st.lists(
    st.sampled_from(["coffee", "banana", "Oslo", "teacher", "1815", "violin", "咖啡", "北京", "香蕉"]),
    min_size=1,
    max_size=5,
)


@settings(max_examples=200, deadline=None)
@given(WORDS, st.sampled_from(["Ada", "user", "Zeta", "李白"]), st.sampled_from(["{}", "has {}", "{} and {}"]))
def test_no_fact_is_made_of_the_assistants_words(words: list[str], name: str, form: str) -> None:
    fact = form.format(" ".join(words), "violin")
    session = Session(("Tell me about Ada and 李白.", f"Zeta: {' '.join(words)} and has violin"))
    session.read(said((name, fact, 1)))
    assert session.known == {}
