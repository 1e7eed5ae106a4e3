"""What goes to stdout, what to stderr, what nowhere; and the exit code of a chat without a terminal."""

import json

import pytest

from chatcli.messages import Message
from chatcli.render.reply import PlainReply
from chatcli.stores import Pending
from chatcli.writer import this_writer
from tests.e2e.conftest import CHATCLI, User
from tests.fakes import Tty
from tests.servers import BAD_KEY, RATE_LIMIT
from tests.terminal import Terminal


@pytest.mark.parametrize("shown", [{"TERM": "dumb"}, {"NO_COLOR": "1"}, {}], ids=str)
@pytest.mark.parametrize("quiet", [False, True], ids=["", "quiet"])
def test_ask_notes_a_retry_on_every_terminal_unless_quiet(user: User, shown: dict[str, str], quiet: bool) -> None:
    user.server.refuses(RATE_LIMIT)
    with user.terminal("ask", "Hi", *(["-q"] if quiet else []), **shown) as term:
        term.wait_for("Turn 1: Hi")
        assert term.wait_exit() == 0
        assert ("; again " in term.text()) is not quiet


@pytest.mark.parametrize("flags", [("--plain",), ("-q",)], ids=" ".join)
def test_a_chat_notes_a_retry_where_nothing_is_drawn_unless_quiet(user: User, flags: tuple[str, ...]) -> None:
    user.server.refuses(RATE_LIMIT)
    with user.chat("-s", "s", *flags) as term:
        term.wait_for("you>")
        term.enter("Hi")
        term.wait_for("Turn 1: Hi")
        assert ("; again " in term.text()) is ("-q" not in flags)


def test_a_note_within_a_plain_reply_stands_on_a_line_of_its_own() -> None:
    out = Tty()
    reply = PlainReply(out, notices=out)
    reply.feed("One, ")
    reply.note("the store is away")
    reply.feed("two")
    reply.finish()
    assert out.getvalue() == "One, \nthe store is away\ntwo\n"


def test_a_piped_chat_has_its_answers_alone_on_stdout(user: User) -> None:
    user.run("ask", "-s", "s", "before")
    done = user.run("chat", "-s", "s", stdin="Hello\n/nonsense\n/undo\n/memory window:2\n")
    assert done.stdout.split() == ["Turn", "2:", "Hello"]
    assert done.stderr.startswith("error: there is no command /nonsense\nhint: ")
    assert len(done.stderr.splitlines()) == 2, "no notice: stderr is no terminal"


def test_what_a_piped_chat_is_asked_for_is_on_stdout(user: User) -> None:
    done = user.run("chat", "-s", "s", stdin="/memory\n/model\n/var\n/set\n/system\n/attach\n/context Hi\n")
    for told in (
        "auto: there is no turn yet",
        "test-model",
        "no variables",
        "no options",
        "no system text",
        "nothing is",
        "1 message,",
    ):
        assert told in done.stdout
    assert done.stderr == ""


def test_a_piped_chat_shows_its_notices_on_a_terminal_beside(user: User) -> None:
    program = " ".join(CHATCLI)
    with Terminal(["bash", "-c", f"{program} chat -s s > answers"], env=user.env, cwd=user.home) as term:
        term.wait_for("s · test-model")
        term.enter("Hello")
        term.enter("/undo")
        term.wait_for("took back 1 turn")
        term.key("c-d")
        term.wait_exit()
    assert "took back" not in (user.home / "answers").read_text()


def test_a_chat_without_a_terminal_ends_with_the_code_of_its_last_error(user: User) -> None:
    assert user.run("chat", "-s", "s", stdin="Hello\n").returncode == 0
    user.server.refuses(BAD_KEY)
    assert user.run("chat", "-s", "s", stdin="/nonsense\nHi\n").returncode == 4
    assert user.run("chat", "-s", "t", stdin="/nonsense\nHi\n").returncode == 2
    assert user.run("chat", "-s", "t", stdin="").returncode == 0


def test_context_as_json_is_the_very_messages_on_the_wire(user: User) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "clock", "arguments": "{}"}}
    store = user.store()
    store.append(
        "s",
        [
            Message("user", "When?", name="Ada"),
            Message("assistant", "", tool_calls=(call,)),
            Message("tool", "12:00", tool_call_id="c1"),
            Message("assistant", "Noon."),
        ],
    )
    store.close()
    done = user.run("chat", "-s", "s", "-q", stdin="/context --json And now?\n")
    listed = json.loads(done.stdout)
    assert [message.get("tool_call_id") for message in listed] == [None, None, "c1", None, None]
    user.run("ask", "-s", "s", "And now?")
    assert listed == user.server.chats[0].body["messages"]


def test_a_pipe_is_asked_nothing_about_an_unfinished_turn(user: User) -> None:
    store = user.store()
    store.begin("s", Pending("t1", Message("user", "from before", id="m1"), this_writer() + "0", partial="Half"))
    done = user.run("chat", "-s", "s", stdin="d\n")
    assert (done.returncode, done.stdout) == (0, "Turn 1: d\n\n")
    assert [turn.partial for turn in store.pending("s")] == ["Half"]
    store.close()
