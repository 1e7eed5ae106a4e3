"""`chatcli ask` as scripts use it."""

import json
import shlex
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from chatcli.messages import Message
from tests.e2e.conftest import CHATCLI, User
from tests.pictures import png
from tests.servers import BAD_KEY, UNKNOWN_MODEL, Thought
from tests.terminal import Terminal, clean_env


def test_the_reply_alone_is_on_stdout(user: User) -> None:
    user.server.replies(Thought("hm"), "# Not **rendered**\n", "\x1b[2J")
    done = user.run("ask", "Hi")
    assert done.stdout == "# Not **rendered**\n␛[2J\n"
    assert (done.returncode, done.stderr) == (0, "")


def test_thoughts_that_the_model_writes_into_its_text_are_no_part_of_the_reply(user: User) -> None:
    user.server.replies("<thi", "nk>\nhm\n</think>", "\n\n42\n")
    assert user.run("ask", "-s", "s", "Hi").stdout == "42\n"
    user.run("ask", "-s", "s", "And?")
    assert user.server.chats[-1].texts[1] == ("assistant", "42\n")


def test_piped_input_is_added_after_the_text(user: User) -> None:
    user.run("ask", "Translate:", stdin="Hallo\nWelt\n")
    user.run("ask", stdin="你好")
    assert user.server.chats[0].texts == [("user", "Translate:\n\nHallo\nWelt")]
    assert user.server.chats[1].texts == [("user", "你好")]


def test_continue_goes_on_with_the_session_used_last(user: User) -> None:
    user.run("ask", "one")
    user.run("ask", "-s", "named", "two")
    done = user.run("ask", "-c", "three")
    assert done.stdout == "Turn 2: three\n"
    assert len(user.said("named")) == 4


def test_ask_without_a_name_makes_a_session_and_private_does_not(user: User) -> None:
    user.run("ask", "--private", "secret")
    assert not (user.home / "data").exists()
    user.run("ask", "Hello there")
    store = user.store()
    [session] = store.sessions()
    store.close()
    assert session.title == "Hello there"


def test_a_session_whose_first_turn_failed_has_its_title(user: User) -> None:
    user.server.refuses(BAD_KEY)
    assert user.run("ask", "Hello there").returncode == 4
    with closing(user.store()) as store:
        assert [one.title for one in store.sessions()] == ["Hello there"]


def test_a_reply_cut_at_the_token_limit_says_so_to_a_user_and_not_to_a_script(user: User) -> None:
    user.server.replies("Half", finish="length")
    assert user.run("ask", "Hi").stderr == ""
    user.server.replies("Half", finish="length")
    with user.terminal("ask", "-s", "my s", "Hi", cols=120) as term:
        term.wait_for("cut at the token limit; chatcli chat -s 'my s' and /continue go on")
        assert term.wait_exit() == 0


def test_json_is_one_document_with_stable_names(user: User) -> None:
    user.server.replies("Hel", "lo", usage=(11, 7, 5))
    document = json.loads(user.run("ask", "--json", "-s", "s", "Hi").stdout)
    assert document == {
        "text": "Hello",
        "session": "s",
        "model": "test-model",
        "memory": "auto",
        "finish": "stop",
        "usage": {"prompt": 11, "completion": 7, "cached": 5},
        "cost": None,
    }


def test_options_and_a_prompt_of_the_config_reach_the_request(user: User) -> None:
    (user.home / "config").mkdir()
    (user.home / "config" / "config.toml").write_text(
        """
        [prompts.history]
        variables = { ability = "历史" }
        messages = [
          { role = "system", content = "你是一个擅长{ability}的助手" },
          { role = "user", content = "So far:\\n{history}\\nNow: {input}" },
        ]
        [models.thinker]
        id = "qwen-plus"
        extra_body = { enable_thinking = false }
        options = { temperature = 0.7, seed = 1 }
        """,
        encoding="utf-8",
    )
    flags = ("-s", "s", "-m", "thinker", "--prompt", "history", "-o", "temperature=0.1", "-o", 'stop=["x"]')
    user.run("ask", *flags, "one")
    user.run("ask", "-s", "s", "two", "--var", "ability=数学")
    first, second = user.server.chats
    assert first.body["model"] == "qwen-plus"
    assert (first.body["temperature"], first.body["seed"], first.body["stop"]) == (0.1, 1, ["x"])
    assert first.body["enable_thinking"] is False
    assert first.texts == [("system", "你是一个擅长历史的助手"), ("user", "So far:\n\nNow: one")]
    assert second.texts[0] == ("system", "你是一个擅长数学的助手")
    answer = user.said("s")[1][1]
    assert second.texts[1] == ("user", f"So far:\nHuman: one\nAI: {answer}\nNow: two")
    assert second.body["temperature"] == 0.1


def test_an_image_goes_as_a_part_and_stays_in_the_history(user: User) -> None:
    (user.home / "dot.png").write_bytes(png())
    user.run("ask", "-s", "s", "-a", "dot.png", "What is it?")
    content = user.server.chats[0].body["messages"][0]["content"]
    assert content[0] == {"type": "text", "text": "What is it?"}
    assert content[1]["image_url"]["url"].startswith("data:image/png;base64,iVBOR")
    user.run("ask", "-s", "s", "And now?")
    assert user.server.chats[1].body["messages"][0]["content"] == content
    assert "[image 71 bytes]" in user.run("history", "show", "-s", "s").stdout


def test_a_flag_goes_over_the_session_and_the_session_over_the_environment(user: User) -> None:
    user.run("ask", "-s", "s", "--memory", "window:1", "one")
    user.run("ask", "-s", "s", "two", env={"CHATCLI_MEMORY": "none"})
    user.run("ask", "-s", "s", "three", "--memory", "buffer", env={"CHATCLI_MEMORY": "none"})
    user.run("ask", "-s", "new", "four", env={"CHATCLI_MEMORY": "none"})
    assert [len(request.texts) for request in user.server.chats] == [1, 3, 5, 1]


def test_a_refused_request_is_exit_4_and_the_same_question_again_is_no_second_turn(user: User) -> None:
    user.server.refuses(BAD_KEY)
    failed = user.run("ask", "-s", "s", "Hi")
    assert failed.returncode == 4
    assert failed.stdout == ""
    assert failed.stderr.startswith("error: ")
    assert "sk-test-secret" not in failed.stderr
    assert user.run("ask", "-s", "s", "Hi").returncode == 0
    store = user.store()
    assert store.pending("s") == []
    assert store.length("s") == 2
    store.close()


def test_a_model_that_the_endpoint_refuses_is_exit_4(user: User) -> None:
    user.server.refuses(UNKNOWN_MODEL)
    failed = user.run("ask", "-m", "nope", "Hi")
    assert failed.returncode == 4
    assert "nope" in failed.stderr


def asking(user: User, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*CHATCLI, "ask", *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_env(user.env),
    )


def test_ctrl_c_keeps_what_came_and_exits_130(user: User) -> None:
    gate = Event()
    user.server.replies("One, two,", gate)
    process = asking(user, "-s", "s", "Count")
    assert process.stdout is not None
    assert process.stdout.read(9) == "One, two,"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    gate.set()
    assert process.returncode == 130
    assert "Traceback" not in err
    assert user.said("s") == [("user", "Count"), ("assistant", "One, two,")]


def test_a_reader_that_has_seen_enough_is_no_error_and_the_reply_is_kept(user: User) -> None:
    gate = Event()
    user.server.replies("first line\n", gate, *(["more\n"] * 20_000))
    process = asking(user, "-s", "s", "Count")
    assert process.stdout is not None
    assert process.stdout.readline() == "first line\n"
    process.stdout.close()
    gate.set()
    process.wait(timeout=20)
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert user.said("s")[1][1].startswith("first line\n")


def test_a_pipe_gets_the_reply_as_it_comes(user: User) -> None:
    gate = Event()
    user.server.replies("One ", "two", gate, " three")
    process = asking(user, "Count")
    assert process.stdout is not None
    assert process.stdout.read(7) == "One two"
    gate.set()
    assert process.communicate(timeout=20)[0] == " three\n"


def test_no_stream_shows_the_reply_when_it_is_whole(user: User) -> None:
    assert user.run("ask", "--no-stream", "Hi").stdout == "Turn 1: Hi\n"


def test_stream_false_in_the_config_holds_for_ask_too(user: User) -> None:
    gate = Event()
    user.server.replies("One", gate, " two")
    user.environ["CHATCLI_STREAM"] = "false"
    with closing(user.store()) as store, asking(user, "-s", "s", "Count") as process:
        deadline = time.monotonic() + 20
        while not any(turn.partial for turn in store.pending("s")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
        assert process.communicate(timeout=20)[0] == ""
    gate.set()


def test_a_closed_stdin_and_stdout_are_no_traceback(user: User) -> None:
    for redirections in ("<&-", "<&- >&-", ">/dev/full"):
        done = subprocess.run(
            f"'{sys.executable}' -m chatcli ask Hi {redirections}",
            shell=True,
            capture_output=True,
            text=True,
            env=clean_env(user.env),
        )
        assert "Traceback" not in done.stderr, redirections
        assert "Exception" not in done.stderr, redirections
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        1,
        "error: the output cannot be written: No space left on device",
    )


def test_markdown_is_rendered_on_a_terminal_and_plain_is_plain(user: User, tmp_path: Path) -> None:
    for flags, shown in ((), "bold words"), (("--plain",), "**bold** words"):
        user.server.replies("**bold** words")
        with user.terminal("ask", "Hi", *flags) as term:
            term.wait_for(shown)
            assert term.wait_exit() == 0


@pytest.mark.parametrize("form", ["--json", "-x"])
def test_a_wheel_turns_while_a_form_that_is_printed_whole_is_awaited(user: User, form: str) -> None:
    waits, comes = Event(), Event()
    user.server.replies(waits, "```\n", "x\n", comes, "y\n```\n")
    with user.terminal("ask", form, "Hi") as term:
        term.wait_for("1 s")
        waits.set()
        term.wait_for("2 s")  # it goes on while the reply comes
        comes.set()
        assert term.wait_exit() == 0
        assert " s" not in term.text()
        assert term.text().endswith("}" if form == "--json" else "x\ny")


def test_no_wheel_turns_beside_a_pipe(user: User) -> None:
    waits = Event()
    user.server.replies(waits, "```\nx\n```\n")
    piped = shlex.join([*CHATCLI, "ask", "-x", "Hi"]) + " | cat"
    with Terminal(["/bin/sh", "-c", piped], env=user.env, cwd=user.home) as term:
        user.server.wait_chats(1)
        threading.Timer(2, waits.set).start()
        assert term.wait_exit() == 0
        assert b" s" not in term.raw
        assert term.text() == "x"


def with_turns(user: User, turns: int) -> None:
    """Give the session `notes` that many turns."""
    with closing(user.store()) as store:
        for number in range(turns):
            store.append("notes", [Message("user", f"q{number}"), Message("assistant", f"a{number}")])


def test_what_an_ask_leaves_to_be_summed_up_is_done_once_when_the_command_is_over(user: User) -> None:
    with_turns(user, 13)
    folding = Event()
    user.server.replies("the answer")
    user.server.replies("SUM", folding, "MED")
    done = user.run("ask", "-s", "notes", "--memory", "summary", "Hi")
    assert (done.returncode, done.stdout) == (0, "the answer\n")
    user.server.wait_chats(2)
    user.server.replies("the next answer")
    again = user.run("ask", "-s", "notes", "Hi again")  # ended, though the summary is not there yet
    assert again.stdout == "the next answer\n"
    folding.set()
    pause, deadline = Event(), time.monotonic() + 30
    while "SUMMED" not in user.run("memory", "show", "-s", "notes").stdout:
        assert time.monotonic() < deadline
        pause.wait(0.05)
    assert len(user.server.chats) == 3, "two processes would both pay for it"


def test_an_ask_with_nothing_behind_leaves_no_process(user: User) -> None:
    with_turns(user, 3)
    user.run("ask", "-s", "notes", "--memory", "summary", "Hi")
    assert not (user.home / "cache" / "recall").exists() or not list((user.home / "cache" / "recall").glob("*.lock"))
    assert len(user.server.chats) == 1
