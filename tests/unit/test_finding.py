"""The commands that find what was said."""

import json
import os
import re
from pathlib import Path

import pytest

from chatcli.messages import Message
from chatcli.render.hits import print_findings, resume_command
from chatcli.search.excerpt import Excerpt
from chatcli.search.find import Findings, Hit
from chatcli.stores import Store
from chatcli.stores.address import open_store
from tests.fakes import Tty
from tests.unit.conftest import Command


@pytest.fixture
def store(home: Path) -> Store:
    """Two sessions that hold the otter: `Java Edge`, with a hostile title, and an older one, `other`."""
    store = open_store("sqlite", data_folder=home / "data")
    store.append(
        "other",
        [
            Message("user", "Is that an otter over there, or what is it?", time=1e9),
            Message("assistant", "Yes", time=1e9),
        ],
    )
    said = [Message("user", "one"), Message("assistant", "1"), Message("user", "the otter\x1b[2J", time=2e9)]
    store.append("Java Edge", said)
    store.update("Java Edge", title="red\x1b[31m")
    return store


def leftovers(home: Path, word: str) -> list[Path]:
    """Return the files of the cache that hold the word."""
    return [path for path in (home / "cache").rglob("*") if path.is_file() and word.encode() in path.read_bytes()]


def test_hits_are_shown_with_their_words_and_the_command_that_opens_them(command: Command, store: Store) -> None:
    done = command("history", "search", "otters")
    first, text, resume, _, second, *_ = done.out.splitlines()
    assert first.startswith("1  Java Edge · red␛[31m · turn 2 · user · 2033-05-18")
    assert text == "   the otter␛[2J"
    assert resume == "   chatcli sessions resume 'Java Edge'"
    assert second.startswith("2  other · turn 1 · user · 2001-09-09")
    assert done.err == ""


def test_the_command_that_opens_a_hit_can_be_pasted_into_a_shell() -> None:
    assert resume_command("-dash") == "chatcli sessions resume -- -dash"
    assert resume_command("-a b") == "chatcli sessions resume -- '-a b'"
    assert resume_command("zoo") == "chatcli sessions resume zoo"
    assert resume_command("-z", "redis://h/1?a&b") == "chatcli sessions resume --store 'redis://h/1?a&b' -- -z"


def test_the_command_that_opens_a_hit_names_the_store_that_was_searched_and_no_password(
    command: Command, home: Path
) -> None:
    address = f"sqlite:///{home}/elsewhere.db"
    open_store(address, data_folder=home).append("zoo", [Message("user", "an otter")])
    done = command("history", "search", "otter", "--store", address)
    assert done.out.splitlines()[2] == f"   chatcli sessions resume --store {address} zoo"
    shown = resume_command("zoo", "redis://me:geheim@host/0")
    assert shown == "chatcli sessions resume --store 'redis://me:***@host/0' zoo"


def test_hits_as_json_say_the_very_text_and_where_in_it_the_words_are(command: Command, store: Store) -> None:
    (first,) = json.loads(command("history", "search", "the", "otter", "--json").out)
    assert first["excerpt"] == "the otter\x1b[2J"
    assert {key: first[key] for key in ("session", "title", "turn", "position", "role", "time", "matches")} == {
        "session": "Java Edge",
        "title": "red\x1b[31m",
        "turn": 2,
        "position": 2,
        "role": "user",
        "time": 2e9,
        "matches": [[0, 3], [4, 9]],
    }
    assert isinstance(first["score"], float)


def test_one_session_and_so_many_hits(command: Command, store: Store) -> None:
    hits = json.loads(command("history", "search", "otter", "-s", "other", "--json").out)
    assert [hit["session"] for hit in hits] == ["other"]
    assert len(json.loads(command("history", "search", "otter", "-n", "1", "--json").out)) == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["zebra"], 1, ""),
        (["zebra", "--json"], 1, ""),
        ([""], 2, "error: there is no word in that to look for"),
        (["?!"], 2, "error: there is no word in that to look for"),
        ([], 2, "error: "),
        (["otter", "-s", "nobody"], 1, "error: there is no session 'nobody'"),
        (["otter", "-n", "0"], 2, "error: "),
        (["otter", "--store", "redis://127.0.0.1:1/0"], 3, "error: "),
        (["otter", "--store", "memory:"], 1, ""),
    ],
)
def test_how_a_search_ends(command: Command, store: Store, words: list[str], code: int, said: str) -> None:
    done = command("history", "search", *words)
    assert done.code == code
    assert done.err.startswith(said)
    assert bool(done.err) == bool(said)
    assert done.out == ("[]\n" if "--json" in words else "")


def numbered(store: Store) -> None:
    for number in range(1, 1001):
        store.append("long", [Message("user", f"question {number}"), Message("assistant", f"answer {number}")])


@pytest.mark.parametrize(
    ("turns", "numbers"),
    [("3-5", [3, 4, 5]), ("1", [1]), ("1000-", [1000]), ("999-2000", [999, 1000]), (" 2 - 3 ", [2, 3])],
)
def test_a_range_of_turns(command: Command, store: Store, turns: str, numbers: list[int]) -> None:
    numbered(store)
    shown = json.loads(command("history", "show", "-s", "long", "--turns", turns, "--json").out)
    assert [message["turn"] for message in shown] == [number for number in numbers for _ in range(2)]
    assert [message["position"] for message in shown] == [at for n in numbers for at in (2 * n - 2, 2 * n - 1)]


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (["--turns", "1001-"], 1),
        (["--turns", "5-3"], 2),
        (["--turns", "0-3"], 2),
        (["--turns", "-3"], 2),
        (["--turns", "x"], 2),
        (["--turns", ""], 2),
        (["--turns", "1-2", "-n", "3"], 2),
    ],
)
def test_a_wrong_range_is_refused(command: Command, store: Store, flags: list[str], code: int) -> None:
    numbered(store)
    done = command("history", "show", "-s", "long", *flags)
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("error: ")


def test_all_sessions_are_listed_in_one_page(command: Command, store: Store) -> None:
    for number in range(30):
        store.append(f"s{number}", [Message("user", "x")])
    assert len(command("sessions", "list").out.splitlines()) == 21
    assert len(command("sessions", "list", "-n", "0").out.splitlines()) == 33
    assert len(json.loads(command("sessions", "list", "-n", "0", "--json").out)) == 32


def test_sessions_that_are_emptied_deleted_or_renamed_leave_the_index_at_once(
    command: Command, store: Store, home: Path
) -> None:
    for session in ("emptied", "deleted", "renamed"):
        store.append(session, [Message("user", f"xylo{session}")])
    command("history", "search", "otter")
    for session in ("emptied", "deleted", "renamed"):
        assert leftovers(home, f"xylo{session}")
    command("sessions", "clear", "emptied", "-y")
    command("sessions", "delete", "deleted", "-y")
    command("sessions", "rename", "renamed", "new")
    for session in ("emptied", "deleted", "renamed"):
        assert not leftovers(home, f"xylo{session}")
    assert command("history", "search", "xylorenamed", "-s", "new").code == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_cache_that_cannot_be_written_costs_time_alone(command: Command, store: Store, home: Path) -> None:
    (home / "cache").mkdir(mode=0o500)
    assert command("history", "search", "otter").code == 0


def test_a_cache_that_is_no_folder_costs_time_alone(command: Command, store: Store, home: Path) -> None:
    (home / "cache").write_text("no folder")
    assert command("history", "search", "otter").code == 0
    assert command("sessions", "delete", "other", "-y").code == 0


@pytest.mark.parametrize("width", [60, 75])
def test_where_a_hit_stands_is_told_whole_and_its_title_cut(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    out = Tty()
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setenv("COLUMNS", str(width))
    hit = Hit("JavaEdge", "the capital " * 9, 3, 4, "user", 1.7e9, Excerpt("the capital", (), False, False), 1.0)
    print_findings(Findings([hit]), plain=True)
    heading = out.getvalue().splitlines()[0].removeprefix("1  ")
    assert re.fullmatch(r"JavaEdge · the capital.*… · turn 3 · you · 2023-11-1\d \d\d:\d\d", heading)
    assert len(heading) <= width
