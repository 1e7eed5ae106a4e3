from collections.abc import Sequence

import pytest

from chatcli import tokens
from chatcli.memory import Selection, View, parse_memory
from chatcli.memory.history import History
from chatcli.messages import Message
from chatcli.stores import Change, Session, Snapshot, State, Watermark
from tests.life import SESSION, Life


def turn(number: int, size: int = 1) -> list[Message]:
    return [Message("user", f"q{number} " * size), Message("assistant", f"a{number}")]


def view(messages: Sequence[Message], states: dict[str, State] | None = None, newest: int = 4) -> View:
    tail = messages[max(0, len(messages) - newest) :]
    snapshot = Snapshot(Session("s"), len(messages), tail, states or {})
    return View(History(snapshot, lambda start, stop: messages[start:stop]))


def tail_of(selection: Selection) -> list[str]:
    return [message.text.split()[0] for part in selection.parts for message in part.messages]


def history_of(turns: int) -> list[Message]:
    return [message for number in range(turns) for message in turn(number)]


def test_buffer_sends_everything_and_none_nothing() -> None:
    messages = history_of(200)
    assert len(tail_of(parse_memory("buffer").select(view(messages), None))) == 400
    assert tail_of(parse_memory("none").select(view(messages), None)) == []


@pytest.mark.parametrize("turns", [0, 1, 3, 4, 200])
def test_window_sends_exactly_the_last_turns(turns: int) -> None:
    chosen = tail_of(parse_memory("window:3").select(view(history_of(turns)), None))
    expected = [name for number in range(max(0, turns - 3), turns) for name in (f"q{number}", f"a{number}")]
    assert chosen == expected


def test_a_window_reads_no_further_back_than_it_sends() -> None:
    messages = history_of(50_000)
    read = []

    def fetch(start: int, stop: int) -> Sequence[Message]:
        read.append(stop - start)
        return messages[start:stop]

    memory = parse_memory("window:10")
    snapshot = Snapshot(Session("s"), len(messages), messages[-memory.first_look :], {})
    memory.select(View(History(snapshot, fetch)), None)
    assert sum(read) == 0


def test_a_turn_is_whole_whatever_roles_it_holds() -> None:
    messages = [
        Message("assistant", "hello"),
        Message("user", "q1"),
        Message("assistant", "calls"),
        Message("tool", "result"),
        Message("assistant", "a1"),
        Message("user", "q2"),
        Message("user", "q3"),
        Message("assistant", "a3"),
    ]
    assert tail_of(parse_memory("window:1").select(view(messages), None)) == ["q3", "a3"]
    assert tail_of(parse_memory("window:3").select(view(messages), None)) == [
        "q1", "calls", "result", "a1", "q2", "q3", "a3",
    ]  # fmt: skip
    assert tail_of(parse_memory("window:9").select(view(messages), None))[0] == "hello"


def test_an_unreadable_entry_is_never_sent() -> None:
    messages = [*turn(0), Message("unreadable", "broken"), *turn(1)]
    for spec in ("buffer", "window:5", "tokens:1000"):
        assert tail_of(parse_memory(spec).select(view(messages), None)) == ["q0", "a0", "q1", "a1"]


class Growing:
    """Grows a history turn by turn and keeps what the memory wants kept, as a commit does."""

    def __init__(self, spec: str) -> None:
        self.memory = parse_memory(spec)
        self.messages: list[Message] = []
        self.states: dict[str, State] = {}

    def next(self, size: int = 1) -> list[str]:
        selection = self.memory.select(view(self.messages, self.states), None)
        for change in selection.changes:
            assert change.expected == self.states.get(change.name)
            self.states[change.name] = change.state
        self.messages += turn(len(self.messages) // 2, size)
        return tail_of(selection)


def test_a_block_window_grows_to_its_high_and_is_cut_to_its_low() -> None:
    session = Growing("window:2-5")
    lengths = [len(session.next()) // 2 for _ in range(14)]
    assert lengths == [0, 1, 2, 3, 4, 5, 2, 3, 4, 5, 2, 3, 4, 5]


def test_the_prefix_stays_still_between_two_cuts() -> None:
    session = Growing("tokens:200")
    previous: list[str] = []
    cuts = 0
    for _ in range(60):
        tail = session.next()
        if tail[: len(previous)] != previous:
            cuts += 1
        previous = tail
    assert 1 <= cuts <= 6


def test_a_token_tail_fits_and_is_cut_to_half() -> None:
    session = Growing("tokens:200")
    for _ in range(60):
        before = len(session.states)
        selection = session.memory.select(view(session.messages, session.states), None)
        cost = tokens.of_messages(message for part in selection.parts for message in part.messages)
        assert cost <= (100 if selection.changes else 200)
        assert before <= 1
        session.next()


def test_the_newest_turn_is_there_however_large() -> None:
    messages = [*turn(0), *turn(1, size=5000)]
    assert tail_of(parse_memory("tokens:100").select(view(messages), None)) == ["q1", "a1"]


def test_looking_twice_gives_the_same_tail_and_saves_nothing_by_itself() -> None:
    messages = history_of(100)
    memory = parse_memory("tokens:200")
    first, second = (memory.select(view(messages), None) for _ in range(2))
    assert first == second
    assert [change.name for change in first.changes] == ["cut:tokens"]


def test_a_cut_that_another_history_was_cut_at_is_ignored() -> None:
    session = Growing("window:2-5")
    for _ in range(9):
        session.next()
    others = [Message(m.role, "x" + m.text) for m in session.messages]
    selection = session.memory.select(view(others, session.states), None)
    assert len(tail_of(selection)) == 4
    assert isinstance(selection.changes[0], Change)


def test_a_cut_beyond_the_end_of_a_shorter_history_is_ignored() -> None:
    states = {"cut:window": State({"spec": "window:2-5", "scale": 1.0}, Watermark(8, "gone"))}
    assert len(tail_of(parse_memory("window:2-5").select(view(history_of(3), states), None))) == 6


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("window:1-2", "the newest turn of the history is sent"),
        ("window:2-3", "the newest 2 turns of the history are sent"),
    ],
)
def test_a_cut_is_told_in_words_that_fit_the_number(spec: str, told: str) -> None:
    assert parse_memory(spec).select(view(history_of(5)), None).notes == (f"{told} from now on",)


def test_another_number_cuts_anew() -> None:
    session = Growing("tokens:200")
    for _ in range(40):
        session.next()
    bigger = parse_memory("tokens:100000").select(view(session.messages, session.states), None)
    assert len(tail_of(bigger)) == len(session.messages)


def test_a_cut_up_to_which_turns_were_taken_back_moves_to_the_turn_that_is_left_and_stays_there() -> None:
    life = Life("window:1-5")
    life.say(*(f"q{number}" for number in range(7)))
    assert life.context().start == 10
    life.store.append(SESSION, [], at=10)
    starts = []
    for number in range(4):
        starts.append(life.context().start)
        assert life.context().notes == ()
        life.say(f"new {number}")
    assert starts == [8, 8, 8, 8]
