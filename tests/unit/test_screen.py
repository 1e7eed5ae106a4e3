"""The lines that chatcli itself says."""

import io
import sys

import pytest

from chatcli.cli.output import notice
from chatcli.errors import StoreUnavailable
from chatcli.repl.screen import Screen
from tests.fakes import Tty

AWAY = StoreUnavailable("Redis at redis://h/0 is away: Connection refused", "repeat this when it is back, 北京")


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "24")


def test_an_error_is_broken_between_words_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = Tty()

    Screen(out, out).error(AWAY)

    assert out.getvalue().splitlines() == [
        "error: Redis at",
        "redis://h/0 is away:",
        "Connection refused",
        "hint: repeat this when",
        "it is back, 北京",
    ]


def test_an_errors_first_word_alone_is_coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Tty()

    Screen(out, out).error(AWAY)

    assert out.getvalue().startswith("\x1b[31merror:\x1b[0m Redis at\nredis")


def test_an_error_that_goes_into_a_file_has_two_lines() -> None:
    errors = io.StringIO()

    Screen(Tty(), errors).error(AWAY)

    assert errors.getvalue().splitlines() == [
        "error: Redis at redis://h/0 is away: Connection refused",
        "hint: repeat this when it is back, 北京",
    ]


def test_a_notice_is_broken_between_words_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Tty()
    monkeypatch.setattr(sys, "stderr", out)

    notice("2 turns kept here for redis://h:6379/0; the next command puts them there")

    assert out.getvalue().splitlines() == [
        "2 turns kept here for",
        "redis://h:6379/0; the",
        "next command puts them",
        "there",
    ]
