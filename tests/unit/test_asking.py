"""What the chat asks about turns that were left, and which files go with the next one, seen without a pty."""

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chatcli.attachments import Attachment
from chatcli.chat import Chat
from chatcli.errors import Conflict, UsageError
from chatcli.messages import Message
from chatcli.repl.attaching import attach, attached_to
from chatcli.repl.commands.sessions import clear
from chatcli.repl.pending import decide_unfinished, describe_unfinished, say_how_it_ended, say_what_is_unanswered
from chatcli.repl.screen import Screen
from chatcli.stores import Pending
from chatcli.stores.in_memory import InMemoryStore
from chatcli.turn import TurnEvent
from tests.fakes import ScriptedModel, Tty

OTHERS = "elsewhere/1/2"


class Desk:
    """What is asked of the user, who answers with `answers`."""

    def __init__(self, *answers: str) -> None:
        self.model = ScriptedModel()
        self.chat = Chat(InMemoryStore(), "s", self.model)
        self.page = Tty()
        self.screen = Screen(self.page, self.page, plain=True)
        self.line = SimpleNamespace(typed="")
        self.attachments: list[Attachment] = []
        self.answers = list(answers)
        self.given_back = ""

    @property
    def shown(self) -> list[str]:
        return self.page.getvalue().splitlines()

    def ask(self, question: str) -> str:
        self.screen.say(question)
        return self.answers.pop(0)

    def play(self, turn: Iterable[TurnEvent]) -> None:
        for _ in turn:
            pass

    def give_back(self, text: str) -> None:
        self.given_back = text

    def wait_for(self, what: str, work: Callable[[Callable[[], bool]], Any]) -> Any:
        return work(lambda: False)

    def left(self, text: str, partial: str = "", writer: str = "", author: str | None = None) -> None:
        """Have a turn be left with so much of a reply."""
        turn = Pending(text, Message("user", text, author=author), writer or self.chat.writer, partial)
        self.chat.store.begin("s", turn)

    def said(self) -> list[tuple[str, str]]:
        return [(message.role, message.text) for message in self.chat.store.messages("s")]


@pytest.fixture(autouse=True)
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Tty())


def decided(desk: Any) -> bool:
    return decide_unfinished(desk)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("c", [("user", "Hi"), ("assistant", "Once upon ok")]),
        ("Continue", [("user", "Hi"), ("assistant", "Once upon ok")]),
        ("r", [("user", "Hi"), ("assistant", "ok")]),
        ("k", [("user", "Hi"), ("assistant", "Once upon ")]),
        ("drop", []),
    ],
)
def test_a_reply_that_was_cut_off_goes_on_is_asked_for_again_kept_or_dropped(
    answer: str, said: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    desk = Desk(answer)
    desk.left("Hi", "Once upon ")
    assert decided(desk)
    assert desk.shown[:2] == ["unfinished: Hi", "[c]ontinue it, [r]etry, [k]eep it so, or [d]rop it?"]
    assert capsys.readouterr().out == "Once upon \n"
    assert desk.said() == said
    assert desk.chat.unfinished() == []


def test_no_message_is_sent_before_the_user_decided() -> None:
    desk = Desk("")
    desk.left("Hi")
    assert not decided(desk)
    assert desk.shown == ["unanswered: Hi", "[r]etry it, or [d]rop it?"]
    assert len(desk.chat.unfinished()) == 1


def test_an_answer_that_is_no_choice_is_asked_again_and_never_taken_for_the_message_that_waits() -> None:
    desk = Desk("keep", "what was the question, again?", "d")
    desk.left("Hi")
    assert decided(desk)
    assert desk.shown.count("answer r or d; Enter alone leaves it for later") == 2
    assert not desk.given_back


def test_a_long_answer_at_the_beginning_is_a_message_and_stands_in_the_line() -> None:
    desk: Any = Desk("hello again, how are you?")
    desk.left("Hi", "Once")
    describe_unfinished(desk)
    assert desk.given_back == "hello again, how are you?"
    assert len(desk.chat.unfinished()) == 1


def test_a_turn_without_a_reply_is_only_told_at_the_beginning() -> None:
    desk: Any = Desk()
    desk.left("Hi", author="anna@desk")
    describe_unfinished(desk)
    assert desk.shown == [
        "unanswered, by anna@desk: Hi",
        "/retry sends it again; another message asks whether to drop it",
    ]


def test_a_turn_that_somebody_else_has_answered_now_is_told_and_holds_nobody_up() -> None:
    desk = Desk()
    desk.left("Hi", writer=OTHERS, author="anna@desk")
    assert decided(desk)
    assert desk.shown == ["anna@desk is being answered; your turn does not see that reply"]


def test_a_pipe_is_neither_asked_nor_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    desk = Desk()
    desk.left("Hi")
    desk.left("Hello", writer=OTHERS)
    assert decided(desk)
    assert desk.shown == []


@pytest.mark.parametrize(("partial", "told"), [("", ["your message is kept: /retry sends it again"]), ("Once", [])])
def test_after_an_error_a_message_without_a_reply_is_said_to_be_kept(partial: str, told: list[str]) -> None:
    desk = Desk()
    desk.left("Hi", partial)
    say_what_is_unanswered(desk.screen, desk.chat)
    assert desk.shown == told


@pytest.mark.parametrize(
    ("finish", "told"),
    [
        ("interrupted", "stopped; what came is kept, /continue goes on"),
        ("length", "cut at the token limit; /continue goes on"),
        ("stop", ""),
    ],
)
def test_a_reply_that_lacks_something_says_how_it_is_had(finish: Any, told: str) -> None:
    desk = Desk()
    say_how_it_ended(desk.screen, Message("assistant", "x", finish=finish))
    assert desk.shown == [told]


def test_a_session_that_grew_while_the_user_was_asked_is_not_emptied() -> None:
    desk: Any = Desk()
    store = desk.chat.store
    store.append("s", [Message("user", "Hi"), Message("assistant", "ok")])

    def confirm(question: str) -> bool:
        store.append("s", [Message("user", "meanwhile")])
        return True

    desk.confirm = confirm
    desk.tools = SimpleNamespace(open_session=lambda name: Chat(store, name, ScriptedModel()))
    with pytest.raises(Conflict):
        clear(desk, "")
    assert len(desk.said()) == 3


# Files


def test_a_file_that_is_attached_again_is_read_again_and_goes_once(tmp_path: Path) -> None:
    desk: Any = Desk()
    notes, other = tmp_path / "notes.md", tmp_path / "other.md"
    for text in ("old", "new"):
        notes.write_text(text)
        other.write_text("x")
        attach(desk, [notes] if text == "new" else [notes, other])
    assert [one.name for one in desk.attachments] == ["other.md", "notes.md"]
    assert "new" in desk.attachments[1].part["text"]


def test_what_a_line_names_goes_along_once_and_a_folder_is_refused_only_where_it_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    desk: Any = Desk()
    Path("notes.md").write_text("x")
    Path("src").mkdir()
    attach(desk, [Path("notes.md")])
    desk.line.typed = "compare @notes.md with @src"
    assert [one.name for one in attached_to(desk)] == ["notes.md"]
    desk.line.typed = "compare @src/"
    with pytest.raises(UsageError, match="folder"):
        attached_to(desk)
