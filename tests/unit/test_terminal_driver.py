"""The terminal that the end-to-end tests look through shows what a real one would."""

import os
import signal
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terminal import Screen, Terminal, key_bytes

ECHO_SIZE = "import os; print(os.get_terminal_size().columns, os.environ.get('COLUMNS'), flush=True); input()"


def python(code: str, **kwargs: object) -> Terminal:
    return Terminal([sys.executable, "-I", "-S", "-c", code], **kwargs)  # type: ignore[arg-type]


def shown(columns: int, lines: int, data: str) -> list[str]:
    import pyte

    screen = Screen(columns, lines, lambda _: None)
    pyte.Stream(screen).feed(data)
    return screen.rows()


@pytest.fixture
def open_files() -> Iterator[None]:
    before = set(os.listdir("/dev/fd"))
    yield
    assert set(os.listdir("/dev/fd")) == before


def test_the_child_sees_the_size_and_a_clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "7")
    with python(ECHO_SIZE, rows=10, cols=33) as term:
        term.wait_for("33 None")


def test_the_exit_status_and_the_last_words_are_there() -> None:
    with python("import sys; print('bye'); sys.exit(3)") as term:
        assert term.wait_exit() == 3
        assert term.screen_text() == "bye"


def test_a_signal_is_told_as_a_negative_status() -> None:
    with python("input('ready')") as term:
        term.wait_for("ready")
        term.kill(signal.SIGTERM)
        assert term.wait_exit() == -signal.SIGTERM


@pytest.mark.usefixtures("open_files")
def test_a_child_that_ignores_hanging_up_is_ended_and_nothing_stays_open() -> None:
    code = """if True:
        import signal
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        print("deaf", flush=True)
        signal.pause()
    """
    with python(code) as term:
        term.wait_for("deaf")
        pid = term.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_wait_that_fails_shows_the_screen() -> None:
    with python("input('what stands here')") as term:
        term.wait_for("what stands here")
        with pytest.raises(AssertionError, match="what stands here"):
            term.wait_for("never", timeout=0.05)


def test_the_cursor_position_is_answered() -> None:
    code = (
        "import sys, tty; tty.setraw(0); print('abc\\x1b[6n', end='', flush=True); "
        "print(repr(sys.stdin.buffer.raw.read(9)))"
    )
    with python(code) as term:
        term.wait_for("b'\\x1b[1;4R'")


def test_a_paste_is_marked_when_the_program_asked_for_it() -> None:
    code = "import os, tty; tty.setraw(0); os.write(1, b'\\x1b[?2004hgo'); print(os.read(0, 99))"
    with python(code) as term:
        term.wait_for("go")
        term.paste("a\nb")
        term.wait_for("b'\\x1b[200~a\\rb\\x1b[201~'")


def test_resizing_reaches_the_program() -> None:
    code = """if True:
        import os, signal
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGWINCH])
        print("up", flush=True)
        signal.sigwait([signal.SIGWINCH])
        print(os.get_terminal_size())
    """
    with python(code) as term:
        term.wait_for("up")
        term.resize(11, 60)
        term.wait_for("columns=60, lines=11")


def test_the_modes_of_the_tty_can_be_read_after_the_end() -> None:
    with python("import tty; tty.setraw(0)") as term:
        assert term.wait_exit() == 0
        assert not term.tty_modes[3] & termios.ECHO


def test_lines_hold_the_scrollback_and_the_screen() -> None:
    with python("for i in range(50): print('line', i)", rows=10) as term:
        term.wait_exit()
        assert term.lines() == [f"line {i}" for i in range(50)]
        assert "line 0" not in term.screen_text()


def test_wide_characters_are_joined_and_wrap_whole_at_the_margin() -> None:
    assert shown(5, 3, "中文字a") == ["中文", "字a", ""]


def test_overwriting_half_a_wide_character_blanks_the_other_half() -> None:
    assert shown(6, 1, "中文\x1b[1;2Hx") == [" x文"]
    assert shown(6, 1, "中文\x1b[1;1Hx") == ["x 文"]


def test_text_after_a_joiner_is_kept() -> None:
    assert shown(20, 1, "a👍\ufe0fb") == ["a👍\ufe0fb"]


def test_a_lower_window_pushes_its_top_lines_into_the_scrollback() -> None:
    import pyte

    screen = Screen(10, 5, lambda _: None)
    pyte.Stream(screen).feed("1\r\n2\r\n3\r\n4")
    screen.resize(lines=2, columns=8)
    assert (screen.scrollback(), screen.rows(), screen.cursor.y) == (["1", "2"], ["3", "4"], 1)


def test_keys_have_the_bytes_of_xterm() -> None:
    assert [key_bytes(name) for name in ("c-c", "c-j", "m-enter", "backspace", "up", "x")] == [
        *("\x03", "\n", "\x1b\r", "\x7f", "\x1b[A", "x")
    ]
    with pytest.raises(ValueError, match="no such key"):
        key_bytes("hyper-x")


def test_a_picture_can_be_taken(tmp_path: Path) -> None:
    with python("print('\\x1b[1;31m中文 seen')") as term:
        term.wait_exit()
        assert "seen" in term.svg(tmp_path / "screen.svg").read_text("utf-8")
