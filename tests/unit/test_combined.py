from collections.abc import Sequence
from dataclasses import replace

import pytest

from chatcli.errors import ChatError
from chatcli.memory import Memory, Rider, Shown, Strategy, View
from chatcli.memory.history import History, open_history
from chatcli.memory.pins import pin, unpin
from chatcli.messages import Message
from chatcli.stores import Change, State
from tests.fakes import ScriptedIndex
from tests.life import SESSION, Life, ScriptedAsk


def asked_in(life: Life) -> list[str]:
    return [text for role, text in life.sent() if role == "user"]


def pinned(life: Life, start: int) -> None:
    history = life.view().history
    turn = history.turn_at(start)
    assert turn is not None
    assert life.store.put_state(SESSION, pin(history, turn))


QUOTES = {0: "FOUND first", 4: "FOUND fifth"}


def test_the_longest_tail_that_is_wanted_is_sent_once() -> None:
    life = Life("window:2+tokens:4000")
    life.say(*(f"q{n}" for n in range(9)))
    assert asked_in(life) == [*(f"q{n}" for n in range(9)), "?"]


def test_summary_and_window_together_leave_no_gap_and_send_nothing_twice() -> None:
    life = Life("window:2+summary")
    for number in range(40):
        life.say(f"q{number}")
        life.derive(ScriptedAsk("SUM"))
        sent = asked_in(life)
        assert len(sent) == len(set(sent)) >= min(3, number + 2)
    assert "SUM" in life.sent()[0][1]


def test_summary_recall_and_tail_each_give_their_part_and_what_changes_rides_with_the_input() -> None:
    life = Life("summary+recall:300", index=ScriptedIndex(QUOTES))
    life.say(*(f"q{n}" for n in range(13)))
    life.derive(ScriptedAsk("SUM"))
    parts = [(part.kind, part.joins) for part in life.context().parts]
    assert parts == [("system", ""), ("summary", "before"), ("tail", ""), ("recall", "after"), ("input", "")]
    sent = life.sent()
    assert [role for role, _ in sent] == ["system", *["user", "assistant"] * 4, "user"]
    assert "SUM" in sent[0][1]
    assert "FOUND first" in sent[-1][1]
    assert sent[-1][1].endswith("\n\n?")


def test_recall_quotes_nothing_that_the_tail_or_a_pin_shows_already() -> None:
    life = Life("window:2+recall:300", index=ScriptedIndex(QUOTES))
    life.say("q0", "q1", "q2")
    assert "FOUND first" in life.sent()[-1][1]
    assert "FOUND fifth" not in life.sent()[-1][1]
    pinned(life, 0)
    assert "FOUND" not in life.sent()[-1][1]


class Failing(Strategy):
    """Adds nothing, with an error."""

    spec = "failing"

    def rider(self, view: View, question: Message | None, shown: Shown) -> Rider | None:
        raise ChatError("the cache is away", "look for it")


def test_what_several_derive_alike_is_derived_once() -> None:
    life, ask = Life("summary+auto"), ScriptedAsk("SUM")
    life.say(*(f"q{n}" for n in range(14)))
    assert [one.name for one in life.memory.derivations(life.view())] == ["summary"]
    life.derive(ask)
    assert life.context().messages[0].text.count("Summary of the conversation") <= 1


def test_a_part_that_fails_says_so_and_the_others_go_on() -> None:
    life = Life("window:2+recall:300", index=ScriptedIndex(QUOTES))
    life.memory = Memory((*life.memory.strategies, Failing()))
    life.say("q0", "q1", "q2")
    context = life.context()
    assert "FOUND first" in context.messages[-1].text
    assert any("the cache is away" in note for note in context.notes)


def test_without_a_tail_of_its_own_a_strategy_gets_a_short_one() -> None:
    life = Life("recall:300", index=ScriptedIndex(QUOTES))
    life.say(*(f"q{n} " * 100 for n in range(60)))
    kinds = {part.kind: part for part in life.context().parts}
    assert 0 < life.view().cost(kinds["tail"].messages) <= 2000


def test_none_and_recall_sends_what_is_found_and_no_turn_word_for_word() -> None:
    life = Life("none+recall:300", index=ScriptedIndex(QUOTES))
    life.say("q0", "q1", "q2")
    assert [role for role, _ in life.sent()] == ["system", "user"]
    assert "FOUND fifth" in life.sent()[-1][1]


# Pins


def test_a_pinned_turn_is_in_every_context_once_and_in_its_place() -> None:
    life = Life("window:2")
    life.say(*(f"q{n}" for n in range(6)))
    pinned(life, 2)
    assert asked_in(life) == ["q1", "q4", "q5", "?"]
    for spec in ("none", "tokens:4000", "buffer"):
        life.memory = Life(spec).memory
        assert asked_in(life).count("q1") == 1
    assert asked_in(life) == [*(f"q{n}" for n in range(6)), "?"]


def test_an_unpinned_turn_goes_as_it_came() -> None:
    life = Life("window:2")
    life.say(*(f"q{n}" for n in range(6)))
    pinned(life, 2)
    pinned(life, 4)
    history = life.view().history
    turn = history.turn_at(2)
    assert turn is not None
    assert life.store.put_state(SESSION, unpin(history, turn))
    assert asked_in(life) == ["q2", "q4", "q5", "?"]


def test_a_pin_of_a_turn_that_is_another_one_by_now_does_not_hold() -> None:
    life = Life("window:1")
    life.say("q0", "q1", "q2")
    pinned(life, 2)
    life.store.append(SESSION, [], at=2)
    life.say("another", "q3")
    assert asked_in(life) == ["q3", "?"]


@pytest.mark.parametrize(
    "turns", [None, [], "2", {"00": 1}, {"2": None}, {"9" * 5000: "x"}, {"²": "x"}, {"-2": "x"}, {"٢": []}]
)
def test_pins_that_are_damaged_pin_nothing_and_do_no_harm(turns: object) -> None:
    life = Life("window:1")
    life.say("q0", "q1", "q2")
    state = State({"turns": turns}, life.view().history.watermark(6))
    assert life.store.put_state(SESSION, Change("pins", state, None))
    assert asked_in(life) == ["q2", "?"]
    pinned(life, 2)
    assert asked_in(life) == ["q1", "q2", "?"]


def test_a_pin_that_does_not_hold_now_is_kept_for_when_its_turn_is_back() -> None:
    life = Life("window:1")
    life.say("q0", "q1", "q2", "q3")
    for start in (0, 4):
        pinned(life, start)
    life.store.append(SESSION, [], at=4)
    pinned(life, 2)
    history = life.view().history
    turn = history.turn_at(0)
    assert turn is not None
    assert life.store.put_state(SESSION, unpin(history, turn))
    life.store.redo(SESSION)
    assert asked_in(life) == ["q1", "q2", "q3", "?"]


def test_a_pin_takes_one_read_a_context() -> None:
    life = Life("auto", window=2000, room=800)
    life.say(*(f"q{n} " * 50 for n in range(120)))
    for start in range(0, 100, 2):
        pinned(life, start)
    plain = life.view().history
    reads: list[int] = []

    def fetch(start: int, stop: int) -> Sequence[Message]:
        reads.append(start)
        return life.store.messages(SESSION, start, stop)

    assert plain.length == 240
    history = History(life.store.snapshot(SESSION, 64), fetch)
    chosen = life.memory.select(replace(life.view(), history=history), Message("user", "?"))
    assert sum(len(part.messages) for part in chosen.parts if part.kind == "pins") == 100
    assert len(reads) <= 52


@pytest.mark.parametrize("start", [1, 7, 99])
def test_no_turn_begins_at_a_reply_or_beyond_the_end(start: int) -> None:
    life = Life("window:1")
    life.say("q0", "q1", "q2")
    assert life.view().history.turn_at(start) is None


def test_a_retry_does_not_make_the_index_forget_what_comes_after_its_place() -> None:
    life = Life("window:1+recall:300", index=(index := ScriptedIndex(QUOTES, left=9)))
    life.say("q0", "q1", "q2", "q3")
    before = index.left
    history = open_history(life.store, SESSION, 4, stop=6)
    life.memory.select(View(history, index=index), Message("user", "again"))
    assert index.left == before
