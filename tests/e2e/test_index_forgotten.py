"""Nothing that was said in a session that is gone stays in the cache folder."""

from pathlib import Path
from threading import Event

import pytest

from chatcli.messages import Message
from tests.e2e.conftest import User
from tests.e2e.test_slash import say
from tests.servers import Body, Whole, embedded
from tests.terminal import Terminal
from tests.unit.test_background import until

SECRET = "xylophonist"


def files(user: User) -> list[Path]:
    return list((user.home / "cache" / "recall").glob("*"))


def leaks(user: User) -> list[Path]:
    """Return the files below the cache folder that hold the secret."""
    return [path for path in (user.home / "cache").rglob("*") if path.is_file() and SECRET in read(path)]


def read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def tell(user: User, term: Terminal, number: int = 1) -> None:
    """Say the secret, and wait until the index has it."""
    say(term, f"I am a {SECRET}", f"Turn {number}: I am a {SECRET}")
    until(lambda: bool(leaks(user)))


def test_renamed_and_deleted(user: User) -> None:
    with user.chatting("-s", "s") as term:
        tell(user, term)
        say(term, "/rename other", "now other")
        say(term, "and more", "Turn 2: and more")
        until(lambda: bool(leaks(user)))
        assert len({path.name.partition(".")[0] for path in files(user)}) == 1
        say(term, "/delete", "[y/N]")
        term.enter("yes")
        term.wait_for("deleted other")
        assert not leaks(user)
        term.wait_for("you>")
    assert files(user) == []


def test_renamed_before_the_first_turn(user: User) -> None:
    with user.chatting("-s", "s") as term:
        say(term, "/rename other", "now other")
        tell(user, term)
    assert user.run("sessions", "delete", "other", "-y").returncode == 0
    assert files(user) == []


def test_what_was_said_is_found_after_a_rename_and_what_is_said_after_a_clear(user: User) -> None:
    with user.chatting("-s", "s", "--memory", "window:1+recall:300") as term:
        tell(user, term)
        say(term, "two", "Turn 2: two")
        say(term, "/rename other", "now other")
        say(term, f"which {SECRET}?", "recalled 2 earlier messages")
        assert f"user: I am a {SECRET}" in str(user.server.chats[-1].body)
        say(term, "/clear", "[y/N]")
        term.enter("yes")
        term.wait_for("messages removed")
        assert not leaks(user)
        say(term, "one", "Turn 1: one")
        tell(user, term, 2)


def test_cleared(user: User) -> None:
    with user.chatting("-s", "s") as term:
        tell(user, term)
        say(term, "/clear", "[y/N]")
        term.enter("yes")
        term.wait_for("2 messages removed")
        assert not leaks(user)
    assert files(user) == []


def long_session(user: User, messages: int = 20_000) -> None:
    store = user.store()
    text = f"The {SECRET} has said something about it, "
    store.append("s", [Message("user", f"{text}{number}") for number in range(messages)])
    store.close()


@pytest.mark.parametrize("command", ["/delete", "/clear", "/rename other"])
def test_while_the_background_takes_the_history_in(user: User, command: str) -> None:
    long_session(user)
    with user.chatting("-s", "s") as term:
        until(lambda: bool(leaks(user)))
        term.enter(command)
        if "rename" in command:
            term.wait_for("now other")
            assert len({path.name.partition(".")[0] for path in files(user)}) <= 1
            say(term, "/delete", "[y/N]")
        else:
            term.wait_for("[y/N]")
        term.enter("yes")
        term.wait_for("emptied" if command == "/clear" else "deleted")
        assert not leaks(user)
    assert files(user) == []


def test_while_vectors_are_computed(user: User) -> None:
    gate = Event()

    def embeds(body: Body) -> Whole:
        gate.wait(20)
        return embedded([1.0, 0.0] for _ in body["input"])

    user.server.embeds = embeds
    (user.home / "config.toml").write_text('embedding_model = "e"\n[models.e]\nid = "e"\n')
    with user.chatting("-s", "s") as term:
        tell(user, term)
        user.server.wait_requests(2)
        say(term, "/clear", "[y/N]")
        term.enter("yes")
        term.wait_for("2 messages removed")
        gate.set()
        assert not leaks(user)
        say(term, "/info", "last context")
        assert "by words alone" not in term.text()
    assert files(user) == []


def test_a_chat_without_a_word_leaves_no_file(user: User) -> None:
    with user.chatting() as term:
        say(term, "/context", "tokens")
        say(term, "/memory", "auto")
    assert files(user) == []


@pytest.mark.parametrize("command", [("delete", "s"), ("clear", "s"), ("clear", "--all"), ("rename", "s", "other")])
def test_the_commands_beside_a_chat_that_has_the_file_open(user: User, command: tuple[str, ...]) -> None:
    with user.chatting("-s", "s") as term:
        tell(user, term)
        done = user.run("sessions", *command, *(() if "rename" in command else ("-y",)))
        assert done.returncode == 0, done.stderr
        assert not leaks(user)
        say(term, "and more", "and more")
        say(term, "/info", "last context")
    assert not leaks(user)


@pytest.mark.parametrize("command", ["delete", "clear"])
def test_the_commands_beside_a_chat_that_takes_the_history_in(user: User, command: str) -> None:
    long_session(user)
    with user.chatting("-s", "s"):
        until(lambda: bool(leaks(user)))
        assert user.run("sessions", command, "s", "-y").returncode == 0
    assert not leaks(user)


def test_a_session_that_is_to_go_is_read_into_no_file(user: User) -> None:
    with user.chatting("-s", "s") as term:
        tell(user, term)
    assert user.run("sessions", "expire", "s", "7d").returncode == 0
    assert leaks(user) == []
    with user.chatting("-s", "s") as term:
        say(term, f"Who is the {SECRET}?", f"Turn 2: Who is the {SECRET}?")
        say(term, "/context Who?", SECRET)  # recall has read it by then
    assert leaks(user) == []
