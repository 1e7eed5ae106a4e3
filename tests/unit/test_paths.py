"""Files in the line: what Tab offers for them, and what a dropped one becomes."""

from pathlib import Path

import pytest

from chatcli.repl.dropped import dropped_files, mentions_of_dropped
from chatcli.repl.paths import begins_mention, mention_suggestions, path_suggestions


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("notes.md", "Notes2.md", "two words.txt", "长城.png", ".hidden", 'a"quote', "esc\x1b[31m", "it's.txt"):
        (tmp_path / name).write_text("x")
    for name in ("src", "my folder"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.py").write_text("x")
    return tmp_path


@pytest.mark.parametrize(
    ("before", "offered"),
    [
        ("see @no", ["@notes.md", "@Notes2.md"]),
        ("@", ["@it's.txt", '@"my folder/', "@notes.md", "@Notes2.md", "@src/", '@"two words.txt"', "@长城.png"]),
        ("@.", ["@.hidden"]),
        ("@two", ['@"two words.txt"']),
        ('@"two wo', ['@"two words.txt"']),
        ("@src/", ["@src/main.py"]),
        ('@"my folder/', ['@"my folder/main.py"']),
        ("(@长", ["@长城.png"]),
        ("看@no", ["@notes.md", "@Notes2.md"]),
        ("@~", ["@~/"]),
        ("@~/no", ["@~/notes.md", "@~/Notes2.md"]),
        ("@./sr", ["@./src/"]),
        ("@notes.md", []),
        ("@notes.md ", []),
        ("me@no", []),
        ("@nowhere/", []),
        ("@~nosuchuser/", []),
        ("no", []),
        ('@"two words.txt" and ', []),
    ],
)
def test_a_mention_is_completed(before: str, offered: list[str]) -> None:
    found = [found.text for found in mention_suggestions(before)]
    assert [text.removesuffix(" ") for text in found] == offered
    assert all(text.endswith("/") != text.endswith(" ") for text in found)  # on in a folder, or behind the file


def test_the_menu_opens_only_at_a_mention() -> None:
    assert begins_mention("see @")
    assert begins_mention('see @"two w')
    assert not begins_mention("me@example.org")
    assert not begins_mention("see @notes.md please")


@pytest.mark.parametrize(
    ("argument", "offered"),
    [
        ("no", ["notes.md", "Notes2.md"]),
        ("notes.md two", ['"two words.txt"']),
        ('"two w', ['"two words.txt"']),
        ("two\\ w", ['"two words.txt"']),
        ("my", ['"my folder/']),
        ("it", ['"it\'s.txt"']),
        ("src/", ["src/main.py"]),
        ("src/main.py", []),
    ],
)
def test_a_path_behind_a_command_is_completed(argument: str, offered: list[str]) -> None:
    assert [found.text.removesuffix(" ") for found in path_suggestions(argument)] == offered


def test_what_is_offered_takes_the_place_of_what_was_typed() -> None:
    assert [found.replaces for found in mention_suggestions("see @no")] == [3, 3]
    assert [found.replaces for found in path_suggestions('a "two w')] == [6]


@pytest.mark.parametrize(
    ("pasted", "files"),
    [
        ("{0}/notes.md", ["{0}/notes.md"]),
        (" {0}/notes.md\n", ["{0}/notes.md"]),
        ("'{0}/two words.txt' ", ["{0}/two words.txt"]),
        ('"{0}/two words.txt"', ["{0}/two words.txt"]),
        ("{0}/two\\ words.txt", ["{0}/two words.txt"]),
        ("{0}/two words.txt", ["{0}/two words.txt"]),
        ("{0}/notes.md '{0}/two words.txt'", ["{0}/notes.md", "{0}/two words.txt"]),
        ("{0}/notes.md\n{0}/two words.txt\n", ["{0}/notes.md", "{0}/two words.txt"]),
        ("file://{0}/two%20words.txt", ["{0}/two words.txt"]),
        ("file://{0}/notes.md\nfile://{0}/%E9%95%BF%E5%9F%8E.png\n", ["{0}/notes.md", "{0}/长城.png"]),
        ("~/notes.md", ["~/notes.md"]),
        ("{0}/src", []),
        ("{0}/nothing", []),
        ("{0}/notes.md and more", []),
        ("notes.md", []),
        ("'notes.md'", []),
        ("/", []),
        ("it's", []),
        ("'{0}/notes.md", []),
        ("", []),
        ("/" * 20_000, []),
        ("/x\0y", []),
    ],
)
def test_a_paste_of_nothing_but_paths_names_files(folder: Path, pasted: str, files: list[str]) -> None:
    assert dropped_files(pasted.replace("{0}", str(folder))) == [file.replace("{0}", str(folder)) for file in files]


def test_of_dropped_files_all_are_mentioned_or_none() -> None:
    assert mentions_of_dropped("./notes.md\n./two words.txt") == ["@./notes.md", '@"./two words.txt"']
    assert mentions_of_dropped('./notes.md\n./a"quote') == []
