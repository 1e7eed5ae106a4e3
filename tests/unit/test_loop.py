"""The loop of the chat on lines that come through a pipe."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatcli.chat import Chat
from chatcli.repl.loop import Repl
from chatcli.repl.opening import Opening
from chatcli.repl.tools import Tools
from chatcli.stores.in_memory import InMemoryStore
from tests.fakes import ScriptedModel


class Lines:
    """A standard input of these lines; a `^C` among them is pressed before the next one is read."""

    def __init__(self, *lines: str) -> None:
        self._lines = iter(lines)
        self.buffer = self

    def isatty(self) -> bool:
        return False

    def readline(self) -> bytes:
        line = next(self._lines, "")
        if line == "^C":
            signal.raise_signal(signal.SIGINT)
            return self.readline()
        return line.encode()


@pytest.fixture
def chat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Chat]:
    monkeypatch.chdir(tmp_path)
    chat = Chat(InMemoryStore(), "s", ScriptedModel())
    yield chat
    chat.close()


def exit_code_of(chat: Chat, monkeypatch: pytest.MonkeyPatch, *lines: str) -> int:
    def none(*arguments: object) -> None:
        raise AssertionError("not asked for here")

    opening = Opening(chat.store, chat.session, chat.model.name, chat.memory_spec, lambda: chat)
    tools = Tools(none, none, none, (), none, none, (), none, lambda model: None, Path())  # type: ignore[arg-type]
    monkeypatch.setattr("sys.stdin", Lines(*lines))
    return Repl(opening, tools).run()


def test_a_script_ends_with_the_code_of_its_last_error(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    assert exit_code_of(chat, monkeypatch, "Hi\n", "/history\n") == 0
    assert exit_code_of(chat, monkeypatch, "/nothing\n", "/copy 9\n", "/history\n") == 1


def test_an_interrupt_that_comes_before_a_command_began_stops_it(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("chats.jsonl").write_text(json.dumps({"role": "user", "content": "Hi"}) + "\n")
    assert exit_code_of(chat, monkeypatch, "^C", "/import chats.jsonl\n") == 1
    assert [session.name for session in chat.store.sessions()] == []
    assert exit_code_of(chat, monkeypatch, "/import chats.jsonl\n") == 0
    assert [session.name for session in chat.store.sessions()] == ["chats"]
