"""/export and /import in a real terminal, and the commands there: they ask, show progress, and stop whole."""

import json
from pathlib import Path

import pytest

from chatcli.messages import Message
from chatcli.stores import Session
from tests.e2e.conftest import User
from tests.e2e.test_slash import refused, say


@pytest.fixture
def known(user: User) -> User:
    store = user.store()
    store.append("s", [Message("user", "question"), Message("assistant", "answer")])
    store.close()
    return user


def test_export_writes_beside_and_asks_before_it_replaces(known: User) -> None:
    with known.chat("-s", "s", "-q", cols=120) as term:
        term.wait_for("you>")
        say(term, "/export", "wrote this session to")
        assert (known.home / "s.md").read_text("utf-8").startswith("# s\n")
        (known.home / "s.md").write_text("mine")
        term.enter("/export s.md")
        term.wait_for("[y/N]")
        term.enter("n")
        term.wait_for("nothing was written")
        assert (known.home / "s.md").read_text() == "mine"
        say(term, "/export 'my page.html'", "wrote this session to")
        assert "<article" in (known.home / "my page.html").read_text("utf-8")
        refused(term, "/export x.pdf", "names no format")
        refused(term, "/export a b", "one file at a time")


def test_import_brings_a_session_that_can_be_resumed(known: User) -> None:
    (known.home / "talk.jsonl").write_text(json.dumps({"messages": [{"role": "user", "content": "from afar"}]}))
    with known.chat("-s", "s", "-q", cols=120) as term:
        term.wait_for("you>")
        say(term, "/import talk.jsonl", "imported 1 session, 1 message")
        say(term, "/import talk.jsonl", "imported 0 sessions, 0 messages; here already: talk")
        say(term, "/resume talk", "talk · test-model")
        say(term, "/history", "from afar")
        refused(term, "/import nowhere", "cannot be read")
        refused(term, "/import redis://localhost", "takes a file, no address")
        term.enter("/import")
        term.wait_for("a file is needed")


def test_tab_completes_the_file_to_import(known: User) -> None:
    (known.home / "talk.jsonl").write_text("")
    (known.home / "other.txt").write_text("")
    with known.chat("-s", "s", "-q") as term:
        term.wait_for("you>")
        term.send("/import t\t")
        term.wait_for("/import talk.jsonl")


def a_large_file(path: Path, messages: int) -> None:
    with path.open("w") as file:
        for name in ("small", "large"):
            file.write(
                f'{{"chatcli": 1, "name": "{name}", "states": {{}}, "messages": [{{"role": "user", "content": "x"}}'
            )
            for number in range(messages if name == "large" else 1):
                file.write(f',\n{{"role": "user", "content": "message {number}"}}')
            file.write("]}\n")


def test_the_command_shows_how_far_it_is_and_interrupted_leaves_whole_sessions(user: User) -> None:
    a_large_file(user.home / "x.json", 2_000_000)
    with user.terminal("history", "import", "x.json") as term:
        term.wait_for("importing: ", timeout=60)
        assert "%" in term.screen_text()
        term.key("c-c")
        assert term.wait_exit() == 130
        assert "imported 1 session" in term.text()
        assert "importing: " not in term.text()
    store = user.store()
    assert [(one.name, one.messages) for one in store.sessions()] == [("small", 2)]
    store.close()


def test_interrupted_in_the_chat_it_leaves_whole_sessions_and_the_chat_goes_on(known: User) -> None:
    a_large_file(known.home / "x.json", 2_000_000)
    with known.chat("-s", "s", "-q", cols=120) as term:
        term.wait_for("you>")
        term.enter("/import x.json")
        term.wait_for("importing; ^C stops", timeout=60)
        term.wait(lambda t: [one.name for one in sessions(known)].count("small") == 1, what="the first session")
        term.key("c-c")
        term.wait_for("the import was stopped")
        assert "imported 1 session, 2 messages" in term.text()
        say(term, "/history", "question")
    assert {one.name for one in sessions(known)} == {"s", "small"}


def sessions(user: User) -> list[Session]:
    store = user.store()
    try:
        return list(store.sessions())
    finally:
        store.close()
