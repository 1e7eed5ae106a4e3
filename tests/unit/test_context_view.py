"""What /context, memory show and /memory say, against what is sent."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from chatcli.aids import Aids
from chatcli.chat import Chat
from chatcli.memory import Hit, View, parse_memory, pins, summary
from chatcli.memory.history import open_history
from chatcli.memory.numbering import numbers_of, open_numbered, turn_numbered
from chatcli.memory.reading import Reading
from chatcli.messages import Content, Message
from chatcli.prompt import DEFAULT, make_prompt, with_system
from chatcli.recall import open_index
from chatcli.render.bar import Slice, bar
from chatcli.render.context import next_request, pieces_of, request_lines
from chatcli.render.held import held_as_data, held_by, held_lines
from chatcli.render.ink import Line
from chatcli.render.outlook import outlook
from chatcli.render.recalled import print_recalled, recalled_as_data, recalled_lines, turns_of
from chatcli.stores import Store
from chatcli.stores.in_memory import InMemoryStore
from tests.fakes import ScriptedModel
from tests.unit.test_entity import ScriptedAsk

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 4000}}


@pytest.fixture
def store() -> Store:
    """A session `s` of 20 turns; turn 3 is pinned, turns 1 to 12 are summed up, turn 5 is about a wall."""
    store = InMemoryStore()
    for number in range(1, 21):
        said = "城墙有多长？ the wall" if number == 5 else f"question {number}"
        store.append("s", [Message("user", said, time=1e9 + number), Message("assistant", f"answer {number}")])
    history = open_history(store, "s", 4)
    mark = history.watermark(24)
    kept = {"text": "They spoke of 西安.", "position": 24, "fingerprint": mark.fingerprint, "turns": 12}
    store.put_state("s", summary.Change("summary", summary.State({"versions": [kept]}, mark), None))
    turn = history.turn_at(4)
    assert turn is not None
    store.put_state("s", pins.pin(history, turn))
    return store


def chat_with(store: Store, spec: str = "summary+recall:800", window: int | None = 8192, exact: bool = False) -> Chat:
    index = open_index(None)
    index.follow(open_history(store, "s", 4))
    aids = Aids(index, measure=(lambda model: lambda text: len(text.split())) if exact else lambda model: None)
    prompt = with_system(DEFAULT, "Be brief.")
    return Chat(store, "s", ScriptedModel(window=window), parse_memory(spec), prompt, aids=aids)


def text_of(lines: Sequence[Line]) -> str:
    return "\n".join("".join(text for text, _ in line) for line in lines)


def shown(chat: Chat, content: Content | None = "the wall?", width: int = 80, letters: bool = True) -> str:
    return text_of(list(request_lines(next_request(chat, content), width, letters)))


def test_the_parts_shown_are_the_messages_sent_and_nothing_else(store: Store) -> None:
    chat = chat_with(store)
    pieces = pieces_of(next_request(chat, "the wall?"))
    list(chat.send("the wall?"))
    sent = "\n".join(message.text for message in chat.model.asked[0])  # type: ignore[attr-defined]
    parts = [message.text for piece in pieces for message in piece.part.messages]
    assert [piece.part.kind for piece in pieces] == ["system", "summary", "pins", "tail", "recall", "input"]
    assert "".join(parts).replace("\n", "") == sent.replace("\n", "")


def test_a_part_that_rides_inside_a_message_says_in_which(store: Store) -> None:
    inside = {piece.part.kind: piece.inside for piece in pieces_of(next_request(chat_with(store), "the wall?"))}
    assert inside == {
        "system": "", "summary": "the system text", "pins": "", "tail": "", "recall": "your message", "input": "",
    }  # fmt: skip
    assert "recall · ~" in shown(chat_with(store))
    assert "tokens · sent inside your message" in shown(chat_with(store))


def test_without_a_system_text_the_summary_stands_alone_and_says_nothing_of_another(store: Store) -> None:
    chat = chat_with(store)
    chat.prompt = DEFAULT
    assert {piece.part.kind: piece.inside for piece in pieces_of(next_request(chat, "hm"))}["summary"] == ""


def test_the_tokens_of_the_parts_add_up_to_the_request(store: Store) -> None:
    chat = chat_with(store, exact=True)
    request = next_request(chat, "the wall?")
    assert sum(piece.tokens for piece in pieces_of(request)) == request.context.tokens
    assert f"{request.context.tokens:,} of 8,192 tokens; 2,048 kept for the reply" in shown(chat)


def test_a_total_of_messages_is_about_even_where_a_tokenizer_counts_the_texts(store: Store) -> None:
    chat = chat_with(store, exact=True)
    request = next_request(chat, "the wall?")
    text = shown(chat)
    assert f", ~{request.context.tokens:,} of 8,192 tokens" in text
    assert all(f" · ~{piece.tokens:,} tokens" in text for piece in pieces_of(request))
    assert "pins      turn 3 · ~12 tokens" in text_of(list(held_lines(held_by(chat))))


def test_an_estimate_is_marked_and_an_unknown_window_is_said(store: Store) -> None:
    text = shown(chat_with(store, window=None))
    assert "tokens; the model's window is unknown" in text
    assert "free" not in text
    assert f"~{next_request(chat_with(store), 'the wall?').context.tokens:,} of 8,192" in shown(chat_with(store))


def test_a_request_that_is_too_large_says_by_how_much(store: Store) -> None:
    chat = chat_with(store, "buffer", window=200)
    over = next_request(chat, "hm").context.tokens - 150
    assert f"50 kept for the reply, ~{over} too many" in shown(chat, "hm")


def test_without_an_input_what_depends_on_it_says_so(store: Store) -> None:
    text = shown(chat_with(store), None)
    assert "user: {input}" in text
    assert "[what bears on your next message is quoted here]" in text
    assert "shown when its text is given" in text
    assert "shown when its text is given" not in shown(chat_with(store))


def test_the_turns_of_the_tail_and_the_pins_are_named(store: Store) -> None:
    assert "tail: turns 13 to 20 word for word" in shown(chat_with(store))
    assert "pins: 1 turn" in shown(chat_with(store))


def test_pictures_are_named_and_nothing_reaches_the_terminal_raw(store: Store) -> None:
    text = shown(chat_with(store), ({"type": "text", "text": "what\x1b[2J is it?"}, IMAGE))
    assert "AAAA" not in text
    assert "[image 3.0 kB]" in text
    assert "\x1b" not in text
    assert "what␛[2J is it?" in text


@pytest.mark.parametrize("width", [40, 80, 300])
def test_the_table_and_the_bar_fit_the_width_and_stand_last(store: Store, width: int) -> None:
    lines = shown(chat_with(store), width=width).split("\n")
    table = lines[lines.index("user: the wall?") + 2 :]
    assert [line[0] for line in table] == [*"smptri[", table[-1][0]]
    assert max(map(cell_len, table[:-1])) <= width
    assert len(table[-2]) == min(width, 100)
    assert {len(line.partition("  inside")[0].rstrip()) for line in table[:-2]} == {
        len(table[0].partition("  inside")[0].rstrip())
    }, "the figures end below one another"


@given(st.lists(st.integers(0, 200_000), min_size=1, max_size=12), st.integers(40, 120))
def test_a_bar_has_its_width_and_at_least_a_cell_for_all_that_is_there(amounts: list[int], width: int) -> None:
    line = bar([Slice(amount, "", chr(ord("a") + index)) for index, amount in enumerate(amounts)], width, letters=True)
    drawn = "".join(text for text, _ in line)
    if not any(amounts):
        assert drawn == ""
        return
    assert len(drawn) == width
    assert set(drawn[1:-1]) == {chr(ord("a") + index) for index, amount in enumerate(amounts) if amount}


def test_a_prompt_that_wraps_the_input_is_shown_as_it_is_sent(store: Store) -> None:
    chat = chat_with(store)
    chat.prompt = make_prompt([{"role": "system", "content": "S"}, {"role": "user", "content": "Q: {input} (short)"}])
    assert "user: Q: hm (short)" in shown(chat, "hm")


def test_a_history_that_is_sent_as_text_is_said_to_be(store: Store) -> None:
    chat = chat_with(store)
    chat.prompt = make_prompt([{"role": "user", "content": "So far:\n{history}\nNow: {input}"}])
    text = shown(chat, "hm")
    assert "Human: question 20" in text
    assert "the prompt has the history as text" in text
    assert "as text" not in shown(chat_with(store))
    assert "turns 13 to 20 word for word, a summary of turns 1 to 12" in outlook(chat)
    assert [entry["name"] for entry in held_as_data(held_by(chat))["held"]][-1] == "tail"


@pytest.mark.parametrize("strategy", ["recall:800", "entity"])
def test_before_the_first_turn_nothing_is_said_of_a_tail(strategy: str) -> None:
    text = shown(chat_with(InMemoryStore(), f"tokens:2000+{strategy}"))
    assert text.endswith(f"\n{strategy.partition(':')[0]}: nothing was said before it yet")
    assert "tail" not in text


def test_what_adds_nothing_says_why_in_one_line(store: Store) -> None:
    assert shown(chat_with(store), "zzz").endswith("\nrecall: nothing older bears on it")
    assert shown(chat_with(store, "buffer+recall:800")).endswith("\nrecall: all is in the tail already")
    assert shown(chat_with(store, "window:3+entity")).endswith(
        "\nentity: nothing is known of the names in it that the tail does not say"
    )
    for text in (shown(chat_with(store)), shown(chat_with(store), None), shown(chat_with(store, "window:3"))):
        assert "recall: " not in text


# Why


def test_what_was_recalled_is_explained_by_turn_date_words_and_score(store: Store) -> None:
    chat = chat_with(store)
    context = next_request(chat, "how long is the 城墙?").context
    turns = turns_of(chat, context)
    best = recalled_as_data(context, turns)[0]
    assert (best["turn"], best["position"], best["role"], best["whole"]) == (5, 8, "user", True)
    assert "城墙" in best["words"]
    assert best["score"] == max(hit.score for hit in context.hits)
    for width in (40, 80, 120):
        lines = text_of(list(recalled_lines(context, turns, width))).split("\n")
        assert max(map(cell_len, lines)) <= width
        assert any("2001-09-09" in line and "5" in line for line in lines)
        assert any("the wall" in line for line in lines)


def test_that_nothing_was_recalled_is_explained_too(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    chat = chat_with(store)
    print_recalled(chat, chat.context(None), asked=False)
    print_recalled(chat, chat.context("zzz"), asked=True)
    chat.memory = parse_memory("window:3")
    print_recalled(chat, chat.context("wall"), asked=True)
    depends, nothing, never = capsys.readouterr().out.splitlines()
    assert "depends on your message" in depends
    assert nothing == "nothing of the older turns was recalled for this message"
    assert never.startswith("window:3 recalls nothing")


# What it holds, and what it makes of the session


@pytest.mark.parametrize(
    ("spec", "holds"),
    [
        ("window:3", "turns 18 to 20 word for word and turn 3 (pinned)"),
        ("window:1", "turn 20 word for word and turn 3 (pinned)"),
        ("buffer", "all 20 turns word for word"),
        ("none", "turn 3 (pinned)"),
        ("summary", "turns 13 to 20 word for word, a summary of turns 1 to 12, and turn 3 (pinned)"),
        (
            "summary+recall:800",
            "turns 13 to 20 word for word, a summary of turns 1 to 12, turn 3 (pinned), "
            "and up to 800 tokens of older turns that bear on it",
        ),
        (
            "window:2+entity",
            "turns 19 to 20 word for word, turn 3 (pinned), and what is known of the names in it",
        ),
    ],
)
def test_a_memory_says_in_one_line_what_the_next_request_holds(store: Store, spec: str, holds: str) -> None:
    assert outlook(chat_with(store, spec)) == f"{spec}: the next request holds {holds}"


def test_auto_says_how_much_it_recalls_for_this_window(store: Store) -> None:
    assert "up to 1,024 tokens of older turns" in outlook(chat_with(store, "auto"))


def test_where_no_turn_is_older_nothing_is_promised_to_be_recalled(store: Store) -> None:
    assert outlook(chat_with(store, "buffer+recall:800")).endswith("holds all 20 turns word for word")


def test_a_summary_that_is_behind_says_which_turns_are_missing(store: Store) -> None:
    for number in range(21, 61):
        store.append("s", [Message("user", f"question {number}"), Message("assistant", f"answer {number}")])
    said = outlook(chat_with(store, "summary"))
    assert "turns 49 to 60 word for word, a summary of turns 1 to 12" in said
    assert said.endswith("; turns 13 to 48 are in neither yet: they are summed up in the background")
    assert "neither" not in outlook(chat_with(store, "window:3"))


def test_what_an_undone_summary_leaves_behind_is_not_said_to_be_summed_up_now(store: Store) -> None:
    for number in range(21, 61):
        store.append("s", [Message("user", f"question {number}"), Message("assistant", f"answer {number}")])
    chat = chat_with(store, "summary")
    assert chat.change(summary.undone)
    assert outlook(chat).endswith(
        "; turns 1 to 48 are not in it yet: they are summed up some turns from now, unless /compact does it"
    )


@pytest.mark.parametrize("as_text", [True, False])
def test_what_has_no_room_beside_the_prompt_is_not_promised(store: Store, as_text: bool) -> None:
    for number in range(21, 61):
        store.append("s", [Message("user", f"question {number}"), Message("assistant", f"answer {number}" + 20 * " x")])
    chat = chat_with(store, "auto")
    system = {"role": "system", "content": "word " * 4200}
    past = {"role": "user", "content": "So far:\n{history}\nNow: {input}"}
    chat.prompt = make_prompt([system, past] if as_text else [system])
    sent = "\n".join(message.text for message in chat.context(None).messages)
    said = outlook(chat)
    first = int(said.partition("turns ")[2].partition(" ")[0])
    assert first > 21
    assert f"question {first}\n" in f"{sent}\n"
    assert f"question {first - 1}\n" not in f"{sent}\n"
    assert f"; turns 13 to {first - 1} are not in it: there is no room for them beside the prompt" in said


def test_a_session_without_turns_holds_nothing() -> None:
    assert outlook(Chat(InMemoryStore(), "s", ScriptedModel(), parse_memory("window:3"))).endswith(
        "there is no turn yet that the next request could hold"
    )


def test_what_is_held_has_its_reach_and_its_worth(store: Store) -> None:
    held = {entry["name"]: entry for entry in held_as_data(held_by(chat_with(store, exact=True)))["held"]}
    assert list(held) == ["summary", "pins", "index", "tail"]
    assert (held["summary"]["messages"], held["summary"]["turn"], held["summary"]["tokens"]) == (24, 12, 4)
    assert held["summary"]["stands_for"] == 24 * (4 + 2) + 1
    assert held["summary"]["text"] == "They spoke of 西安."
    assert (held["pins"]["detail"], held["pins"]["tokens"]) == ("turn 3", 12)
    assert held["index"]["detail"] == "all 40 messages"
    assert held["tail"]["detail"] == "turns 13 to 20 word for word"
    text = text_of(list(held_lines(held_by(chat_with(store)))))
    assert "s · summary+recall:800 · 20 turns, 40 messages" in text
    assert "message 24 of 40; 1 version · ~" in text


def test_an_index_that_is_behind_says_how_far_it_is(store: Store) -> None:
    chat = chat_with(store)
    store.append("s", [Message("user", "new"), Message("assistant", "newer")])
    held = {entry["name"]: entry for entry in held_as_data(held_by(chat))["held"]}
    assert held["index"]["detail"] == "up to message 40 of 42, turn 20 of 21"


def test_an_index_that_cannot_be_kept_says_why(store: Store, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("no folder", encoding="utf-8")
    chat = chat_with(store)
    chat.aids = Aids(open_index(tmp_path / "cache" / "s.db"))
    held = {entry["name"]: entry for entry in held_as_data(held_by(chat))["held"]}
    assert "; " in held["index"]["detail"]
    assert str(tmp_path) in held["index"]["detail"]


def test_where_turns_were_read_and_no_fact_was_found_it_says_none() -> None:
    store = InMemoryStore()
    store.append("s", [Message("user", "hi"), Message("assistant", "hello")])
    history = open_history(store, "s", 4)
    change = Reading({}).step(View(history), ScriptedAsk())
    assert change is not None
    store.put_state("s", change)
    held = {entry["name"]: entry for entry in held_as_data(held_by(chat_with(store, "window:3+entity")))["held"]}
    assert held["entities"]["detail"] == "none; all 2 messages"


# Numbers


def test_turns_are_numbered_from_the_end_without_reading_what_stands_before(store: Store) -> None:
    history, last = open_numbered(store, "s", 4)
    assert last == 20
    assert numbers_of(history, last, {39, 30, 31}) == {39: 20, 30: 16, 31: 16}
    found = turn_numbered(history, last, 5)
    assert found is not None
    assert found.start == 8
    assert turn_numbered(history, last, 21) is None
    assert turn_numbered(history, last, 0) is None


def test_what_stands_before_the_first_user_message_is_turn_0() -> None:
    store = InMemoryStore()
    store.append("s", [Message("assistant", "hello"), Message("user", "hi")])
    history, last = open_numbered(store, "s", 4)
    assert numbers_of(history, last, {0, 1}) == {0: 0, 1: 1}
    assert turn_numbered(history, last, 0) is None


def test_of_words_within_one_another_the_longest_says_what_a_turn_was_recalled_by() -> None:
    hit = Hit(4, Message("user", "The walls of Xi'an are long"), 2.5, ("wall", "walls", "long"))
    context: Any = SimpleNamespace(hits=[hit])
    for width in (80, 120):
        text = text_of(list(recalled_lines(context, {4: 3}, width)))
        assert "walls, long" in text
        assert "wall," not in text
