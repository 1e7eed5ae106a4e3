"""What is asked beside the chat: whole or not at all, and not for ever."""

from collections.abc import Sequence
from itertools import chain, repeat
from typing import Any

import pytest

from chatcli.errors import BadRequest, BrokenStream, ContextTooLong, TimedOut
from chatcli.messages import Message
from chatcli.model import Finished, Reasoning
from chatcli.side_request import SideRequest
from tests.fakes import ScriptedModel


def request(*scripts: Sequence[Any], window: int | None = None) -> SideRequest:
    return SideRequest(ScriptedModel(*scripts, window=window), lambda: False)


def test_a_side_request_asks_for_a_schema_and_goes_without_where_there_are_none() -> None:
    ask = request([BadRequest("unknown parameter response_format", "x")], ["{}"], ["[]"])
    assert ask([Message("user", "?")], {"type": "object"}) == "{}"
    assert ask([Message("user", "?")], {"type": "object"}) == "[]"
    forms = [options.get("response_format", {}) for options in ask.model.options]
    assert [form.get("type") for form in forms] == ["json_schema", None, None]
    assert forms[0]["json_schema"]["schema"] == {"type": "object"}


def test_an_answer_that_goes_on_and_on_is_none() -> None:
    ask = request(["x" * 1000] * 60)
    with pytest.raises(BrokenStream, match="on and on"):
        ask([Message("user", "?")])
    assert ask.model.replies[0].closed.is_set()


def test_an_answer_of_thoughts_alone_is_none() -> None:
    with pytest.raises(BrokenStream):
        request([Reasoning("only thoughts"), Finished("stop")])([Message("user", "?")])


def test_a_request_that_was_too_long_is_followed_by_a_shorter_one() -> None:
    ask = request([ContextTooLong("too long", "x")], window=8192)
    before = ask.room
    with pytest.raises(ContextTooLong):
        ask([Message("user", "?")])
    assert ask.room == before // 2


def test_an_answer_that_takes_longer_than_ninety_seconds_is_given_up() -> None:
    def after(seconds: float) -> SideRequest:
        clock = chain([5.0], repeat(5.0 + seconds))
        return SideRequest(ScriptedModel(["SUM"]), lambda: False, clock=lambda: next(clock))

    assert after(89.9)([Message("user", "?")]) == "SUM"
    late = after(90.1)
    with pytest.raises(TimedOut, match="more than 90 s"):
        late([Message("user", "?")])
    assert late.model.replies[0].closed.is_set()  # type: ignore[attr-defined]
