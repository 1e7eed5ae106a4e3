"""`chatcli memory …` as a user has it: a process of its own, a real store, a real endpoint."""

import json
from contextlib import closing
from threading import Event

import pytest

from chatcli.cli.later import alone
from chatcli.memory import pins, summary
from chatcli.memory.history import open_history
from chatcli.messages import Message
from chatcli.recall import index_path
from chatcli.stores import Snapshot
from tests.e2e.conftest import User
from tests.servers import BAD_KEY, Body, echo

NO_MODEL = {"OPENAI_API_KEY": "", "OPENAI_BASE_URL": "", "CHATCLI_MODEL": ""}
SPOKEN = "They spoke of 西安 and of numbers."


def sums_up(body: Body) -> str:
    """Write summaries, each of its own; echo anything else."""
    if str(body["messages"][0]["content"]).startswith("You keep the running summary"):
        return f"{SPOKEN} {body['messages'][-1]['content'].count('user: ')} turns."
    return echo(body)


@pytest.fixture
def known(user: User) -> User:
    """A user with a session `s` of 20 turns, of which none is summed up; turn 2 is about a wall, turn 3 is pinned."""
    user.server.mind = sums_up
    store = user.store()
    for number in range(1, 21):
        said = "城墙有多长？ the city wall" if number == 2 else f"question {number}"
        turn = [Message("user", said, time=1e9 + number), Message("assistant", f"answer {number}")]
        store.append("s", turn)
    store.update("s", settings={"memory": "summary+recall:300", "system": "Be brief."})
    history = open_history(store, "s", 4)
    third = history.turn_at(4)
    assert third is not None
    store.put_state("s", pins.pin(history, third))
    store.close()
    return user


def look(user: User) -> Snapshot:
    store = user.store()
    try:
        return store.snapshot("s", 100)
    finally:
        store.close()


def summary_of(user: User) -> summary.Version | None:
    store = user.store()
    try:
        return summary.current(open_history(store, "s", 100))
    finally:
        store.close()


def test_the_context_as_json_is_what_ask_sends_then(known: User) -> None:
    wanted = ["-s", "s", "--memory", "window:2+recall:300", "How long is the city wall?"]
    done = known.run("memory", "context", "--json", *wanted)
    assert (done.returncode, done.stderr) == (0, "")
    known.run("ask", *wanted)
    sent = known.server.chats[0].body["messages"]
    assert json.loads(done.stdout) == sent
    assert "Quoted from earlier" in sent[-1]["content"]


def test_looking_at_a_context_sends_nothing_and_writes_nothing_to_the_session(known: User) -> None:
    before = look(known)
    for more in ([], ["--explain"], ["--json"], ["--memory", "tokens:50"], ["--system", "Other."], ["-o", "seed=1"]):
        assert known.run("memory", "context", "-s", "s", *more, "wall").returncode == 0
    for command in ("show", "compare"):
        assert known.run("memory", command, "-s", "s").returncode == 0
    assert look(known) == before
    assert known.server.requests == []


def test_in_a_pipe_the_parts_have_letters_and_nothing_has_colours(known: User) -> None:
    out = known.run("memory", "context", "-s", "s", "--memory", "window:2+recall:300", "the city wall?").stdout
    assert "\x1b" not in out
    *_, system, pin, tail, recall, asked, bar, total = out.splitlines()
    assert [line[0] for line in (system, pin, tail, recall, asked)] == [*"sptri"]
    assert "tail: turns 19 to 20" in tail
    assert recall.endswith("inside your message")
    assert set(bar) >= {*"[sptri]"}
    assert "the model's window is unknown" in total


def test_a_terminal_gets_colours_and_one_without_them_letters(known: User) -> None:
    with known.terminal("memory", "context", "-s", "s", "wall", rows=60) as term:
        assert term.wait_exit() == 0
        assert "■ tail: turns 1 to 20" in term.text()
        assert b"\x1b[36m" in term.raw
    with known.terminal("memory", "context", "-s", "s", "wall", NO_COLOR="1") as term:
        assert term.wait_exit() == 0
        assert "t tail: turns 1 to 20" in term.text()
        assert b"\x1b[36m" not in term.raw


def test_an_explanation_names_turns_words_and_scores(known: User) -> None:
    out = known.run("memory", "context", "-s", "s", "--memory", "window:2+recall:300", "--explain", "城墙").stdout
    header, best, *_ = out.splitlines()
    assert header.split() == ["TURN", "SAID", "SCORE", "FOUND", "BY", "TEXT"]
    assert best.split()[:2] == ["2", "2001-09-09"]
    assert "城墙" in best
    data = json.loads(
        known.run(
            "memory", "context", "-s", "s", "--memory", "window:2+recall:300", "--explain", "--json", "城墙"
        ).stdout
    )
    assert (data[0]["turn"], data[0]["position"]) == (2, 2)


def test_without_a_key_or_a_server_all_but_update_works(known: User) -> None:
    for command in ("context", "show", "compare"):
        done = known.run("memory", command, "-s", "s", env=NO_MODEL)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_session_that_is_not_there_is_exit_1(known: User) -> None:
    for command in ("context", "show", "compare", "update"):
        done = known.run("memory", command, "-s", "nobody")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: there is no session 'nobody'\nhint: ")


def test_a_wrong_memory_is_exit_2(known: User) -> None:
    done = known.run("memory", "context", "-s", "s", "--memory", "recall:0")
    assert (done.returncode, done.stderr.count("\n")) == (2, 2)
    assert "error: 'recall:0' is no memory: '0' is not a whole number above 0" in done.stderr


def test_update_derives_what_is_behind_and_show_shows_it(known: User) -> None:
    done = known.run("memory", "update", "-s", "s")
    assert (done.returncode, done.stdout, done.stderr) == (0, "s: 1 step taken\n", "")  # progress is for a terminal
    found = summary_of(known)
    assert found is not None
    assert (found.turns, found.text) == (16, f"{SPOKEN} 16 turns.")
    assert known.run("memory", "update", "-s", "s").stdout == "s: everything was up to date\n"
    assert len(known.server.chats) == 1
    shown = known.run("memory", "show", "-s", "s").stdout
    assert "summary   turns 1 to 16, message 32 of 40; 1 version · ~" in shown
    assert SPOKEN in shown
    assert "pins      turn 3 · ~" in shown
    assert "index     all 40 messages" in shown
    data = json.loads(known.run("memory", "show", "-s", "s", "--json").stdout)
    assert {entry["name"] for entry in data["held"]} == {"summary", "pins", "index", "tail"}


def test_update_says_that_another_process_derives_it_already(known: User) -> None:
    with closing(known.store()) as store:
        lock = index_path(known.home / "cache", store.address, "s").with_suffix(".lock")
    with alone(lock) as free:
        assert free
        done = known.run("memory", "update", "-s", "s")
    assert (done.returncode, done.stdout) == (0, "s: another process derives it already\n")
    assert not known.server.chats


def test_update_says_on_a_terminal_what_it_does(known: User) -> None:
    with known.terminal("memory", "update", "-s", "s") as term:
        assert term.wait_exit() == 0
        assert "turns 1 to 16 are summed up now" in term.text()
        assert "1 step taken" in term.text()


def test_update_with_a_failing_model_is_exit_4_and_changes_nothing(known: User) -> None:
    before = look(known)
    known.server.refuses(BAD_KEY, times=5)
    done = known.run("memory", "update", "-s", "s")
    assert done.returncode == 4
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 2
    assert look(known) == before


def test_an_interrupted_update_changes_nothing(known: User) -> None:
    before, gate = look(known), Event()
    known.server.replies("They", gate, " spoke")
    with known.terminal("memory", "update", "-s", "s") as term:
        known.server.wait_chats(1)
        term.key("c-c")
        assert term.wait_exit() == 130
        assert "Traceback" not in term.text()
    gate.set()
    assert look(known) == before
    assert known.run("memory", "update", "-s", "s").returncode == 0
    assert summary_of(known) is not None


def test_a_comparison_has_a_plot_on_a_terminal_alone(known: User) -> None:
    piped = known.run("memory", "compare", "-s", "s").stdout
    assert piped.startswith("MEMORY")
    assert "\x1b" not in piped
    assert [line.split()[0] for line in piped.splitlines()[1:7]] == [
        "buffer", "window:10", "tokens:4000", "summary-buffer:4000", "auto", "summary+recall:300",
    ]  # fmt: skip
    for cols in (40, 80, 300):
        with known.terminal("memory", "compare", "-s", "s", "window:2", "buffer", cols=cols, rows=40) as term:
            assert term.wait_exit() == 0
            text = term.text()
            assert any("\u2800" < char <= "\u28ff" for char in text)
            assert "turn 1" in text
            assert "━ window:2" in text


def test_a_comparison_costs_what_the_config_says(known: User) -> None:
    (known.home / "config").mkdir(exist_ok=True)
    (known.home / "config" / "config.toml").write_text(
        'model = "q"\n[models.q]\nid = "test-model"\nwindow = 8192\nprice = { input = 1000, cached = 0, output = 0 }\n'
        f'base_url = "{known.server.url}"\napi_key = "x"\n',
        encoding="utf-8",
    )
    done = known.run("memory", "compare", "-s", "s", "--json", "window:2", "buffer", env={"CHATCLI_MODEL": ""})
    window, buffer = json.loads(done.stdout)["memories"]
    assert window["cost"] > buffer["cost"] > 0  # what slides is never cached
    assert window["reused"] < 0.5 < buffer["reused"]
