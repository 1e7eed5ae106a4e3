"""Each slash command, in a real terminal."""

import json
import re

import pytest

from chatcli.messages import Message
from tests.e2e.conftest import User, leave
from tests.terminal import Terminal


@pytest.fixture
def known(user: User) -> User:
    """A user with a session `s` of three turns, and an older one, `old`."""
    store = user.store()
    store.append("old", [Message("user", "old question"), Message("assistant", "old answer")])
    for number in range(3):
        store.append("s", [Message("user", f"question {number}"), Message("assistant", f"answer {number}")])
    store.update("s", title="question 0")
    store.close()
    return user


def say(term: Terminal, line: str, answer: str) -> None:
    """Send a line and wait for an answer that was not on the screen before."""
    before = term.text().count(answer)
    term.enter(line)
    term.wait(lambda t: t.text().count(answer) > before, what=f"{line!r} → {answer!r}")
    term.wait(lambda t: t.screen_text().rstrip().splitlines()[-2:] and "you>" in t.screen_text())


def refused(term: Terminal, line: str, answer: str) -> None:
    """Send a command that is an error; the line is empty then."""
    before = term.text().count("you>")
    term.enter(line)
    term.wait_for(answer)
    term.wait(lambda t: t.text().count("you>") > before and prompt_line(t) == "you>", what="an empty line")


def given_back(term: Terminal, message: str, answer: str) -> None:
    """Send a message that is refused; it stands in the line again, and is cleared here."""
    before = term.text().count(f"you> {message}")
    term.enter(message)
    term.wait_for(answer)
    term.wait(lambda t: t.text().count(f"you> {message}") == before + 2, what="the message to be given back")
    term.key("c-c")
    term.wait(lambda t: prompt_line(t) == "you>", what="the line to be cleared")


def prompt_line(term: Terminal) -> str:
    """Return the last line on the screen that begins with the prompt."""
    return next((line for line in reversed(term.screen_lines()) if line.startswith("you>")), "")


def test_help_lists_every_command_and_key(known: User) -> None:
    with known.chatting("-s", "s", "-q", cols=80, rows=24) as term:
        term.key("c-l")
        say(term, "/help", "says what a command does")
        shown = term.screen_text()
        assert "/new" in shown.split("you>")[1], "the whole help fits the screen"
        assert "Tab completes" in shown
        for name in (
            "attach", "clear", "cls", "context", "delete", "detach", "exit", "export", "help", "history", "import",
            "info", "memory", "model", "new",
            "compact", "pin", "pins", "redo", "rename", "resume", "retry", "search", "sessions", "set",
            "summary", "system", "title", "undo",
            "unpin", "var", "alternatives", "continue", "copy", "edit", "fork", "reasoning",
        ):  # fmt: skip
            assert f"/{name}" in term.text()


def test_help_explains_a_command(known: User) -> None:
    with known.chatting("-s", "s") as term:
        say(term, "/help var", '/var [name value]  show the prompt\'s variables, or set one; "" removes it')
        say(term, "/help /quit", "also /quit /bye")
        refused(term, "/help nothing", "there is no command /nothing")


def test_the_help_of_a_command_is_broken_between_words(known: User) -> None:
    with known.chatting("-s", "s", cols=40) as term:
        say(term, "/help context", "recalled")
        lines = term.screen_text().splitlines()
        first = next(number for number, line in enumerate(lines) if line.startswith("/context [text]"))
        said = " ".join(line.strip() for line in lines[first : first + 4])
        assert "show exactly what would be sent; --json: the messages alone, --explain: why turns are recalled" in said


def test_help_in_a_very_narrow_terminal_is_not_printed_letter_by_letter(known: User) -> None:
    with known.chatting("-s", "s", cols=10, rows=200) as term:
        term.enter("/help")
        term.wait_for("keys")
        lines = [line.strip() for line in term.text().splitlines()]
        assert "/retry" in " ".join(lines)
        assert "seeing" in lines
        assert sum(len(line) == 1 for line in lines) < 3


def test_an_unknown_command_is_an_error_and_never_sent(known: User) -> None:
    with known.chatting("-s", "s") as term:
        refused(term, "/retyr", "did you mean /retry?")
        refused(term, "/xyzzy", "/help lists the commands. A space in front")
    assert known.server.chats == []


def test_a_command_that_was_refused_leaves_the_line_empty_and_the_up_key_brings_it_back(known: User) -> None:
    with known.chatting("-s", "s", "--memory", "window:3") as term:
        say(term, "/rename", "write /rename NAME")
        say(term, "/resume nobody", "there is no session 'nobody'")
        say(term, "/compact", "window:3 sends no summary")
        refused(term, "/undo x", "whole number")
        say(term, "Hello", "Turn 4: Hello")
        refused(term, "/Xyzzy", "there is no command /Xyzzy")
        term.key("up")
        term.wait(lambda t: prompt_line(t) == "you> /Xyzzy")
        term.key("c-c")
    assert known.server.chats[0].texts[-1] == ("user", "Hello")


def test_a_command_without_arguments_takes_none(known: User) -> None:
    with known.chatting("-s", "s") as term:
        for line in ("/clear foo", "/redo 2", "/pins 3", "/tokens foo", "/cls now", "/quit now"):
            refused(term, line, "takes no argument")
            term.key("c-l")
            term.wait_gone("takes no argument")
    assert len(known.said("s")) == 6


@pytest.mark.parametrize("word", ["/exit", "/quit", "/bye"])
def test_leaving(known: User, word: str) -> None:
    with known.chat("-s", "s") as term:
        term.wait_for("you>")
        term.enter(word)
        assert term.wait_exit() == 0


def test_resuming_shows_the_last_turns_and_what_stands_before(known: User) -> None:
    with known.chat("-s", "s") as term:
        term.wait_for("answer 2")
        assert "user> question 1" in term.text()
        assert "answer 2" in term.text()
        assert "2 earlier messages" in term.text()
        assert "question 0" not in term.text()
        say(term, "/history", "question 0")
        leave(term)


def test_undo_and_redo(known: User) -> None:
    with known.chatting("-s", "s") as term:
        say(term, "/undo 2", "took back 2 turns")
        assert len(known.said("s")) == 2
        say(term, "/redo", "brought back 2 turns")
        assert len(known.said("s")) == 6
        say(term, "/redo", "nothing to redo here")
        say(term, "/undo", "took back 1 turn: question 2; /redo brings it back")
        refused(term, "/undo x", "whole number")
        refused(term, "/history " + 20 * "9", "too large a number")


def test_retry_replaces_the_last_reply(known: User) -> None:
    with known.chatting("-s", "s") as term:
        say(term, "/retry", "Turn 3: question 2")
    assert known.said("s")[-2:] == [("user", "question 2"), ("assistant", "Turn 3: question 2")]
    assert len(known.said("s")) == 6


def test_clear_asks_and_says_what_it_did(known: User) -> None:
    with known.chatting("-s", "s") as term:
        say(term, "/clear", "empty s (6 messages)?")
        term.enter("n")
        term.wait_for("nothing was removed")
        assert len(known.said("s")) == 6
        say(term, "/clear", "[y/N]")
        term.enter("YES")
        term.wait_for("6 messages removed")
        say(term, "/info", "last context")
    store = known.store()
    assert {session.title for session in store.sessions()} == {""}
    store.close()
    assert known.said("s") == []
    assert known.said("old") != []


def test_delete_asks_and_begins_anew(known: User) -> None:
    with known.chatting("-s", "s") as term:
        say(term, "/delete", "[y/N]")
        term.enter("Y")
        term.wait_for("deleted s")
        say(term, "Hello", "Turn 1: Hello")
    store = known.store()
    assert not store.exists("s")
    assert len(store.sessions()) == 2
    store.close()


def test_new_resume_rename_and_sessions(known: User) -> None:
    with known.chatting("-s", "s", rows=40) as term:
        say(term, "/new fresh", "fresh ·")
        say(term, "Hello", "Turn 1: Hello")
        say(term, "/rename 新的", "now 新的")
        say(term, "/sessions 20", "LAST USED")
        assert "新的" in term.text()
        say(term, "/resume old", "old answer")
        say(term, "More", "Turn 2: More")
        say(term, "/resume nobody", "there is no session 'nobody'")
        refused(term, "/rename s", "hint: /resume s opens it")
        refused(term, "/new s", "there is a session 's' already")
    assert known.said("新的") == [("user", "Hello"), ("assistant", "Turn 1: Hello")]
    assert known.said("old")[-1] == ("assistant", "Turn 2: More")


def test_the_model_is_shown_and_exchanged_and_kept(known: User) -> None:
    with known.chatting("-s", "s") as term:
        say(term, "/model", "test-model")
        say(term, "/model another", "the next reply comes from another")
        say(term, "Hi", "Turn 4: Hi")
    assert known.server.chats[0].body["model"] == "another"
    known.run("ask", "-s", "s", "And now?", env={"CHATCLI_MODEL": "from-the-environment"})
    assert known.server.chats[1].body["model"] == "another"


def test_the_memory_is_shown_and_exchanged_and_kept(known: User) -> None:
    with known.chatting("-s", "s") as term:
        say(term, "/memory window:1", "window:1: the next request holds turn 3 word for word")
        say(term, "Hi", "Turn 2: Hi")
        refused(term, "/memory window:0", "'window:0' is no memory")
    known.run("ask", "-s", "s", "And now?")
    assert known.server.chats[1].texts == [("user", "Hi"), ("assistant", "Turn 2: Hi"), ("user", "And now?")]


def test_system_text_variables_and_options_are_sent_and_kept(known: User) -> None:
    with known.chatting("-s", "s") as term:
        say(term, "/system You know {what}.", "it needs what")
        given_back(term, "Hi", "in a chat /var what …")
        assert known.server.chats == []
        say(term, "/var what everything", "what = everything")
        say(term, "/set temperature 0.5", "temperature = 0.5")
        say(term, "Hi", "Turn 4: Hi")
        say(term, "/set temprature 1", "did you mean temperature?")
        say(term, '/set temprature ""', "temperature = 0.5")
        refused(term, "/set temperature NaN", "no number that can be sent")
        say(term, '/system ""', "no system text")
        say(term, '/var what ""', "no variables")
    assert known.server.chats[0].texts[0] == ("system", "You know everything.")
    assert known.server.chats[0].body["temperature"] == 0.5
    known.run("ask", "-s", "s", "And now?")
    assert known.server.chats[1].texts[0][0] == "user"
    assert known.server.chats[1].body["temperature"] == 0.5


def test_context_shows_what_is_sent(known: User) -> None:
    with known.chatting("-s", "s", "--memory", "window:1", "--system", "Be brief.", rows=50) as term:
        say(term, "/context What now?", "messages, ~")
        shown = term.text()
        headings = ("\nsystem ·", "\n\ntail: turn 3 word for word ·", "\n\ninput ·")
        assert [shown.index(part) for part in headings] == sorted(shown.index(part) for part in headings)
        say(term, "/context --json What now?", '"content": "What now?"')
        text = term.text()
        listed = json.loads(text[text.rindex("[\n") : text.rindex("]") + 1])
        say(term, "What now?", "Turn 2: What now?")
    assert listed == known.server.chats[0].body["messages"]


def test_info_and_the_toolbar_say_where_we_are(known: User) -> None:
    with known.chat("-s", "s", rows=40, cols=120) as term:
        term.wait_for("s · test-model · auto · sqlite")
        say(term, "Hi", "Turn 4: Hi")
        term.wait(lambda t: re.search(r"· [1-9]\d* tokens, window unknown", t.screen_text()))
        say(term, "/info", "last context")
        assert "sessions.db" in term.text()
        leave(term)


@pytest.mark.parametrize("command", ["/undo", "/compact"])
def test_the_toolbar_shows_no_figure_of_a_context_that_is_no_more(known: User, command: str) -> None:
    with known.chatting("-s", "s", cols=120) as term:
        say(term, "Hi", "Turn 4: Hi")
        term.wait_for("tokens, window unknown")
        term.enter(command)
        term.wait_gone("tokens, window unknown")
        term.wait_for("s · test-model · auto · sqlite")
        say(term, "/info", "last context  known with the next message")


def test_cls_clears_the_screen_and_keeps_the_session(known: User) -> None:
    with known.chat("-s", "s") as term:
        term.wait_for("answer 2")
        term.enter("/cls")
        term.wait_gone("answer 2")
        leave(term)
    assert len(known.said("s")) == 6


def test_tab_completes_commands_and_their_arguments(known: User) -> None:
    with known.chatting("-s", "s") as term:
        term.send("/resu")
        term.wait_for("go on with another session")
        term.key("tab")
        term.send("ol")
        term.wait_for("/resume ol")
        term.key("tab", "enter", "enter")
        term.wait_for("old answer")


def test_prompt_takes_another_prompt_of_the_config_and_keeps_it(known: User) -> None:
    (known.home / "config").mkdir()
    (known.home / "config" / "config.toml").write_text(
        '[prompts.history]\nsystem = "You know {field}."\nvariables = { field = "history" }\n'
        '[prompts.poet]\nsystem = "Rhyme about {theme}."\n'
    )
    with known.chatting("-s", "s", "-q") as term:
        say(term, "/prompt", "no prompt: the history, then your message")
        say(term, "/prompt history", "system: You know {field}.")
        term.enter("Hello")
        term.wait_for("Turn 4: Hello")
        say(term, "/prompt poet", "it needs theme: /var theme")
        refused(term, "/prompt nobody", "there is no prompt 'nobody'")
    assert known.server.chats[0].texts[0] == ("system", "You know history.")
    store = known.store()
    assert store.snapshot("s", 0).session.settings["prompt"] == "poet"
    store.close()


def test_editor_puts_what_was_written_into_the_line(known: User) -> None:
    script = known.home / "editor"
    script.write_text('#!/bin/sh\nprintf " and more\\nlines" >> "$1"\n')
    script.chmod(0o700)
    with known.chatting("-s", "s", "-q", EDITOR=str(script), VISUAL="") as term:
        term.enter("/editor begun")
        term.wait_for("lines")
        term.key("enter")
        term.wait_for("Turn 4")
    assert known.server.chats[0].texts[-1][1].split() == ["begun", "and", "more", "lines"]


def test_an_editor_that_fails_sends_nothing(known: User) -> None:
    with known.chatting("-s", "s", "-q", EDITOR="false", VISUAL="") as term:
        say(term, "/editor", "the editor failed")
    assert known.server.chats == []


def test_in_multiline_enter_makes_a_new_line_and_control_j_sends(known: User) -> None:
    with known.chatting("-s", "s", "-q") as term:
        say(term, "/multiline", "^J, Alt+Enter sends, Enter makes a new line")
        term.send("one")
        term.key("enter")
        term.send("two")
        term.wait_for("two")
        term.key("c-j")
        term.wait_for("Turn 4")
        say(term, "/multiline", "Enter sends, ^J, Alt+Enter makes a new line")
        term.enter("three")
        term.wait_for("Turn 5")
    assert known.server.chats[0].texts[-1] == ("user", "one\ntwo")
