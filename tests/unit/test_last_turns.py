"""The last turns above the first prompt: plain text, but broken where a reader would break it."""

import pytest

from chatcli.authors import own_author
from chatcli.following import News
from chatcli.messages import Finish, Message
from chatcli.render.history import describe
from chatcli.repl.last_turns import show_last_turns
from chatcli.repl.others_shown import drawn
from chatcli.repl.screen import Screen
from chatcli.stores.in_memory import InMemoryStore
from tests.fakes import Tty


def shown(
    monkeypatch: pytest.MonkeyPatch, question: str, reply: str, columns: int = 20, finish: Finish | None = None
) -> list[str]:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    store, out = InMemoryStore(), Tty()
    store.append("s", [Message("user", question, author=own_author()), Message("assistant", reply, finish=finish)])
    show_last_turns(Screen(out, out), store, "s", "you> ", "")
    return out.getvalue().split("\n")


def test_long_lines_are_broken_between_words_behind_the_prompt_too(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, "what is the longest word", "The quick brown fox jumps over 北京，定都。The dog")

    assert lines == [
        "you> what is the",
        "longest word",
        "The quick brown fox",
        "jumps over 北京，定",
        "都。The dog",
        "",
        "",
    ]


def test_how_many_messages_stand_before_is_told_and_of_whom_a_turn_of_others_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    store, out = InMemoryStore(), Tty()
    for number in range(4):
        store.append("s", [Message("user", f"q{number}", author="anna@desk"), Message("assistant", f"a{number}")])
    show_last_turns(Screen(out, out), store, "s", "you> ", "")
    assert out.getvalue().split("\n") == [
        "… 4 earlier messages; /history shows them",
        *("anna@desk> q2", "a2", ""),
        *("anna@desk> q3", "a3", ""),
        "",
    ]


def test_one_empty_line_follows_a_reply_that_ends_with_newlines(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, "q\n", "a\n\n\n") == ["you> q", "a", "", ""]


def test_how_a_reply_ended_is_told_where_that_was_not_well(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, "q", "half", finish="interrupted") == ["you> q", "half", "stopped here", "", ""]
    assert shown(monkeypatch, "q", "whole", finish="stop") == ["you> q", "whole", "", ""]


def test_code_and_indentation_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "```\nx = [1, 2, 3, 4, 5, 6, 7, 8]\n```"
    lines = shown(monkeypatch, "q", f"{code}\n  - an item that is long")

    assert lines == ["you> q", *code.split("\n"), "  - an item that is", "long", "", ""]


def test_what_the_model_thought_in_an_older_reply_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, "q", "<think>\nhm\n</think>\n\nyes") == ["you> q", "yes", "", ""]
    assert shown(monkeypatch, "q", "<think> is a tag") == ["you> q", "<think> is a tag", "", ""]


def test_a_call_is_shown_with_the_tools_name() -> None:
    function = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    asked = Message("assistant", "Let me see", tool_calls=(function, {"name": "clock"}, {"function": {}}))
    assert describe(asked) == "Let me see\n[calls weather]\n[calls clock]\n[calls a tool]"


def test_what_nobody_signed_is_named_as_it_was_when_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    store, out = InMemoryStore(), Tty()
    store.append("s", [question := Message("user", "from a program")])
    show_last_turns(Screen(out, out), store, "s", "you> ", "")
    assert out.getvalue() == drawn(News(added=(question,), total=1), plain=True) == "user> from a program\n"
