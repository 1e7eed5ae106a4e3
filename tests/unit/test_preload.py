"""What loads behind the prompt, and the line that was faster."""

import io
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from chatcli.chat import Chat
from chatcli.messages import Message
from chatcli.repl.loop import Repl
from chatcli.repl.opening import Opening
from chatcli.repl.tools import Tools
from chatcli.stores.in_memory import InMemoryStore
from tests.fakes import ScriptedModel, ScriptedReply


class WatchedModel(ScriptedModel):
    def __init__(self) -> None:
        super().__init__()
        self.was_asked = Event()

    def stream(self, context: Sequence[Message], options: Mapping[str, Any]) -> ScriptedReply:
        self.was_asked.set()
        return super().stream(context, options)


def repl(chat: Chat, preload: Any, folder: Path) -> Repl:
    def unused(*arguments: object) -> Any:
        raise AssertionError("nobody needs this")

    opening = Opening(chat.store, chat.session, chat.model.name, chat.memory_spec, lambda: chat)
    return Repl(opening, Tools(unused, unused, unused, (), unused, unused, (), lambda model: None, preload, folder))


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_line_is_not_run_before_all_is_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fails: bool) -> None:
    model, asked_meanwhile = WatchedModel(), []

    def preload(name: str) -> None:
        asked_meanwhile.append(model.was_asked.wait(0.5))
        if fails:
            raise ImportError("a package is broken")

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"Hi\n")))
    repl(Chat(InMemoryStore(), "s", model), preload, tmp_path).run()

    assert asked_meanwhile == [False]
    assert model.said == [[("user", "Hi")]]
