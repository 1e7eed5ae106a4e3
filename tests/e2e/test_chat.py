"""The interactive chat in a real terminal, against a real server."""

import signal
from contextlib import closing
from threading import Event

from chatcli.messages import Message
from chatcli.stores import Pending
from chatcli.writer import this_writer
from tests.e2e.conftest import CHATCLI, User, in_line, leave, prompts
from tests.servers import BAD_KEY, RATE_LIMIT, Cut, Thought
from tests.terminal import Terminal


def test_ctrl_c_keeps_the_partial_reply_and_the_next_turn_works(user: User) -> None:
    gate = Event()
    user.server.replies("One, two,", gate, " three")
    with user.chatting("-s", "s") as term:
        term.enter("Count")
        term.wait_for("One, two,")
        term.key("c-c")
        term.wait_for("stopped; what came is kept")
        assert user.server.wait_disconnect()
        term.enter("Go on")
        term.wait_for("Turn 2: Go on")
        assert term.text().count("One, two,") == 1
    gate.set()
    assert user.server.chats[1].texts == [("user", "Count"), ("assistant", "One, two,"), ("user", "Go on")]
    assert user.said("s")[:2] == [("user", "Count"), ("assistant", "One, two,")]


def test_ctrl_c_before_the_first_delta_leaves_the_message_to_be_sent_again(user: User) -> None:
    gate = Event()
    user.server.replies(gate, "late")
    with user.chatting("-s", "s") as term:
        term.enter("Count")
        user.server.wait_chats(1)
        term.key("c-c")
        term.wait_for("/retry sends it again")
        term.enter("/retry")
        term.wait_for("Turn 1: Count")
    gate.set()
    assert user.said("s") == [("user", "Count"), ("assistant", "Turn 1: Count")]


def test_ctrl_c_at_once_after_enter_counts_from_the_first_turn_on(user: User) -> None:
    with user.chatting("-s", "s") as term:
        for times, keys in enumerate((("go\r", "\x03"), ("/retry\r", "\x03"), ("/retry\r\x03more",)), 1):
            user.server.hangs()
            for piece in keys:  # in one piece, the prompt reads it all
                term.send(piece)
            term.wait(lambda t, times=times: t.text().count("/retry sends it again") == times)
            term.wait(prompts(times + 1))
        term.wait(in_line("you> more"))
        term.key("c-c")
    store = user.store()
    assert [turn.user.text for turn in store.pending("s")] == ["go"]
    store.close()


def killed_in_a_stream(user: User) -> None:
    """Leave a session behind whose program was killed in the middle of a reply."""
    gate = Event()
    user.server.replies("One, two,", gate, " three")
    with user.chat("-s", "s") as term:
        term.wait_for("you>")
        term.enter("Count")
        term.wait_for("One, two,")
        store = user.store()
        term.wait(lambda _: any(turn.partial for turn in store.pending("s")))
        store.close()
        term.kill(signal.SIGKILL)
        term.wait_exit()
    gate.set()


def test_after_a_kill_the_partial_reply_is_offered_and_can_be_continued(user: User) -> None:
    killed_in_a_stream(user)
    assert user.said("s") == []
    user.server.replies(" three.")
    with user.chat("-s", "s") as term:
        term.wait_for("[c]ontinue")
        assert "One, two," in term.text()
        term.enter("c")
        term.wait(prompts(1))
        leave(term)
    assert user.said("s") == [("user", "Count"), ("assistant", "One, two, three.")]
    assert user.server.chats[1].texts[:2] == [("user", "Count"), ("assistant", "One, two,")]


def test_after_a_kill_the_turn_can_be_sent_again(user: User) -> None:
    killed_in_a_stream(user)
    with user.chat("-s", "s") as term:
        term.wait_for("[c]ontinue")
        term.enter("r")
        term.wait_for("Turn 1: Count")
        term.wait(prompts(1))
        leave(term)
    assert user.said("s") == [("user", "Count"), ("assistant", "Turn 1: Count")]


def test_after_a_kill_the_turn_can_be_dropped_or_kept(user: User) -> None:
    killed_in_a_stream(user)
    with user.chat("-s", "s") as term:
        term.wait_for("[c]ontinue")
        term.enter("d")
        term.wait_for("dropped")
        leave(term)
    assert user.said("s") == []
    killed_in_a_stream(user)
    with user.chat("-s", "s") as term:
        term.wait_for("[c]ontinue")
        term.enter("k")
        term.wait_for("kept")
        leave(term)
    assert user.said("s") == [("user", "Count"), ("assistant", "One, two,")]


def test_a_turn_that_somebody_else_left_is_asked_about_with_what_came_and_whose_it_is(user: User) -> None:
    with user.chatting("-s", "s") as term:
        with closing(user.store()) as store:
            question = Message("user", "Count", id="m1", author="bob@lap")
            store.begin("s", Pending("t1", question, this_writer() + "0", partial="One, two,"))
        term.enter("Hello")
        term.wait_for("unfinished, by bob@lap: Count\nOne, two,\n")
        term.wait_for("[c]ontinue it, [r]etry, [k]eep it so, or [d]rop it?")
        term.enter("k")
        term.wait_for("Turn 2: Hello")


def test_a_message_at_the_question_is_given_back_and_decides_nothing(user: User) -> None:
    killed_in_a_stream(user)
    with user.chat("-s", "s") as term:
        term.wait_for("[c]ontinue")
        term.enter("describe my cat")
        term.wait(lambda t: t.screen_text().count("describe my cat") == 2)
        assert [turn.partial for turn in user.store().pending("s")] == ["One, two,"]
        term.key("c-c")
        leave(term)


def test_a_failing_answer_to_the_question_leaves_the_chat_open(user: User) -> None:
    killed_in_a_stream(user)
    user.server.refuses(BAD_KEY)
    with user.chat("-s", "s") as term:
        term.wait_for("[c]ontinue")
        term.enter("c")
        term.wait_for("error:")
        term.wait_for("you>")
        leave(term)
    store = user.store()
    assert [turn.partial for turn in store.pending("s")] == ["One, two,"]
    store.close()


def test_what_was_typed_ahead_answers_no_question(user: User) -> None:
    gate = Event()
    user.server.replies("One", gate, " two")
    with user.chatting("-s", "s") as term:
        term.enter("Count")
        term.wait_for("One")
        term.send("/clear\ry\r")
        term.wait(lambda _: gate.set() or True)
        term.wait_for("[y/N]")
        term.key("enter")
        term.wait_for("nothing was removed")
        term.wait_for("Turn 2: y")
    assert len(user.said("s")) == 4


def test_a_chat_whose_output_goes_elsewhere_reads_lines(user: User) -> None:
    program = " ".join(CHATCLI)
    with Terminal(["bash", "-c", f"{program} chat -s s | cat"], env=user.env, cwd=user.home) as term:
        term.enter("Hello")
        term.wait_for("Turn 1: Hello")
        term.key("c-d")
        term.wait_exit()


def test_a_paste_is_one_message_and_does_not_send_itself(user: User) -> None:
    with user.chatting("-s", "s") as term:
        term.paste("first line\nsecond line\nthird line")
        term.wait_for("third line")
        assert user.server.chats == []
        term.key("enter")
        user.server.wait_chats(1)
        term.wait(prompts(2))
    assert user.server.chats[0].texts == [("user", "first line\nsecond line\nthird line")]


def test_what_is_typed_while_a_reply_runs_is_the_next_input(user: User) -> None:
    gate = Event()
    user.server.replies("One", gate, " two")
    with user.chatting("-s", "s") as term:
        term.enter("Count")
        term.wait_for("One")
        term.send("And 中文?\r")
        term.wait(lambda _: gate.set() or True)
        term.wait_for("Turn 2: And 中文?")
        assert "One two" in term.text()


def test_chinese_stands_once_and_whole_at_the_right_margin(user: User) -> None:
    text = "汉字" * 60
    user.server.replies(*(text[i : i + 3] for i in range(0, len(text), 3)))
    with user.chatting("-s", "s", cols=41) as term:
        term.enter("说")
        term.wait(lambda t: t.text().replace("\n", "").count("汉字") == 60)
        term.wait(prompts(2))
        assert term.text().replace("\n", "").count("汉字") == 60


def test_a_resize_in_a_stream_doubles_nothing(user: User) -> None:
    gate, more = Event(), Event()
    user.server.replies("# Title\n\nfirst words", gate, " second words", more, "\n\nlast words")
    with user.chatting("-s", "s", cols=80, rows=24) as term:
        term.enter("Write")
        term.wait_for("first words")
        term.resize(20, 50)
        gate.set()
        term.wait_for("second words")
        term.resize(24, 100)
        more.set()
        term.wait_for("last words")
        term.wait(prompts(2))
        for words in ("first words", "second words", "last words"):
            assert term.text().count(words) == 1


def test_reasoning_is_shown_folded_by_the_answer_and_is_no_part_of_the_reply(user: User) -> None:
    gate = Event()
    user.server.replies(Thought("Let me think."), gate, "The answer.")
    with user.chatting("-s", "s") as term:
        term.enter("Why?")
        term.wait_for("Let me think.")
        gate.set()
        term.wait_for("The answer.")
        assert "Let me think." not in term.text()
        assert "thought for 0 s; /reasoning shows it" in term.text()
    assert user.said("s")[1] == ("assistant", "The answer.")


def test_what_was_thought_before_a_reply_that_never_began_can_still_be_seen(user: User) -> None:
    user.server.replies(Thought("Let me think of\nevery side of it."), Event(), "never")
    with user.chat("-s", "s") as term:
        term.wait_for("you>")
        term.enter("Why?")
        term.wait_for("every side of it.")
        term.key("c-c")
        term.wait_for("/retry sends it again")
        term.wait_gone("every side of it.")
        term.enter("/reasoning")
        term.wait_for("every side of it.")
        term.enter("/retry")
        term.wait_for("Turn 1: Why?")
        term.enter("/reasoning")
        term.wait_for("nothing is known of what the model thought")
        leave(term)


def test_the_speed_is_told_below_the_reply_when_asked_for(user: User) -> None:
    user.server.replies("The answer.", usage=(11, 312, None))
    with user.chatting("-s", "s", CHATCLI_SHOW_SPEED="true") as term:
        term.enter("Why?")
        term.wait_for("312 tokens · ")
        assert "tokens/s · first after" in term.text()


def test_a_refused_request_is_two_lines_and_the_chat_goes_on(user: User) -> None:
    user.server.refuses(BAD_KEY)
    with user.chatting("-s", "s") as term:
        term.enter("Hi")
        term.wait_for("hint:")
        assert "error:" in term.text()
        assert "sk-test-secret" not in term.text()
        term.enter("Something else")
        term.wait_for("[r]etry it, or [d]rop it?")
        term.enter("d")
        term.wait_for("Turn 1: Something else")


def test_an_undecided_message_gives_the_new_one_back_to_the_line(user: User) -> None:
    user.server.refuses(BAD_KEY)
    with user.chatting("-s", "s") as term:
        term.enter("Hi")
        term.wait_for("hint:")
        term.enter("Something else")
        term.wait_for("[r]etry it, or [d]rop it?")
        term.key("enter")
        term.wait(lambda t: t.text().count("you> Something else") == 2, what="the message to be given back")
        term.key("c-c")
        term.wait(lambda t: t.text().count("you> Something else") == 1, what="the line to be cleared")


def test_an_answer_that_is_no_choice_is_told_them_and_the_message_waits_as_it_is(user: User) -> None:
    user.server.refuses(BAD_KEY)
    with user.chatting("-s", "s") as term:
        term.enter("Hi")
        term.wait_for("hint:")
        term.enter("Something else")
        for times, answer in enumerate(("zzz", "yes", "and this is a long one"), 1):
            term.wait(lambda t, times=times: t.text().count("or [d]rop it?") == times)
            term.enter(answer)
            term.wait(lambda t, times=times: t.text().count("answer r or d; Enter alone leaves it") == times)
        term.wait(lambda t: t.text().count("or [d]rop it?") == 4)
        term.send("\x03\x03")  # the second one is meant for the question too
        term.wait(in_line("you> Something else"))
        term.enter("")
        term.wait(lambda t: t.text().count("or [d]rop it?") == 4)
        term.enter("R")
        term.wait_for("Turn 1: Hi")
        term.wait_for("Turn 2: Something else")


def test_a_retry_after_429_is_one_line(user: User) -> None:
    user.server.refuses(RATE_LIMIT)
    with user.chatting("-s", "s") as term:
        term.enter("Hi")
        term.wait_for("Turn 1: Hi")
        assert term.text().count("; again ") == 1


def test_a_stream_that_is_cut_keeps_what_came_and_says_so(user: User) -> None:
    user.server.replies("Half", Cut)
    with user.chatting("-s", "s") as term:
        term.enter("Hi")
        term.wait_for("error:")
    assert user.said("s") == [("user", "Hi"), ("assistant", "Half")]


def test_sigterm_in_a_stream_leaves_the_terminal_as_it_was(user: User) -> None:
    gate = Event()
    user.server.replies("One", gate)
    with user.chat("-s", "s") as term:
        term.wait_for("you>")
        term.enter("Count")
        term.wait_for("One")
        term.kill(signal.SIGTERM)
        term.wait_exit()
        assert not term.bracketed_paste
    gate.set()


def test_nothing_from_the_model_reaches_the_terminal_as_a_command(user: User) -> None:
    hostile = "\x1b]52;c;aGk=\x07\x1b[2J\x9b31m\x1b]0;title\x07 \u202eevil"
    user.server.replies(*hostile, " done")
    with user.chat("-s", "s") as term:
        term.wait_for("you>")
        term.enter("Hi")
        term.wait_for("done")
        leave(term)
        assert b"\x1b]52" not in term.raw
        assert b"\x1b[2J" not in term.raw
        assert "\x9b".encode() not in term.raw
        assert "\u202e".encode() not in term.raw


def test_a_chat_without_a_terminal_reads_lines(user: User) -> None:
    done = user.run("chat", "-s", "s", stdin="Hello\n/memory\n/nonsense\nAgain\n")
    assert done.returncode == 2, "the code of the last error"
    assert "Turn 1: Hello" in done.stdout
    assert "Turn 2: Again" in done.stdout
    assert "there is no command /nonsense" in done.stderr
    assert "\x1b" not in done.stdout


def test_private_writes_nothing_anywhere(user: User) -> None:
    before = sorted(user.home.rglob("*"))
    with user.chat("--private") as term:
        term.wait_for("it ends with this chat")
        term.enter("Secret")
        term.wait_for("Turn 1: Secret")
        leave(term)
    assert sorted(user.home.rglob("*")) == before


def test_a_session_with_a_memory_that_is_none_any_more_is_resumed_with_the_default(user: User) -> None:
    with closing(user.store()) as store:
        store.append("old", [Message("user", "before"), Message("assistant", "then")])
        store.update("old", settings={"memory": "buffer+none"})
    with user.chat("-s", "old") as term:
        term.wait_for("old · test-model · auto · sqlite")
        assert term.screen_lines()[0] == "this session's memory, buffer+none, is none any more: auto instead"
        term.wait_for("then")
        term.enter("/memory window:3")
        term.wait_for("window:3: ")
        term.key("c-d")
        assert term.wait_exit() == 0
    with closing(user.store()) as store:
        assert store.snapshot("old", 0).session.settings["memory"] == "window:3"
    refused = user.run("ask", "-s", "old", "--memory", "buffer+none", "now")
    assert (refused.returncode, user.server.chats) == (2, [])
