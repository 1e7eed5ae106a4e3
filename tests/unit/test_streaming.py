import io
import re
from collections.abc import Iterator

import pytest

from chatcli.messages import Message, Usage
from chatcli.model import Delta, Event, Finished, Reasoning, Retrying, Used
from chatcli.pump import Pump, Tick
from chatcli.render.markdown import whole
from chatcli.render.reply import AwaitedReply, PlainReply, reply_view
from chatcli.render.speed import speed_line
from chatcli.render.streaming import MarkdownReply
from chatcli.render.terminals import reflows
from chatcli.render.thoughts import MOST
from chatcli.render.turn import after, show_turn
from chatcli.turn import TurnEvent
from tests.fakes import Tty
from tests.screen import ReflowingScreenFile, ScreenFile

PROGRAM = [f"line_{number} = {number}" for number in range(100)]


def reply_on(out: ScreenFile, **options: object) -> MarkdownReply:
    return MarkdownReply(out.console, **options)  # type: ignore[arg-type]


def stream(out: ScreenFile, text: str, size: int = 7) -> MarkdownReply:
    """Feed the text in pieces of `size`, with a frame after each; do not finish."""
    reply = reply_on(out)
    for start in range(0, len(text), size):
        reply.feed(text[start : start + size])
        reply.draw()
    return reply


# What stands for good while the reply still runs


def test_a_finished_block_is_written_once() -> None:
    out = ScreenFile()
    reply = stream(out, "# The first\n\nThe second.\n\nThe ")
    before = len(out.written)
    for word in ["third ", "grows ", "and ", "grows."]:
        reply.feed(word)
        reply.draw()
    assert "first" not in out.written[before:]
    assert "second" not in out.written[before:]
    assert "third" in out.written[before:]


def test_a_frame_is_one_write_that_the_terminal_shows_at_once() -> None:
    out = ScreenFile()
    reply = stream(out, "a paragraph\n\nand one")
    writes = out.writes
    reply.feed(" more\n\n- and\n- a list")
    reply.draw()
    assert out.writes == writes + 1
    frames = out.written.split("\x1b[?2026h")[1:]
    assert all(frame.endswith("\x1b[?25h\x1b[?2026l") for frame in frames)


def test_a_frame_without_news_writes_nothing() -> None:
    out = ScreenFile()
    reply = stream(out, "a paragraph")
    writes = out.writes
    reply.draw()
    reply.tick()
    assert out.writes == writes


def test_the_items_of_a_bullet_list_are_printed_one_by_one() -> None:
    out = ScreenFile(40, 10)
    stream(out, "Start\n\n" + "".join(f"- item {number}\n" for number in range(50)))
    assert out.lines() == ["Start", "", *(f" • item {number}" for number in range(50))]


def test_a_long_program_scrolls_by_while_it_grows() -> None:
    out = ScreenFile(40, 10)
    stream(out, "Look:\n\n```python\n" + "\n".join(PROGRAM))
    assert out.lines() == ["Look:", "", *PROGRAM]


def test_the_items_of_a_numbered_list_are_printed_one_by_one() -> None:
    out = ScreenFile(40, 10)
    reply = stream(out, "Steps:\n\n" + "".join(f"{number}. step\n" for number in range(1, 31)))
    expected = ["Steps:", "", *(f" {number} step" for number in range(1, 31))]
    assert out.lines() == expected
    reply.finish()
    assert out.lines() == expected


def test_a_growing_block_that_is_taller_than_the_screen_shows_its_end() -> None:
    out = ScreenFile(40, 10)
    reply = stream(out, "Quoted:\n\n" + "".join(f"> line {number}  \n" for number in range(1, 31)))
    assert out.visible()[-1] == "▌ line 30"
    assert len(out.lines()) <= 2 + 9
    reply.finish()
    assert out.lines() == ["Quoted:", "", *(f"▌ line {number}" for number in range(1, 31))]


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_terminal_of_few_rows_loses_and_doubles_nothing(rows: int) -> None:
    out = ScreenFile(20, rows)
    stream(out, "one\n\n1. two\n2. three\n\nfour " + "x" * 50).finish()
    assert out.lines() == ["one", "", " 1 two", " 2 three", "", "four", "x" * 20, "x" * 20, "x" * 10]


def test_glyphs_that_are_wider_than_we_think_double_no_line() -> None:
    family = "👩\u200d👩\u200d👧"  # two cells for some terminals, six for others, as for this screen
    out = ScreenFile(20, 10)
    reply = stream(out, f"{family * 5} family\n", size=1)
    reply.finish()
    assert "".join(out.lines()).count("family") == 1
    assert "".join(out.lines()).count(family) == 5


def test_finish_leaves_the_cursor_at_the_start_of_a_line_and_visible() -> None:
    out = ScreenFile()
    reply = stream(out, "done")
    reply.finish()
    reply.finish()
    assert (out.screen.cursor.x, out.screen.cursor.hidden) == (0, False)
    assert out.lines() == ["done"]


def test_an_empty_reply_leaves_nothing() -> None:
    out = ScreenFile()
    reply = reply_on(out)
    reply.waiting(1.0)
    reply.finish()
    assert out.lines() == []


@pytest.mark.parametrize(
    "text",
    [
        "one\n\n[x]: http://y\n'a title\nof two lines'\n\n# see [x]\nend",
        "before\n\n---\n\nafter\n***\n# head",
        "```\na\n\nb\n```\nafter\n~~~~\n~~~\n~~~~\n    code",
        "text\n===\ntext\n---\n- text\n---\n-\n- [ ] x\n* y\n+ z\n1. a\n2) b",
        "- a\n\n  b\n- c\n  - d\n\n\n- e\nlazy\n\n      code\nend",
        "9. nine\n10. ten\n\n    code\n1. one\n   1. in\n> quote\nlazy\n\n> quote",
        "text | x\n--|--\na|b\n|c\n\n| no |\n|--|\n| row\n# head",
        "a **b\nc** `d\ne` [f\ng](http://h)  \ni\\\nj\r\n\r\nk",
        "> - a\n>   1. b\n>\n> ```\n> code\nnot code\n\n\ttab\n- \tx",
    ],
)
def test_wherever_a_reply_is_cut_it_ends_as_if_printed_whole(text: str) -> None:
    printed = ScreenFile(30, 8)
    printed.console.print(whole(text))
    for cut in range(len(text)):
        out = ScreenFile(30, 8)
        reply = reply_on(out)
        for piece in (text[:cut], text[cut:]):
            reply.feed(piece)
            reply.draw()
        reply.finish()
        assert out.lines() == printed.lines()
    for size in (1, 2, 3):
        out = ScreenFile(30, 8)
        stream(out, text, size).finish()
        assert out.lines() == printed.lines()


# A window that changes its size


@pytest.mark.parametrize("size", [(30, 12), (80, 12), (40, 6), (40, 30)])
def test_what_is_printed_stands_once_after_a_resize(size: tuple[int, int]) -> None:
    out = ScreenFile(40, 12)
    reply = MarkdownReply(out.console, reflowing=False)  # as this screen does not reflow
    reply.feed("first block\n\nsecond block\n\nthe growing one")
    reply.draw()
    out.resize(*size)
    reply.feed(" goes on after the window has changed its size")
    reply.draw()
    reply.finish()
    text = " ".join(" ".join(out.lines()).split())
    assert text == "first block second block the growing one goes on after the window has changed its size"


def test_a_terminal_that_reflows_is_erased_by_the_rows_its_lines_take_by_now() -> None:
    out = ScreenFile(40, 12)
    reply = MarkdownReply(out.console, reflowing=True)
    reply.feed("the growing one of 39 cells, one line ..")
    reply.draw()
    out.resize(20, 12)
    written = len(out.written)
    reply.feed(" more")
    reply.draw()
    assert "\r\x1b[K\x1b[A\x1b[K" in out.written[written:]
    assert "\x1b[A\x1b[K\x1b[A" not in out.written[written:]


FINISHED = [f"finished paragraph {number}" for number in range(8)]
GROWING = "the growing one of forty cells and more, which is broken into a number of lines by now"


def narrowed(out: ScreenFile, reflowing: bool | None) -> list[str]:
    """Narrow the window under a live paragraph, draw on, and return what stands there in the end."""
    reply = MarkdownReply(out.console, reflowing=reflowing)
    reply.feed("\n\n".join([*FINISHED, GROWING]))
    reply.draw()
    for columns in (36, 25, 21):
        out.resize(columns, 20)
        reply.feed(" and on")
        reply.draw()
    reply.finish()
    return out.lines()


@pytest.mark.parametrize("terminal", [ScreenFile, ReflowingScreenFile])
def test_no_finished_line_is_lost_when_a_window_gets_narrower_that_nobody_knows(
    terminal: type[ScreenFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_terminal(monkeypatch)
    lines = narrowed(terminal(48, 20), reflowing=None)
    assert [line for line in lines if line in FINISHED] == FINISHED
    assert " ".join(lines).endswith(f"{GROWING} and on and on and on")


@pytest.mark.parametrize(("terminal", "reflowing"), [(ScreenFile, False), (ReflowingScreenFile, True)])
def test_a_window_that_is_known_leaves_nothing_twice_when_it_gets_narrower(
    terminal: type[ScreenFile], reflowing: bool
) -> None:
    text = " ".join(" ".join(narrowed(terminal(48, 20), reflowing)).split())
    assert text == f"{' '.join(FINISHED)} {GROWING} and on and on and on"


def forget_terminal(monkeypatch: pytest.MonkeyPatch, **env: str) -> None:
    for name in ("TERM_PROGRAM", "VTE_VERSION", "WT_SESSION", "TMUX", "STY", "XTERM_VERSION", "INSIDE_EMACS", "NVIM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", **env}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("env", "known"),
    [
        ({}, False),
        ({"VTE_VERSION": "7600"}, True),
        ({"TERM_PROGRAM": "vscode"}, True),
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "screen-256color", "TMUX": "/tmp/tmux,1,0"}, True),
        ({"TERM": "screen-256color", "STY": "1.pts"}, False),
        ({"VTE_VERSION": "7600", "XTERM_VERSION": "XTerm(390)"}, False),
        ({"VTE_VERSION": "7600", "TERM": "st-256color"}, False),
        ({"TERM": "linux"}, False),
    ],
    ids=str,
)
def test_a_terminal_reflows_where_that_is_known(
    env: dict[str, str], known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_terminal(monkeypatch, **env)
    assert reflows() is known


# Links, HTML, and what hides in entities


@pytest.mark.parametrize(
    ("target", "clickable"),
    [
        ("https://x.y/z", True),
        ("HTTP://x.y", True),
        ("mailto:a@b.c", True),
        ("vscode://file/etc", False),
        ("tel:1", False),
    ],
)
def test_only_web_and_mail_can_be_clicked(monkeypatch: pytest.MonkeyPatch, target: str, clickable: bool) -> None:
    forget_terminal(monkeypatch, TERM="xterm-kitty")
    out = ScreenFile()
    stream(out, f"[here]({target}) ![pic]({target})").finish()
    assert ("\x1b]8;id=" in out.written) is clickable
    assert out.lines() == ["here 🌆 pic"]


def test_a_definition_serves_the_links_after_it_however_it_is_cut() -> None:
    for size in (1, 5, 100):
        out = ScreenFile()
        stream(out, "[a]: http://x.y/long 'title'\n\nsee\n\n# [a]\n\n> [a]", size).finish()
        assert out.written.count(";http://x.y/long\x1b") >= 2


def test_html_is_shown_not_swallowed() -> None:
    out = ScreenFile()
    stream(out, "A `x` List<String>\n\n<div>\nshown</div>").finish()
    assert out.lines() == ["A x List<String>", "", "<div> shown</div>"]


@pytest.mark.parametrize("hidden", ["\x1b[2J", "\x1b]0;x\x07", "\x9b2J", "&#x202e;", "&#12;"])
def test_nothing_in_a_reply_commands_the_terminal(hidden: str) -> None:
    for text in ("a {} b", "# a {} b", "```\na {} b\n```", "| a {} |\n|---|\n| {} |", "[a {}](http://x{}y)", "`{}`"):
        out = ScreenFile()
        stream(out, text.replace("{}", hidden), size=1).finish()
        allowed = r"\x1b\[[\d;]*m|\x1b\]8;[^\x1b]*\x1b\\|\x1b\[\?(2026|25|7)[hl]|\x1b\[[AK]|[\r\n]"
        rest = re.sub(allowed, "", out.written)
        assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e]", rest)


def test_markup_of_rich_is_only_text() -> None:
    out = ScreenFile()
    reply = stream(out, "[red]no[/red] :smile:")
    reply.note("[bold]no[/bold] :smile:")
    reply.finish()
    assert out.lines() == ["[bold]no[/bold] :smile:", "[red]no[/red] :smile:"]


def test_code_can_be_copied_as_it_is() -> None:
    out = ScreenFile()
    stream(out, "```python\ndef f():\n    return 1\n```", size=100).finish()
    text = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", out.written)
    assert text.endswith("def f():\n    return 1\n")


# Beside the reply


def test_the_wheel_turns_until_something_comes_and_leaves_no_trace() -> None:
    out = ScreenFile()
    reply = reply_on(out)
    reply.waiting(0.0)
    first = out.lines()
    reply.waiting(3.1, "qwen-plus\n\x1b[2J")
    assert first != out.lines()
    assert re.fullmatch("[⠋-⠿] 3 s qwen-plus ␛\\[2J", out.lines()[0])
    reply.feed("Here")
    reply.tick()
    reply.waiting(4.0)
    assert out.lines() == ["Here"]


def test_a_note_stands_above_the_wheel() -> None:
    out = ScreenFile()
    reply = reply_on(out)
    reply.waiting(1.0)
    reply.note("rate limited; again in 3 s")
    reply.waiting(2.0)
    assert out.lines()[0] == "rate limited; again in 3 s"
    assert "2 s" in out.lines()[1]


def think(reply: MarkdownReply, thought: str) -> None:
    for start in range(0, len(thought), 3):
        reply.reasoning(thought[start : start + 3])
        reply.draw()


def test_thoughts_are_shown_dim_and_folded_to_a_line_when_the_reply_begins() -> None:
    out, clock = ScreenFile(40, 12), Clock()
    reply = reply_on(out, clock=clock, how_to_unfold="/reasoning shows it")
    reply.waiting(1.0)
    think(reply, "\nFirst I think of a **word**,\nthen 再想一个很长的中文句子来换行 of another one. ")
    reply.waiting(2.0)
    assert out.lines()[0] == "First I think of a **word**,"
    assert "\x1b[2;3m" in out.written
    clock.now += 4.2
    for piece in ["\n\n", "The ", "reply."]:
        reply.feed(piece)
        reply.draw()
    reply.reasoning("too late")
    reply.finish()
    assert out.lines() == ["thought for 4 s; /reasoning shows it", "", "The reply."]


def test_long_thoughts_show_their_last_lines_and_leave_none() -> None:
    out = ScreenFile(20, 10)
    reply = reply_on(out, clock=Clock())
    think(reply, "".join(f"thought number {number} " for number in range(100)))
    assert len(out.lines()) == MOST
    assert out.lines()[-1].split()[-1] == "99"
    reply.finish()
    assert out.lines() == ["thought for 0 s"]
    assert out.screen.scrollback() == []


def test_thoughts_leave_nothing_when_quiet() -> None:
    out = ScreenFile()
    reply = reply_on(out, quiet=True)
    think(reply, "hm hm")
    reply.feed("Yes.")
    reply.finish()
    assert out.lines() == ["Yes."]


# When it is drawn


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_frames_come_twenty_times_a_second_at_most() -> None:
    out, clock = ScreenFile(), Clock()
    reply = MarkdownReply(out.console, clock=clock)
    for _ in range(100):
        reply.feed("word ")
        reply.tick()
        clock.now += 0.01
    assert 15 <= out.writes <= 21


# Without a terminal


def test_a_pipe_gets_the_text() -> None:
    out = io.StringIO()
    reply = reply_view(out)
    reply.waiting(1.0)
    reply.reasoning("hm")
    reply.note("again")
    for piece in ["# a\r", "\n*b*", "\x1b[2J\n", "\n"]:
        reply.feed(piece)
        reply.tick()
    reply.finish()
    assert out.getvalue() == "# a\n*b*␛[2J\n"


def test_each_piece_is_written_when_it_comes() -> None:
    out = io.StringIO()
    reply = PlainReply(out)
    reply.feed("a b")
    assert out.getvalue() == "a b"


@pytest.fixture
def terminals(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("TERM", "xterm-256color")
    return monkeypatch


def test_a_terminal_gets_markdown_unless_it_is_dumb_or_plain_is_asked_for(terminals: pytest.MonkeyPatch) -> None:
    out = ScreenFile()
    assert isinstance(reply_view(out), MarkdownReply)  # type: ignore[arg-type]
    assert isinstance(reply_view(out, plain=True), PlainReply)  # type: ignore[arg-type]
    terminals.setenv("TERM", "dumb")
    assert isinstance(reply_view(out), PlainReply)  # type: ignore[arg-type]


# How fast it came


@pytest.mark.parametrize(
    ("usage", "line"),
    [
        (Usage(prompt=9, completion=312), "312 tokens · 8.1 s · 41 tokens/s · first after 0.4 s"),
        (Usage(prompt=9, completion=1), "1 token · 8.1 s · 0 tokens/s · first after 0.4 s"),
        (None, "~2 tokens · 8.1 s · 0 tokens/s · first after 0.4 s"),
    ],
)
def test_the_speed_of_a_reply_is_a_line(usage: Usage | None, line: str) -> None:
    assert speed_line(Message("assistant", "some words", usage=usage), 8.1, 0.4) == line


@pytest.mark.parametrize(("seconds", "when"), [(0.0, "at once"), (0.4, "at once"), (0.6, "in 1 s"), (30.0, "in 30 s")])
def test_a_request_that_goes_out_again_says_when(seconds: float, when: str) -> None:
    out = io.StringIO()
    out.isatty = lambda: True  # type: ignore[method-assign]
    show_turn(iter([Retrying(seconds, "busy")]), PlainReply(io.StringIO(), out))
    assert out.getvalue() == f"busy; again {when}\n"


def test_deltas_that_wait_are_joined_and_nothing_is_lost_or_moved() -> None:
    events = [Reasoning("hm"), *[Delta(str(n)) for n in range(50)], Finished("stop"), Used(Usage(1, 2))]

    class Ready(list[Event]):
        def close(self) -> None:
            pass

    seen = [event for event in Pump(Ready(events)) if not isinstance(event, Tick)]
    texts = [event.text for event in seen if isinstance(event, Delta)]
    assert "".join(texts) == "".join(map(str, range(50)))
    assert [event for event in seen if not isinstance(event, Delta)] == [events[0], *events[-2:]]
    assert seen[0] == events[0]
    assert seen[-2:] == events[-2:]


@pytest.mark.parametrize(
    ("kind", "shown"), [("xterm", "\r⠋ 3 s\x1b[K\r\x1b[Kagain\n\r⠋ 4 s\x1b[K\r\x1b[K"), ("dumb", "again\n")]
)
def test_a_wheel_beside_a_reply_makes_way_for_notes_and_goes(
    monkeypatch: pytest.MonkeyPatch, kind: str, shown: str
) -> None:
    monkeypatch.setenv("TERM", kind)
    beside = Tty()
    for view in (AwaitedReply(beside, beside), AwaitedReply(beside, None)):
        view.waiting(3.0)
        view.note("again")
        view.waiting(4.0)
        view.feed("the reply")
        view.finish()
    assert beside.getvalue() == shown


def test_no_wheel_turns_beside_a_reply_that_goes_into_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    beside = Tty()
    view = AwaitedReply(io.StringIO(), beside)
    view.waiting(3.0)
    view.finish()
    assert beside.getvalue() == ""


def test_a_reply_goes_on_behind_what_was_there_before_once() -> None:
    events = [Reasoning("hm"), Delta("a"), Delta("b"), Finished("stop")]
    assert list(after("```py\n", iter(events))) == [events[0], Delta("```py\n"), *events[1:]]


@pytest.mark.parametrize("whole", [True, False])
def test_a_reply_that_is_shown_whole_is_waited_for_until_it_is(monkeypatch: pytest.MonkeyPatch, whole: bool) -> None:
    now, waited = [1000.0], list[float]()
    monkeypatch.setattr("time.monotonic", lambda: now[0])

    class View(PlainReply):
        def waiting(self, seconds: float, note: str = "") -> None:
            waited.append(seconds)

    def events() -> Iterator[TurnEvent]:
        for event in (Tick(), Delta("a"), Tick(), Delta("b")):
            now[0] += 1
            yield event

    out = io.StringIO()
    show_turn(events(), View(out), whole=whole)
    assert waited == ([1, 2, 3, 4] if whole else [1])
    assert out.getvalue() == "ab\n"
