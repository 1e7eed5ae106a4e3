import time
from collections.abc import Callable
from threading import Event as Gate
from typing import Any

import pytest

from chatcli.aids import Aids
from chatcli.background import Background, Work
from chatcli.chat import Chat
from chatcli.errors import ServerError, UsageError
from chatcli.memory import parse_memory, summary
from chatcli.memory.history import open_history
from chatcli.messages import Message
from chatcli.model import Delta, Finished
from chatcli.stores import Store
from chatcli.stores.in_memory import InMemoryStore
from tests.fakes import ScriptedIndex, ScriptedModel

TURNS = [message for n in range(13) for message in (Message("user", f"q{n}"), Message("assistant", f"a{n}"))]


def until(seen: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for what should appear."""
    deadline, pause = time.monotonic() + seconds, Gate()
    while not seen():
        assert time.monotonic() < deadline, "it did not appear"
        pause.wait(0.005)


def chat_with(side: ScriptedModel, store: Store | None = None, spec: str = "summary", **options: Any) -> Chat:
    """Return a chat whose next turn is followed by a fold."""
    store = store or InMemoryStore()
    if not store.length("s"):
        store.append("s", TURNS)
    return Chat(store, "s", ScriptedModel(), parse_memory(spec), aids=Aids(side_model=lambda: side), **options)


def summary_of(store: Store) -> str:
    found = summary.current(open_history(store, "s", 4))
    return found.text if found else ""


def say(chat: Chat, text: str = "Hi") -> None:
    list(chat.send(text))


def test_a_turn_is_followed_by_a_fold_that_nobody_waits_for() -> None:
    gate = Gate()
    side = ScriptedModel(["FOL", gate, Delta("DED"), Finished("stop")])
    chat = chat_with(side)
    say(chat)  # returns though the fold hangs
    say(chat, "and again")
    until(lambda: len(side.asked) == 1)
    gate.set()
    until(lambda: summary_of(chat.store) == "FOLDED")
    chat.close()


def test_what_is_derived_is_asked_of_the_side_model_and_carries_none_of_the_chats_options() -> None:
    side = ScriptedModel(["SUM"])
    chat = chat_with(side, options={"temperature": 0.9, "max_tokens": 5})
    say(chat)
    until(lambda: summary_of(chat.store) == "SUM")
    assert side.options == [{}]
    assert len(chat.model.asked) == 1
    chat.close()


@pytest.mark.parametrize(
    "failing", [[ServerError("it failed", "again")], [Finished("stop")], ["cut", Finished("length")]]
)
def test_a_failure_is_told_once_and_rests_and_keeps_the_chat_going(failing: list[Any]) -> None:
    side = ScriptedModel(failing, ["never asked"])
    chat = chat_with(side)
    say(chat)
    told: list[str] = []
    until(lambda: bool(told.extend(chat.background.news()) or told))
    say(chat, "next")
    say(chat, "and next")
    assert len(told) == 1
    assert told[0].startswith("summary: ")
    assert "nothing is lost" in told[0]
    assert len(side.asked) == 1
    assert summary_of(chat.store) == ""
    chat.close()


def test_a_side_model_that_cannot_be_opened_is_told_and_does_no_harm() -> None:
    def nothing() -> ScriptedModel:
        raise UsageError("there is no model 'cheap'", "name another")

    store = InMemoryStore()
    store.append("s", TURNS)
    chat = Chat(store, "s", ScriptedModel(), parse_memory("summary"), aids=Aids(side_model=nothing))
    say(chat)
    told: list[str] = []
    until(lambda: bool(told.extend(chat.background.news()) or told))
    assert "there is no model 'cheap'" in told[0]
    chat.close()


def test_a_chat_that_is_closed_breaks_off_what_runs() -> None:
    side = ScriptedModel(["half", Gate()])
    chat = chat_with(side)
    say(chat)
    until(lambda: len(side.replies) == 1)
    chat.close()
    assert side.replies[0].closed.wait(10)
    assert summary_of(chat.store) == ""


def test_a_turn_has_a_model_on_this_machine_to_itself_and_the_fold_is_made_up_for_afterwards() -> None:
    side = ScriptedModel(["half", Gate()], ["WHOLE"])
    side.local = True
    chat = chat_with(side)
    say(chat)
    until(lambda: len(side.replies) == 1)
    for event in chat.send("the next turn"):
        if event == Delta("ok"):
            assert side.replies[0].closed.wait(10)  # the fold gave way
            assert len(side.replies) == 1
    until(lambda: summary_of(chat.store) == "WHOLE")
    assert not any("nothing is lost" in line for line in chat.background.news())
    chat.close()


def test_a_hosted_model_answers_both_at_once() -> None:
    gate = Gate()
    side = ScriptedModel(["a", gate, Delta("b"), Finished("stop")])
    chat = chat_with(side)
    say(chat)
    until(lambda: len(side.replies) == 1)
    for event in chat.send("the next turn"):
        if event == Delta("ok"):
            gate.set()
            until(lambda: summary_of(chat.store) == "ab")  # while the turn runs
    chat.close()


def test_of_two_terminals_that_fold_at_once_one_wins_and_none_harms() -> None:
    gate, store = Gate(), InMemoryStore()
    sides = [ScriptedModel([gate, Delta(name), Finished("stop")]) for name in ("ONE", "TWO")]
    chats = [chat_with(side, store) for side in sides]
    for chat in chats:
        chat.background.wake()
    until(lambda: all(side.asked for side in sides))
    gate.set()
    until(lambda: summary_of(store) in ("ONE", "TWO"))
    say(chats[0])
    say(chats[1])
    found = summary.versions(open_history(store, "s", 4))
    assert len(found) == 1
    assert store.length("s") == len(TURNS) + 4
    for chat in chats:
        chat.close()


def test_a_change_that_the_store_refuses_is_not_asked_for_again_and_again() -> None:
    side = ScriptedModel()
    store = InMemoryStore()
    store.append("s", TURNS)
    chat = chat_with(side, store)
    background = Background(chat.work, lambda change: False, lambda: side)
    assert background.catch_up() == 0
    assert len(side.asked) == 1


def test_what_is_behind_is_caught_up_in_the_callers_thread_on_request() -> None:
    side = ScriptedModel(["SUM"])
    chat = chat_with(side)
    assert chat.background.catch_up() == 1
    assert summary_of(chat.store) == "SUM"
    side = ScriptedModel([ServerError("it failed", "again")])
    with pytest.raises(ServerError):
        chat_with(side).background.catch_up()


def test_a_session_left_behind_catches_up_when_it_is_opened() -> None:
    side, store = ScriptedModel(["SUM"], ["MORE"]), InMemoryStore()
    assert chat_with(side, store).background.catch_up() == 1
    store.append("s", TURNS)
    chat = chat_with(side, store)
    chat.derive()
    until(lambda: summary_of(chat.store) == "MORE")
    chat.close()


@pytest.mark.parametrize("spec", ["summary", "entity", "auto"])
def test_a_long_session_that_nothing_was_derived_of_asks_nothing_before_its_first_turn(spec: str) -> None:
    side, index, store = ScriptedModel(), ScriptedIndex(left=3), InMemoryStore()
    store.append("s", TURNS * 60)
    memory = parse_memory(spec if spec == "auto" else f"{spec}+recall:100")
    chat = Chat(store, "s", ScriptedModel(), memory, aids=Aids(index=index, side_model=lambda: side))
    chat.derive()
    until(lambda: index.left == 0)
    index.left = 1
    chat.derive()
    until(lambda: index.left == 0)  # so the first time all was seen to
    assert side.asked == []
    chat.close()


@pytest.mark.parametrize(
    "begin", [lambda chat: say(chat), lambda chat: setattr(chat, "memory", parse_memory("summary"))]
)
def test_a_turn_or_another_memory_has_all_derived_that_is_behind(begin: Callable[[Chat], object]) -> None:
    side = ScriptedModel(["SUM"])
    chat = chat_with(side)
    chat.derive()
    begin(chat)
    chat.derive()
    until(lambda: summary_of(chat.store) == "SUM")
    chat.close()


def test_a_chat_whose_memory_derives_nothing_starts_no_thread() -> None:
    chat = chat_with(ScriptedModel(), spec="window:3")
    say(chat)
    assert chat.background._thread is None


def test_the_index_is_followed_to_the_end_and_its_news_are_told_once() -> None:
    index = ScriptedIndex(left=3, news=["the index was built anew"])
    chat = Chat(InMemoryStore(), "s", ScriptedModel(), parse_memory("none+recall:100"), aids=Aids(index=index))
    chat.background.catch_up()
    assert index.left == 0
    assert chat.background.news() == ["the index was built anew"]
    assert chat.background.news() == []


def test_work_holds_no_index_for_a_memory_that_does_not_search() -> None:
    work: Work = chat_with(ScriptedModel()).work()
    assert work.view.index is None


def test_a_model_that_is_exchanged_while_it_folds_is_no_failure() -> None:
    first, second = ScriptedModel(["half", Gate()]), ScriptedModel(["WHOLE"])
    store = InMemoryStore()
    store.append("s", TURNS)
    chat = Chat(store, "s", first, parse_memory("summary"))
    chat.background.wake()
    until(lambda: len(first.replies) == 1)
    chat.model = second
    first.replies[0].close()
    until(lambda: summary_of(store) == "WHOLE")
    assert not any("nothing is lost" in line for line in chat.background.news())
    chat.close()


def test_what_was_derived_of_a_history_that_was_emptied_meanwhile_is_not_kept() -> None:
    gate = Gate()
    side = ScriptedModel([gate, Delta("OF WHAT IS GONE"), Finished("stop")])
    chat = chat_with(side)
    chat.background.wake()
    until(lambda: len(side.asked) == 1)
    chat.store.clear("s")
    gate.set()
    until(lambda: not chat.background._awake)
    chat.close()
    assert chat.background._thread is not None
    chat.background._thread.join(20)
    assert chat.store.snapshot("s", 0).states == {}


def test_a_failure_is_tried_again_by_itself_when_its_rest_is_over() -> None:
    side = ScriptedModel([ServerError("it failed", "again")], ["SUM"])
    chat = chat_with(side)
    background = Background(chat.work, chat._keep_change, lambda: side, pauses=[0.01])
    background.wake()
    until(lambda: summary_of(chat.store) == "SUM")
    background.close()


def test_each_failure_in_a_row_rests_longer_and_a_success_makes_the_next_one_the_first() -> None:
    failure = ServerError("it failed", "again")
    side = ScriptedModel([failure], ["ONE"], [failure], ["TWO"], [failure], [failure], ["never asked"])
    chat = chat_with(side)
    background = Background(chat.work, chat._keep_change, lambda: side, pauses=[0.01, 3600])
    for text in ("ONE", "TWO"):
        background.wake()
        until(lambda text=text: summary_of(chat.store) == text)
        chat.store.append("s", TURNS)
    background.wake()
    told: list[str] = []
    until(lambda: any("in 3600 s" in line for line in told.extend(background.news()) or told))
    assert len(side.asked) == 6
    background.close()


def test_another_model_is_asked_at_once_when_the_first_rests() -> None:
    store = InMemoryStore()
    store.append("s", TURNS)
    bad, good = ScriptedModel(*[[ServerError("it failed", "again")]] * 9), ScriptedModel(["ok"], ["SUM"])
    bad.name = "bad"
    chat = Chat(store, "s", bad, parse_memory("summary"))
    chat.background.wake()
    until(lambda: bool(chat.background.news()))
    chat.model = good
    say(chat)
    until(lambda: summary_of(store) in ("SUM", "ok"))
    chat.close()


def test_a_list_of_models_that_names_no_window_is_asked_for_once() -> None:
    chat = chat_with(ScriptedModel())
    asked = []
    chat.model.listed_window = lambda: asked.append(1)
    for _ in range(3):
        chat.look_up_window()
    assert len(asked) == 1


def test_news_about_the_same_thing_take_each_others_place() -> None:
    chat = chat_with(ScriptedModel())
    for line in ("turns 1 to 9", "turns 1 to 18"):
        chat.background.tell(line, about="summary")
    chat.background.tell("another")
    assert chat.background.news() == ["turns 1 to 18", "another"]
    chat.background.tell("turns 1 to 27", about="summary")
    chat.background.drop("summary")
    assert chat.background.news() == []


def test_a_command_that_derives_breaks_off_the_same_in_the_background_whatever_the_model() -> None:
    side = ScriptedModel(["half", Gate()], ["MINE"])
    chat = chat_with(side)
    chat.background.wake()
    until(lambda: len(side.replies) == 1)
    chat.background.hold(everything=True)
    assert side.replies[0].closed.wait(10)
    assert chat.background.catch_up() == 1
    chat.background.release()
    assert summary_of(chat.store) == "MINE"
    chat.close()


def test_after_a_turn_at_most_four_steps_are_taken() -> None:
    side, store = ScriptedModel(window=400), InMemoryStore()
    store.append("s", TURNS * 40)
    chat = chat_with(side, store)
    chat.background.wake()
    until(lambda: len(side.asked) == 4)
    chat.background.close()
    assert chat.background._thread is not None
    chat.background._thread.join(20)
    assert len(side.asked) == 4


def test_a_fault_of_ours_is_told_and_the_thread_goes_on() -> None:
    side = ScriptedModel(["SUM"])
    chat = chat_with(side)
    faults = [RuntimeError("a fault")]

    def prepare() -> None:
        if faults:
            raise faults.pop()

    background = Background(chat.work, chat._keep_change, lambda: side, prepare)
    background.wake()
    told: list[str] = []
    until(lambda: bool(told.extend(background.news()) or told))
    assert "a fault" in told[0]
    background.wake()
    until(lambda: summary_of(chat.store) == "SUM")
    background.close()


def test_a_chat_lets_go_of_its_index_and_its_side_model() -> None:
    class Closing(ScriptedIndex):
        closed = False

        def close(self) -> None:
            self.closed = True

    side, index = ScriptedModel(), Closing()
    closed: list[str] = []
    side.close = lambda: closed.append("side")
    chat = Chat(InMemoryStore(), "s", ScriptedModel(), aids=Aids(index=index, side_model=lambda: side))
    chat.side_model()
    chat.close()
    assert (index.closed, closed) == (True, ["side"])


def test_vectors_that_a_turn_held_up_are_computed_when_it_is_over() -> None:
    class Embedding(ScriptedIndex):
        asked = 0

        def embed(self) -> bool:
            self.asked += 1
            return False

    index = Embedding()
    chat = Chat(InMemoryStore(), "s", ScriptedModel(), parse_memory("none+recall:100"), aids=Aids(index=index))
    chat.background.hold()
    chat.background.wake()
    until(lambda: not chat.background._awake)
    assert index.asked == 0
    chat.background.release()
    until(lambda: index.asked == 1)
    chat.close()


def test_the_rest_of_a_memory_that_was_exchanged_keeps_nobody_awake() -> None:
    side = ScriptedModel([ServerError("it failed", "again")])
    chat = chat_with(side)
    looks: list[Work] = []

    def look() -> Work:
        looks.append(chat.work())
        return looks[-1]

    background = Background(look, chat._keep_change, lambda: side, pauses=[0.05])
    background.wake()
    until(lambda: len(side.asked) == 1)
    chat.memory = parse_memory("window:3")
    Gate().wait(0.5)  # for what must not happen: nothing can be waited for
    assert len(looks) < 20
    background.close()
