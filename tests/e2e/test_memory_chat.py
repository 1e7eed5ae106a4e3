"""The memory in the chat: seen and steered with slash commands, and what is said of it beside the turns."""

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from chatcli.memory import summary
from chatcli.memory.history import open_history
from chatcli.messages import Message
from chatcli.stores import Change, State
from tests.e2e.conftest import User
from tests.e2e.test_memory_commands import SPOKEN, known, look, summary_of  # noqa: F401 - a fixture
from tests.e2e.test_slash import refused, say
from tests.servers import BROKEN, TOO_LONG_OPENAI
from tests.terminal import Terminal


def editor(folder: Path, *lines: str) -> str:
    """Return the command of an editor that runs the lines on `path` and `text`."""
    script = folder / "edit.py"
    begin = "import sys, pathlib; path = pathlib.Path(sys.argv[1]); text = path.read_text('utf-8')"
    script.write_text("\n".join([begin, *lines]), encoding="utf-8")
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(script))}"


@pytest.fixture
def summed_up(known: User) -> User:  # noqa: F811
    """A user whose session `s` has a summary of turns 1 to 16."""
    assert known.run("memory", "update", "-s", "s").returncode == 0
    return known


def sum_up_further(user: User) -> None:
    """Put a summary of turns 1 to 18 into the store, as another terminal does."""
    store = user.store()
    history = open_history(store, "s", 100)
    mark = history.watermark(36)
    value = {"versions": [{"text": "A later one", "turns": 18, "position": 36, "fingerprint": mark.fingerprint}]}
    assert store.put_state("s", Change(summary.STATE, State(value, mark), history.state(summary.STATE)))
    store.close()


def sends(term: Terminal, user: User, text: str) -> list[str]:
    """Send a message; return the texts of the messages that reached the model."""
    before = len(user.server.chats)
    say(term, text, f": {text}")
    request = next(one for one in user.server.chats[before:] if one.texts[-1][1].endswith(text))
    return [said for _, said in request.texts]


def test_the_summary_is_shown_with_its_turns_and_its_writer(summed_up: User) -> None:
    with summed_up.chatting("-s", "s") as term:
        say(term, "/summary", f"{SPOKEN} 16 turns.")
        assert "summary of turns 1 to 16 · written by a model · 1 version" in term.text()
        say(term, "/memory window:3", "turns 18 to 20")
        say(term, "/summary", "window:3 does not send it; /memory auto")
        refused(term, "/summary all", "/summary does not know 'all'")


def test_an_edited_summary_is_sent_and_can_be_taken_back(summed_up: User, tmp_path: Path) -> None:
    command = editor(tmp_path, "path.write_text(text.replace('numbers', 'tea'), 'utf-8')")
    with summed_up.chatting("-s", "s", EDITOR=command) as term:
        say(term, "/summary edit", "the summary is yours now")
        say(term, "/summary", "edited by you · 2 versions")
        assert "of 西安 and of tea." in sends(term, summed_up, "Hello")[0]
        say(term, "/summary undo", "the summary of turns 1 to 16 holds again")
        say(term, "/summary undo", "there is no summary now")
        say(term, "/summary undo", "there is no summary to take back")
        say(term, "/summary edit", "there is no summary to edit yet")
        say(term, "/summary", "no summary yet")


@pytest.mark.parametrize(
    ("lines", "answer"),
    [
        (["path.write_text(' \\n', 'utf-8')"], "an empty text changes nothing"),
        ([], "nothing was changed"),
        (["sys.exit(1)"], "the editor failed"),
    ],
)
def test_an_editor_that_leaves_nothing_new_changes_nothing(
    summed_up: User, tmp_path: Path, lines: list[str], answer: str
) -> None:
    before = look(summed_up)
    with summed_up.chatting("-s", "s", EDITOR=editor(tmp_path, *lines)) as term:
        say(term, "/summary edit", answer)
    assert look(summed_up) == before


def test_the_editor_gets_the_terminal_in_its_ordinary_modes(summed_up: User, tmp_path: Path) -> None:
    lines = ["print('say it:', flush=True)", "path.write_text(input(), 'utf-8')"]
    with summed_up.chatting("-s", "s", EDITOR=editor(tmp_path, *lines)) as term:
        term.enter("/summary edit")
        term.wait_for("say it:")
        term.enter("My own words")
        term.wait_for("the summary is yours now")
        assert term.text().count("My own words") == 1  # it was echoed
    found = summary_of(summed_up)
    assert found is not None
    assert found == summary.Version("My own words", found.mark, 16, edited=True)


@pytest.fixture
def opened(summed_up: User, tmp_path: Path) -> Iterator[Terminal]:
    """A chat with the summary open in the editor, which puts `My own words` in its place once the file `go` exists."""
    command = editor(
        tmp_path,
        "import time",
        "print('it is open', flush=True)",
        f"go = pathlib.Path({str(tmp_path / 'go')!r})",
        "while not go.exists(): time.sleep(0.01)",
        "path.write_text('My own words', 'utf-8')",
    )
    with summed_up.chatting("-s", "s", EDITOR=command) as term:
        term.enter("/summary edit")
        term.wait_for("it is open")
        yield term


def test_an_edited_summary_covers_what_the_one_did_that_was_opened(
    opened: Terminal, summed_up: User, tmp_path: Path
) -> None:
    sum_up_further(summed_up)
    (tmp_path / "go").touch()
    opened.wait_for("the summary is yours now")
    found = summary_of(summed_up)
    assert found is not None
    assert (found.text, found.turns, found.mark.position) == ("My own words", 16, 32)


def test_an_edited_summary_of_turns_that_are_gone_is_not_kept(
    opened: Terminal, summed_up: User, tmp_path: Path
) -> None:
    store = summed_up.store()
    store.append("s", [], at=20)
    store.close()
    (tmp_path / "go").touch()
    opened.wait_for("hint: /summary shows what holds now")
    assert "error: turns of the 16 it sums up were taken back meanwhile" in opened.text()
    assert "My own words" in opened.text()
    assert summary_of(summed_up) is None


def test_compact_sums_up_all_but_the_last_turn_with_the_hint(summed_up: User) -> None:
    with summed_up.chatting("-s", "s") as term:
        say(term, "/compact the wall's length", "turns 1 to 19 are summed up; the next request has ~")
        say(term, "/compact", "turns 1 to 19 are summed up")
        assert sends(term, summed_up, "Hello")[-3:] == ["question 20", "answer 20", "Hello"]
    asked = summed_up.server.chats[1].texts[-1][1]
    assert "keep what bears on this: the wall's length" in asked
    assert "question 17" in asked
    assert "question 20" not in asked


def test_a_stopped_or_failing_compact_keeps_the_summary(summed_up: User) -> None:
    before, gate = look(summed_up), Event()
    with summed_up.chatting("-s", "s") as term:
        summed_up.server.replies("They", gate, " spoke")
        term.enter("/compact")
        summed_up.server.wait_chats(2)
        term.wait_for("summing up; ^C stops")
        term.send("typed meanwhile")
        term.key("c-c")
        term.wait_for("stopped; turns 1 to 16 are summed up")
        term.wait_gone("summing up; ^C stops")
        term.wait_for("you> typed meanwhile")
        gate.set()
        term.key("c-c")
        summed_up.server.refuses(BROKEN, times=9)
        say(term, "/compact", "hint:")
    assert look(summed_up) == before


def test_a_compact_that_is_too_much_for_the_model_goes_on_with_less(summed_up: User) -> None:
    with summed_up.chatting("-s", "s") as term:
        summed_up.server.refuses(TOO_LONG_OPENAI, times=2)
        say(term, "/compact", "turns 1 to 19 are summed up")


def test_a_compact_takes_the_place_of_what_the_background_was_asking(known: User) -> None:  # noqa: F811
    gate = Event()
    known.server.replies("Hello yourself")
    known.server.replies("They", gate, " spoke")
    with known.chatting("-s", "s") as term:
        say(term, "Hello", "Hello yourself")
        known.server.wait_chats(2)
        say(term, "/compact", "turns 1 to 20 are summed up; the next request has ~")
        gate.set()
        say(term, "/summary", "summary of turns 1 to 20 · written by a model · 1 version")
        say(term, "/info", "last context")
        assert "summed up now" not in term.text()


def test_news_of_a_summary_that_was_just_seen_does_not_follow(known: User) -> None:  # noqa: F811
    with known.chatting("-s", "s") as term:
        say(term, "Hello", ": Hello")
        term.wait(lambda _: summary_of(known) is not None)
        say(term, "/summary undo", "there is no summary now")
        say(term, "/info", "last context")
        assert "summed up now" not in term.text()


def test_a_compact_goes_on_from_where_another_terminal_was_faster(summed_up: User) -> None:
    gate = Event()
    summed_up.server.replies("They", gate, " spoke")
    with summed_up.chatting("-s", "s") as term:
        term.enter("/compact")
        summed_up.server.wait_chats(2)
        sum_up_further(summed_up)
        gate.set()
        term.wait_for("turns 1 to 19 are summed up")
        assert "A later one" in summed_up.server.chats[2].texts[-1][1]


def test_there_is_nothing_to_compact_before_the_second_turn(user: User) -> None:
    with user.chatting("-s", "new", "--memory", "summary") as term:
        say(term, "/compact", "nothing to sum up yet")
        say(term, "Hello", "Turn 1: Hello")
        say(term, "/compact", "nothing to sum up yet")


def test_a_memory_without_a_summary_cannot_be_compacted(known: User) -> None:  # noqa: F811
    with known.chatting("-s", "s", "--memory", "window:3") as term:
        say(term, "/compact", "window:3 sends no summary")
        term.wait(lambda t: "/memory summary-buffer:4000 do" in " ".join(t.text().split()))
    assert known.server.chats == []


def test_a_pinned_turn_is_in_every_context_until_it_is_let_go(known: User) -> None:  # noqa: F811
    with known.chatting("-s", "s", "--memory", "window:1") as term:
        say(term, "/unpin", "turn 3 is not pinned any more")
        say(term, "/pins", "no turn is pinned")
        say(term, "/pin 7", "turn 7 is in every context now, ~")
        say(term, "/pin 7", "turn 7 is pinned already")
        say(term, "/pin", "turn 20 is in every context now")
        say(term, "/pins", "turn 7, ~")
        sent = sends(term, known, "Hello")
        assert sent == ["Be brief.", "question 7", "answer 7", "question 20", "answer 20", "Hello"]
        say(term, "/pin 99", "/history shows turns 1 to 21")
        refused(term, "/pin x", "is not a whole number")
        say(term, "/unpin", "which turn?")
        say(term, "/unpin 9", "turn 9 is not pinned")
        say(term, "/unpin 7", "turn 7 is not pinned any more")
        assert "question 7" not in sends(term, known, "Again")
        say(term, "/history 1", "you (turn 22 · ")


def test_there_is_nothing_to_pin_before_the_first_turn(user: User) -> None:
    with user.chatting("-s", "new") as term:
        say(term, "/pin", "there is no turn yet")


def test_the_memory_says_what_the_next_request_holds(summed_up: User) -> None:
    holds = (
        "summary+recall:300: the next request holds turns 17 to 20 word for word, a summary of turns 1 to 16, "
        "turn 3 (pinned), and up to 300 tokens of older turns that bear on it"
    )
    with summed_up.chatting("-s", "s", cols=200) as term:
        say(term, "/memory", holds)
        say(
            term,
            "/memory window:2",
            "window:2: the next request holds turns 19 to 20 word for word and turn 3 (pinned)",
        )
        say(term, "/memory buffer", "buffer: the next request holds all 20 turns word for word")


def test_what_was_recalled_is_said_in_one_line_after_the_turn(summed_up: User) -> None:
    with summed_up.chatting("-s", "s") as term:
        say(term, "How long is the city wall?", "recalled ")
    with summed_up.chatting("-s", "s", "-q") as term:
        say(term, "How long is the city wall?", ": Quoted from earlier")
        say(term, "/info", "last context")
        assert not re.search(r"recalled \d", term.text())


def test_a_turn_that_was_cut_off_is_said(known: User) -> None:  # noqa: F811
    with known.chatting("-s", "s", "--memory", "window:2-4") as term:
        say(term, "Hello", "the newest 2 turns of the history are sent from now on")


def test_what_the_background_summed_up_is_said_before_the_next_prompt(known: User) -> None:  # noqa: F811
    with known.chatting("-s", "s") as term:
        say(term, "Hello", ": Hello")
        term.wait(lambda _: summary_of(known) is not None)
        assert "summed up" not in term.text(), "nothing is printed into a prompt"
        say(term, "/info", "turns 1 to 17 are summed up now")


def test_a_memory_that_is_chosen_derives_at_once(known: User) -> None:  # noqa: F811
    with known.chatting("-s", "s", "--memory", "window:3") as term:
        say(term, "/memory summary", "summary: the next request holds")
        term.wait(lambda _: summary_of(known) is not None)


def test_another_session_is_derived_further_once_it_is_opened(summed_up: User) -> None:
    store = summed_up.store()
    store.append("s", [message for _ in range(10) for message in (Message("user", "q"), Message("assistant", "a"))])
    store.close()
    with summed_up.chatting("-s", "other") as term:
        say(term, "/resume s", "56 earlier messages")
        term.wait(lambda _: (found := summary_of(summed_up)) is not None and found.turns == 26)


def test_a_session_of_which_nothing_was_derived_asks_nothing_when_it_is_opened(known: User) -> None:  # noqa: F811
    with known.chatting("-s", "other") as term:
        say(term, "/resume s", "answer 20")
        say(term, "/info", "last context")
    assert known.server.chats == []


def test_ask_says_what_the_memory_did_on_a_terminal_alone(summed_up: User) -> None:
    question = "How long is the city wall?"
    with summed_up.terminal("ask", "-s", "s", question) as term:
        assert term.wait_exit() == 0
        assert re.search(r"\nrecalled \d+ earlier message", term.text())
    assert summed_up.run("ask", "-s", "s", question).stderr == ""
    with summed_up.terminal("ask", "-q", "-s", "s", question) as term:
        assert term.wait_exit() == 0
        assert not re.search(r"recalled \d", term.text())


def test_specs_are_completed(known: User) -> None:  # noqa: F811
    with known.chatting("-s", "s") as term:
        term.send("/memory summary-b")
        term.key("tab")
        term.wait_for("/memory summary-buffer:4000")
        term.key("c-c")
