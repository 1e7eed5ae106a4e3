"""What a typed text means: blocks and their fences, what is worth keeping, what the editor made of it."""

from pathlib import Path

import pytest

from chatcli.errors import UsageError
from chatcli.repl.block import in_open_block, without_fence
from chatcli.repl.editor import edit_text
from chatcli.repl.folds import Folds
from chatcli.repl.input_history import InputHistory, worth_keeping


@pytest.mark.parametrize(
    ("text", "is_open"),
    [
        ('"""', True),
        ('"""\ncode', True),
        ('"""\ncode\n"""', False),
        ('"""one line"""', False),
        ('"""\ndef f():\n    """doc"""', True),
        ('Explain: """', True),
        ('Explain: """\ncode\n"""', False),
        ("plain", False),
        ('a pasted function\n    """with a docstring that is cut', False),
    ],
)
def test_a_block_is_open_until_it_is_closed(text: str, is_open: bool) -> None:
    assert in_open_block(text) is is_open


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('"""\ncode\n"""', "code"),
        ('"""one line"""', "one line"),
        ('"""\n  indented\n"""\n', "  indented"),
        ('"""\nf()\n"""doc"""\n"""', 'f()\n"""doc"""'),
        ('"""A module."""\nimport os\n', '"""A module."""\nimport os'),
        ('Explain: """\ncode\n"""', 'Explain: """\ncode\n"""'),
        ('"""', '"""'),
        ("text\n\n", "text"),
    ],
)
def test_only_a_block_that_is_the_whole_text_loses_its_fence(text: str, said: str) -> None:
    assert without_fence(text) == said


@pytest.mark.parametrize(
    "text",
    [
        "use sk-abcdefghijklmnop please",
        "/set api_key 1234",
        "export OPENAI_API_KEY=x",
        "curl -H 'Authorization: Bearer abcdefghijklmnop'",
        "redis://:hunter2@localhost/0",
        "password: hunter2",
        " indented",
        "  ",
    ],
)
def test_secrets_and_indented_lines_are_not_kept(text: str) -> None:
    assert not worth_keeping(text)


@pytest.mark.parametrize("text", ["what is an API key?", "/set temperature 0", "see https://example.org/a:b", "你好"])
def test_ordinary_lines_are_kept(text: str) -> None:
    assert worth_keeping(text)


def test_a_secret_in_a_long_text_is_found_even_where_it_is_broken_over_two_lines() -> None:
    around = "an ordinary line\n" * 1000
    assert worth_keeping(around)
    assert not worth_keeping(f"{around}Authorization: Bearer\nabcdefghijklmnop\n{around}")


def test_kept_lines_come_back_newest_first(tmp_path: Path) -> None:
    file = tmp_path / "input-history"
    for text in ("one", "two\n+lines\n", "三"):
        InputHistory(file).append_string(text)
    assert list(InputHistory(file).load_history_strings()) == ["三", "two\n+lines\n", "one"]


def test_a_large_file_gives_its_newest_lines(tmp_path: Path) -> None:
    file = tmp_path / "input-history"
    file.write_text("".join(f"\n# then\n+line {n} {'x' * 100}\n" for n in range(20_000)))
    found = list(InputHistory(file).load_history_strings())
    assert found[0].startswith("line 19999")
    assert 1000 < len(found) < 10_000
    assert all(line.endswith("x") for line in found)


def test_a_line_larger_than_what_is_read_at_once_comes_back_whole(tmp_path: Path) -> None:
    file, large = tmp_path / "input-history", "x\n" * 500_000
    for text in ("one", large):
        InputHistory(file).append_string(text)
    folds = Folds()
    newest, *_ = InputHistory(file, folds).load_history_strings()
    assert folds.whole(newest) == large


def test_a_file_that_others_could_read_is_made_private(tmp_path: Path) -> None:
    file = tmp_path / "input-history"
    file.touch(0o644)
    InputHistory(file).append_string("text")
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_used_costs_nothing_else(tmp_path: Path) -> None:
    history = InputHistory(tmp_path)  # a folder
    history.append_string("text")
    assert list(history.load_history_strings()) == []
    assert history.get_strings() == ["text"]


def test_the_editor_gets_the_text_and_gives_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", "sed -i s/你好/再见/")
    assert edit_text("你好\n") == "再见"


@pytest.mark.parametrize("editor", ["false", "rm", 'sh -c \'printf "\\377" > "$0"\''])
def test_an_editor_that_fails_gives_nothing(monkeypatch: pytest.MonkeyPatch, editor: str) -> None:
    monkeypatch.setenv("VISUAL", editor)
    assert edit_text("text") is None


def test_an_editor_that_is_named_and_missing_is_told_and_gives_way_to_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", "no-such-editor-here")
    monkeypatch.setenv("EDITOR", "true")
    with pytest.raises(UsageError, match="VISUAL names cannot be started: no-such-editor-here"):
        edit_text("text")


def test_without_a_named_editor_the_first_that_is_there_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="there is no editor"):
        edit_text("text")
    for name, text in (("nano", "nano"), ("vi", "vi")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {text} > $1\n")
        (tmp_path / name).chmod(0o755)
    assert edit_text("text") == "nano"
