"""`chatcli chat …` read without typer: it means what typer means by it, or it is left to typer."""

from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as some

from chatcli import memory
from chatcli.cli import app, compose, opened
from chatcli.cli.declared import Flags, flag_of
from chatcli.cli.quick import quick_flags
from chatcli.errors import UsageError

WORDS = [name for field in Flags._fields for name in flag_of(field).names]
ARGUMENTS = some.lists(
    some.sampled_from(
        [*WORDS, "--system=a=b", "-sX", "-cq", "--", "-", "", "x", "k=v", "--help", "-h", "--memo", "--quiet=1"]
    ),
    max_size=6,
)


def by_typer(arguments: list[str]) -> Flags | None:
    """Return the flags that typer hands to the chat; None when it refuses them, or helps."""
    seen: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opened, "open_chat", lambda flags: seen.append(flags) or 0)
        try:
            app.app(args=arguments, prog_name="chatcli", standalone_mode=False)
        except typer.TyperException:
            return None
    return seen[0] if seen else None


@given(ARGUMENTS)
def test_what_is_read_without_typer_is_what_typer_reads(arguments: list[str]) -> None:
    quick = quick_flags(["chat", *arguments])
    assert quick is None or quick == by_typer(["chat", *arguments])


@pytest.mark.parametrize("name", Flags._fields)
def test_every_option_is_read_without_typer(name: str) -> None:
    for said in flag_of(name).names:
        value = [] if flag_of(name).metavar is None else ["x"]
        flags = quick_flags(["chat", said, *value])
        assert flags is not None
        assert getattr(flags, name) in (True, "x", ("x",))


@pytest.mark.parametrize(
    "arguments",
    [[], ["ask"], ["chat", "x"], ["chat", "--help"], ["chat", "-s"], ["chat", "-s", "--memory"], ["chat", "--plain=1"]],
    ids=" ".join,
)
def test_anything_else_is_left_to_typer(arguments: list[str]) -> None:
    assert quick_flags(arguments) is None


def test_so_is_what_the_shell_asks_for_its_tab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_CHATCLI_COMPLETE", "complete_bash")
    assert quick_flags(["chat"]) is None


def test_text_that_is_none_is_refused_without_typer_too() -> None:
    with pytest.raises(UsageError, match="is not UTF-8"):
        quick_flags(["chat", "-s", "\udcff"])


def test_the_default_memory_is_the_same_before_and_behind_the_prompt() -> None:
    assert compose.DEFAULT_MEMORY == memory.DEFAULT
