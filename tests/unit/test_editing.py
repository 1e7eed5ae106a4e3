"""What is edited of a turn, where, and what stays with it."""

from types import SimpleNamespace
from typing import Any

import pytest

from chatcli.chat import Chat
from chatcli.messages import Content, Message
from chatcli.repl.editing import edit_last, fork_session, text_of, with_text
from chatcli.stores.in_memory import InMemoryStore
from tests.fakes import ScriptedModel

PICTURE = {"type": "image_url", "image_url": {"url": "data:,"}}
NOTES = {"type": "text", "text": "notes.md:\n```\nx\n```"}


@pytest.mark.parametrize(
    ("content", "text", "edited"),
    [
        ("Hi", "Hi", "new"),
        (({"type": "text", "text": "Hi"}, NOTES, PICTURE), "Hi", ({"type": "text", "text": "new"}, NOTES, PICTURE)),
        ((PICTURE,), "", ({"type": "text", "text": "new"}, PICTURE)),
    ],
)
def test_another_text_takes_the_place_of_what_was_typed_and_files_stay(
    content: Content, text: str, edited: Content
) -> None:
    assert text_of(content) == text
    assert with_text(content, "new") == edited


@pytest.mark.parametrize(
    ("text", "where"), [("Hi", "line"), ("x\n" * 30, "editor"), ("x" * 10_000, "editor"), ("x\n" * 29 + "x", "line")]
)
def test_a_long_text_is_edited_in_the_editor_a_short_one_in_the_line(text: str, where: str) -> None:
    store, used = InMemoryStore(), []
    store.append("s", [Message("user", text), Message("assistant", "1")])
    repl: Any = SimpleNamespace(
        chat=Chat(store, "s", ScriptedModel()),
        edit=lambda text: used.append("editor"),
        ask_to_edit=lambda label, text: used.append("line"),
        screen=SimpleNamespace(aside=used.append),
    )
    edit_last(repl)
    assert used == [where, "nothing was changed"]


def test_what_is_attached_goes_along_into_a_copy() -> None:
    store = InMemoryStore()
    store.append("s", [Message("user", "Hi"), Message("assistant", "1")])
    repl: Any = SimpleNamespace(chat=Chat(store, "s", ScriptedModel()), attachments=["notes.md"])
    repl.tools = SimpleNamespace(open_session=lambda name: Chat(store, name, ScriptedModel()))

    def switch(chat: Chat, greet: bool) -> None:
        repl.chat = chat
        repl.attachments.clear()

    repl.switch = switch
    assert fork_session(repl, None) == "s"
    assert repl.chat.session == "s-2"
    assert repl.attachments == ["notes.md"]
