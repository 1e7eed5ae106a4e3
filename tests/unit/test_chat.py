import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from threading import Event as Gate

import pytest

from chatcli.alternatives import reasoning_of
from chatcli.chat import Chat
from chatcli.errors import BrokenStream, NotFound, RateLimited, StoreUnavailable, UsageError
from chatcli.memory import parse_memory
from chatcli.messages import Usage, user_message
from chatcli.model import Delta, Finished, Reasoning, Used
from chatcli.model.wire import to_wire
from chatcli.names import check_session_name
from chatcli.prompt import make_prompt
from chatcli.pump import Tick
from chatcli.stores import Change, Pending, State
from chatcli.stores.in_memory import InMemoryStore
from chatcli.stores.rules import ABANDONED
from chatcli.turn import CHECKPOINT, HEARTBEAT, REASONING, Committed, Draft, Notice, streamed
from chatcli.writer import this_writer
from tests.fakes import ScriptedModel

TOO_MANY = RateLimited("too many requests", "wait")


def chat_with(*scripts, store=None, memory="buffer", session="s", **parts) -> Chat:  # type: ignore[no-untyped-def]
    return Chat(store or InMemoryStore(), session, ScriptedModel(*scripts), parse_memory(memory), **parts)


def said(chat: Chat) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in chat.store.messages(chat.session)]


def run(events: Iterator[object]) -> list[object]:
    return list(events)


def notices(events: Iterable[object]) -> list[str]:
    return [event.text for event in events if isinstance(event, Notice)]


def test_a_turn_is_committed_with_the_users_message_first() -> None:
    chat = chat_with(["Hel", "lo"])
    events = run(chat.send("Hi"))
    assert said(chat) == [("user", "Hi"), ("assistant", "Hello")]
    assert isinstance(events[-1], Committed)
    assert chat.store.pending("s") == []


def test_the_second_request_carries_the_first_turn() -> None:
    chat = chat_with(["A"], ["B"])
    run(chat.send("one"))
    run(chat.send("two"))
    assert chat.model.said[1] == [("user", "one"), ("assistant", "A"), ("user", "two")]


def test_the_input_is_in_the_store_before_the_request_leaves() -> None:
    chat = chat_with()
    kept = []
    stream = chat.model.stream
    chat.model.stream = lambda *given: kept.extend(chat.store.pending("s")) or stream(*given)
    run(chat.send("Hi"))
    assert [turn.user.text for turn in kept] == ["Hi"]


def test_a_reply_keeps_model_usage_finish_and_time() -> None:
    chat = chat_with([Delta("x"), Used(Usage(5, 1, 2)), Finished("length")], clock=lambda: 1234.5)
    run(chat.send("Hi"))
    user, reply = chat.store.messages("s")
    assert (reply.model, reply.usage, reply.finish, reply.time) == ("scripted", Usage(5, 1, 2), "length", 1234.5)
    assert user.time == 1234.5
    assert user.id
    assert reply.id not in ("", user.id)


def test_reasoning_is_passed_on_and_kept_beside_the_reply_but_never_sent() -> None:
    chat = chat_with([Reasoning("hm"), Reasoning(" so"), Delta("x"), Finished("stop")])
    assert Reasoning("hm") in run(chat.send("Hi"))
    assert said(chat)[1] == ("assistant", "x")
    assert reasoning_of(chat.store.messages("s")[1]) == "hm so"
    run(chat.send("And?"))
    assert "hm" not in str([to_wire(message) for message in chat.model.asked[1]])


def test_of_very_long_reasoning_the_beginning_is_kept() -> None:
    chat = chat_with([Reasoning("long " * 20_000), Delta("x"), Finished("stop")])
    run(chat.send("Hi"))
    assert len(reasoning_of(chat.store.messages("s")[1])) == REASONING + 1


def test_a_stopped_reply_keeps_what_came_and_the_next_turn_works() -> None:
    chat = chat_with(["Hal", Gate()], ["fine"])
    for event in chat.send("Hi"):
        if event == Delta("Hal"):
            chat.stop()
    assert said(chat) == [("user", "Hi"), ("assistant", "Hal")]
    assert chat.store.messages("s")[1].finish == "interrupted"
    assert chat.model.replies[0].closed.is_set()
    run(chat.send("And?"))
    assert chat.model.said[1] == [("user", "Hi"), ("assistant", "Hal"), ("user", "And?")]


def test_a_reader_that_walks_away_keeps_what_came() -> None:
    chat = chat_with(["Hal", Gate()])
    events = chat.send("Hi")
    assert next(events) == Delta("Hal")
    events.close()
    assert said(chat)[1] == ("assistant", "Hal")


def test_a_reply_stopped_before_its_first_delta_leaves_the_turn_pending() -> None:
    chat = chat_with([Gate()], ["now"])
    for _ in chat.send("Hi"):
        chat.stop()
    assert said(chat) == []
    [turn] = chat.unfinished()
    assert turn.user.text == "Hi"
    run(chat.retry(turn))
    assert said(chat) == [("user", "Hi"), ("assistant", "now")]
    assert chat.unfinished() == []


def test_a_request_that_fails_leaves_the_turn_pending_and_nothing_half_stored() -> None:
    chat = chat_with([TOO_MANY], ["now"])
    with pytest.raises(RateLimited):
        run(chat.send("Hi"))
    assert said(chat) == []
    [turn] = chat.unfinished()
    chat.drop(turn)
    assert chat.unfinished() == []


def test_a_reply_that_breaks_half_way_is_kept_and_the_error_told() -> None:
    chat = chat_with(["Hal", BrokenStream("cut", "retry")])
    with pytest.raises(BrokenStream):
        run(chat.send("Hi"))
    assert said(chat) == [("user", "Hi"), ("assistant", "Hal")]
    assert chat.store.messages("s")[1].finish == "error"


@pytest.mark.parametrize("empty", [[], ["", ""]])
def test_an_empty_reply_is_an_error_and_leaves_the_turn_pending(empty: list[str]) -> None:
    chat = chat_with([*empty, Finished("stop")])
    with pytest.raises(BrokenStream, match="nothing"):
        run(chat.send("Hi"))
    assert said(chat) == []
    assert len(chat.unfinished()) == 1


def test_retry_replaces_the_last_reply_and_undo_state_keeps_the_old_one() -> None:
    chat = chat_with(["bad"], ["good"])
    run(chat.send("Hi"))
    assert notices(chat.retry()) == []
    assert said(chat) == [("user", "Hi"), ("assistant", "good")]
    assert chat.model.said[1] == [("user", "Hi")]


def test_retry_goes_to_the_end_when_another_writer_went_on_meanwhile() -> None:
    chat = chat_with(["bad"], ["good"])
    run(chat.send("Hi"))
    told = []
    for event in chat.retry():
        if isinstance(event, Delta):
            chat.store.append("s", [user_message("from elsewhere", 0.0)])
        told += notices([event])
    assert [text for _, text in said(chat)] == ["Hi", "bad", "from elsewhere", "Hi", "good"]
    assert told == ["others went on meanwhile: this stands at the end, and what it was to replace stays"]


def test_how_safe_a_turn_is_is_told_behind_it() -> None:
    class Unsafe(InMemoryStore):
        warning = "no replica has it"

    chat = chat_with(["ok"], [], store=Unsafe())
    assert notices(chat.send("Hi")) == ["no replica has it"]


def test_a_retry_that_was_cut_off_long_ago_takes_nothing_away_that_came_since() -> None:
    chat = chat_with(["bad"], ["more"])
    run(chat.send("Hi"))
    turn = chat.last()
    chat.store.begin("s", turn)
    chat.store.append("s", [user_message("since then", 0.0)])
    run(chat.retry(turn))
    assert [text for _, text in said(chat)] == ["Hi", "bad", "since then", "Hi", "more"]


@pytest.mark.parametrize("script", [[TOO_MANY], [Gate()]])
def test_a_retry_that_gets_no_reply_leaves_the_old_one_and_nothing_to_decide(script) -> None:  # type: ignore[no-untyped-def]
    chat = chat_with(["first"], script)
    run(chat.send("Hi"))
    with suppress(RateLimited):
        for _ in chat.retry():
            chat.stop()
    assert said(chat) == [("user", "Hi"), ("assistant", "first")]
    assert chat.unfinished() == []


def test_an_edit_that_gets_no_reply_is_kept_to_be_sent_again() -> None:
    chat = chat_with(["old"], [TOO_MANY])
    run(chat.send("Hi"))
    with pytest.raises(RateLimited):
        run(chat.edit(chat.last(), "Hello"))
    assert [turn.user.text for turn in chat.unfinished()] == ["Hello"]
    assert said(chat) == [("user", "Hi"), ("assistant", "old")]


def test_the_beginning_of_another_reply_is_kept_when_it_cannot_be_gone_on_with() -> None:
    chat = chat_with(["old"], [TOO_MANY])
    run(chat.send("Hi"))
    begun = chat.last()._replace(partial="Half an ans", writer="elsewhere/1/1")
    with pytest.raises(RateLimited):
        run(chat.resume(begun))
    assert [turn.partial for turn in chat.unfinished()] == ["Half an ans"]


def test_retry_without_a_turn_is_an_error() -> None:
    with pytest.raises(NotFound):
        run(chat_with().retry())


def test_undo_takes_turns_out_and_redo_puts_them_back() -> None:
    chat = chat_with(["1"], ["2"], ["3"])
    for text in ("a", "b", "c"):
        run(chat.send(text))
    assert len(chat.undo(2)) == 2
    assert said(chat) == [("user", "a"), ("assistant", "1")]
    assert chat.redo() == 4
    assert len(said(chat)) == 6
    assert len(chat.undo(99)) == 3
    assert not chat.undo()


def test_a_missing_variable_costs_nothing() -> None:
    chat = chat_with(prompt=make_prompt([{"role": "system", "content": "{who}"}]))
    with pytest.raises(UsageError):
        run(chat.send("Hi"))
    assert chat.model.asked == []
    assert chat.store.pending("s") == []


def test_what_context_shows_is_what_is_sent() -> None:
    chat = chat_with(["A"], ["B"], memory="window:1", prompt=make_prompt([{"role": "system", "content": "S"}]))
    run(chat.send("one"))
    shown = chat.context("two").messages
    run(chat.send("two"))
    assert [(m.role, m.text) for m in shown] == chat.model.said[1]


def test_settings_are_kept_with_the_first_turn_and_not_before() -> None:
    chat = chat_with(settings={"memory": "window:3"})
    chat.set(model="other")
    assert not chat.store.exists("s")
    run(chat.send("Hi"))
    assert chat.store.snapshot("s", 0).session.settings == {"memory": "window:3", "model": "other"}
    chat.set(model=None)
    assert chat.store.snapshot("s", 0).session.settings == {"memory": "window:3"}


def test_settings_are_kept_once_so_that_what_is_set_elsewhere_meanwhile_stays() -> None:
    chat = chat_with(settings={"model": "mine"})
    run(chat.send("Hi"))
    chat.store.update("s", settings={"model": "set elsewhere"})
    run(chat.send("Hi"))
    assert chat.store.snapshot("s", 0).session.settings == {"model": "set elsewhere"}


def test_what_was_derived_of_a_history_that_is_gone_is_not_kept() -> None:
    chat = chat_with()
    run(chat.send("Hi"))
    change = Change("summary", State({"text": "They greet."}, chat.look().history.watermark(2)), None)
    chat.clear()
    assert not chat._keep_change(change)
    assert chat.store.snapshot("s", 0).states == {}


def test_the_first_line_of_the_first_turn_is_the_title() -> None:
    chat = chat_with()
    run(chat.send("\n  你好我是JavaEdge\nmore"))
    run(chat.send("second"))
    assert chat.store.sessions()[0].title == "你好我是JavaEdge"


def test_only_a_first_turn_gives_a_title() -> None:
    chat = chat_with()
    run(chat.send("first"))
    chat.store.update("s", title="")
    run(chat.send("second"))
    run(chat_with(store=chat.store).send("in a later run"))
    assert chat.store.sessions()[0].title == ""


def test_a_turn_that_is_dropped_takes_no_title_from_those_that_stand() -> None:
    chat = chat_with(["ok"], [TOO_MANY])
    run(chat.send("first"))
    with pytest.raises(RateLimited):
        run(chat.send("first"))
    chat.drop(chat.unfinished()[0])
    assert chat.store.sessions()[0].title == "first"


def again(chat: Chat) -> None:
    run(chat.retry())


def edited(chat: Chat) -> None:
    run(chat.edit(chat.last(), "another"))


def undone_and_another(chat: Chat) -> None:
    chat.undo()
    run(chat.send("another"))


@pytest.mark.parametrize("replace", [again, edited, undone_and_another])
def test_a_title_that_was_given_stays_when_the_first_turn_is_replaced(replace: Callable[[Chat], None]) -> None:
    chat = chat_with()
    run(chat.send("first"))
    chat.store.update("s", title="mine")
    replace(chat)
    assert chat.store.sessions()[0].title == "mine"


@pytest.mark.parametrize("replace", [edited, undone_and_another])
def test_the_title_of_the_first_turn_goes_with_it(replace: Callable[[Chat], None]) -> None:
    chat = chat_with()
    run(chat.send("first"))
    replace(chat)
    assert chat.store.sessions()[0].title == "another"


def test_undo_of_the_first_turn_takes_its_title_and_redo_brings_it_back() -> None:
    chat = chat_with()
    run(chat.send("first"))
    run(chat.send("second"))
    chat.undo(2)
    assert chat.store.sessions()[0].title == ""
    chat.redo()
    assert chat.store.sessions()[0].title == "first"


def test_the_title_of_a_first_turn_that_got_no_reply_goes_with_it() -> None:
    chat = chat_with([TOO_MANY])
    with pytest.raises(RateLimited):
        run(chat.send("first"))
    assert chat.store.sessions()[0].title == "first"
    turning = chat.edit(chat.unfinished()[0], "another")
    assert chat.store.sessions()[0].title == "another"
    run(turning)
    assert chat.store.sessions()[0].title == "another"


def test_a_turn_that_is_in_the_history_has_not_failed_because_its_title_could_not_be_kept() -> None:
    class Untitled(InMemoryStore):
        def update(self, *given, **named):  # type: ignore[no-untyped-def]
            raise StoreUnavailable("the disk is full", "make room")

    chat = chat_with(["A"], store=Untitled())
    assert isinstance(run(chat.send("one"))[-1], Committed)
    assert said(chat) == [("user", "one"), ("assistant", "A")]


class Later:
    """A clock that a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def pending_of(writer: str) -> Pending:
    return Pending("t1", user_message("Hi", 0.0), writer, partial="Half an ans")


def test_a_turn_of_a_living_writer_elsewhere_is_offered_only_when_its_heartbeat_is_old() -> None:
    clock = Later()
    store = InMemoryStore(clock)
    store.begin("s", pending_of("elsewhere/1/1"))
    chat = chat_with(store=store)
    assert chat.unfinished() == []
    clock.now += ABANDONED + 0.1
    assert [turn.id for turn in chat.unfinished()] == ["t1"]


def test_a_turn_whose_process_here_has_ended_is_offered_at_once() -> None:
    place, pid, _ = this_writer().split("/")
    store = InMemoryStore()
    store.begin("s", pending_of(f"{place}/{pid}/another-start"))
    assert [turn.id for turn in chat_with(store=store).unfinished()] == ["t1"]


def abandoned(*scripts) -> tuple[Chat, Pending]:  # type: ignore[no-untyped-def]
    clock = Later()
    store = InMemoryStore(clock)
    store.begin("s", pending_of("elsewhere/1/1"))
    store.checkpoint("s", "t1", "Half an ans")
    clock.now += 60
    chat = chat_with(*scripts, store=store)
    return chat, chat.unfinished()[0]


def test_an_abandoned_reply_can_be_continued_into_one_reply() -> None:
    chat, turn = abandoned(["wer."])
    run(chat.resume(turn))
    assert said(chat) == [("user", "Hi"), ("assistant", "Half an answer.")]
    assert chat.model.said[0][:2] == [("user", "Hi"), ("assistant", "Half an ans")]
    assert chat.unfinished() == []


def test_an_abandoned_turn_that_is_taken_up_is_ours_while_it_runs() -> None:
    chat, turn = abandoned()
    turning = chat.resume(turn)
    assert [pending.writer for pending in chat.store.pending("s")] == [this_writer()]
    turning.close()


def test_all_that_is_added_to_a_reply_is_shown_also_what_might_have_been_there_already() -> None:
    chat, turn = abandoned(["an", Finished("stop")])
    shown = "".join(event.text for event in chat.resume(turn) if isinstance(event, Delta))
    assert (shown, said(chat)[1]) == ("an", ("assistant", "Half an ansan"))


def test_what_might_have_been_there_already_is_kept_when_the_reply_breaks() -> None:
    chat, turn = abandoned(["an", BrokenStream("it was cut", "again")])
    with pytest.raises(BrokenStream):
        run(chat.resume(turn))
    assert said(chat)[1] == ("assistant", "Half an ansan")


def test_an_abandoned_turn_can_be_sent_again() -> None:
    chat, turn = abandoned(["Whole."])
    run(chat.retry(turn))
    assert said(chat) == [("user", "Hi"), ("assistant", "Whole.")]


def test_an_abandoned_reply_stays_until_another_one_begins() -> None:
    chat, turn = abandoned([TOO_MANY])
    with pytest.raises(RateLimited):
        run(chat.retry(turn))
    assert said(chat) == [("user", "Hi"), ("assistant", "Half an ans")]
    assert chat.cut_off().partial == "Half an ans"


def test_an_abandoned_reply_can_be_kept_as_it_is() -> None:
    chat, turn = abandoned()
    chat.keep(turn)
    assert said(chat) == [("user", "Hi"), ("assistant", "Half an ans")]
    assert chat.store.messages("s")[1].finish == "interrupted"
    assert chat.unfinished() == []


def test_the_turn_is_in_the_store_as_soon_as_send_returns() -> None:
    chat = chat_with()
    events = chat.send("Hi")
    assert [turn.user.text for turn in chat.store.pending("s")] == ["Hi"]
    assert chat.model.asked == []
    run(events)


def test_a_stop_before_the_reply_is_asked_for_counts() -> None:
    chat = chat_with()
    events = chat.send("Hi")
    chat.stop()
    assert run(events) == []
    assert chat.model.asked == []
    assert len(chat.unfinished()) == 1
    run(chat.retry(chat.unfinished()[0]))
    assert said(chat)[1] == ("assistant", "ok")


def test_a_checkpoint_the_store_does_not_take_is_one_notice_and_the_reply_goes_on() -> None:
    class NoCheckpoints(InMemoryStore):
        tries = 0

        def checkpoint(self, *given):  # type: ignore[no-untyped-def]
            self.tries += 1
            raise StoreUnavailable("the store is away", "start it")

    store = NoCheckpoints()
    gates = [Gate(), Gate()]
    chat = chat_with(["Hal", gates[0], "l", gates[1], "o", Finished("stop")], store=store)
    notices = []
    for event in chat.send("Hi"):
        if isinstance(event, Notice):
            notices.append(event.text)
            gates[0].set()
        if store.tries > 1:
            gates[1].set()
    assert len(notices) == 1
    assert "the store is away" in notices[0]
    assert said(chat)[1] == ("assistant", "Hallo")


def test_what_is_on_the_screen_for_a_second_is_kept_and_who_is_silent_is_not_taken_for_gone() -> None:
    assert CHECKPOINT + 0.05 < 0.9, "and then it takes its time"
    assert 2 * HEARTBEAT < ABANDONED


def test_a_reply_is_kept_each_second_it_grows_and_again_so_when_the_store_takes_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, kept, notices = [0.0], list[float](), list[str]()
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def events() -> Iterator[Delta | Tick]:
        for number in range(40):
            now[0] += 0.5
            yield Delta("x") if number < 20 else Tick()

    def keep() -> None:
        kept.append(now[0])
        if len(kept) == 1:
            raise StoreUnavailable("the store is away", "start it")

    for event in streamed(events(), Draft(), keep):
        if isinstance(event, Notice):
            notices.append(event.text)
    assert kept == [1.0, 6.0, 7.0, 8.0, 9.0, 10.0, 13.0, 16.0, 19.0]
    assert len(notices) == 1


def test_what_came_is_in_the_store_within_a_second_while_the_reply_goes_on() -> None:
    gate = Gate()
    chat = chat_with(["Hal", gate, "lo", Finished("stop")])
    for _ in chat.send("Hi"):
        if [turn.partial for turn in chat.store.pending("s")] == ["Hal"]:
            gate.set()
    assert said(chat)[1] == ("assistant", "Hallo")


@pytest.mark.parametrize("name", ["a", "x" * 200, "a/b", "{}", "*", "..", "名字", "👋", " ", "a b", "%7B"])
def test_a_session_may_have_any_printable_name(name: str) -> None:
    assert check_session_name(name) == name


@pytest.mark.parametrize("name", ["", "x" * 201, "a\nb", "a\x1bb", "\x00", "a\tb", "\x9b", "\udcff"])
def test_an_empty_long_or_control_name_is_an_error(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_session_name(name)
    assert caught.value.exit_code == 2


def test_the_prefix_of_the_requests_stays_still_because_the_cut_is_saved_with_the_turn() -> None:
    chat = chat_with(memory="window:2-5")
    for number in range(9):
        run(chat.send(f"q{number}"))
    sent = [[text for role, text in request if role == "user"] for request in chat.model.said]
    assert [request[0] for request in sent] == ["q0"] * 6 + ["q4"] * 3


def test_a_turn_shows_signs_of_life_while_nothing_comes() -> None:
    gate = Gate()
    chat = chat_with([gate, "at last", Finished("stop")])
    oldest = 0.0
    for _ in chat.send("Hi"):
        age = next((turn.age for turn in chat.store.pending("s")), 0.0)
        if age < oldest:
            gate.set()
        oldest = max(oldest, age)
    assert said(chat)[1] == ("assistant", "at last")


def test_the_default_memory_is_auto_until_another_is_chosen() -> None:
    chat = Chat(InMemoryStore(), "s", ScriptedModel(window=1000))
    assert chat.memory.spec == "auto"
    chat.memory = parse_memory("none")
    chat.model = ScriptedModel(window=200_000)
    assert chat.memory.spec == "none"


def test_a_placeholder_that_is_filled_with_no_messages_costs_nothing() -> None:
    chat = chat_with(prompt=make_prompt([{"placeholder": "examples"}]), variables={"examples": "no json"})
    with pytest.raises(UsageError, match="examples"):
        run(chat.send("Hi"))
    assert chat.store.pending("s") == []
