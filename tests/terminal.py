"""A real pty with a real screen behind it: how the tests see and drive the program as a person would.

    with Terminal([sys.executable, "-m", "chatcli", "chat"], env={"CHATCLI_HOME": str(home)}) as term:
        term.wait_for("you>")
        term.send("hello")
        term.key("enter")
        term.wait_for("hello back")

The child's output is read by a thread the moment it comes, so the child never blocks while a test looks
elsewhere; the screen answers what terminals are asked (cursor position, device attributes). Nothing here
sleeps for a guess: every wait ends when what it waits for is there, and fails with a picture of the screen.
"""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import termios
import threading
import time
import unicodedata
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pexpect
import pyte
from pyte import modes
from wcwidth import wcwidth

from tests.picture import svg_of

PATIENCE = 20.0  # seconds a wait may take: far more than needed, for a busy machine
LOOK = 0.1  # seconds until a wait looks again where the program wrote nothing

# What a terminal program needs of the environment; the rest (NO_COLOR, CI, COLUMNS, keys) stays outside.
_INHERITED = ("PATH", "HOME", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT")
_TERMINAL = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}

_KEYS = {
    "enter": "\r",
    "tab": "\t",
    "s-tab": "\x1b[Z",
    "esc": "\x1b",
    "space": " ",
    "backspace": "\x7f",
    "delete": "\x1b[3~",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
}
_BRACKETED_PASTE = 2004 << 5  # pyte keeps private modes shifted by five bits


def clean_env(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a fresh terminal, plus `extra`."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**kept, **_TERMINAL, **(extra or {})}


def key_bytes(name: str) -> str:
    """Return what a terminal sends for a key: `enter`, `up`, `c-x` (control), `m-enter` (Alt)."""
    if name in _KEYS:
        return _KEYS[name]
    if name.startswith("m-"):
        return "\x1b" + key_bytes(name[2:])
    if name.startswith("c-") and len(name) == 3:
        return chr(ord(name[2].upper()) & 0x1F)
    if len(name) == 1:
        return name
    raise ValueError(f"no such key: {name}")


class Screen(pyte.HistoryScreen):
    """pyte's screen with what real terminals do and pyte does not.

    A wide character that does not fit at the margin wraps; overwriting half of one blanks the other half;
    joiners and variation selectors join (pyte drops the rest of the text there); a cursor behind the last
    column reports the last column; lines pushed out by a smaller window go to the scrollback.
    """

    def __init__(self, columns: int, lines: int, answer: Callable[[str], None]) -> None:
        self._answer = answer
        super().__init__(columns, lines, history=100_000)

    def write_process_input(self, data: str) -> None:
        self._answer(data)

    def draw(self, data: str) -> None:
        if data.isascii() and not self._wide_on_line():
            super().draw(data)
            return
        for char in data:
            self._draw_char(char)

    def _wide_on_line(self) -> bool:
        return any(cell.data == "" for cell in self.buffer[self.cursor.y].values())

    def _draw_char(self, char: str) -> None:
        width = wcwidth(char)
        if width == 0 and not unicodedata.combining(char):
            self._join(char)
            return
        if width == 2 and self.cursor.x == self.columns - 1 and modes.DECAWM in self.mode:
            self.cursor.x = self.columns
        if width > 0 and self.cursor.x < self.columns:
            self._break_pairs(self.cursor.x, self.cursor.x + width)
        super().draw(char)

    def _join(self, char: str) -> None:
        line = self.buffer[self.cursor.y]
        before = self.cursor.x - 1
        if before > 0 and line[before].data == "":
            before -= 1
        if before >= 0:
            line[before] = line[before]._replace(data=line[before].data + char)

    def _break_pairs(self, start: int, stop: int) -> None:
        line = self.buffer[self.cursor.y]
        if start > 0 and line[start].data == "":
            line[start - 1] = line[start - 1]._replace(data=" ")
        if stop < self.columns and line[stop].data == "":
            line[stop] = line[stop]._replace(data=" ")

    def report_device_status(self, mode: int, **kwargs: Any) -> None:
        behind = self.cursor.x == self.columns
        self.cursor.x -= behind
        super().report_device_status(mode)
        self.cursor.x += behind

    def select_graphic_rendition(self, *attrs: int, private: bool = False) -> None:
        if not private:
            super().select_graphic_rendition(*attrs)

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        lines = lines or self.lines
        for _ in range(self.cursor.y + 1 - lines):  # as xterm: the cursor's line stays
            self.history.top.append(self.buffer[0])
            for y in range(self.lines - 1):
                self.buffer[y] = self.buffer[y + 1]
            self.buffer.pop(self.lines - 1, None)
            self.cursor.y -= 1
        for y in range(lines, self.lines):
            self.buffer.pop(y, None)
        self.lines = lines  # so that pyte, which drops lines at the top, has only the width to do
        super().resize(lines, columns)
        self.set_margins()
        self.cursor.x = min(self.cursor.x, self.columns - 1)

    @staticmethod
    def _row(line: Mapping[int, Any]) -> str:
        return "".join(line[x].data for x in range(max(line, default=-1) + 1)).rstrip()

    def rows(self) -> list[str]:
        """Return the visible lines, trailing spaces stripped."""
        return [self._row(self.buffer[y]) for y in range(self.lines)]

    def scrollback(self) -> list[str]:
        """Return the lines that have left the screen at its top."""
        return [self._row(line) for line in self.history.top]


class Terminal:
    """A program in a terminal of its own; a context manager that always ends it."""

    def __init__(
        self,
        argv: Sequence[str | Path],
        env: Mapping[str, str] | None = None,
        rows: int = 24,
        cols: int = 80,
        cwd: str | Path | None = None,
    ) -> None:
        self.argv = [str(arg) for arg in argv]
        self._env, self._cwd = clean_env(env), None if cwd is None else str(cwd)
        self._changed = threading.Condition(threading.RLock())
        self._raw = bytearray()
        self._ended = False
        self._screen = Screen(cols, rows, self._write)
        self._stream = pyte.ByteStream(self._screen)

    # -- life

    def __enter__(self) -> Self:
        with warnings.catch_warnings():
            # Python 3.12 warns of forks beside threads; the child goes straight to exec.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._spawn = pexpect.spawn(
                self.argv[0],
                self.argv[1:],
                env=self._env,
                cwd=self._cwd,
                dimensions=(self._screen.lines, self._screen.columns),
            )
        self._fd: int = self._spawn.child_fd
        self._stop_reading, self._stop = os.pipe()
        self._reader = threading.Thread(target=self._read, name="terminal", daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._end_child()
        os.close(self._stop)
        self._reader.join()
        os.close(self._stop_reading)
        self._spawn.ptyproc.delayafterclose = 0
        self._spawn.close()

    def _end_child(self) -> None:
        """Hang up, as closing a window does; a child that stays is killed."""
        for sign in (signal.SIGHUP, signal.SIGCONT, signal.SIGKILL):
            if not self.alive:
                return
            self.kill(sign)
            if sign is not signal.SIGHUP:
                self._until_dead(2.0)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return int(self._spawn.pid)

    @property
    def alive(self) -> bool:
        """Whether the child is still running."""
        return bool(self._spawn.isalive())

    def kill(self, sign: int = signal.SIGTERM) -> None:
        """Send a signal to the child, and to it alone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, sign)

    def wait_exit(self, timeout: float = PATIENCE) -> int:
        """Wait for the child's end; return its exit status, or minus the signal that ended it."""
        if not self._until_dead(timeout):
            self._fail(f"the program still runs after {timeout} s")
        with self._changed:  # what it wrote last; a grandchild may keep the terminal open
            self._changed.wait_for(lambda: self._ended, 1.0)
        status, sign = self._spawn.exitstatus, self._spawn.signalstatus
        return int(status) if sign is None else -int(sign)

    def _until_dead(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while self.alive:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    # -- what comes out

    def _read(self) -> None:
        while True:
            ready, _, _ = select.select([self._fd, self._stop_reading], [], [])
            if self._stop_reading in ready:
                return
            try:
                data = os.read(self._fd, 65536)
            except OSError:  # Linux: EIO once nobody holds the other side
                data = b""
            with self._changed:
                self._ended = not data
                self._raw += data
                self._stream.feed(data)
                self._changed.notify_all()
            if not data:
                return

    @property
    def raw(self) -> bytes:
        """Every byte the program has written."""
        with self._changed:
            return bytes(self._raw)

    @property
    def cursor(self) -> tuple[int, int]:
        """The cursor's row and column, both from 0."""
        with self._changed:
            return self._screen.cursor.y, self._screen.cursor.x

    @property
    def bracketed_paste(self) -> bool:
        """Whether the program has asked for pastes to be marked."""
        with self._changed:
            return _BRACKETED_PASTE in self._screen.mode

    @property
    def tty_modes(self) -> list[Any]:
        """The terminal's modes as `termios.tcgetattr` gives them, also after the program's end."""
        return termios.tcgetattr(self._fd)

    def screen_lines(self) -> list[str]:
        """Return the visible rows, trailing spaces stripped, empty ones included."""
        with self._changed:
            return self._screen.rows()

    def screen_text(self) -> str:
        """Return the visible screen as text, without the empty rows at its end."""
        return "\n".join(self.screen_lines()).rstrip("\n")

    def lines(self) -> list[str]:
        """Return scrollback and screen, trailing spaces stripped, without the empty rows at the end."""
        with self._changed:
            lines = self._screen.scrollback() + self._screen.rows()
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def text(self) -> str:
        """Return scrollback and screen as text."""
        return "\n".join(self.lines())

    # -- waiting

    def wait(self, seen: "Callable[[Terminal], object]", timeout: float = PATIENCE, what: str = "") -> None:
        """Wait until `seen(self)` is true; fail with the screen after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not seen(self):
                if time.monotonic() > deadline:
                    self._fail(f"waited {timeout} s for {what or seen}")
                self._changed.wait(LOOK)  # what is waited for may be elsewhere: in a file, say

    def wait_for(self, text: str, timeout: float = PATIENCE) -> None:
        """Wait until `text` is on the visible screen (within one row, or over rows with newlines)."""
        self.wait(lambda term: text in term.screen_text(), timeout, f"the text {text!r}")

    def wait_for_output(self, data: bytes, timeout: float = PATIENCE) -> None:
        """Wait until the program has written these bytes."""
        self.wait(lambda term: data in term._raw, timeout, f"the bytes {data!r}")

    def wait_gone(self, text: str, timeout: float = PATIENCE) -> None:
        """Wait until `text` is on the visible screen no more."""
        self.wait(lambda term: text not in term.screen_text(), timeout, f"{text!r} to go")

    def _fail(self, why: str) -> None:
        rule = "-" * self._screen.columns
        state = "running" if self.alive else f"exited {self._spawn.exitstatus} {self._spawn.signalstatus}"
        row, column = self.cursor
        raise AssertionError(
            f"{why}; the program: {state}, cursor: row {row}, column {column}\n"
            f"{rule}\n{self.screen_text()}\n{rule}\nlast bytes: {bytes(self._raw[-300:])!r}"
        )

    # -- what goes in

    def _write(self, text: str) -> None:
        data = text.encode("utf-8")
        with contextlib.suppress(OSError):  # the program has gone
            while data:
                data = data[os.write(self._fd, data) :]

    def send(self, text: str) -> None:
        """Type `text`."""
        self._write(text)

    def key(self, *names: str) -> None:
        """Press keys, one after the other: `enter`, `c-c`, `m-enter`, `up`, `backspace` …"""
        for name in names:
            self._write(key_bytes(name))

    def enter(self, text: str) -> None:
        """Type `text` and press Enter."""
        self._write(text + "\r")

    def paste(self, text: str) -> None:
        """Paste as a terminal does: marked when the program asked for marks, newlines sent as Enter."""
        typed = text.replace("\n", "\r")
        self._write(f"\x1b[200~{typed}\x1b[201~" if self.bracketed_paste else typed)

    def resize(self, rows: int, cols: int) -> None:
        """Give the window another size; the program gets its SIGWINCH. Lines do not reflow."""
        with self._changed:
            self._screen.resize(rows, cols)
            self._spawn.setwinsize(rows, cols)

    # -- pictures

    def svg(self, path: str | Path, title: str = "") -> Path:
        """Write a picture of the visible screen as SVG; return where."""
        with self._changed:
            Path(path).write_text(svg_of(self._screen, title), "utf-8")
        return Path(path)

    def png(self, path: str | Path) -> Path:
        """Write a picture of the visible screen as PNG (with rsvg-convert), else as SVG; return where."""
        svg = self.svg(Path(path).with_suffix(".svg"))
        if shutil.which("rsvg-convert") is None:
            print("rsvg-convert is not there; the picture stays SVG", file=sys.stderr)
            return svg
        subprocess.run(["rsvg-convert", "-z", "1.25", "-o", str(path), str(svg)], check=True, timeout=60)
        return Path(path)
