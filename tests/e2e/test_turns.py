"""Turns in a real terminal: again, otherwise, further, from an earlier point; what was said, copied."""

import base64
import os
from pathlib import Path
from threading import Event

import pytest

from chatcli.messages import Message
from tests.e2e.conftest import User, leave, prompts
from tests.e2e.test_slash import known, refused, say
from tests.redis_server import free_port, running
from tests.servers import BAD_KEY, Thought
from tests.terminal import Terminal

__all__ = ["known"]

CODE = "Here:\n\n```py\na = '\x1b[31m'\n\nb = 2\n```\n\nand\n\n    four\n\ndone"


def at_the_prompt(term: Terminal) -> bool:
    """Say whether an empty prompt stands above the toolbar."""
    return [line for line in term.screen_lines() if line][-2:-1] == ["you>"]


def test_retry_keeps_the_reply_it_replaces_and_alt_brings_it_back(known: User) -> None:
    with known.chatting("-s", "s", cols=60) as term:
        say(term, "/alt", "the last turn has no other version; /retry makes one")
        say(term, "/retry", "Turn 3: question 2")
        say(term, "/alternatives", "*  2  test-model")
        assert "   1  answer 2" in term.text()
        say(term, "/alt 1", "version 1 stands in the history now")
        assert known.said("s")[-1] == ("assistant", "answer 2")
        say(term, "/alt", "*  1  answer 2")
        say(term, "/alt 7", "there is no version 7 of the last turn")
        refused(term, "/alt x", "whole number")
    assert len(known.said("s")) == 6


def test_another_model_is_asked_once(known: User) -> None:
    with known.chatting("-s", "s") as term:
        say(term, "/retry -m another", "Turn 3: question 2")
        say(term, "Hi", "Turn 4: Hi")
        say(term, "/model", "test-model")
        refused(term, "/retry another", "/retry does not know 'another'")
        refused(term, "/retry -m", "/retry, or /retry -m MODEL")
    assert [request.body["model"] for request in known.server.chats] == ["another", "test-model"]


def test_a_retry_that_fails_or_is_stopped_leaves_the_reply(known: User) -> None:
    with known.chatting("-s", "s") as term:
        known.server.refuses(BAD_KEY)
        say(term, "/retry -m another", "error:")
        gate = Event()
        known.server.replies(gate, "never")
        shown = prompts(len(term.text().split("you>")))
        term.enter("/retry")
        known.server.wait_chats(2)
        term.key("c-c", "c-c")
        term.wait_for("stopped before the reply began")
        term.wait(shown)
        gate.set()
        say(term, "Hi", "Turn 4: Hi")
    assert known.said("s")[4:6] == [("user", "question 2"), ("assistant", "answer 2")]


def test_the_last_message_is_edited_in_its_place(known: User) -> None:
    with known.chatting("-s", "s") as term:
        term.enter("/edit")
        term.wait_for("edit> question 2")
        term.enter(" and a half")
        term.wait_for("Turn 3: question 2 and a half")
        term.wait(at_the_prompt)
        say(term, "/alt", "1  “question 2”")
    assert known.said("s")[4:] == [("user", "question 2 and a half"), ("assistant", "Turn 3: question 2 and a half")]


@pytest.mark.parametrize("keys", [["c-c"], ["c-u", "enter"], ["c-d"], ["enter"]])
def test_an_edit_that_is_cancelled_changes_nothing(known: User, keys: list[str]) -> None:
    with known.chatting("-s", "s") as term:
        term.enter("/edit 2")
        term.wait_for("edit 2> question 1")
        if keys == ["c-d"]:
            term.key("c-u")
        term.key(*keys)
        term.wait_for("nothing was changed")
        say(term, "/edit 9", "there is no turn 9")
    assert len(known.said("s")) == 6
    assert known.server.chats == []


def test_an_earlier_message_is_edited_in_a_session_of_its_own(known: User) -> None:
    store = known.store()
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    store.append("s", [Message("user", ({"type": "text", "text": "look"}, image)), Message("assistant", "seen")])
    store.append("s", [Message("user", "last"), Message("assistant", "answer")])
    store.update("s", settings={"memory": "window:2"})
    store.close()
    with known.chatting("-s", "s") as term:
        term.enter("/edit 4")
        term.wait_for("edit 4> look")
        term.enter(" again")
        term.wait_for("Turn 3: look again")
        assert "now in s-2, with turns 1 to 3 of s, which stays as it is" in term.text()
        term.wait(at_the_prompt)
        say(term, "/info", "s-2")
    assert len(known.said("s")) == 10
    assert [text for _, text in known.said("s-2")][6:] == ["look again", "Turn 3: look again image_url"]
    sent = known.server.chats[0].body["messages"]
    assert sent[-1]["content"][1] == image
    assert len(sent) == 5, "the memory came along"


def test_a_long_message_is_edited_in_the_editor(known: User, tmp_path: Path) -> None:
    store = known.store()
    store.append("s", [Message("user", "\n".join(map(str, range(40)))), Message("assistant", "many")])
    store.close()
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i '2,$d' \"$1\"\n")
    editor.chmod(0o755)
    with known.chatting("-s", "s", VISUAL=str(editor)) as term:
        say(term, "/edit", "Turn 4: 0")
    assert known.said("s")[6] == ("user", "0")


def test_fork_goes_on_in_a_copy(known: User) -> None:
    with known.chatting("-s", "s", rows=40) as term:
        say(term, "/fork", "now in s-2, a copy of s, which stays as it is")
        say(term, "Hi", "Turn 4: Hi")
        say(term, "/fork", "now in s-3, a copy of s-2")
        say(term, "/fork 名 {*}", "now in 名 {*}, a copy of s-3")
        say(term, "Ho", "Turn 5: Ho")
        say(term, "/fork old", "there is a session 'old' already")
        say(term, "/new", "auto")
        say(term, "/fork", "there is nothing to copy yet")
    assert [len(known.said(name)) for name in ("s", "s-2", "s-3", "名 {*}")] == [6, 8, 8, 10]


def test_sessions_fork(known: User) -> None:
    done = known.run("sessions", "fork", "s", "--at", "2")
    assert (done.returncode, done.stdout, done.stderr) == (0, "s-2\n", "")
    assert len(known.said("s-2")) == 4
    assert known.run("sessions", "fork", "s", "new").stdout == "new\n"
    assert known.said("new") == known.said("s")
    for args, code in ((["s", "new"], 3), (["nobody"], 1), (["s", "x", "--at", "9"], 1), (["s", "x", "--at", "0"], 2)):
        failed = known.run("sessions", "fork", *args)
        assert failed.returncode == code, failed.stderr
        assert failed.stderr.startswith("error: ")


def test_a_reply_that_was_cut_off_goes_on(user: User) -> None:
    user.server.replies("One two three ", "four f", finish="length")
    user.server.replies("two three four ", "five six", finish="stop")
    with user.chatting("-s", "s") as term:
        say(term, "Count", "cut at the token limit; /continue goes on")
        say(term, "/continue", "One two three four five six")
        say(term, "/continue", "the last reply ended by itself")
    assert user.said("s") == [("user", "Count"), ("assistant", "One two three four five six")]


def test_a_reply_that_was_stopped_goes_on_inside_its_code(user: User) -> None:
    gate = Event()
    user.server.replies("```py\nfirst = 1\n", gate, "never")
    user.server.replies("second = 2\n```\n")
    with user.chatting("-s", "s") as term:
        term.enter("Code")
        term.wait_for("first = 1")
        term.key("c-c", "c-c")
        term.wait_for("stopped; what came is kept")
        gate.set()
        say(term, "/continue", "second = 2")
        assert "```" not in term.text(), "it is drawn as code"
    assert user.said("s")[1] == ("assistant", "```py\nfirst = 1\nsecond = 2\n```\n")


def test_a_stop_while_a_reply_goes_on_keeps_both_parts(user: User) -> None:
    gate = Event()
    user.server.replies("One two three", finish="length")
    user.server.replies(" four", gate, "never")
    with user.chatting("-s", "s") as term:
        say(term, "Count", "cut at the token limit")
        term.enter("/continue")
        term.wait_for("One two three four")
        term.key("c-c", "c-c")
        term.wait_for("stopped; what came is kept")
        gate.set()
    assert user.said("s") == [("user", "Count"), ("assistant", "One two three four")]


def programs(folder: Path, *names: str) -> dict[str, str]:
    """Put clipboard programs that write a file in front of all others; return the environment."""
    for name in names:
        (folder / name).write_text(f'#!/bin/sh\ncat > "{folder}/clip"\n')
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.fixture
def coded(user: User) -> User:
    store = user.store()
    store.append("s", [Message("user", "first"), Message("assistant", "one\ntwo\n")])
    store.append("s", [Message("user", "code"), Message("assistant", CODE)])
    store.close()
    return user


def test_copy_puts_a_reply_or_its_code_on_the_clipboard(coded: User, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    with coded.chatting("-s", "s", DISPLAY=":9", **programs(folder, "xclip")) as term:
        say(term, "/copy", "copied 13 lines")
        assert (folder / "clip").read_text() == CODE.replace("\x1b", "␛")  # it would end a paste into a shell
        say(term, "/copy 1", "copied 2 lines")
        assert (folder / "clip").read_text() == "one\ntwo\n"
        say(term, "/copy code", "copied 3 lines of code, block 1 of 2")
        assert (folder / "clip").read_text() == "a = '␛[31m'\n\nb = 2"
        say(term, "/copy code 2", "copied 1 line of code, block 2 of 2")
        assert (folder / "clip").read_text() == "four"
        say(term, "/copy code 3", "the last reply has 2 blocks of code")
        say(term, "/copy 9", "there is no turn 9")
        refused(term, "/copy it", "whole number")


def test_over_ssh_the_terminal_copies_and_nothing_else_of_it_is_written(coded: User, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    with coded.chatting("-s", "s", DISPLAY=":9", SSH_TTY="/dev/pts/9", **programs(folder, "xclip")) as term:
        say(term, "/copy code", "by the terminal, if it allows that")
        said = base64.b64encode("a = '␛[31m'\n\nb = 2".encode())
        assert b"\x1b]52;c;" + said + b"\x07" in term.raw
        assert not (folder / "clip").exists()


def test_without_a_clipboard_two_lines_say_so(coded: User) -> None:
    with coded.chat("-s", "s", TERM="dumb") as term:
        term.wait_for("you>")
        term.enter("/copy")
        term.wait_for("hint: install wl-clipboard, xclip or xsel")
        term.wait_for("error: there is no clipboard here")
        term.key("c-d")
        term.wait_exit()


def test_what_the_model_thought_is_shown_when_asked_for(user: User) -> None:
    user.server.replies(Thought("First \x1b[31mthis.\n"), Thought("Then that."), "Done.")
    with user.chatting("-s", "s", "--plain") as term:
        say(term, "Think", "Done.")
        say(term, "Again", "Turn 2: Again")
        say(term, "/reasoning", "nothing is known of what the model thought")
        say(term, "/reasoning 1", "Then that.")
        assert "First this." in term.text() or "First ␛[31mthis." in term.text()
        say(term, "/reasoning 9", "there is no turn 9")
    assert "First" not in str(user.server.chats[1].body)


def test_the_new_commands_complete(known: User) -> None:
    config = known.home / "config.toml"
    config.write_text(f'[models.mine]\nid = "m"\nbase_url = "{known.server.url}"\n')
    with known.chatting("-s", "s", CHATCLI_CONFIG=str(config)) as term:
        term.send("/conti\t")
        term.wait_for("you> /continue")
        term.key("c-c")
        term.send("/copy co\t")
        term.wait_for("you> /copy code")
        term.key("c-c")
        term.send("/retry -m mi\t")
        term.wait_for("you> /retry -m mine")
        term.key("c-c")


def test_two_terminals_take_turns_at_the_same_session(known: User) -> None:
    with known.chat("-s", "s") as one, known.chat("-s", "s") as other:
        one.wait_for("you>")
        other.wait_for("you>")
        say(one, "/retry", "Turn 3: question 2")
        say(other, "/alt 1", "version 1 stands")
        say(one, "/alt", "*  1  answer 2")
        other.enter("/edit 3")
        other.wait_for("edit> question 2")
        say(one, "Went on", "Turn 4: Went on")
        other.enter("!")
        other.wait_for("question 2!")
        other.wait(at_the_prompt)
        leave(one)
        leave(other)
    said = [text for _, text in known.said("s")]
    assert said[4:8] == ["question 2", "answer 2", "Went on", "Turn 4: Went on"]
    assert said[8] == "question 2!"


def test_with_the_store_away_nothing_typed_is_lost_and_nothing_is_half_done(user: User) -> None:
    port = free_port()
    with running(port=port) as redis, user.chat("-s", "s", "--store", redis.url, rows=50) as term:
        term.wait_for("you>")
        say(term, "one", "Turn 1: one")
        say(term, "/retry", "Turn 1: one")
        term.enter("/edit")
        term.wait_for("edit> one")
        redis.process.terminate()
        redis.process.wait()
        say(term, " more", "Turn 1: one more")
        term.wait_for("store away · 1 turn kept here")
        for command in ("/alt 1", "/fork", "/undo"):
            say(term, command, "error: the store is away")
        say(term, "/history", "one more")
        leave(term)
    assert len(user.server.chats) == 3


def test_in_redis_versions_survive_the_program_and_a_fork(user: User) -> None:
    with running() as redis:
        with user.chatting("-s", "s", "--store", redis.url) as term:
            say(term, "one", "Turn 1: one")
            user.server.replies("another", finish="length")
            say(term, "/retry", "cut at the token limit")
        with user.chat("-s", "s", "--store", redis.url) as term:
            term.wait_for("another")
            user.server.replies(" one")
            say(term, "/continue", "another one")
            say(term, "/fork", "now in s-2")
            say(term, "/alt 1", "version 1 stands in the history now")
            say(term, "/alt", "2  test-model")
            leave(term)
        shown = user.run("history", "show", "-s", "s", "--store", redis.url).stdout
        assert "another one" in shown
        assert "Turn 1: one" in user.run("history", "show", "-s", "s-2", "--store", redis.url).stdout
