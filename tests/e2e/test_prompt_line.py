"""The prompt line and the keys typed while a reply streams, through a real terminal."""

import hashlib
import os
import signal
import stat
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.terminal import Terminal

ROOT = Path(__file__).parents[2]
DEMO = Path(__file__).with_name("line_demo.py")


class Demo(Terminal):
    """The demo in its terminal; its reply goes on as the test says."""

    def __init__(self, folder: Path, *more: str, **kwargs: object) -> None:
        self._gate_path = folder / "gate"
        if not self._gate_path.exists():
            os.mkfifo(self._gate_path)
        env = {"PYTHONPATH": str(ROOT), **kwargs.pop("env", {})}  # type: ignore[dict-item]
        super().__init__([sys.executable, DEMO, self._gate_path, *more], env=env, **kwargs)  # type: ignore[arg-type]

    def __enter__(self) -> "Demo":
        self._gate = os.open(self._gate_path, os.O_RDWR)
        super().__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        os.close(self._gate)

    def reply(self, piece: str) -> None:
        os.write(self._gate, f"{piece}\n".encode())

    def at_prompt(self, text: str = "you>") -> None:
        self.wait(lambda term: term.screen_lines()[term.cursor[0]] == text, what=f"the cursor in the line {text!r}")

    def streaming(self) -> None:
        self.at_prompt()
        self.enter("stream")
        self.wait_for("streaming")


Start = Callable[..., Demo]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the demo; `start()` waits for its first prompt."""
    with ExitStack() as stack:

        def started(*more: str, **kwargs: object) -> Demo:
            demo = stack.enter_context(Demo(tmp_path, *more, **kwargs))
            demo.at_prompt()
            return demo

        yield started


# -- sending


def test_enter_sends_and_the_line_stands_once(start: Start) -> None:
    term = start()
    term.enter("hello")
    term.wait_for("got 'hello'")
    term.at_prompt()
    assert term.lines()[:3] == ["you> hello", "got 'hello'", "you>"]


@pytest.mark.parametrize("colour", ["\x1b[31m", "\x1b[1;31m", "\x1b[0;1;31m", "\x1b[<1m"])
def test_typed_colours_are_dropped_and_the_text_around_them_stays(start: Start, colour: str) -> None:
    term = start()
    term.send(f"abc{colour}def\x1b[0m")
    term.wait_for("abcdef")
    term.key("enter")
    term.wait_for("got 'abcdef'")
    term.at_prompt()
    assert term.lines()[:3] == ["you> abcdef", "got 'abcdef'", "you>"]


def test_an_empty_line_is_not_sent(start: Start) -> None:
    term = start()
    term.key("enter", "enter")
    term.enter("x")
    term.wait_for("got 'x'")
    assert term.lines()[0] == "you> x"


@pytest.mark.parametrize("key", ["c-j", "m-enter"])
def test_a_key_makes_a_new_line(start: Start, key: str) -> None:
    term = start()
    term.send("one")
    term.key(key)
    term.send("two")
    term.wait_for("     two")
    term.key("enter")
    term.wait_for(r"got 'one\ntwo'")


def test_a_block_is_sent_when_it_is_closed_and_loses_its_fence(start: Start) -> None:
    term = start()
    term.enter('"""')
    term.enter("def f():")
    term.enter("  pass")
    term.send('"""')
    term.wait_for('     """')
    assert "got" not in term.screen_text()
    term.key("enter")
    term.wait_for(r"got 'def f():\n  pass'")


def test_a_paste_waits_for_enter_and_leaves_out_its_last_newline(start: Start) -> None:
    term = start()
    term.paste("one\ntwo\nthree\n")
    term.wait_for("     three")
    assert "got" not in term.screen_text()
    term.key("enter")
    term.wait_for(r"got 'one\ntwo\nthree'")


def test_wide_text_can_be_corrected_and_wraps_without_doubling(start: Start) -> None:
    term = start(cols=40)
    term.send("你好我是JavaEdge，中国建都时间最长的城市是哪个呢")
    term.key("backspace")
    term.send("?")
    term.wait_for("哪个?")
    term.key("enter")
    term.wait_for("got")
    term.at_prompt()
    assert term.lines()[:2] == ["you> 你好我是JavaEdge，中国建都时间最长", "的城市是哪个?"]


def test_control_characters_in_a_paste_do_not_reach_the_terminal(start: Start) -> None:
    term = start()
    term.paste("a\x1b[31mred\x9b1m\x07")
    term.wait_for("red")
    term.key("enter")
    term.wait_for("got")
    assert b"\x1b[31m" not in term.raw
    assert term.lines()[0] == "you> a^[[31mred<9b>1m^G"


def test_a_prefilled_line_can_be_edited_and_sent(start: Start) -> None:
    term = start()
    term.enter("fill again")
    term.at_prompt("you> again")
    term.key("backspace", "enter")
    term.wait_for("got 'agai'")


# -- leaving, clearing


def test_c_d_leaves_with_0(start: Start) -> None:
    term = start()
    term.key("c-d")
    assert term.wait_exit() == 0
    assert term.lines() == ["left"]


def test_c_c_clears_the_line_and_undo_brings_it_back(start: Start) -> None:
    term = start()
    term.send("half a thought")
    term.wait_for("half a thought")
    term.key("c-c")
    term.at_prompt("you>")
    term.send("\x1f")
    term.at_prompt("you> half a thought")


def test_c_c_at_an_empty_prompt_says_how_to_leave_until_something_is_typed(start: Start) -> None:
    term = start()
    term.key("c-c", "c-c")
    term.wait_for("^D or /exit leaves")
    term.send("x")
    term.wait_gone("^D or /exit leaves")
    term.wait_for("JavaEdge")
    assert term.screen_lines()[0] == "you> x"


@pytest.mark.parametrize(("key", "answer"), [("enter", "''"), ("c-c", "None"), ("c-d", "None")])
def test_a_question_can_be_answered_with_nothing(start: Start, key: str, answer: str) -> None:
    term = start()
    term.enter("ask")
    term.wait_for("sure? [y/N]")
    term.key(key)
    term.wait_for(f"answer {answer}")


def test_a_program_without_a_terminal_reads_lines_and_blocks(tmp_path: Path) -> None:
    script = f'printf \'one\\n\\n"""\\na\\nb\\n"""\\n\' | {sys.executable} {DEMO} {tmp_path}/gate'
    os.mkfifo(tmp_path / "gate")
    with Terminal(["sh", "-c", script], env={"PYTHONPATH": str(ROOT)}) as term:
        assert term.wait_exit() == 0
        assert term.lines() == ["got 'one'", r"got 'a\nb'", "left"]


def test_no_color_is_honoured(start: Start) -> None:
    term = start(env={"NO_COLOR": "1"})
    term.enter("hello")
    term.wait_for("got 'hello'")
    assert b";36" not in term.raw


def test_ctrl_c_at_the_prompt_of_a_dumb_terminal_says_how_to_leave_and_prompts_again(start: Start) -> None:
    term = start(env={"TERM": "dumb"})
    term.send("half a li")
    term.at_prompt("you> half a li")
    term.key("c-c")
    term.wait_for("^D or /exit leaves")
    term.at_prompt()
    term.enter("whole")
    term.wait_for("got 'whole'")
    term.at_prompt()
    term.enter("ask")
    term.at_prompt("sure? [y/N]")
    term.key("c-c")
    term.wait_for("answer None")
    assert b"\x1b" not in term.raw


def test_a_dumb_terminal_gets_plain_lines(start: Start) -> None:
    term = start(env={"TERM": "dumb"})
    term.enter("hello")
    term.wait_for("got 'hello'")
    term.at_prompt()
    term.key("c-d")
    assert term.wait_exit() == 0
    assert term.raw.endswith(b"you> \r\nleft\r\n"), "what comes after it gets a line of its own"
    assert b"\x1b" not in term.raw


# -- completion, history, editor


def test_a_slash_opens_the_menu_and_tab_takes_from_it(start: Start) -> None:
    term = start()
    term.send("/h")
    term.wait_for("/history  what was said")
    term.key("tab", "tab")
    term.at_prompt("you> /history")
    term.key("enter", "enter")
    term.wait_for("got '/history'")


def test_a_suggestion_with_a_space_replaces_what_was_begun(start: Start) -> None:
    term = start()
    term.send("/rename my s")
    term.key("tab")
    term.at_prompt("you> /rename my session")


def test_the_up_key_remembers_earlier_runs_but_no_secrets(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "data" / "input-history"
    first = start(str(file))
    for text in ("first", "two\x1b\rlines", "key sk-0123456789abcdef01", " hidden"):
        first.enter(text)
        first.wait(lambda term: term.screen_text().count("got") and term.screen_text().endswith("sqlite"))
        first.at_prompt()
    first.key("c-d")
    assert first.wait_exit() == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    second = start(str(file))
    second.key("up")
    second.at_prompt("     lines")
    second.key("up", "up")
    second.at_prompt("you> first")
    assert "sk-" not in file.read_text()
    assert "hidden" not in file.read_text()


def test_c_r_searches_what_was_typed(start: Start) -> None:
    term = start()
    term.enter("a needle here")
    term.wait_for("got")
    term.at_prompt()
    term.enter("hay")
    term.wait_for("got 'hay'")
    term.at_prompt()
    term.key("c-r")
    term.send("NEED")
    term.wait_for("a needle here")
    term.key("enter", "enter")
    term.wait(lambda term: term.screen_text().count("got 'a needle here'") == 2)


def test_escape_closes_the_menu_and_does_nothing_else(start: Start) -> None:
    term = start()
    term.send("/h")
    term.wait_for("what was said")
    term.key("esc")
    term.wait_gone("what was said")
    term.at_prompt("you> /h")
    term.send("i")
    term.wait_for("what was said")
    term.key("esc")
    term.wait_gone("what was said")
    term.key("enter")
    term.wait_for("got '/hi'")


def test_escape_gives_back_what_was_typed_when_a_choice_stood_there(start: Start) -> None:
    term = start()
    term.send("/h")
    term.wait_for("what was said")
    term.key("down")
    term.at_prompt("you> /help")
    term.key("esc")
    term.at_prompt("you> /h")


def test_alt_with_a_key_means_that_key_while_a_menu_is_open(start: Start) -> None:
    term = start()
    term.send("/h")
    term.wait_for("what was said")
    term.key("m-enter")
    term.wait_gone("what was said")
    term.send("two")
    term.key("enter")
    term.wait_for("got '/h\\ntwo'")


def test_the_editor_edits_the_line(start: Start) -> None:
    term = start(env={"VISUAL": 'sh -c \'printf " more" >> "$0"\''})
    term.send("text")
    term.key("c-x", "c-e")
    term.wait_for("text more")
    term.key("enter")
    term.wait_for("got 'text more'")


def test_an_editor_that_is_not_there_is_named_and_the_text_stays(start: Start) -> None:
    term = start(env={"VISUAL": "no-such-editor", "EDITOR": "true"})
    term.send("text")
    term.key("c-x", "c-e")
    term.wait_for("the editor that VISUAL names cannot be started: no-such-editor")
    term.key("enter")
    term.wait_for("got 'text'")


def test_an_editor_that_fails_changes_nothing(start: Start) -> None:
    term = start(env={"VISUAL": "false"})
    term.send("text")
    term.key("c-x", "c-e")
    term.wait_for("the editor failed")
    term.key("enter")
    term.wait_for("got 'text'")


@pytest.mark.parametrize(("rows", "cols"), [(24, 10), (4, 40), (2, 20)])
def test_a_tiny_window_works(start: Start, rows: int, cols: int) -> None:
    term = start(rows=rows, cols=cols)
    term.send("/h")
    term.at_prompt("you> /h")
    term.key("c-c")
    term.enter("ok")
    term.wait(lambda term: "got 'ok'" in term.text())


def test_a_resize_keeps_the_line(start: Start) -> None:
    term = start()
    term.send("hello there")
    term.wait_for("hello there")
    term.resize(20, 50)
    term.send(" again")
    term.wait_for("you> hello there again")
    term.key("enter")
    term.wait_for("got 'hello there again'")


# -- while a reply streams


def test_what_is_typed_during_a_reply_is_not_echoed_and_stands_at_the_next_prompt(start: Start) -> None:
    term = start()
    term.streaming()
    term.send("typed 中")
    term.wait_for("[typed]")
    assert "typed 中" not in term.screen_text()
    term.reply("end")
    term.at_prompt("you> typed 中")


def test_enter_typed_during_a_reply_sends_at_the_next_prompt(start: Start) -> None:
    term = start()
    term.streaming()
    term.enter("one")
    term.enter("two")
    term.send("thr")
    term.wait_for("[typed]")
    term.reply("end")
    term.at_prompt("you> thr")
    shown = [line for line in term.lines() if line.startswith(("you>", "got"))]
    assert shown == ["you> stream", "you> one", "got 'one'", "you> two", "got 'two'", "you> thr"]


def test_lines_typed_in_one_go_are_all_taken(start: Start) -> None:
    term = start()
    for number in range(12):
        term.enter(f"line {number}")
    term.wait_for("got 'line 11'")
    lines = [line for line in term.lines() if line.startswith(("got", "you> line"))]
    assert lines == [text for n in range(12) for text in (f"you> line {n}", f"got 'line {n}'")]


def test_a_large_paste_during_a_reply_is_kept_whole_and_does_not_send_itself(start: Start) -> None:
    text = "\n".join(f"{number:04} 长城 {'x' * 60}" for number in range(300))
    term = start()
    term.streaming()
    term.wait_for_output(b"streaming")
    term.paste(text)
    term.wait_for("[typed]")
    term.reply("end")
    term.at_prompt("you> [pasted 300 lines]")
    assert "got" not in term.text()
    term.key("enter")
    term.wait_for(f"got {len(text)} {hashlib.sha256(text.encode()).hexdigest()[:16]}")


def test_a_paste_that_the_end_of_the_reply_cuts_in_two_stays_one(start: Start) -> None:
    term = start()
    term.streaming()
    term.send("\x1b[200~one\rtw")
    term.wait_for("[typed]")
    term.reply("end")
    term.wait(lambda term: term.screen_lines()[term.cursor[0]] == "you>")
    term.send("o\rthree\x1b[201~")
    term.wait_for("     three")
    term.key("enter")
    term.wait_for(r"got 'one\ntwo\nthree'")


def test_c_c_during_a_reply_keeps_what_was_typed_and_a_second_one_does_no_harm(start: Start) -> None:
    term = start()
    term.streaming()
    term.send("kept")
    term.key("c-c", "c-c")
    term.wait_for("[interrupted]")
    term.reply("end")
    term.at_prompt("you> kept")
    assert "^C" not in term.screen_text()


# -- the terminal afterwards


def cooked(term: Terminal) -> bool:
    on = termios.ECHO | termios.ICANON | termios.ISIG
    return term.tty_modes[3] & on == on and bool(term.tty_modes[0] & termios.ICRNL)


def test_the_terminal_is_put_back_when_the_program_leaves(start: Start) -> None:
    term = start()
    before = term.tty_modes
    term.streaming()
    assert not term.tty_modes[3] & (termios.ECHO | termios.ICANON)
    assert term.tty_modes[3] & termios.NOFLSH
    term.reply("end")
    term.at_prompt()
    term.key("c-d")
    assert term.wait_exit() == 0
    assert cooked(term)
    assert not term.bracketed_paste
    assert before[3] & termios.NOFLSH  # so it is ours that was seen, and not the terminal's own
    assert not term.tty_modes[3] & termios.NOFLSH


def test_the_terminal_is_put_back_after_a_crash(start: Start) -> None:
    term = start()
    term.streaming()
    term.reply("crash")
    assert term.wait_exit() == 1
    assert cooked(term)
    assert not term.bracketed_paste


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
@pytest.mark.parametrize("when", ["at the prompt", "during a reply"])
def test_the_terminal_is_put_back_when_a_signal_ends_the_program(start: Start, sign: signal.Signals, when: str) -> None:
    term = start()
    if when == "during a reply":
        term.streaming()
    term.kill(sign)
    assert term.wait_exit() == -sign
    assert cooked(term)
    assert not term.bracketed_paste


@pytest.mark.parametrize("when", ["at the prompt", "during a reply"])
def test_c_z_gives_the_terminal_to_the_shell_and_fg_takes_it_again(tmp_path: Path, when: str) -> None:
    os.mkfifo(tmp_path / "gate")
    gate = os.open(tmp_path / "gate", os.O_RDWR)
    env = {"PYTHONPATH": str(ROOT), "PS1": "shell$ ", "HISTFILE": "/dev/null"}
    with Terminal(["bash", "--norc", "--noediting", "-i"], env=env) as term:
        term.wait_for("shell$")
        term.enter(f"{sys.executable} {DEMO} {tmp_path}/gate")
        term.wait_for("you>")
        term.wait_for("JavaEdge")
        if when == "during a reply":
            term.enter("stream")
            term.wait_for("streaming")
        term.key("c-z")
        term.wait_for("Stopped")
        term.enter("echo ec''hoed")
        term.wait_for("echoed")
        assert cooked(term)
        term.enter("fg")
        if when == "during a reply":
            term.wait(lambda term: not term.tty_modes[3] & termios.ECHO)
            term.send("later")
            term.wait_for("[typed]")
            os.write(gate, b"end\n")
        else:
            term.wait(lambda term: term.screen_lines()[term.cursor[0]] == "you>")
            term.send("later")
        term.wait(lambda term: term.screen_lines()[term.cursor[0]] == "you> later")
        term.key("c-c", "c-d")
        term.wait_for("left")
    os.close(gate)
