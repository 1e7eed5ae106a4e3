"""A memory played again says what it would have sent: held against what a real chat sends."""

import json
from collections.abc import Sequence

import pytest

from chatcli import tokens
from chatcli.aids import Aids
from chatcli.chat import Chat
from chatcli.compare import Course, Past, Sent, replay
from chatcli.config.file import Price
from chatcli.memory import parse_memory, pins
from chatcli.memory.history import open_history
from chatcli.messages import Message, Usage
from chatcli.model import Finished, Used
from chatcli.prompt import DEFAULT, with_system
from chatcli.recall import open_index
from chatcli.render.comparison import Comparison, as_data, explained, listed, plotted
from chatcli.render.ink import Line
from chatcli.render.plot import Curve, Plot
from chatcli.stores.in_memory import InMemoryStore
from tests.fakes import ScriptedModel
from tests.life import Life, ScriptedAsk
from tests.unit.conftest import Command

TURNS = 30
SYSTEM = "Be brief."


def lived(spec: str, turns: int = TURNS, window: int | None = 8192) -> tuple[Chat, list[list[Message]]]:
    """Have a chat of so many turns with the memory; return it and what was sent, the next request last."""
    replies = [[f"answer {n} " + "and so on " * (n % 7)] for n in range(turns + 1)]
    chat = Chat(
        InMemoryStore(),
        "s",
        ScriptedModel(*replies, window=window),
        parse_memory(spec),
        with_system(DEFAULT, SYSTEM),
        aids=Aids(open_index(None)),
    )
    for number in range(turns):
        list(chat.send(f"question {number} " + "please " * (number % 5)))
    asked = [*chat.model.asked, chat.context("{input}").messages]  # type: ignore[attr-defined]
    return chat, asked


def shared(before: Sequence[Message], now: Sequence[Message]) -> list[Message]:
    same = 0
    while same < min(len(before), len(now)) and before[same].content == now[same].content:
        same += 1
    return list(now[:same])


@pytest.mark.parametrize("spec", ["none", "buffer", "window:3", "window:2-6", "tokens:200"])
def test_the_tokens_and_the_reused_prefix_are_those_of_the_real_requests(spec: str) -> None:
    chat, asked = lived(spec)
    course = replay(parse_memory(spec), Past(chat))
    assert [sent.prompt for sent in course.requests] == [tokens.of_messages(messages) for messages in asked]
    pairs = zip([[], *asked], asked, strict=False)
    assert [sent.reused for sent in course.requests] == [tokens.of_messages(shared(*pair)) for pair in pairs]
    assert course.now.turns == sum(message.role == "user" for message in asked[-1]) - 1


def test_the_tokens_are_corrected_by_what_the_endpoint_counted() -> None:
    chat, asked = lived("window:3")
    chat.aids.learned.counted("scripted", 1000, 2000)
    course = replay(parse_memory("window:3"), Past(chat))
    assert [sent.prompt for sent in course.requests] == [2 * tokens.of_messages(messages) for messages in asked]
    pairs = zip([[], *asked], asked, strict=False)
    assert [sent.reused for sent in course.requests] == [2 * tokens.of_messages(shared(*pair)) for pair in pairs]


def test_a_buffer_reuses_nearly_all_and_a_sliding_window_hardly_anything() -> None:
    chat, _ = lived("buffer")
    past = Past(chat)
    assert replay(parse_memory("buffer"), past).reused > 0.85
    assert replay(parse_memory("window:4"), past).reused < 0.25
    assert replay(parse_memory("tokens:400"), past).reused > 0.6


def test_a_summary_is_folded_when_it_would_have_been_and_takes_all_its_room() -> None:
    life, ask = Life("summary"), ScriptedAsk(answer=lambda text: "word " * 400)
    asked = []
    for number in range(TURNS):
        asked.append(life.context(f"question {number}"))
        life.say(f"question {number}")
        life.derive(ask)
    asked.append(life.context("{input}"))
    chat = Chat(life.store, "s", ScriptedModel(), life.memory, with_system(DEFAULT, "SYSTEM"))
    course = replay(life.memory, Past(chat))
    tails = [[part for part in context.parts if part.kind == "tail"] for context in asked]
    turns = [sum(message.role == "user" for part in tail for message in part.messages) for tail in tails]
    assert [sent.turns for sent in course.requests] == turns
    folds = [sent for sent in course.requests if sent.read]
    assert len(folds) == len(ask.asked) > 1
    assert folds[0].wrote == pytest.approx(400, abs=8)
    # Inside the system text a summary costs no message of its own.
    assert course.now.prompt == pytest.approx(asked[-1].tokens, abs=3 * tokens.MESSAGE_OVERHEAD)


def test_what_is_recalled_takes_its_budget_and_no_more() -> None:
    chat, _ = lived("buffer", turns=60)
    past = Past(chat)
    alone, beside = (replay(parse_memory(spec), past) for spec in ("window:2", "window:2+recall:100"))
    more = [two.prompt - one.prompt for one, two in zip(alone.requests, beside.requests, strict=True)]
    assert more[:2] == [0, 0]
    assert all(60 <= extra <= 100 + tokens.MESSAGE_OVERHEAD for extra in more[20:])
    assert beside.reused < alone.reused + 0.01


def test_the_next_message_is_asked_of_the_real_index() -> None:
    chat, _ = lived("buffer", turns=40)
    chat.aids.index.follow(open_history(chat.store, "s", 4))  # type: ignore[union-attr]
    memory = parse_memory("window:1+recall:100")
    assert replay(memory, Past(chat, "zzz")).now.prompt < replay(memory, Past(chat, "question 7")).now.prompt


def test_pins_are_in_every_request_after_them() -> None:
    chat, _ = lived("window:2")
    before = replay(parse_memory("window:2"), Past(chat)).now.prompt
    chat.change(lambda history: pins.pin(history, history.turn_at(4)))  # type: ignore[arg-type]
    assert replay(parse_memory("window:2"), Past(chat)).now.prompt > before


def test_only_the_last_turns_of_a_long_session_are_played_again() -> None:
    chat, asked = lived("window:3")
    past = Past(chat, most=10)
    course = replay(parse_memory("window:3"), past)
    assert (len(course.requests), past.skipped, past.turns_skipped) == (11, 40, 20)
    assert course.now.prompt == tokens.of_messages(asked[-1])


def test_nothing_is_asked_and_nothing_written() -> None:
    chat, _ = lived("window:3")
    before, asked = chat.store.snapshot("s", 100), len(chat.model.asked)  # type: ignore[attr-defined]
    for spec in ("auto", "summary", "tokens:100", "window:1-2"):
        replay(parse_memory(spec), Past(chat))
    assert chat.store.snapshot("s", 100) == before
    assert len(chat.model.asked) == asked  # type: ignore[attr-defined]


def test_lone_messages_and_a_session_that_begins_with_a_reply_are_played_too() -> None:
    chat, _ = lived("window:3", turns=0)
    chat.store.append("s", [Message("assistant", "hello"), Message("user", "a"), Message("user", "b")])
    course = replay(parse_memory("buffer"), Past(chat))
    assert [sent.turns for sent in course.requests] == [0, 1, 2]


def test_a_cost_is_what_is_fresh_what_is_cached_and_what_was_written() -> None:
    done = [Sent(1000, 0, 1, reply=100, read=500, wrote=50), Sent(1200, 1000, 2, reply=100)]
    course = Course("x", [*done, Sent(9999, 9999, 3)])
    assert course.cost(Price(1.0, 0.1, 2.0)) == pytest.approx((1000 + 500 + 200 + 0.1 * 1000 + 2 * 250) / 1e6)
    assert course.cost(Price(1.0, None, 2.0)) == pytest.approx((1000 + 500 + 200 + 1000 + 2 * 250) / 1e6)


def test_a_replys_tokens_are_those_that_the_endpoint_counted() -> None:
    model = ScriptedModel(["ok", Used(Usage(50, 777)), Finished("stop")])
    chat = Chat(InMemoryStore(), "s", model, parse_memory("buffer"))
    list(chat.send("Hi"))
    assert replay(parse_memory("buffer"), Past(chat)).requests[0].reply == 777


# How it looks


def compared(prices: Price | None = None, skipped: int = 0) -> Comparison:
    steps = {"buffer": 3000, "window:10": 30, "summary-buffer:4000": 100}
    courses = [Course(spec, [Sent(50 + step * min(n, 40), 20, n) for n in range(60)]) for spec, step in steps.items()]
    return Comparison("旅行", "qwen", courses, "window:10", skipped, prices=prices)


def text_of(lines: Sequence[Line]) -> list[str]:
    return ["".join(text for text, _ in line) for line in lines]


@pytest.mark.parametrize("width", [40, 80, 300])
def test_the_table_and_the_plot_fit_the_width(width: int) -> None:
    found = compared(Price(1.0))
    table, drawn = text_of(list(listed(found, width))), text_of(list(plotted(found, width)))
    assert max(map(len, [*table, *drawn[1:]])) <= width
    assert [line.split()[1] for line in table[1:]] == ["buffer", "window:10", "summary-buffer:4000"]
    assert "window:10 *" in table[2]
    assert ("COST" in table[0]) == (width >= 80)
    assert "REUSED" in table[0]


def test_a_scale_is_logarithmic_where_one_memory_dwarfs_another_and_says_so() -> None:
    assert "on a logarithmic scale" in text_of(list(plotted(compared(), 80)))[0]
    even = Plot([Curve("a", [1, 2, 3]), Curve("b", [3, 3, 3])], 40, 5)
    assert not even.uneven
    assert [line[:3] for line in text_of(list(even.lines("turn 1", "3")))][::4] == ["3 ┤", "0 ┤"]


def test_many_turns_share_a_column_and_their_mean_is_drawn() -> None:
    many = Plot([Curve("a", [10, 0] * 500)], 40, 5)
    assert many.bucket > 1
    rows = text_of(list(many.lines("turn 1", "1,001")))
    assert rows[0].split()[0] == "5"  # the highest that is drawn


def test_without_colours_each_curve_has_a_letter() -> None:
    drawn = "\n".join(text_of(list(plotted(compared(), 80, letters=True)))[1:-1])
    assert set(drawn) & set("abcdefgh") == {"a", "b", "c"}
    assert [line[0] for line in text_of(list(listed(compared(), 80, letters=True)))[1:]] == ["a", "b", "c"]


def test_what_is_estimated_left_out_or_unknown_is_said() -> None:
    assert all("~" in line for line in text_of(list(listed(compared(), 80)))[1:])
    said = "\n".join(explained(compared(skipped=1200)))
    assert "59 turns played again, the 1,200 turns before left out; no model was asked; * is the memory of 旅行" in said
    assert "the config has no price for qwen" in said
    assert "COST: of all these turns with qwen" in "\n".join(explained(compared(Price(1.0))))


def test_the_data_has_every_figure() -> None:
    data = json.loads(json.dumps(as_data(compared(Price(1.0)))))
    assert (data["session"], data["turns"], data["skipped"]) == ("旅行", 59, 0)
    first = data["memories"][1]
    assert (first["memory"], first["own"], first["turns"], first["now"], first["max"]) == (
        "window:10", True, 59, 1250, 1250,
    )  # fmt: skip
    assert len(first["tokens"]) == 60
    assert first["cost"] > 0


def test_a_wrong_spec_is_refused_before_anything_is_read(command: Command) -> None:
    done = command("memory", "compare", "window:0")
    assert (done.code, done.out) == (2, "")
    assert "error: 'window:0' is no memory" in done.err
    assert command("memory", "compare").code == 1
