import itertools
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from chatcli import tokens
from chatcli.aids import Aids
from chatcli.chat import Chat
from chatcli.errors import ContextTooLong
from chatcli.learned import Learned
from chatcli.memory import parse_memory
from chatcli.messages import Message, Usage
from chatcli.model import Delta, Finished, Used
from chatcli.prompt import make_prompt
from chatcli.stores import Pending
from chatcli.stores.in_memory import InMemoryStore
from chatcli.turn import Notice
from tests.fakes import ScriptedIndex, ScriptedModel
from tests.life import Life, ScriptedAsk
from tests.unit.test_background import until

LONG = "what was said and what was answered to it, " * 10


def too_long(limit: int | None = None) -> ContextTooLong:
    error = ContextTooLong("the context is too long", "send less")
    error.limit = limit
    return error


def history_of(turns: int) -> list[Message]:
    return [m for n in range(turns) for m in (Message("user", f"q{n} {LONG}"), Message("assistant", f"a{n} {LONG}"))]


def chat_with(*scripts: Any, window: int | None = None, spec: str = "auto", turns: int = 60, **more: Any) -> Chat:
    store = InMemoryStore()
    store.append("s", history_of(turns))
    model = ScriptedModel(*scripts, window=window)
    side = ScriptedModel()
    aids = more.pop("aids", None) or Aids(side_model=lambda: side, learned=more.pop("learned", None) or Learned())
    return Chat(store, "s", model, parse_memory(spec), aids=aids, **more)


@pytest.mark.parametrize("window", [1024, 4096, 8192, 131_072, 1_000_000, None])
def test_auto_leaves_room_for_the_reply_whatever_the_window(window: int | None) -> None:
    chat = chat_with(window=window, turns=400)
    limit = window or 8192
    assert chat.context("Hi").tokens <= limit - min(4096, limit // 4)
    chat.close()


def test_autos_tail_moves_in_blocks_also_while_its_summary_is_behind() -> None:
    life = Life("auto", window=8192, room=5600)
    starts = []
    for number in range(80):
        life.say(f"q{number} {LONG}")
        starts.append(life.context().start)
    moves = sum(before != after for before, after in itertools.pairwise(starts))
    assert starts[-1] > 0
    assert moves <= 80 / 8


def test_auto_makes_room_for_a_large_input_and_says_what_it_left_out() -> None:
    chat = chat_with(window=8192)
    small, large = chat.context("Hi"), chat.context("word " * 4500)
    assert large.tokens <= 8192 - 2048
    assert len(large.messages) < len(small.messages)
    assert any(note.endswith("of the tail did not fit beside this input") for note in large.notes)
    assert chat.context("Hi").messages == small.messages
    chat.close()


def test_auto_says_that_a_window_it_does_not_know_was_assumed_when_something_did_not_fit_it() -> None:
    chat = chat_with(window=None)
    assert any("into 8,192 tokens, which are assumed" in note for note in chat.context("word " * 4500).notes)
    chat.close()


def test_auto_leaves_a_reply_the_room_that_the_options_ask_for() -> None:
    chat = chat_with(window=8192, options={"max_tokens": 6000})
    assert chat.context("Hi").tokens <= 2192
    chat.close()


def test_auto_sums_up_what_its_tail_has_outgrown() -> None:
    life, ask = Life("auto", window=8192), ScriptedAsk("SUM")
    for number in range(80):
        life.say(f"q{number} {LONG}")
        life.derive(ask)
    assert "SUM" in ask.texts[1]
    assert 1 <= len(ask.asked) <= 80 / 8
    assert "short" in life.sent()[0][1]


# What an endpoint refuses


def test_a_refusal_for_length_is_learned_from_and_less_is_sent_once() -> None:
    chat = chat_with([too_long(4096)], ["fine"], window=131_072)
    events = list(chat.send("Hi"))
    first, second = chat.model.asked
    assert tokens.of_messages(second) <= 4096 - 1024
    assert len(second) < len(first)
    assert any(isinstance(event, Notice) and "4,096" in event.text for event in events)
    assert chat.store.messages("s")[-1].text == "fine"
    assert chat.window == 4096
    list(chat.send("next"))
    assert tokens.of_messages(chat.model.asked[2]) <= 4096 - 1024
    chat.close()


def test_an_endpoint_that_names_no_limit_is_sent_less_too() -> None:
    chat = chat_with([too_long()], ["fine"], window=131_072)
    list(chat.send("Hi"))
    first, second = map(tokens.of_messages, chat.model.asked)
    assert second < first
    chat.close()


def test_a_paste_that_no_window_holds_teaches_nothing() -> None:
    chat = chat_with([too_long(4096)], window=4096)
    with pytest.raises(ContextTooLong):
        list(chat.send("word " * 9000))
    assert chat.window == 4096
    assert chat.look().scale == 1.0
    assert len(chat.model.asked) == 1
    chat.close()


def test_a_refusal_that_names_the_known_window_shows_that_our_count_is_short() -> None:
    chat = chat_with([too_long(8192)], ["fine"], window=8192, turns=200)
    list(chat.send("Hi"))
    first, second = map(tokens.of_messages, chat.model.asked)
    assert second < first
    assert chat.window == 8192
    assert chat.look().scale > 1.0
    chat.close()


def test_an_endpoint_that_refuses_for_length_once_the_reply_has_begun_is_not_asked_again() -> None:
    chat = chat_with(["half", too_long(4096)], window=131_072)
    with pytest.raises(ContextTooLong):
        list(chat.send("Hi"))
    assert len(chat.model.asked) == 1
    chat.close()


def test_a_second_refusal_is_an_error_and_the_input_is_kept() -> None:
    chat = chat_with([too_long(4096)], [too_long(4096)], window=131_072)
    with pytest.raises(ContextTooLong):
        list(chat.send("Hi"))
    assert len(chat.model.asked) == 2
    assert [turn.user.text for turn in chat.unfinished()] == ["Hi"]
    chat.close()


def test_a_memory_that_was_chosen_is_never_made_smaller() -> None:
    chat = chat_with([too_long(4096)], window=131_072, spec="buffer")
    with pytest.raises(ContextTooLong):
        list(chat.send("Hi"))
    assert len(chat.model.asked) == 1
    chat.close()


# Counting tokens


def test_what_the_endpoint_counts_corrects_the_estimate() -> None:
    chat = chat_with(*[[Delta("x"), Used(Usage(3000, 1)), Finished("stop")]] * 3, window=131_072, spec="window:9")
    before = chat.context("Hi").tokens
    list(chat.send("Hi"))
    estimate = tokens.of_messages(chat.model.asked[0])
    assert before == estimate
    assert chat.look().scale == pytest.approx(3000 / estimate, rel=0.01)
    chat.close()


def test_a_reply_that_was_gone_on_with_teaches_nothing() -> None:
    chat = chat_with([Delta("x"), Used(Usage(9000, 1)), Finished("stop")], window=131_072, spec="window:9")
    turn = Pending("t", Message("user", "Hi"), chat.writer, partial="It was a ")
    list(chat.resume(turn))
    assert chat.look().scale == 1.0  # the request had more messages than the context
    chat.close()


def test_what_one_endpoint_taught_says_nothing_of_the_same_id_at_another() -> None:
    learned = Learned()
    counted = [Delta("x"), Used(Usage(3000, 1)), Finished("stop")]
    there = chat_with(counted, spec="window:9", learned=learned)
    there.model.host = "there:8000"
    list(there.send("Hi"))
    there.aids.learn_listed(there.model, 4096)
    there.aids.learn_window(there.model, too_long(2048), 3000)
    here = chat_with(spec="window:9", learned=learned)
    here.model.host = "here:8000"
    assert (there.look().scale > 1.1, there.window) == (True, 2048)
    assert (here.look().scale, here.window) == (1.0, None)
    for chat in (here, there):
        chat.close()


def test_requests_with_pictures_or_of_a_few_words_teach_nothing() -> None:
    picture = (
        {"type": "text", "text": LONG * 9},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
    )
    for content in (picture, "Hi"):
        script = [Delta("x"), Used(Usage(9999, 1)), Finished("stop")]
        chat = chat_with(script, spec="none")
        list(chat.send(content))
        assert chat.look().scale == 1.0
        chat.close()


def test_a_cut_is_moved_by_a_tail_that_outgrew_it_never_by_a_better_estimate() -> None:
    learned = Learned()
    chat = chat_with(spec="tokens:3000", learned=learned)
    list(chat.send("Hi"))
    before = chat.context("next").start
    assert before > 0
    learned.counted("scripted", 1000, 2400)
    assert chat.context("next").start == before
    assert chat.context("next").tokens > chat.context("next").count(chat.context("next").messages) / 2
    chat.close()


def test_what_was_learned_is_kept_in_a_private_file_and_a_damaged_one_is_none(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "models.json"
    first = Learned(path)
    first.counted("m", 1000, 1500)
    first.refused("m", 4096, named=8192)
    assert (Learned(path).scale("m"), Learned(path).window("m", 8192)) == (1.5, 4096)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["models.json"]
    for odd in ("", "[]", '{"m": 3}', '{"m": {"scale": "x", "listed": -1, "refused": {"named": null}}}', "[" * 9999):
        path.write_text(odd)
        assert (Learned(path).scale("m"), Learned(path).window("m", None)) == (1.0, None)


def test_a_refusal_counts_until_another_window_is_named() -> None:
    learned = Learned()
    learned.refused("m", 4096, named=131_072)
    assert learned.window("m", 131_072) == 4096
    assert learned.window("m", 16_384) == 16_384


def test_a_window_that_nobody_named_is_asked_of_the_endpoint() -> None:
    chat = chat_with(turns=0)
    chat.model.listed = 32_768
    assert chat.window is None
    list(chat.send("Hi"))
    until(lambda: chat.window == 32_768)
    chat.close()


def test_a_scale_beyond_reason_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    path.write_text(json.dumps({"m": {"scale": 1000}}))
    assert Learned(path).scale("m") == 2.5
    learned = Learned()
    learned.counted("m", 1000, 1)
    assert learned.scale("m") == 0.4


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    learned = Learned(tmp_path / "file" / "models.json")
    learned.counted("m", 1000, 1500)
    assert learned.scale("m") == 1.5


# Riding with the input


def test_recalled_text_stands_in_the_newest_input_of_any_prompt() -> None:
    prompt = make_prompt(
        [
            {"role": "system", "content": "S"},
            {"role": "user", "content": "So far:\n{history}"},
            {"role": "assistant", "content": "I see."},
            {"role": "user", "content": [{"type": "text", "text": "Now: {input}"}]},
        ]
    )
    chat = chat_with(spec="window:1+recall:200", prompt=prompt, turns=3, aids=Aids(index=ScriptedIndex({0: "FOUND"})))
    *_, history, _, newest = chat.context("what?").messages
    assert history.text.startswith("So far:\nHuman: q2")
    assert "FOUND" in newest.text
    assert newest.text.endswith("Now: what?")
    assert newest.role == "user"
    chat.close()


def test_a_summary_as_text_stands_first_in_the_history() -> None:
    life = Life("summary")
    life.say(*(f"q{n}" for n in range(13)))
    life.derive(ScriptedAsk("SUM"))
    prompt = make_prompt([{"role": "user", "content": "{history}\n{input}"}])
    chat = Chat(life.store, "s", ScriptedModel(), parse_memory("summary"), prompt)
    (message,) = chat.context("Hi").messages
    assert message.text.startswith("System: Summary of the conversation so far (turns 1 to 9):\nSUM\nHuman: q9\nAI:")
    assert message.text.endswith("\nHi")
    chat.close()


def test_a_cut_is_kept_with_a_turn_that_came_after_anothers_and_with_one_that_is_kept_as_it_is() -> None:
    chat = chat_with(spec="tokens:3000")
    turn = chat.retry()
    chat.store.append("s", [Message("user", "from elsewhere"), Message("assistant", "and its answer")])
    list(turn)
    assert "cut:tokens" in chat.store.snapshot("s", 0).states
    other = chat_with(spec="tokens:3000")
    pending = Pending("t", Message("user", "Hi"), "host/1/2", partial="half")
    other.store.begin("s", pending)
    other.keep(pending)
    assert "cut:tokens" in other.store.snapshot("s", 0).states
