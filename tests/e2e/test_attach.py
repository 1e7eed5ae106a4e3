"""Files with a message: `/attach`, `@path`, `-a`, as somebody at a terminal has them."""

from pathlib import Path

import pytest

from tests.e2e.conftest import User, leave
from tests.e2e.test_slash import given_back, refused, say
from tests.pictures import pdf, png
from tests.servers import BAD_KEY, refusal

NO_IMAGES = refusal(400, "Invalid content type. image_url is only supported by certain models.")


@pytest.fixture
def folder(user: User) -> Path:
    (user.home / "my notes.txt").write_text("Ada was here", encoding="utf-8")
    (user.home / "cat.png").write_bytes(png(600, 600))
    (user.home / "report.pdf").write_bytes(pdf("Ada was there"))
    (user.home / "src").mkdir()
    (user.home / "program").write_bytes(b"\x7fELF\0\xff")
    return user.home


def test_what_is_attached_is_sized_listed_and_goes_with_the_next_message_only(user: User, folder: Path) -> None:
    with user.chatting("-s", "s") as term:
        refused(term, "/attach nowhere.txt", "cannot be attached")
        refused(term, "/attach 'my notes.txt' src", "is a folder")
        say(term, "/attach", "nothing is attached")
        say(term, "/attach 'my notes.txt' cat.png report.pdf", "my notes.txt, ~")
        term.wait_for("cat.png, ~765 tokens")
        say(term, "/detach report.pdf", "with the next message")
        say(term, "/detach nowhere.txt", "nowhere.txt is not attached")
        say(term, "/context", "Ada was here")
        say(term, "Who?", "Turn 1: Who?")
        say(term, "/attach", "nothing is attached")
        say(term, "And?", "Turn 2: And?")
    said, notes, image = user.server.chats[0].body["messages"][0]["content"]
    assert (said["text"], notes["text"]) == ("Who?", "my notes.txt:\n```\nAda was here\n```")
    assert image["image_url"]["url"].startswith("data:image/png;base64,iVBOR")
    assert user.server.chats[1].texts[-1] == ("user", "And?")


def test_all_attachments_go_by_a_dash(user: User, folder: Path) -> None:
    with user.chat("-s", "s", "-a", "cat.png") as term:
        term.wait_for("cat.png, ~765 tokens")
        say(term, "/attach -", "nothing is attached")
        say(term, "/attach cat.png", "cat.png, ~765 tokens")
        say(term, "/detach", "nothing is attached")
        say(term, "Hi", "Turn 1: Hi")
        leave(term)
    assert user.server.chats[0].texts == [("user", "Hi")]


def test_a_message_may_name_its_files_and_other_words_stay_text(user: User, folder: Path) -> None:
    line = 'Compare @"my notes.txt" with @report.pdf, @src and @nobody.'
    with user.chatting("-s", "s", cols=120) as term:
        say(term, line, "my notes.txt, ~")
        term.wait_for("Turn 1: ")
        say(term, "/history", f"you> {line}"[5:])
        term.wait_for("[report.pdf ")
    ((role, text),) = user.server.chats[0].texts
    assert role == "user"
    assert text.split("\n\n") == [
        line,
        "my notes.txt:\n```\nAda was here\n```",
        "report.pdf:\n```\n[page 1]\nAda was there\n```",
    ]


def test_a_folded_paste_names_no_file_not_even_when_it_was_given_back(user: User, folder: Path) -> None:
    paste = "\n\n@report.pdf\n" + "a line\n" * 60
    with user.chatting("-s", "s", cols=120) as term:
        term.send("/context ")
        term.paste(paste)
        term.wait_for("[pasted 63 lines]")
        say(term, "", "a line")
        term.send('See @"my notes.txt" and ')
        term.paste(paste)
        term.send(" @program")
        term.wait_for("[pasted 63 lines] @program")
        term.key("enter")
        term.wait_for("neither text")
        term.wait(lambda t: t.screen_text().count("[pasted 63 lines] @program") == 2, what="the line to be given back")
        term.key(*["backspace"] * len(" @program"))
        say(term, "", "Turn 1: ")
    assert "Ada was there" not in term.text()
    ((_, text),) = user.server.chats[0].texts
    assert ("@report.pdf\na line" in text, "Ada was here" in text, "Ada was there" in text) == (True, True, False)


@pytest.mark.parametrize("said", ["See @report.pdf", '"""\nSee\n@report.pdf\n"""'])
def test_what_comes_through_a_pipe_names_no_file(user: User, folder: Path, said: str) -> None:
    assert user.run("chat", "-s", "s", stdin=f"{said}\n").returncode == 0
    ((_, text),) = user.server.chats[0].texts
    assert "Ada was there" not in text


@pytest.mark.parametrize(
    ("name", "error"), [("program", "neither text"), ("src/", "is a folder"), ("/dev/zero", "a pipe or a device")]
)
def test_a_line_that_names_what_cannot_be_sent_is_given_back(user: User, folder: Path, name: str, error: str) -> None:
    with user.chat("-s", "s", "-a", "cat.png", cols=120) as term:
        term.wait_for("cat.png, ~765 tokens")
        given_back(term, f"What does @{name} do?", error)
        say(term, "/attach", "with the next message")
        leave(term)
    assert user.server.chats == []


def test_a_mistyped_file_is_told_and_the_message_goes_as_it_is(user: User, folder: Path) -> None:
    with user.chatting("-s", "s") as term:
        say(term, "What is in @nofile.txt?", "no file nofile.txt")
        term.wait_for("Turn 1: What is in @nofile.txt?")
    assert user.said("s")[0] == ("user", "What is in @nofile.txt?")


def test_a_message_that_failed_keeps_its_attachment(user: User, folder: Path) -> None:
    user.server.refuses(BAD_KEY)
    with user.chatting("-s", "s", "-a", "my notes.txt") as term:
        say(term, "Who?", "hint:")
        say(term, "/retry", "Turn 1: Who?")
    assert "Ada was here" in user.server.chats[1].texts[-1][1]


def test_a_model_that_takes_no_images_says_what_to_do_and_the_message_waits(user: User, folder: Path) -> None:
    user.server.refuses(NO_IMAGES)
    with user.chatting("-s", "s", cols=120) as term:
        say(term, "What is on @cat.png?", "takes no images")
        term.wait_for("hint: choose one that does: --model NAME, in a chat /model NAME")
        term.wait_for("/retry sends it again")
        say(term, "/model seer", "the next reply comes from seer")
        say(term, "/retry", "Turn 1: ")
    assert user.server.chats[1].body["messages"][0] == user.server.chats[0].body["messages"][0]


def test_a_model_that_the_config_calls_blind_is_never_sent_an_image(user: User, folder: Path) -> None:
    config = f'[models.blind]\nid = "b"\nbase_url = "{user.server.url}"\nimages = false\n'
    (user.home / "config").mkdir(exist_ok=True)
    (user.home / "config" / "config.toml").write_text(config, encoding="utf-8")
    user.run("ask", "-s", "s", "-a", "cat.png", "What is it?")
    done = user.run("ask", "-s", "s", "-m", "blind", "-a", "cat.png", "And this?")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.splitlines()[0] == "error: b takes no images"
    user.run("ask", "-s", "s", "-m", "blind", "And now?")
    assert user.server.chats[1].texts[0][1].startswith("What is it?\n\n[image ")
    with user.chatting("-s", "s", cols=120) as term:
        given_back(term, "Again @cat.png", "b takes no images")


@pytest.mark.parametrize("command", ["ask", "chat"])
def test_a_flag_that_names_what_cannot_be_sent_ends_with_2_before_anything_is_made(user: User, command: str) -> None:
    done = user.run(command, "-s", "s", "-a", "nowhere.txt", *(["Hi"] if command == "ask" else []), stdin="Hi\n")
    assert done.returncode == 2
    assert done.stderr.startswith("error: nowhere.txt cannot be attached: No such file")
    assert len(done.stderr.splitlines()) == 2
    assert not (user.home / "data").exists()


def test_a_name_with_escape_sequences_reaches_no_terminal(user: User, folder: Path) -> None:
    (user.home / "a\x1b]0;owned\x07.txt").write_text("x", encoding="utf-8")
    with user.chat("-s", "s", "-a", "a\x1b]0;owned\x07.txt") as term:
        term.wait_for("a?]0;owned?.txt, ~")
        say(term, "/attach", "with the next message")
        leave(term)
    assert b"\x1b]0;owned" not in term.raw


def test_an_attached_text_is_folded_in_the_history_and_whole_when_raw(user: User, folder: Path) -> None:
    user.run("ask", "-s", "s", "-a", "my notes.txt", "-a", "cat.png", "Who?")
    shown = user.run("history", "show", "-s", "s").stdout
    assert "Who?\n[my notes.txt 34 bytes]\n[image " in shown
    assert "Ada was here" in user.run("history", "show", "-s", "s", "--raw").stdout
    assert '"image_url"' in user.run("history", "show", "-s", "s", "--json").stdout
