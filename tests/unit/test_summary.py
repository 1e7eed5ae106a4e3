import pytest

from chatcli.errors import ChatError, ServerError
from chatcli.memory import summary
from chatcli.messages import Message
from chatcli.stores import Change, State, Watermark
from tests.life import SESSION, Life, ScriptedAsk


def turns(first: int, last: int) -> list[str]:
    return [f"q{number}" for number in range(first, last + 1)]


def asked_in(life: Life) -> list[str]:
    return [text for role, text in life.sent() if role == "user"]


def test_a_short_history_is_sent_whole_and_nobody_is_asked_for_a_summary() -> None:
    life, ask = Life("summary"), ScriptedAsk()
    life.say(*turns(1, 12))
    assert life.derive(ask) == 0
    assert asked_in(life) == [*turns(1, 12), "?"]


def test_the_older_turns_are_folded_in_one_request_when_the_tail_has_outgrown_twelve() -> None:
    life, ask = Life("summary"), ScriptedAsk("They spoke of q1 to q9.")
    life.say(*turns(1, 13))
    assert life.derive(ask) == 1
    (text,) = ask.texts
    assert [f"user: q{n}\nassistant: so it is" in text for n in (1, 9, 10)] == [True, True, False]
    assert asked_in(life) == [*turns(10, 13), "?"]
    assert life.sent()[0] == (
        "system",
        "SYSTEM\n\nSummary of the conversation so far (turns 1 to 9):\nThey spoke of q1 to q9.",
    )


def test_the_next_summary_is_made_of_the_one_before_and_the_turns_since() -> None:
    life, ask = Life("summary"), ScriptedAsk("FIRST", "SECOND")
    life.say(*turns(1, 13))
    life.derive(ask)
    life.say(*turns(14, 22))
    life.derive(ask)
    assert "Summary so far:\nFIRST" in ask.texts[1]
    assert [f"user: q{n}\n" in ask.texts[1] for n in (9, 10, 18, 19)] == [False, True, True, False]
    assert "turns 1 to 18):\nSECOND" in life.sent()[0][1]


def test_there_is_at_most_one_request_in_eight_turns_and_the_text_in_front_changes_only_then() -> None:
    life, ask = Life("summary"), ScriptedAsk(answer=lambda text: f"about {len(text)} characters")
    fronts = set()
    for number in range(200):
        life.say(f"q{number}")
        life.derive(ask)
        fronts.add(life.sent()[0][1])
    assert len(ask.asked) <= 200 / 8
    assert len(fronts) == len(ask.asked) + 1


@pytest.mark.parametrize("spec", ["summary", "summary-buffer:300"])
def test_between_summary_and_tail_nothing_is_left_out(spec: str) -> None:
    life, ask = Life(spec), ScriptedAsk()
    for number in range(120):
        life.say(f"question {number}")
        life.derive(ask)
        found = summary.current(life.view().history)
        assert life.context().start == (found.mark.position if found else 0)


def test_a_summary_buffer_keeps_its_tail_within_its_tokens_and_folds_it_to_half() -> None:
    life, ask = Life("summary-buffer:300"), ScriptedAsk()
    folded = 0
    for number in range(120):
        life.say(f"question {number} with some more words in it")
        before = len(ask.asked)
        life.derive(ask)
        view = life.view()
        tail = next(part for part in life.context().parts if part.kind == "tail")
        assert view.cost(tail.messages) <= (150 if len(ask.asked) > before else 300)
        folded += len(ask.asked) > before
    assert folded > 3


@pytest.mark.parametrize(
    "answer",
    [
        ServerError("the endpoint failed", "again"),
        "",
        " \n",
        "I'm sorry, but I can't help with that.",
        "很抱歉，我无法完成这个请求。",
        "x" * 50_000,
    ],
    ids=["error", "empty", "blank", "refusal", "Chinese refusal", "50,000 characters"],
)
def test_a_summary_that_failed_leaves_the_old_one_and_more_tail(answer: str | Exception) -> None:
    life, ask = Life("summary"), ScriptedAsk("GOOD", answer)
    life.say(*turns(1, 13))
    life.derive(ask)
    life.say(*turns(14, 22))
    before = life.store.snapshot(SESSION, 0).states
    with pytest.raises(ChatError):
        life.derive(ask)
    assert life.store.snapshot(SESSION, 0).states == before
    assert asked_in(life) == [*turns(10, 22), "?"]
    assert "GOOD" in life.sent()[0][1]


def test_a_longer_text_that_begins_with_an_apology_is_a_summary() -> None:
    life = Life("summary")
    life.say(*turns(1, 13))
    life.derive(ScriptedAsk("Sorry was what Ann said to Ben when they met. " * 10))
    assert "what Ann said" in life.sent()[0][1]


def test_without_a_summary_for_long_the_tail_is_cut_at_twice_its_size_and_says_so() -> None:
    life = Life("summary")
    lengths = []
    for number in range(60):
        life.say(f"q{number}")
        lengths.append(len(asked_in(life)) - 1)
    assert max(lengths) == 24
    life.say("another", "and another")
    assert len(asked_in(life)) > 12
    notes = [note for n in range(30) if not life.say(f"x{n}") for note in life.context().notes]
    assert any("the summary is behind" in note for note in notes)


def test_a_long_history_is_summed_up_from_its_beginning_in_several_requests() -> None:
    life, ask = Life("window:3"), ScriptedAsk(answer=lambda text: "sum", room=200)
    life.say(*turns(1, 100))
    life.memory = Life("summary").memory
    assert life.derive(ask) > 3
    said = "\n".join(ask.texts)
    tail = asked_in(life)[:-1]
    assert 4 <= len(tail) <= 12
    assert all(said.count(f"user: q{n}\n") == (f"q{n}" not in tail) for n in range(1, 101))


def test_a_message_of_200_000_characters_is_abridged_for_the_summary_only() -> None:
    life, ask = Life("summary"), ScriptedAsk()
    life.say("a" + "x" * 200_000 + "z", *turns(1, 13))
    life.derive(ask)
    assert max(map(len, ask.texts)) < 40_000
    assert "characters left out" in ask.texts[0]
    assert len(life.store.messages(SESSION)[0].text) == 200_002


def test_a_chinese_message_is_abridged_by_its_tokens_not_its_characters() -> None:
    life, ask = Life("summary"), ScriptedAsk(room=1000)
    life.say("话" * 5000, *turns(1, 13))
    life.derive(ask)
    assert ask.texts[0].count("话") <= 1000


def test_system_text_and_what_cannot_be_read_are_no_part_of_a_summary() -> None:
    life, ask = Life("summary"), ScriptedAsk()
    life.store.append(
        SESSION, [Message("system", "SECRET"), Message("unreadable", "BROKEN"), Message("tool", "RESULT")]
    )
    life.say(*turns(1, 20))
    life.derive(ask)
    assert "SECRET" not in ask.texts[0]
    assert "BROKEN" not in ask.texts[0]
    assert "tool: RESULT" in ask.texts[0]


def test_pictures_are_named_in_the_request_for_a_summary_not_sent() -> None:
    life, ask = Life("summary"), ScriptedAsk()
    picture = (
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    )
    life.store.append(SESSION, [Message("user", picture), Message("assistant", "nice")])
    life.say(*turns(1, 13))
    life.derive(ask)
    assert "user: Look\n[image]" in ask.texts[0]
    assert "AAAA" not in ask.texts[0]


# Steering it


def with_two_versions() -> Life:
    life = Life("summary")
    life.say(*turns(1, 13))
    life.derive(ScriptedAsk("FIRST"))
    life.say(*turns(14, 22))
    life.derive(ScriptedAsk("SECOND"))
    return life


def edit(life: Life, text: str) -> object:
    opened = summary.current(life.view().history)
    assert opened is not None
    return summary.edited(life.view().history, opened, text)


def keep(life: Life, change: object) -> None:
    assert change is not None
    assert life.store.put_state(SESSION, change)  # type: ignore[arg-type]


def test_what_the_user_writes_takes_the_summarys_place_and_goes_into_the_next() -> None:
    life, ask = with_two_versions(), ScriptedAsk("THIRD")
    keep(life, edit(life, "MINE"))
    assert "turns 1 to 18):\nMINE" in life.sent()[0][1]
    life.say(*turns(23, 31))
    life.derive(ask)
    assert "Summary so far:\nMINE" in ask.texts[0]


def test_a_fold_that_began_before_an_edit_does_not_write_over_it() -> None:
    life = with_two_versions()
    life.say(*turns(23, 31))
    (folding,) = life.memory.derivations(life.view())
    slow = folding.step(life.view(), ScriptedAsk("SLOW"))
    keep(life, edit(life, "MINE"))
    assert slow is not None
    assert not life.store.put_state(SESSION, slow)
    assert "MINE" in life.sent()[0][1]


def test_an_edit_covers_what_its_author_saw_though_another_summary_was_written_meanwhile() -> None:
    life = Life("summary")
    life.say(*turns(1, 13))
    life.derive(ScriptedAsk("FIRST"))
    opened = summary.current(life.view().history)
    life.say(*turns(14, 22))
    life.derive(ScriptedAsk("SECOND"))
    assert opened is not None
    keep(life, summary.edited(life.view().history, opened, "MINE"))
    assert "turns 1 to 9):\nMINE" in life.sent()[0][1]
    assert asked_in(life) == [*turns(10, 22), "?"]


def test_turns_that_another_program_went_on_with_are_summed_up_to_their_end() -> None:
    life, ask = with_two_versions(), ScriptedAsk(answer=lambda text: "NEXT")
    life.store.append(SESSION, [], at=36)
    life.store.append(SESSION, [Message("assistant", "from elsewhere")])
    life.say(*turns(30, 50))
    assert 0 < life.derive(ask) <= 3
    assert "assistant: from elsewhere" in ask.texts[0]


def test_a_new_history_with_the_same_reply_where_the_old_one_was_summed_up_has_no_summary() -> None:
    life = Life("summary")
    ids = iter(range(1000))

    def say(text: str) -> None:
        life.store.append(
            SESSION, [Message("user", text, id=f"{next(ids)}"), Message("assistant", "OK", id=f"{next(ids)}")]
        )

    for text in turns(1, 13):
        say(text)
    life.derive(ScriptedAsk("OLD"))
    life.store.append(SESSION, [], at=0)
    for text in turns(101, 112):
        say(text)
    assert "OLD" not in life.sent()[0][1]


def test_undo_goes_back_a_version_and_the_turns_it_does_not_cover_are_sent_again() -> None:
    life, ask = with_two_versions(), ScriptedAsk()
    keep(life, summary.undone(life.view().history))
    assert "turns 1 to 9):\nFIRST" in life.sent()[0][1]
    assert asked_in(life) == [*turns(10, 22), "?"]
    assert life.derive(ask) == 0  # what was undone does not come back at once
    keep(life, summary.undone(life.view().history))
    assert life.sent()[0] == ("system", "SYSTEM")
    assert summary.undone(life.view().history) is None


def test_after_an_undo_nothing_is_folded_for_eight_turns() -> None:
    life, ask = with_two_versions(), ScriptedAsk()
    keep(life, summary.undone(life.view().history))
    for number in range(7):
        life.say(f"x{number}")
        assert life.derive(ask) == 0
    life.say("x7")
    assert life.derive(ask) > 0


def test_the_newest_ten_versions_are_kept() -> None:
    life = with_two_versions()
    for number in range(20):
        keep(life, edit(life, f"MINE {number}"))
    found = summary.versions(life.view().history)
    assert [version.text for version in found] == [f"MINE {number}" for number in range(10, 20)]


def test_compact_folds_all_but_the_newest_turn_with_an_eye_on_the_hint() -> None:
    life, ask = with_two_versions(), ScriptedAsk("TIGHT")
    folding = summary.Folding(summary.build(""))
    keep(life, folding.compact(life.view(), ask, "the budget"))
    assert "bears on this: the budget" in ask.texts[0]
    assert asked_in(life) == ["q22", "?"]
    assert folding.compact(life.view(), ask) is None


def test_turns_that_are_undone_take_their_summary_with_them_and_leave_the_one_before() -> None:
    life = with_two_versions()
    life.store.append(SESSION, [], at=20)
    assert "turns 1 to 9):\nFIRST" in life.sent()[0][1]


def test_a_summary_of_another_history_is_not_sent() -> None:
    life = with_two_versions()
    states = life.store.snapshot(SESSION, 0).states
    other = Life("summary")
    other.say(*(f"other {n}" for n in range(22)), reply="another reply")
    other.store._sessions[SESSION].states = dict(states)
    assert other.sent()[0] == ("system", "SYSTEM")
    assert other.derive(ScriptedAsk("NEW")) == 1
    assert "NEW" in other.sent()[0][1]


@pytest.mark.parametrize(
    "odd", [{}, {"versions": 3}, {"versions": [{}, 7, {"text": 5}]}, {"versions": [], "hold": "x"}]
)
def test_a_damaged_summary_is_none(odd: dict[str, object]) -> None:
    life = Life("summary")
    life.say(*turns(1, 13))
    history = life.view().history
    life.store._sessions[SESSION].states["summary"] = State(odd, history.watermark(4))
    assert life.sent()[0] == ("system", "SYSTEM")
    life.derive(ScriptedAsk("NEW"))
    assert "NEW" in life.sent()[0][1]


def test_summary_and_summary_buffer_share_their_summary() -> None:
    life = with_two_versions()
    life.memory = Life("summary-buffer:4000").memory
    assert "SECOND" in life.sent()[0][1]
    assert asked_in(life) == [*turns(19, 22), "?"]


@pytest.mark.parametrize(
    ("turns", "said"), [(1, "turn 1 is summed up now"), (1200, "turns 1 to 1,200 are summed up now")]
)
def test_news_of_a_summary_count_their_turns(turns: int, said: str) -> None:
    version = {"text": "They met.", "turns": turns, "position": 2 * turns, "fingerprint": "a"}
    state = State({"versions": [version]}, Watermark(2 * turns, "a"))
    assert summary.told(Change(summary.STATE, state, None)) == said
