"""What the picker shows, apart from the terminal."""

import pytest
from rich.cells import cell_len

from chatcli.authors import own_author
from chatcli.messages import Message
from chatcli.render.safe import neutralise
from chatcli.repl.choosing import Choices, folded, line, preview
from chatcli.stores import Session
from chatcli.stores.in_memory import InMemoryStore
from tests.unit.test_search import CountingStore


def names(choices: Choices) -> list[str]:
    return [session.name for session in choices.matching]


def test_every_word_that_is_typed_must_stand_in_the_name_or_the_title_in_upper_or_lower_case() -> None:
    choices = Choices(
        [Session("JavaEdge", "中国的首都"), Session("other", "java and Ｅdge"), Session("third", "Straße")]
    )
    for typed, expected in {
        "java": ["JavaEdge", "other"],
        "EDGE ja": ["JavaEdge", "other"],
        "首都": ["JavaEdge"],
        "java 首都": ["JavaEdge"],
        "strasse": ["third"],
        "nothing": [],
        "": ["JavaEdge", "other", "third"],
    }.items():
        choices.filter(typed)
        assert names(choices) == expected


def test_what_is_added_later_is_filtered_as_well() -> None:
    choices = Choices([Session("a"), Session("b")])
    choices.filter("a")
    choices.add([Session("aa"), Session("c")])
    assert names(choices) == ["a", "aa"]
    choices.filter("")
    assert names(choices) == ["a", "b", "aa", "c"]


def test_the_highlight_stays_in_the_list_and_goes_to_the_first_when_the_filter_changes() -> None:
    choices = Choices([Session(str(number)) for number in range(100)])
    choices.move(-5)
    assert choices.current == Session("0")
    choices.move(1000)
    assert choices.current == Session("99")
    shown, here = choices.shown(10)
    assert (shown[here], len(shown)) == (Session("99"), 10)
    choices.filter("5")
    assert choices.current == Session("5")
    choices.filter("nothing")
    choices.move(1)
    assert choices.current is None
    choices.filter("")
    assert choices.current == Session("0")


@pytest.mark.parametrize("width", [1, 2, 5, 9, 10, 23, 24, 40, 49, 50, 80, 299])
@pytest.mark.parametrize("column", [0, 20, 400])
@pytest.mark.parametrize(
    "session",
    [
        Session("s"),
        Session("名字" * 90, "标题" * 40, used=1e9, turns=12_345),
        Session("x" * 200, "t" * 500),
        Session("red\x1b[31m", "a\nb\u202ec", used=1e9, turns=1),
    ],
)
def test_a_line_is_never_wider_than_the_terminal_and_nothing_in_it_is_obeyed(
    session: Session, width: int, column: int
) -> None:
    shown = line(session, width, column)
    assert cell_len(shown) <= max(width, 2)
    assert neutralise(shown) == shown
    assert "\n" not in shown


def test_the_titles_stand_below_each_other() -> None:
    sessions = [
        Session("att", "one"),
        Session("名字", "two"),
        Session("2026-11-25-2256-l4kb", "three"),
        Session("x" * 60, "4"),
    ]
    choices = Choices(sessions[:1])
    assert line(sessions[0], 80, choices.widest).startswith("att  one ")
    choices.add(sessions[1:])
    lines = [line(session, 80, choices.widest) for session in sessions]
    starts = [cell_len(text.partition(f"  {session.title}")[0]) for text, session in zip(lines, sessions, strict=True)]
    assert starts[0] == starts[1] == starts[2] < starts[3]
    assert "one" in line(sessions[0], 60, 20)  # rather than that they are aligned
    assert {cell_len(text) for text in lines} == {80}


def test_a_preview_is_the_end_of_the_newest_turns_and_reads_no_more() -> None:
    store = CountingStore()
    for number in range(1000):
        store.append("s", [Message("user", f"question {number}"), Message("assistant", f"answer {number}\x1b[2J")])
    store.read = 0
    assert preview(store, "s", 40, 3) == ["answer 998␛[2J", "user> question 999", "answer 999␛[2J"]
    assert store.read <= 10
    assert preview(store, "nobody", 40, 3) == []


def test_a_preview_tells_who_asked() -> None:
    store = InMemoryStore()
    store.append("s", [Message("user", "ours", author=own_author()), Message("assistant", "one")])
    store.append("s", [Message("user", "theirs", author="bob\x1b[2J@lap"), Message("assistant", "two")])
    store.append("s", [Message("user", "nobody's"), Message("assistant", "three")])
    asked = [line for line in preview(store, "s", 40, 6) if ">" in line]
    assert asked == ["you> ours", "bob␛[2J@lap> theirs", "user> nobody's"]


def test_a_preview_of_a_long_reply_shows_its_end() -> None:
    store = InMemoryStore()
    store.append("s", [Message("user", "q"), Message("assistant", "word " * 200_000 + "the end")])
    lines = preview(store, "s", 20, 5)
    assert " ".join(lines).endswith("the end")
    assert len(lines) == 5


@pytest.mark.parametrize("text", ["word " * 20, "中文" * 30, "x" * 100, "", "a中" * 9])
@pytest.mark.parametrize("width", [2, 7, 40])
def test_folded_lines_fit_and_lose_nothing_but_spaces(text: str, width: int) -> None:
    lines = folded(text.strip(), width)
    assert all(cell_len(one) <= width for one in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
