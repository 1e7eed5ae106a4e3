"""Files that a message names: `@path`."""

from pathlib import Path

import pytest

from chatcli.mentions import mention_of, mentions, unknown_files


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("notes.md", "two words.txt", "长城.png", "odd."):
        (tmp_path / name).write_text("x")
    (tmp_path / "src").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("see @notes.md please", ["@notes.md"]),
        ("@notes.md", ["@notes.md"]),
        ("(@notes.md), @notes.md. And @长城.png。", ["@notes.md", "@notes.md", "@长城.png"]),
        ('"@notes.md"', ["@notes.md"]),
        ('what is @"two words.txt"?', ['@"two words.txt"']),
        ("@~/notes.md\n@./notes.md", ["@~/notes.md", "@./notes.md"]),
        ("@odd.", ["@odd."]),
        ("总结@notes.md，再看@长城.png。", ["@notes.md", "@长城.png"]),
        ("@notes.md是什么？@notes.md，好吗", ["@notes.md", "@notes.md"]),
        ("all of @src/", ["@src/"]),
        ("me@notes.md @nobody @ @. @/ @../ x", []),
        ('@"" @"open', []),
        ("@~nosuchuser/x @\0 @" + "x" * 5000, []),
    ],
)
def test_only_files_that_exist_are_named_and_the_sentence_keeps_its_punctuation(text: str, named: list[str]) -> None:
    assert [text[found.start : found.stop] for found in mentions(text)] == named


def test_a_path_is_mentioned_so_that_it_is_found_again(folder: Path) -> None:
    for name in ("notes.md", "two words.txt", "长城.png", "odd."):
        path = str(folder / name)
        assert [found.path for found in mentions(f"see {mention_of(path)}!")] == [Path(path)]
    assert mention_of('a"b') == ""


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("see @nofile.txt, please", ["nofile.txt"]),
        ("@src/nothing and @nofile.txt and @nofile.txt.", ["src/nothing", "nofile.txt"]),
        ('@"no such.txt"', ["no such.txt"]),
        ("see @notes.md, all of @src/, @长城.png。", []),
        ("me@example.org @home @ada: @me@example.org @pytest.fixture @ @. @/ @../ well @once... @f(x/y)", []),
    ],
)
def test_what_looks_like_a_path_and_is_no_file_is_known(text: str, unknown: list[str]) -> None:
    assert unknown_files(text) == unknown
