"""Keys typed while no prompt reads them, on a pty of the test's own."""

import os
import pty
import signal
import termios
from collections.abc import Iterator

import pytest
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.input.base import PipeInput
from prompt_toolkit.input.typeahead import get_typeahead, store_typeahead
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys

from chatcli.repl.keys import MARK_PASTES, PLAIN_PASTES, CapturedKeys, captured_keys, on_interrupt


@pytest.fixture
def tty() -> Iterator[tuple[int, int]]:
    """A terminal: the keyboard's side and the program's."""
    keyboard, program = pty.openpty()
    yield keyboard, program
    os.close(keyboard)
    os.close(program)


@pytest.fixture
def prompt() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe:
        yield pipe


def pressed(prompt: PipeInput) -> list[tuple[Keys | str, str]]:
    return [(press.key, press.data) for press in get_typeahead(prompt)]


def test_what_is_typed_goes_to_the_next_prompt_key_by_key(tty: tuple[int, int], prompt: PipeInput) -> None:
    keyboard, program = tty
    with captured_keys(program, program) as keys:
        os.write(keyboard, "a中\r\x1b[A".encode())
        assert keys.poll() == 8
        assert keys.poll() == 0
        keys.hand_over(prompt)
    assert pressed(prompt) == [("a", "a"), ("中", "中"), (Keys.ControlM, "\r"), (Keys.Up, "\x1b[A")]


def test_keys_come_in_the_order_they_were_typed_over_several_replies(tty: tuple[int, int], prompt: PipeInput) -> None:
    keyboard, program = tty
    with captured_keys(program, program) as keys:
        os.write(keyboard, b"a")
        keys.hand_over(prompt)
        os.write(keyboard, b"b")
        keys.hand_over(prompt)
    assert [key for key, _ in pressed(prompt)] == ["a", "b"]


def test_a_paste_is_one_key(tty: tuple[int, int], prompt: PipeInput) -> None:
    keyboard, program = tty
    with captured_keys(program, program) as keys:
        os.write(keyboard, b"\x1b[200~one\rtwo\x1b[201~")
        keys.hand_over(prompt)
    assert pressed(prompt) == [(Keys.BracketedPaste, "one\rtwo")]


def test_a_late_answer_of_the_terminal_is_no_key(tty: tuple[int, int], prompt: PipeInput) -> None:
    keyboard, program = tty
    with captured_keys(program, program) as keys:
        os.write(keyboard, b"a\x1b[12;1Rb")
        keys.hand_over(prompt)
    assert [key for key, _ in pressed(prompt)] == ["a", "b"]


def test_a_lone_escape_is_a_key(tty: tuple[int, int], prompt: PipeInput) -> None:
    keyboard, program = tty
    with captured_keys(program, program) as keys:
        os.write(keyboard, b"\x1b")
        keys.hand_over(prompt)
    assert [key for key, _ in pressed(prompt)] == [Keys.Escape]


def test_a_stop_that_a_prompt_took_for_a_key_interrupts_and_is_no_key(tty: tuple[int, int], prompt: PipeInput) -> None:
    _, program = tty
    stops: list[str] = []
    with captured_keys(program, program, stop=b"\x07") as keys, on_interrupt(lambda: stops.append("stop")):
        store_typeahead(prompt, [KeyPress("a"), KeyPress(Keys.ControlG, "\x07"), KeyPress("b")])
        keys.interrupt(prompt)
        assert stops == ["stop"]
        keys.interrupt(prompt)
        assert stops == ["stop"]
    assert pressed(prompt) == [("a", "a"), ("b", "b")]


def test_a_stop_that_came_while_the_terminal_was_the_prompts_interrupts(
    tty: tuple[int, int], prompt: PipeInput
) -> None:
    keyboard, program = tty
    stops: list[str] = []
    with captured_keys(program, program) as keys, on_interrupt(lambda: stops.append("stop")):
        modes = termios.tcgetattr(program)
        modes[3] &= ~termios.ISIG
        termios.tcsetattr(program, termios.TCSANOW, modes)
        os.write(keyboard, b"a\x03b")
        assert keys.poll() == 2
        assert stops == ["stop"]
        keys.hand_over(prompt)
    assert pressed(prompt) == [("a", "a"), ("b", "b")]


def test_the_modes_are_quiet_inside_and_as_before_afterwards(tty: tuple[int, int]) -> None:
    keyboard, program = tty
    before = termios.tcgetattr(program)
    with captured_keys(program, program) as keys:
        inside = termios.tcgetattr(program)
        assert not inside[0] & termios.ICRNL
        assert not inside[3] & (termios.ECHO | termios.ICANON | termios.IEXTEN)
        assert inside[3] & termios.ISIG
        assert inside[3] & termios.NOFLSH
        with keys.lent():
            assert termios.tcgetattr(program) == before
        assert termios.tcgetattr(program) == inside
    assert termios.tcgetattr(program) == before
    written, expected = b"", (MARK_PASTES + PLAIN_PASTES) * 2
    while len(written) < len(expected):  # the kernel may hand it over in pieces
        written += os.read(keyboard, 1000)
    assert written == expected


def test_captures_nest(tty: tuple[int, int]) -> None:
    _, program = tty
    with captured_keys(program, program):
        outer = termios.tcgetattr(program)
        with captured_keys(program, program):
            pass
        assert termios.tcgetattr(program) == outer


def test_what_was_echoed_before_is_covered(tty: tuple[int, int], prompt: PipeInput) -> None:
    keyboard, program = tty
    os.write(keyboard, b"early")
    assert os.read(keyboard, 5) == b"early"  # the echo
    with captured_keys(program, program) as keys:
        keys.hand_over(prompt)
    assert os.read(keyboard, 1000).startswith(MARK_PASTES + b"\r\x1b[K")
    assert "".join(data for _, data in pressed(prompt)) == "early"


def test_the_chats_own_capture_gives_an_editor_the_ordinary_terminal(tty: tuple[int, int]) -> None:
    _, program = tty
    before = termios.tcgetattr(program)
    with captured_keys(program, program):
        outer = termios.tcgetattr(program)
        with captured_keys(program, program, stop=b"\x07") as keys:
            assert termios.tcgetattr(program)[6][termios.VINTR] == b"\x07"
            with keys.lent():
                assert termios.tcgetattr(program) == before
        assert termios.tcgetattr(program) == outer
    assert termios.tcgetattr(program) == before


def test_signals_have_their_old_handlers_afterwards(tty: tuple[int, int]) -> None:
    _, program = tty
    signs = [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP, signal.SIGINT]
    before = [signal.getsignal(sign) for sign in signs]
    with captured_keys(program, program), on_interrupt(lambda: None):
        assert all(signal.getsignal(sign) != old for sign, old in zip(signs, before, strict=True))
    assert [signal.getsignal(sign) for sign in signs] == before


def test_an_ending_signal_goes_on_to_who_handled_it_before(tty: tuple[int, int]) -> None:
    _, program = tty
    cooked: list[bool] = []
    before = signal.signal(signal.SIGTERM, lambda *_: cooked.append(bool(termios.tcgetattr(program)[3] & termios.ECHO)))
    try:
        with captured_keys(program, program):
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert cooked == [True]


def test_an_ignored_signal_stays_ignored(tty: tuple[int, int]) -> None:
    _, program = tty
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with captured_keys(program, program):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_every_interrupt_is_told_and_none_raises() -> None:
    told: list[bool] = []
    with on_interrupt(lambda: told.append(True)):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
    assert told == [True, True]


def test_without_a_terminal_nothing_is_captured(prompt: PipeInput) -> None:
    reading, writing = os.pipe()
    with captured_keys(reading, writing) as keys:
        os.write(writing, b"for someone else")
        assert keys.poll() == 0
        keys.hand_over(prompt)
    assert pressed(prompt) == []
    assert os.read(reading, 99) == b"for someone else"
    os.close(reading)
    os.close(writing)


def test_keys_of_nowhere_stay_empty(prompt: PipeInput) -> None:
    keys = CapturedKeys()
    assert keys.poll() == 0
    keys.hand_over(prompt)
    assert pressed(prompt) == []


def test_a_keyboard_that_goes_away_ends_the_capture_quietly() -> None:
    keyboard, program = pty.openpty()
    with captured_keys(program, program) as keys:
        os.close(keyboard)
        assert keys.poll() == 0
    os.close(program)
