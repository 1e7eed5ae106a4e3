import subprocess
import sys

import pytest
from rich.cells import cell_len

from chatcli.render.safe import SafePieces, neutralise, one_line


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b]52;c;aGk=\x07", "␛]52;c;aGk=␇"),  # writes the clipboard
        ("\x1b[6n", "␛[6n"),  # answers into the next prompt
        ("\x1b[2J\x1b[H", "␛[2J␛[H"),
        ("\x1bP+q544e\x1b\\", "␛P+q544e␛\\"),  # DCS
        ("\x1b_G\x1b\\ \x1b^x \x1bXx", "␛_G␛\\ ␛^x ␛Xx"),  # APC, PM, SOS
        ("\x9b31m", "‹U+009B›31m"),  # the 8-bit CSI
        ("\x9d0;title\x9c", "‹U+009D›0;title‹U+009C›"),
        ("\x1b]8;;http://x", "␛]8;;http://x"),  # half finished
        ("\x00\x08\x7f\x0e", "␀␈␡␎"),
        ("cod\u202egpj.exe", "cod‹U+202E›gpj.exe"),
        ("a\u2066b\u2069", "a‹U+2066›b‹U+2069›"),
        ("\ud83d", "‹U+D83D›"),
        ("\x85", "‹U+0085›"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_instead(hostile: str, shown: str) -> None:
    assert neutralise(hostile) == shown


@pytest.mark.parametrize(
    "text", ["plain", "tab\tnew\nline", "你好 👩‍👩‍👧 é", "שלום\u200f \u200e", "[red]no markup[/]", ""]
)
def test_clean_text_is_returned_as_it_is(text: str) -> None:
    assert neutralise(text) is text


def test_carriage_returns_become_newlines() -> None:
    assert neutralise("a\r\nb\rc\r\r\nd") == "a\nb\nc\n\nd"


def test_a_crlf_cut_in_two_is_one_newline() -> None:
    pieces = SafePieces()
    assert pieces.feed("a\r") == "a"
    assert pieces.feed("\nb\r") == "\nb"
    assert pieces.rest() == "\n"
    assert pieces.rest() == ""


def test_a_name_stays_on_one_line_and_within_its_cells() -> None:
    assert one_line("a\nb\tc\r\nd") == "a b c d"
    assert one_line("x" * 100, 10) == "x" * 9 + "…"
    assert one_line("中国建都时间最长的城市", 10) == "中国建都…"
    assert one_line("中国", 4) == "中国"
    assert one_line("e" + "\u0301" * 100_000, 10).endswith("…")
    assert len(one_line("e" + "\u0301" * 100_000, 10)) < 100
    assert cell_len(one_line("👩‍👩‍👧" * 20, 11)) <= 11


def test_neutralising_needs_no_library() -> None:
    code = (
        "import sys; from chatcli.render.safe import neutralise, one_line;"
        "neutralise('\\x1b[0m'); one_line('x' * 99, 9);"
        "sys.exit(any(name in sys.modules for name in ('rich', 'wcwidth', 'prompt_toolkit')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
