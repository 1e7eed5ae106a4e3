"""Titles that a model gives."""

import pytest

from chatcli.aids import Aids
from chatcli.chat import Chat
from chatcli.config import load_config
from chatcli.errors import ConfigError
from chatcli.memory import parse_memory
from chatcli.messages import Message
from chatcli.stores.in_memory import InMemoryStore
from chatcli.titles import tidied
from tests.fakes import ScriptedModel
from tests.unit.test_background import until


def chat(store: InMemoryStore, side: ScriptedModel, titles: bool = True) -> Chat:
    return Chat(
        store,
        "s",
        ScriptedModel(),
        parse_memory("none"),
        aids=Aids(side_model=lambda: side, titles=titles),
    )


def turn(chat: Chat, text: str) -> None:
    for _ in chat.send(text):
        pass


def title(store: InMemoryStore) -> str:
    return store.snapshot("s", 0).session.title


def test_a_new_session_gets_its_title_behind_the_first_turn() -> None:
    store, side = InMemoryStore(), ScriptedModel(['"Capitals of China."\nmore'])
    opened = chat(store, side)
    turn(opened, "Hi, I have a question\nwhich city?")
    until(lambda: title(store) == "Capitals of China")
    assert "which city?" in side.said[0][1][1]
    assert "assistant: ok" in side.said[0][1][1]
    turn(opened, "more")
    opened.background.catch_up()
    assert len(side.asked) == 1, "a title that was given stays"
    opened.close()


@pytest.mark.parametrize(("before", "asked"), [(4, 1), (6, 0), (600, 0)])
def test_a_title_is_looked_for_in_the_first_turns_alone(before: int, asked: int) -> None:
    store, side = InMemoryStore(), ScriptedModel(["Capitals"])
    store.append("s", [Message("user", "Hi"), Message("assistant", "ok")] * (before // 2))
    store.update("s", title="Hi")
    opened = chat(store, side)
    turn(opened, "more")
    until(lambda: len(side.asked) >= asked)
    opened.background.catch_up()
    assert bool(side.asked) == bool(asked)
    opened.close()


def test_a_title_of_the_user_stays_also_one_that_was_given_while_the_model_thought() -> None:
    store = InMemoryStore()

    class Slow(ScriptedModel):
        def stream(self, context, options):  # type: ignore[no-untyped-def]
            store.update("s", title="mine")
            return super().stream(context, options)

    side = Slow(["theirs"])
    opened = chat(store, side)
    turn(opened, "Hi")
    until(lambda: bool(side.asked))
    opened.background.catch_up()
    assert title(store) == "mine"
    assert len(side.asked) == 1
    opened.close()


def test_a_session_that_was_deleted_while_the_model_thought_does_not_come_back() -> None:
    store = InMemoryStore()

    class Slow(ScriptedModel):
        def stream(self, context, options):  # type: ignore[no-untyped-def]
            store.delete("s")
            return super().stream(context, options)

    side = Slow(["theirs"])
    opened = chat(store, side)
    for _ in opened.send(({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},)):
        pass
    until(lambda: bool(side.asked))
    opened.background.catch_up()
    assert not store.exists("s")
    opened.close()


def test_no_model_is_asked_for_a_title_unless_the_config_says_so() -> None:
    store, side = InMemoryStore(), ScriptedModel(["x"])
    opened = chat(store, side, titles=False)
    turn(opened, "Hi")
    opened.background.catch_up()
    assert (title(store), side.asked) == ("Hi", [])
    opened.close()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Capitals", "Capitals"),
        ("\n\n“中国的首都”。\n", "中国的首都"),
        ("Title: **The otter**", "The otter"),
        ("标题：海獭", "海獭"),
        ("x" * 500, "x" * 80),
        ("  \n ", ""),
    ],
)
def test_an_answer_is_tidied(answer: str, expected: str) -> None:
    assert tidied(answer) == expected


def test_a_wrong_setting_is_refused() -> None:
    with pytest.raises(ConfigError, match="CHATCLI_TITLES"):
        load_config({"CHATCLI_TITLES": "always", "CHATCLI_HOME": "/nonexistent"})
