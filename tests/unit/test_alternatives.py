"""The versions of a turn: kept with it, listed, exchanged."""

import json
from contextlib import suppress

import pytest

from chatcli.alternatives import KEPT, as_turn, reasoning_of, versions
from chatcli.chat import Chat
from chatcli.errors import ModelError, NotFound, RateLimited
from chatcli.messages import Message, Usage, to_dict, user_message
from chatcli.model import Delta, Finished, Reasoning, Used
from chatcli.model.wire import to_wire
from chatcli.stores.in_memory import InMemoryStore
from chatcli.stores.langchain import decode, encode
from tests.fakes import ScriptedModel
from tests.unit.test_chat import abandoned, chat_with, run, said


def listed(chat: Chat) -> tuple[list[list[str]], int]:
    """What each version of the last turn says, and which of them stands there."""
    history = chat.store.messages(chat.session)
    start = max(position for position, message in enumerate(history) if message.role == "user")
    found, now = versions(history[start:])
    return [[message.text for message in version] for version in found], now


def retried(*replies: str) -> Chat:
    chat = chat_with(*([reply] for reply in replies))
    run(chat.send("Hi"))
    for _ in replies[1:]:
        run(chat.retry())
    return chat


def test_every_reply_that_was_replaced_stays_as_an_alternative() -> None:
    chat = retried("one", "two", "three")
    assert said(chat) == [("user", "Hi"), ("assistant", "three")]
    assert listed(chat) == ([["Hi", "one"], ["Hi", "two"], ["Hi", "three"]], 2)


def test_alternatives_are_neither_sent_nor_in_what_is_searched() -> None:
    chat = retried("one", "two")
    run(chat.send("And?"))
    assert "one" not in json.dumps([to_wire(message) for message in chat.model.asked[2]])
    assert [message.text for message in chat.store.messages("s")] == ["Hi", "two", "And?", "ok"]


def test_a_version_is_chosen_and_the_others_stay_in_their_order() -> None:
    chat = retried("one", "two", "three")
    for number, text in ((1, "one"), (3, "three"), (2, "two"), (2, "two")):
        assert chat.choose(number)[-1].text == text
        assert said(chat) == [("user", "Hi"), ("assistant", text)]
        assert listed(chat) == ([["Hi", "one"], ["Hi", "two"], ["Hi", "three"]], number - 1)


def test_a_reply_asked_for_after_another_was_chosen_comes_last() -> None:
    chat = retried("one", "two")
    chat.choose(1)
    run(chat.retry())
    assert listed(chat) == ([["Hi", "one"], ["Hi", "two"], ["Hi", "ok"]], 2)


@pytest.mark.parametrize("number", [0, 4, 99])
def test_a_version_that_is_not_there_is_not_chosen(number: int) -> None:
    chat = retried("one", "two", "three")
    with pytest.raises(NotFound, match="no version"):
        chat.choose(number)
    assert said(chat)[-1] == ("assistant", "three")


def test_the_oldest_alternatives_go_when_there_are_too_many() -> None:
    chat = retried(*map(str, range(KEPT + 5)))
    found, now = listed(chat)
    assert [version[-1] for version in found] == [str(number) for number in range(4, KEPT + 5)]
    assert now == KEPT
    chat.choose(1)
    run(chat.retry())
    assert [version[-1] for version in listed(chat)[0]] == ["4", *map(str, range(6, KEPT + 5)), "ok"]


def test_a_version_keeps_who_said_it_when_and_at_what_cost() -> None:
    chat = chat_with([Reasoning("hm"), Delta("one"), Used(Usage(5, 1, 2)), Finished("length")], ["two"])
    run(chat.send("Hi"))
    old = chat.store.messages("s")[1]
    run(chat.retry())
    chat.choose(1)
    [_, now] = chat.store.messages("s")
    assert (now.id, now.time, now.model, now.usage, now.finish) == (old.id, old.time, old.model, old.usage, old.finish)
    assert reasoning_of(now) == "hm"


def test_another_model_answers_once_and_the_chats_own_from_then_on() -> None:
    chat, other = retried("one"), ScriptedModel(["from another"])
    other.name = "another"
    own = chat.model
    run(chat.retry(model=other))
    assert chat.store.messages("s")[1].model == "another"
    assert chat.model is own
    run(chat.send("And?"))
    assert chat.store.messages("s")[-1].model == "scripted"


def test_another_model_that_fails_leaves_the_chats_own() -> None:
    chat, own = retried("one"), None
    own = chat.model
    with pytest.raises(RateLimited):
        run(chat.retry(model=ScriptedModel([RateLimited("too many", "wait")])))
    assert chat.model is own
    assert said(chat)[-1] == ("assistant", "one")


def test_an_edited_turn_takes_the_place_of_the_last_which_stays_with_its_question() -> None:
    chat = retried("one", "two")
    run(chat.edit(chat.last(), "Hello"))
    assert said(chat) == [("user", "Hello"), ("assistant", "ok")]
    assert chat.model.said[-1] == [("user", "Hello")]
    assert listed(chat) == ([["Hi", "one"], ["Hi", "two"], ["Hello", "ok"]], 2)
    chat.choose(1)
    assert said(chat) == [("user", "Hi"), ("assistant", "one")]
    assert listed(chat) == ([["Hi", "one"], ["Hi", "two"], ["Hello", "ok"]], 0)


def test_an_edit_that_gets_no_reply_is_kept_to_be_sent_again_in_its_place() -> None:
    chat = chat_with(["one"], [RateLimited("too many", "wait")], ["two"])
    run(chat.send("Hi"))
    with pytest.raises(RateLimited):
        run(chat.edit(chat.last(), "Hello"))
    assert said(chat) == [("user", "Hi"), ("assistant", "one")]
    [turn] = chat.unfinished()
    assert turn.user.text == "Hello"
    run(chat.retry(turn))
    assert said(chat) == [("user", "Hello"), ("assistant", "two")]
    assert listed(chat)[0] == [["Hi", "one"], ["Hello", "two"]]


def test_a_reply_that_a_kill_cut_off_stays_as_an_alternative_when_it_is_asked_for_again() -> None:
    chat, turn = abandoned(["Whole."], ["Another."])
    run(chat.retry(turn))
    assert listed(chat) == ([["Hi", "Half an ans"], ["Hi", "Whole."]], 1)
    run(chat.retry())
    assert listed(chat) == ([["Hi", "Half an ans"], ["Hi", "Whole."], ["Hi", "Another."]], 2)


def test_a_retry_that_a_kill_cut_off_twice_keeps_all_that_came() -> None:
    chat = retried("one")
    for partial in ("tw", "thr"):
        turn = chat.last()._replace(partial=partial)
        chat.store.begin("s", turn)
        chat.store.checkpoint("s", turn.id, partial)
        run(chat.retry(turn))
    assert chat.unfinished() == []
    assert [version[1] for version in listed(chat)[0]] == ["one", "tw", "ok", "thr", "ok"]


def test_an_unanswered_message_is_edited_before_anything_else() -> None:
    chat = chat_with([RateLimited("too many", "wait")], ["fine"])
    with pytest.raises(RateLimited):
        run(chat.send("Hi"))
    [turn] = chat.unfinished()
    run(chat.edit(turn, "Hello"))
    assert said(chat) == [("user", "Hello"), ("assistant", "fine")]
    assert chat.unfinished() == []
    assert listed(chat) == ([["Hello", "fine"]], 0)


def test_a_foreign_turn_with_tools_stays_whole_as_an_alternative() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turn = [
        Message("user", "Hi"), Message("assistant", "", tool_calls=(call,)), Message("tool", "4", tool_call_id="c1"),
        Message("assistant", "four"),
    ]  # fmt: skip
    chat = chat_with(["new"])
    chat.store.append("s", turn)
    run(chat.retry())
    assert said(chat) == [("user", "Hi"), ("assistant", "new")]
    chat.choose(1)
    assert [(m.role, m.text, list(m.tool_calls)) for m in chat.store.messages("s")] == [
        (m.role, m.text, list(m.tool_calls)) for m in turn
    ]


def test_undo_redo_retry_edit_and_versions_one_after_the_other_lose_nothing() -> None:
    chat = retried("one", "two")
    chat.choose(1)
    assert len(chat.undo()) == 1
    assert said(chat) == []
    assert chat.redo() == 2
    assert listed(chat) == ([["Hi", "one"], ["Hi", "two"]], 0)
    assert chat.redo() == 0
    run(chat.edit(chat.last(), "Hello"))
    run(chat.send("next"))
    for _ in range(3):
        assert len(chat.undo()) == 1
        assert len(chat.undo()) == 1
        assert not chat.undo()
        assert chat.redo() == 2
        assert chat.redo() == 2
        assert chat.redo() == 0
    chat.undo()
    assert listed(chat) == ([["Hi", "one"], ["Hi", "two"], ["Hello", "ok"]], 2)


def test_two_terminals_that_ask_again_at_once_keep_each_others_reply() -> None:
    store = InMemoryStore()
    one = chat_with(["one"], ["mine"], store=store)
    other = chat_with(["theirs"], store=store)
    run(one.send("Hi"))
    mine = one.retry()
    next(mine)
    run(other.retry())
    run(mine)
    assert said(one) == [("user", "Hi"), ("assistant", "mine")]
    assert listed(one)[0] == [["Hi", "one"], ["Hi", "theirs"], ["Hi", "mine"]]


def test_what_is_damaged_among_the_alternatives_hides_nothing_else() -> None:
    good = [to_dict(Message("assistant", "other"))]
    for raw in (None, 5, [None, {"role": "x"}, 7, [], [None], good], {"a": 1}, "text"):
        turn = [Message("user", "Hi"), Message("assistant", "now", extra={"alternatives": raw, "version": "x"})]
        found, now = versions(turn)
        assert found[now][-1].text == "now"
        assert [message.text for message in as_turn(found, now)] == ["Hi", "now"]
        assert len(found) == (2 if isinstance(raw, list) else 1)
    turn[1].extra["version"] = 10**12  # type: ignore[index]
    assert versions(turn)[1] == 0


def test_alternatives_and_reasoning_come_back_from_langchains_format() -> None:
    chat = retried("one", "two")
    [_, reply] = chat.store.messages("s")
    entry = json.loads(encode(reply))
    assert entry["data"]["additional_kwargs"] == {}
    assert entry["data"]["response_metadata"]["chatcli"]["extra"]["version"] == 2
    assert versions([user_message("Hi", 0.0), decode(encode(reply))])[0][0][1].text == "one"


def test_what_a_langchain_program_kept_of_its_models_thoughts_is_known() -> None:
    entry = {
        "type": "ai",
        "data": {
            "content": "x",
            "additional_kwargs": {"reasoning_content": "hm"},
            "response_metadata": {},
            "type": "ai",
        },
    }
    message = decode(json.dumps(entry))
    assert reasoning_of(message) == "hm"
    assert json.loads(encode(message))["data"]["additional_kwargs"] == {"reasoning_content": "hm"}
    for odd in ({"langchain": 5}, {"langchain": {"data": []}}, {"reasoning": 7}, {}):
        assert reasoning_of(Message("assistant", "x", extra=odd)) == ""


# Going on


def cut(*scripts, finish="length") -> Chat:  # type: ignore[no-untyped-def]
    chat = chat_with([Delta("It was moved to Bei"), Used(Usage(5, 6, 0)), Finished(finish)], *scripts)
    run(chat.send("Hi"))
    return chat


def test_a_reply_that_was_cut_goes_on_and_the_longer_one_takes_its_place() -> None:
    chat = cut([Delta("moved to Bei"), Delta("jing."), Used(Usage(20, 4, 3)), Finished("stop")])
    events = run(chat.resume(chat.cut_off()))
    assert [event.text for event in events if isinstance(event, Delta)] == ["jing."]
    [_, reply] = chat.store.messages("s")
    assert (reply.text, reply.finish, reply.usage) == ("It was moved to Beijing.", "stop", Usage(25, 10, 3))
    assert listed(chat) == ([["Hi", "It was moved to Beijing."]], 0)
    assert chat.model.said[1][:2] == [("user", "Hi"), ("assistant", "It was moved to Bei")]
    assert "It was moved to Bei" in chat.model.said[1][2][1]


def test_a_reply_that_ended_by_itself_or_is_not_there_cannot_go_on() -> None:
    with pytest.raises(NotFound, match="ended by itself"):
        cut(finish="stop").cut_off()
    with pytest.raises(NotFound):
        chat_with().cut_off()


@pytest.mark.parametrize("script", [[RateLimited("too many", "wait")], [Finished("stop")], ["moved to Bei"]])
def test_a_reply_that_does_not_go_on_stays_as_it_was(script) -> None:  # type: ignore[no-untyped-def]
    chat = cut(script)
    before = chat.store.messages("s")
    with suppress(ModelError):
        run(chat.resume(chat.cut_off()))
    assert chat.store.messages("s") == before
    assert chat.unfinished() == []
    assert chat.cut_off().partial == "It was moved to Bei"


def test_a_reply_goes_on_again_and_again_and_keeps_its_alternatives() -> None:
    chat = chat_with(
        ["whole"], [Delta("One two"), Finished("length")], [Delta(" three"), Finished("length")], [" four"]
    )
    run(chat.send("Hi"))
    run(chat.retry())
    run(chat.resume(chat.cut_off()))
    run(chat.resume(chat.cut_off()))
    assert said(chat)[-1] == ("assistant", "One two three four")
    assert listed(chat) == ([["Hi", "whole"], ["Hi", "One two three four"]], 1)


def test_what_was_cut_off_by_a_kill_while_it_went_on_is_not_thrown_away() -> None:
    chat = cut([RateLimited("too many", "wait")], ["moved to Beijing."])
    turn = chat.cut_off()
    chat.store.begin("s", turn)
    chat.store.checkpoint("s", turn.id, "It was moved to Beij")
    with pytest.raises(RateLimited):
        run(chat.resume(chat.cut_off()))
    [turn] = chat.unfinished()
    assert turn.partial == "It was moved to Beij"
    chat.keep(turn)
    assert listed(chat) == ([["Hi", "It was moved to Beij"]], 0)


def test_an_image_that_edits_leave_as_it_is_stands_in_the_history_once() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1000}}
    chat = chat_with(*(["ok"] for _ in range(4)))
    run(chat.send(({"type": "text", "text": "q0"}, image)))
    run(chat.edit(chat.last(), ({"type": "text", "text": "q1"}, image)))
    run(chat.edit(chat.last(), (image, {"type": "text", "text": "q2"})))
    chat.choose(1)
    history = chat.store.messages("s")
    assert json.dumps([to_dict(message) for message in history]).count("A" * 1000) == 1
    found, now = versions(history)
    assert [version[0].content for version in found] == [
        ({"type": "text", "text": "q0"}, image),
        ({"type": "text", "text": "q1"}, image),
        (image, {"type": "text", "text": "q2"}),
    ]
    assert now == 0


@pytest.mark.parametrize("same", [-1, 2, 10**30, "1", None, [0]])
def test_an_alternative_that_refers_to_no_part_is_left_out(same: object) -> None:
    question = Message("user", ({"type": "text", "text": "a"}, {"type": "text", "text": "b"}))
    raw = [[{"role": "user", "content": [{"same": same}]}, {"role": "assistant", "content": "c"}]]
    found, now = versions([question, Message("assistant", "d", extra={"alternatives": raw, "version": 2})])
    assert (len(found), now) == (1, 0)
