"""What was spent, added up from the messages of a store."""

import time
from dataclasses import replace

import pytest

from chatcli.alternatives import as_turn
from chatcli.config.file import Price
from chatcli.messages import Message, Usage
from chatcli.prices import amount
from chatcli.render.spent import money, print_spent, spending_table
from chatcli.spending import Report, Spending, spent
from chatcli.stores.in_memory import InMemoryStore

DAY = 86_400.0
NOW = 1.8e9
PRICES = {"a": Price(input=1.0, output=2.0)}


MILLIONS = Usage(1_000_000, 500_000)


def turn(at: float, model: str = "a", usage: Usage | None = MILLIONS) -> list[Message]:
    return [Message("user", "x", time=at), Message("assistant", "y", time=at + 1, model=model, usage=usage)]


def test_only_what_was_said_since_counts() -> None:
    store = InMemoryStore(clock=lambda: NOW)
    store.append("s", [*turn(NOW - 9 * DAY), *turn(NOW - DAY), *turn(NOW)])
    assert spent(store, NOW - 2 * DAY, PRICES.get).total.turns == 2
    assert spent(store, 0, PRICES.get).total.turns == 3


def test_sessions_of_more_than_a_page_are_read_whole() -> None:
    store = InMemoryStore(clock=lambda: NOW)
    store.append("s", [message for number in range(700) for message in turn(NOW - 700 + number)])
    assert spent(store, 0, PRICES.get).total.replies == 700


def test_an_amount_has_four_digits_that_count_and_no_exponent() -> None:
    assert [amount(cost) for cost in (8.6e-05, 0.00057281, 0.5, 2.0, 123.456, 1_234_567.8, 0.0)] == [
        "0.000086", "0.0005728", "0.5", "2", "123.5", "1,235,000", "0",
    ]  # fmt: skip


def test_cost_is_by_the_model_that_answered() -> None:
    store = InMemoryStore(clock=lambda: NOW)
    store.append("s", [*turn(NOW), *turn(NOW, "b"), *turn(NOW, usage=None)])
    report = spent(store, 0, PRICES.get)
    assert (report.total.cost, report.total.unpriced, report.total.uncounted) == (2.0, 1, 1)
    assert {model: spending.turns for model, spending in report.models.items()} == {"a": 2, "b": 1}


def test_turns_tokens_and_cost_are_shown_by_day_the_last_day_first(capsys: pytest.CaptureFixture[str]) -> None:
    store = InMemoryStore(clock=lambda: NOW)
    store.append("s", [*turn(NOW - 2 * DAY), *turn(NOW - DAY), *turn(NOW, usage=Usage(1_000, 2_000_000)), *turn(NOW)])
    print_spent(spent(store, 0, PRICES.get), None, 2, plain=True)
    lines = capsys.readouterr().out.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("DAY "))
    today, yesterday = (time.strftime("%Y-%m-%d", time.localtime(NOW - ago * DAY)) for ago in (0, 1))
    assert [line.split() for line in lines[first : first + 4]] == [
        ["DAY", "TURNS", "SENT", "CACHED", "RECEIVED", "COST"],
        [today, "2", "1,001,000", "0", "2,500,000", "6.001"],
        [yesterday, "1", "1,000,000", "0", "500,000", "2"],
        ["…", "1", "more"],
    ]


def test_what_has_no_day_stands_behind_the_days(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(days={"?": Spending(turns=1), "2026-11-25": Spending(turns=2), "2026-11-24": Spending(turns=3)})
    print_spent(report, None, 9, plain=True)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    first = next(number for number, words in enumerate(lines) if words[:1] == ["DAY"])
    assert [words[:2] for words in lines[first + 1 : first + 4]] == [
        ["2026-11-25", "2"],
        ["2026-11-24", "3"],
        ["?", "1"],
    ]


@pytest.mark.parametrize(
    ("spending", "shown"),
    [
        (Spending(cost=2.0), "2"),
        (Spending(cost=2.0, unpriced=1), "≥2"),
        (Spending(cost=2.0, uncounted=1), "≥2"),
        (Spending(unpriced=1), "-"),
    ],
)
def test_a_cost_of_which_a_part_is_not_known_is_at_least_that(spending: Spending, shown: str) -> None:
    assert money(spending) == shown


def test_a_single_day_needs_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    store = InMemoryStore(clock=lambda: NOW)
    store.append("s", turn(NOW))
    print_spent(spent(store, 0, PRICES.get), None, 2, plain=True)
    assert "DAY" not in capsys.readouterr().out


def test_messages_without_a_time_count_only_in_what_was_spent_ever() -> None:
    store = InMemoryStore(clock=lambda: NOW)
    store.append("s", [Message("user", "x"), Message("assistant", "y")])
    assert spent(store, NOW - DAY, PRICES.get).total.turns == 0
    assert spent(store, 0, PRICES.get).days["?"].turns == 1


def test_what_was_said_before_a_fork_counts_once() -> None:
    store = InMemoryStore(clock=lambda: NOW)
    said = [replace(message, id=str(number)) for number, message in enumerate(turn(NOW - 9) + turn(NOW - 5))]
    store.append("s", said)
    store.fork("s", "s-2")
    store.append("s-2", turn(NOW))
    total = spent(store, 0, PRICES.get).total
    assert (total.turns, total.replies, total.cost) == (3, 3, 6.0)
    assert spent(store, 0, PRICES.get, only="s").total.turns == 2


def test_replies_that_were_replaced_were_paid_for_but_are_no_turns() -> None:
    store = InMemoryStore(clock=lambda: NOW)
    question, reply = turn(NOW)
    old = [replace(reply, content="old", time=NOW - ago, id=str(ago), model="b") for ago in (DAY, 2 * DAY)]
    store.append("s", as_turn([(question, reply), *((question, one) for one in old)], 0))
    report = spent(store, 0, PRICES.get)
    assert (report.total.turns, report.total.replies, report.total.prompt) == (1, 3, 3_000_000)
    assert (report.models["a"].turns, report.models["b"].turns, report.models["b"].replies) == (1, 0, 2)
    assert spent(store, NOW - 1.5 * DAY, PRICES.get).total.replies == 2


def test_a_narrow_table_of_sessions_tells_them_apart() -> None:
    spending = Spending(turns=3, replies=3, prompt=123_456, cached=1, completion=2)
    rows = [("2026-11-21-1432-k3f9", spending), ("2026-11-21-1432-a1b2", spending)]
    lines = spending_table("SESSION", rows, 40)
    assert max(map(len, lines)) <= 40
    assert [line.split()[0] for line in lines[1:]] == [name for name, _ in rows]
    assert "123,456" in lines[1]


def test_the_reply_to_an_edited_question_with_an_image_counts_too() -> None:
    store = InMemoryStore(clock=lambda: NOW)
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    question, reply = turn(NOW)
    before, after = (replace(question, content=({"type": "text", "text": text}, image)) for text in "ab")
    store.append("s", as_turn([(before, reply), (after, reply)], 1))
    assert spent(store, 0, PRICES.get).total.replies == 2


def test_a_narrow_table_keeps_names_readable() -> None:
    spending = Spending(turns=3, replies=3, prompt=123_456, cached=1, completion=2, cost=1.5)
    for width in (20, 40, 60, 100):
        lines = spending_table("MODEL", [("qwen-plus-2026", spending)], width)
        assert max(map(len, lines)) <= width
        assert lines[1].startswith("qwen-plus")
