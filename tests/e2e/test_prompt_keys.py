"""Each key of the prompt, as it is by default, in vi mode and as the config has it; pastes; awkward terminals."""

import fcntl
import hashlib
import json
import os
import signal
import struct
import sys
import termios
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.test_prompt_line import DEMO, ROOT, Demo, Start, cooked
from tests.terminal import Terminal

LONG = "\n".join(f"{number:05} 长城 {'x' * 60}" for number in range(10_000))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the demo; `start()` waits for its first prompt. `keys` is the table `[keys]`."""
    with ExitStack() as stack:

        def started(*more: str, keys: dict[str, object] | None = None, **kwargs: object) -> Demo:
            env = {"KEYS": json.dumps(keys or {}), **kwargs.pop("env", {})}  # type: ignore[dict-item]
            demo = stack.enter_context(Demo(tmp_path, *more, env=env, **kwargs))
            demo.at_prompt()
            return demo

        yield started


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# -- pastes


def test_a_paste_of_10000_lines_is_folded_and_sent_whole(start: Start) -> None:
    term = start()
    term.send("Explain: ")
    term.paste(LONG)
    term.at_prompt("you> Explain: [pasted 10,000 lines]")
    term.key("left", "right")
    term.send("!")
    term.at_prompt("you> Explain: [pasted 10,000 lines]!")
    term.key("enter")
    whole = f"Explain: {LONG}!"
    term.wait_for(f"got {len(whole)} {sha(whole)}")
    assert term.lines()[0] == "you> Explain: [pasted 10,000 lines]!"
    assert "长城" not in term.text()
    assert len(term.raw) < 20_000


def test_a_folded_paste_is_one_unit_for_every_key(start: Start) -> None:
    term = start()
    term.paste(LONG)
    term.paste(LONG[:5000])
    term.at_prompt("you> [pasted 10,000 lines][pasted 72 lines]")
    term.key("left", "backspace")
    term.at_prompt("you> [pasted 72 lines]")
    term.send("\x1f")  # undo
    term.at_prompt("you> [pasted 10,000 lines][pasted 72 lines]")
    term.key("c-e", "backspace")
    term.at_prompt("you> [pasted 10,000 lines]")
    term.key("c-u", "c-y", "c-y")
    term.at_prompt("you> [pasted 10,000 lines][pasted 10,000 lines]")
    term.key("enter")
    term.wait_for(f"got {2 * len(LONG)} {sha(LONG * 2)}")


def test_a_folded_paste_is_remembered_whole_by_the_input_history(start: Start, tmp_path: Path) -> None:
    history = str(tmp_path / "history")
    first = start(history)
    first.send("Explain:")
    first.key("c-j")
    first.paste(LONG)
    first.key("enter")
    whole = f"Explain:\n{LONG}"
    first.wait_for(f"got {len(whole)}")
    first.at_prompt()
    first.key("up")
    first.wait_for("     [pasted 10,000 lines]")
    first.key("c-c", "c-d")
    assert first.wait_exit() == 0
    second = start(history)
    second.key("up")
    second.wait_for("you> Explain:\n     [10,000 lines more]")
    second.key("enter")
    second.wait_for(f"got {len(whole)} {sha(whole)}")


def test_the_editor_opens_what_is_folded_and_folds_it_again(start: Start, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    term = start(env={"VISUAL": f'sh -c \'cp "$0" {seen}; printf more >> "$0"\''})
    term.paste(LONG)
    term.at_prompt("you> [pasted 10,000 lines]")
    term.key("c-x", "c-e")
    term.wait(lambda term: "[pasted 10,000 lines]more" in term.screen_text())
    assert seen.read_text() == LONG
    term.key("enter")
    term.wait_for(f"got {len(LONG) + 4} {sha(LONG + 'more')}")


def test_what_is_pasted_is_no_command_however_it_begins(start: Start) -> None:
    term = start()
    code = "/* main */\n" * 40
    term.paste(code)
    term.at_prompt("you> [pasted 40 lines]")
    term.key("enter")
    term.wait_for(repr(" " + code.rstrip("\n"))[:60])


def test_a_paste_in_two_halves_is_one(start: Start) -> None:
    term = start()
    term.send("\x1b[200~" + LONG[:300_000].replace("\n", "\r"))
    term.send(LONG[300_000:].replace("\n", "\r") + "\x1b[201~after")
    term.at_prompt("you> [pasted 10,000 lines]after")


def test_a_dropped_file_goes_along_unless_it_is_undone(start: Start, tmp_path: Path) -> None:
    term = start(cols=200)
    file = tmp_path / "two words.txt"
    file.write_text("x")
    term.send("see")
    term.paste(f"'{file}' ")
    term.at_prompt(f'you> see @"{file}"')
    term.wait_for("goes along as a file; ^_ leaves just the path")
    term.send("\x1f")
    term.at_prompt(f"you> see'{file}'")


# -- mentions


def test_a_mention_is_completed_and_stands_out(start: Start, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("x")
    (tmp_path / "folder").mkdir()
    term = start(cwd=tmp_path)
    term.send("see @")
    term.wait_for("folder/")
    term.wait_for("notes.md")
    term.send("no")
    term.key("tab")
    term.at_prompt("you> see @notes.md")
    term.wait_for_output(b"\x1b[0;4m@notes.md")
    term.send("@nobody")  # Tab went on behind the file
    term.key("enter")
    term.wait_for("got 'see @notes.md @nobody'")


def test_tab_takes_the_only_one_of_the_menu_and_enter_sends_it(start: Start) -> None:
    term = start()
    term.send("/he")
    term.wait_for("/help  ")
    term.key("tab", "enter")
    term.wait_for("got '/help'")


def test_tab_before_a_space_puts_in_no_second_one(start: Start, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("x")
    term = start(cwd=tmp_path)
    term.send("see @no then")
    term.key(*["left"] * 5)
    term.key("tab", "enter")
    term.wait_for("got 'see @notes.md then'")


# -- vi


@pytest.mark.parametrize("typed", ["hello\x1b", "hello\x1b0"])
def test_in_vi_mode_escape_edits(start: Start, typed: str) -> None:
    term = start(env={"EDITING": "vi"})
    term.send(typed)
    term.wait_for("NORMAL ")
    term.send("cw")
    term.wait_gone("NORMAL")
    term.send("x")
    term.key("enter")
    term.wait_for("got 'hellx'" if not typed.endswith("0") else "got 'x'")


def test_in_vi_mode_the_other_keys_do_what_they_always_do(start: Start) -> None:
    term = start(env={"EDITING": "vi", "VISUAL": "sh -c 'printf more >> \"$0\"'"})
    term.send("one")
    term.key("c-j")
    term.send("two")
    term.wait_for("     two")
    term.key("enter")
    term.wait_for(r"got 'one\ntwo'")
    term.at_prompt()
    term.key("c-r")
    term.send("ne")
    term.wait_for("(reverse-i-search)`ne': one")
    term.key("enter", "c-c")
    term.at_prompt()
    term.send("text")
    term.key("c-x", "c-e")
    term.at_prompt("you> textmore")
    term.key("esc")
    term.wait_for("NORMAL")
    term.key("c-c")
    term.at_prompt()
    term.key("c-d")
    assert term.wait_exit() == 0


# -- the config's keys


def test_enter_can_make_a_new_line_and_alt_enter_send(start: Start) -> None:
    term = start(keys={"send": "m-enter", "new_line": "enter"})
    term.enter("one")
    term.send("two")
    term.wait_for("     two")
    assert "got" not in term.text()
    term.key("m-enter")
    term.wait_for(r"got 'one\ntwo'")


def test_every_action_can_have_another_key(start: Start) -> None:
    keys = {"editor": "f2", "clear": "c-g", "leave": "c-q", "complete": "c-space", "history_search": "c-t"}
    term = start(keys=keys, env={"VISUAL": "sh -c 'printf more >> \"$0\"'"})
    term.send("text")
    term.send("\x1bOQ")
    term.at_prompt("you> textmore")
    term.key("enter")
    term.wait_for("got 'textmore'")
    term.at_prompt()
    term.send("half\x07")
    term.at_prompt()
    term.send("/rename my")
    term.send("\x00")
    term.at_prompt("you> /rename my session")
    term.send("\x07\x14more")
    term.wait_for("`more': textmore")
    term.key("enter")
    term.send("\x07")
    term.at_prompt()
    term.key("c-d")
    term.wait_for("^Q or /exit leaves")
    term.send("half")
    term.key("c-c")
    term.wait_for("^Q or /exit leaves")
    term.at_prompt("you> half")
    term.send("\x07\x11")
    assert term.wait_exit() == 0


def test_another_key_can_stop_a_reply(start: Start) -> None:
    term = start(keys={"stop": "c-g"})
    term.streaming()
    term.send("kept\x07")
    term.wait_for("[interrupted]")
    term.reply("end")
    term.at_prompt("you> kept")
    term.key("c-c", "c-d")
    assert term.wait_exit() == 0
    assert cooked(term)
    assert term.tty_modes[6][termios.VINTR] == b"\x03"


# -- ^C at any moment


def test_c_c_twice_quickly_clears_once_and_stays(start: Start) -> None:
    term = start()
    term.send("half a thought")
    term.key("c-c", "c-c", "c-c")
    term.wait_for("^D or /exit leaves")
    term.at_prompt()
    term.enter("on")
    term.wait_for("got 'on'")


def test_c_c_in_the_history_goes_back_behind_it_and_what_follows_at_once_finds_it_all(start: Start) -> None:
    term = start()
    for text in ("one", "two"):
        term.enter(text)
        term.wait_for(f"got '{text}'")
        term.at_prompt()
    term.key("up", "up", "c-c", "up")
    term.at_prompt("you> two")
    term.key("c-c", "c-r")
    term.send("on")
    term.wait_for("`on': one")


def test_c_c_in_the_menu_clears_the_line(start: Start) -> None:
    term = start()
    term.send("/h")
    term.wait_for("/history")
    term.key("tab", "c-c")
    term.at_prompt()
    assert "/history" not in term.screen_text()
    term.enter("on")
    term.wait_for("got 'on'")


def test_c_c_in_the_search_goes_back_to_the_line(start: Start) -> None:
    term = start()
    term.enter("needle")
    term.wait_for("got 'needle'")
    term.at_prompt()
    term.send("typed")
    term.key("c-r")
    term.send("need")
    term.wait_for("`need': needle")
    term.key("c-c")
    term.at_prompt("you> typed")


def test_c_c_in_the_editor_is_the_editors(start: Start, tmp_path: Path) -> None:
    script = tmp_path / "editor"
    script.write_text("#!/bin/sh\ntrap 'printf caught >> \"$1\"; exit 0' INT\necho in the editor\nread line\n")
    script.chmod(0o755)
    term = start(env={"VISUAL": str(script)})
    term.send("text ")
    term.key("c-x", "c-e")
    term.wait_for("in the editor")
    term.key("c-c")
    term.at_prompt("you> text caught")


def test_an_interrupt_from_outside_is_a_c_c(start: Start) -> None:
    term = start()
    term.send("half")
    term.at_prompt("you> half")
    term.kill(signal.SIGINT)
    term.at_prompt()
    term.kill(signal.SIGINT)
    term.wait_for("^D or /exit leaves")


# -- the editor


def test_an_editor_that_leaves_nothing_empties_the_line_and_undo_brings_it_back(start: Start) -> None:
    term = start(env={"VISUAL": "truncate -s 0"})
    term.send("a long thought")
    term.key("c-x", "c-e")
    term.wait_for("the editor left nothing; ^_ brings the text back")
    term.at_prompt()
    term.send("\x1f")
    term.at_prompt("you> a long thought")


# -- history


def test_the_up_key_brings_what_begins_like_what_is_typed(start: Start) -> None:
    term = start()
    for text in ("what is it", "tell me", "what then"):
        term.enter(text)
        term.wait_for(f"got '{text}'")
        term.at_prompt()
    term.send("what")
    term.at_prompt("you> what")
    term.key("up")
    term.at_prompt("you> what then")
    term.key("up")
    term.at_prompt("you> what is it")
    term.key("down", "down")
    term.at_prompt("you> what")


def test_c_d_in_a_line_with_text_does_not_leave(start: Start) -> None:
    term = start()
    term.send("ab")
    term.key("home", "c-d")
    term.at_prompt("you> b")
    term.key("enter")
    term.wait_for("got 'b'")


# -- awkward terminals


@pytest.mark.parametrize("cols", [10, 300])
def test_any_width_will_do(start: Start, cols: int) -> None:
    term = start(cols=cols)
    term.paste(LONG)
    term.wait_for("[pasted 10,000 lines]" if cols > 40 else "[past")
    term.send(" 长城!")
    term.key("enter")
    whole = f"{LONG} 长城!"
    term.wait(lambda term: f"got {len(whole)} {sha(whole)}" in term.text().replace("\n", "").replace("  ", " "))


def test_a_resize_in_the_middle_keeps_what_is_folded(start: Start) -> None:
    term = start()
    term.send("word " * 20)
    term.paste(LONG)
    term.wait_for("[pasted 10,000 lines]")
    for rows, cols in ((10, 30), (40, 120), (5, 12), (24, 80)):
        term.resize(rows, cols)
    term.send("!")
    term.wait_for("[pasted 10,000 lines]!")
    term.key("enter")
    whole = "word " * 20 + LONG + "!"
    term.wait_for(f"got {len(whole)} {sha(whole)}")


def test_a_terminal_that_says_it_has_no_size_is_taken_for_a_usual_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    code = (
        "import fcntl, os, struct, sys, termios\n"
        "fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 0, 0, 0, 0))\n"
        f"os.execv(sys.executable, [sys.executable, {str(DEMO)!r}, {str(tmp_path / 'gate')!r}])\n"
    )
    with Terminal([sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT)}) as term:
        term.wait_for("you>")
        size = struct.unpack("HHHH", fcntl.ioctl(term._fd, termios.TIOCGWINSZ, b"\0" * 8))
        assert size[:2] == (0, 0)
        term.send("one")
        term.key("c-j")
        term.enter("two")
        term.wait_for(r"got 'one\ntwo'")
        term.key("c-d")
        assert term.wait_exit() == 0


@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_without_a_utf8_locale_words_come_through_as_they_are(start: Start, locale: str) -> None:
    term = start(env={"LC_ALL": locale, "LANG": locale})
    term.send("长城 é")
    term.key("backspace", "backspace")
    term.paste(LONG)
    term.wait_for("[pasted 10,000 lines]")
    term.key("enter")
    whole = f"长城{LONG}"
    term.wait_for(f"got {len(whole)} {sha(whole)}")
