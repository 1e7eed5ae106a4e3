"""The keyboard while no prompt reads it: what is typed is neither echoed into a reply nor lost.

    with captured_keys() as keys, on_interrupt(stop):   # once, around the whole chat
        while (text := line.read()) is not None:
            for piece in reply(text):
                keys.poll()                             # often: see below
            keys.hand_over(line.input)                  # as if typed at the next prompt

ECHO, ICANON, IEXTEN and ICRNL are off: with ECHO alone off, Enter would become a newline and a line of 4 KiB
would be cut. ISIG stays on, so that ^C and ^Z work, and NOFLSH is on, so that ^C drops nothing. Pastes are
marked (`CSI ? 2004 h`), so that one sends itself neither now nor at the next prompt. The kernel keeps 4 KiB
of keys: what follows waits in the terminal, and so does a ^C behind it, until `poll` takes them.

The program begins it before its imports (`chatcli.__main__`), so that nothing typed meanwhile is echoed into the
first screen; the chat's own is inside that one.

Everything is put back on every way out: the end of the block, an exception, a signal that ends the program,
and ^Z until it goes on.
"""

import contextlib
import os
import re
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

try:
    import termios
except ImportError:  # Windows: its console keeps what is typed by itself
    termios = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from prompt_toolkit.input import Input

MARK_PASTES = b"\x1b[?2004h"
PLAIN_PASTES = b"\x1b[?2004l"
CONTROL_C = b"\x03"
_OVER_AN_ECHO = b"\r\x1b[K"
# What a drawing may have left behind when a signal ends the program: hidden cursor, colours, a toolbar below.
_TIDY = b"\x1b[?25h\x1b[0m\r\n\x1b[J"
_DEADLY = ("SIGTERM", "SIGHUP", "SIGQUIT")
# The start of a key whose rest is still on its way: half an escape sequence or half a UTF-8 character.
_HALF_A_KEY = rb"(\x1b(\[[\d;<]*|O)?|[\xc2-\xf4][\x80-\xbf]{0,2})\Z"
_REST_OF_A_KEY = 0.05  # seconds

_captures: list["_QuietTerminal"] = []

_Handler = Callable[[int, FrameType | None], Any] | int | None


class CapturedKeys:
    """What has been typed since the last prompt. Without a terminal it stays empty."""

    def __init__(self, terminal: "_QuietTerminal | None" = None) -> None:
        self._terminal = terminal
        self._typed = bytearray()
        self._prompt_was_here = True

    @contextlib.contextmanager
    def lent(self) -> Iterator[None]:
        """Give the terminal back as it was while the block runs: for an editor."""
        if self._terminal is not None:
            self._terminal.restore()
        try:
            yield
        finally:
            if self._terminal is not None:
                self._terminal.quiet()

    def poll(self) -> int:
        """Take what has been typed meanwhile, without waiting; return how many bytes that was."""
        if self._terminal is not None and self._prompt_was_here:
            _write(self._terminal.out, MARK_PASTES)  # something else may have switched them off
            self._prompt_was_here = False
        before = len(self._typed)
        while self._take(0):
            pass
        return len(self._typed) - before

    def hand_over(self, prompt: "Input") -> None:
        """Give what was typed to the prompt that reads `prompt` next, as if it were typed there."""
        from prompt_toolkit.input.typeahead import store_typeahead
        from prompt_toolkit.input.vt100 import Vt100Input
        from prompt_toolkit.keys import Keys

        self.poll()
        while self._typed and re.search(_HALF_A_KEY, self._typed) and self._take(_REST_OF_A_KEY):
            pass
        self._prompt_was_here = True
        if not self._typed or not isinstance(prompt, Vt100Input):
            return
        # The prompt's own parser: a paste that is still coming goes on there where it stopped here.
        prompt.vt100_parser.feed(self._typed.decode("utf-8", "replace"))
        self._typed.clear()
        pressed = prompt.flush_keys()
        store_typeahead(prompt, [press for press in pressed if press.key is not Keys.CPRResponse])

    def interrupt(self, prompt: "Input") -> None:
        """Raise SIGINT for a stop key that the prompt read behind the key that sent its line, and take it out.

        The prompt took it as a key, since it still had the terminal; it was meant for what the line began.
        """
        if self._terminal is None:
            return
        from prompt_toolkit.input.typeahead import get_typeahead, store_typeahead
        from prompt_toolkit.keys import Keys

        stop = self._terminal.stop_byte.decode("ascii")
        ahead = get_typeahead(prompt)
        kept = [press for press in ahead if press.data != stop and press.key is not Keys.SIGINT]
        store_typeahead(prompt, kept)
        if len(kept) < len(ahead):
            signal.raise_signal(signal.SIGINT)

    @contextlib.contextmanager
    def set_aside(self, prompt: "Input") -> Iterator[None]:
        """Keep what was typed ahead from what reads `prompt` in the block; the next prompt after it gets it."""
        from prompt_toolkit.input.typeahead import get_typeahead, store_typeahead

        self.poll()
        ahead = get_typeahead(prompt)
        yield
        store_typeahead(prompt, ahead)

    def _take(self, patience: float) -> bool:
        if self._terminal is None or not select.select([self._terminal.fd], [], [], patience)[0]:
            return False
        try:
            data = os.read(self._terminal.fd, 65536)
        except OSError:  # the terminal has gone
            data = b""
        stop = self._terminal.stop_byte
        if not data:
            self._terminal = None
        self._typed += data.replace(stop, b"")
        if stop in data:  # pressed while a prompt had the terminal still
            signal.raise_signal(signal.SIGINT)
        return bool(data)


class _QuietTerminal:
    """The terminal's modes: ours, and those to put back."""

    def __init__(self, fd: int, out: int, stop: bytes) -> None:
        self.fd, self.out, self.stop_byte = fd, out, stop
        self._before = termios.tcgetattr(fd)
        self._handlers: dict[int, _Handler] = {}

    def quiet(self) -> None:
        modes = termios.tcgetattr(self.fd)
        modes[0] &= ~(termios.ICRNL | termios.INLCR | termios.IGNCR)
        modes[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
        modes[3] |= termios.ISIG | termios.NOFLSH
        modes[6][termios.VMIN], modes[6][termios.VTIME] = 1, 0
        modes[6][termios.VINTR] = self.stop_byte
        self._set(modes)
        _write(self.out, MARK_PASTES)

    def cover_echo(self) -> None:
        """Go back to the start of the line when something was typed, and so echoed, before we were quiet."""
        if select.select([self.fd], [], [], 0)[0]:
            _write(self.out, _OVER_AN_ECHO)

    @contextlib.contextmanager
    def stopped_by(self, stop: bytes) -> Iterator[None]:
        """Make `stop` the key that interrupts while the block runs."""
        before, self.stop_byte = self.stop_byte, stop
        self.quiet()
        try:
            yield
        finally:
            self.stop_byte = before
            with contextlib.suppress(termios.error):  # the terminal has gone
                self.quiet()

    def restore(self) -> None:
        self._set(self._before)
        _write(self.out, PLAIN_PASTES)

    def _set(self, modes: list[Any]) -> None:
        with contextlib.suppress(termios.error):  # the terminal has gone
            termios.tcsetattr(self.fd, termios.TCSANOW, modes)

    def watch_signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # Python lets only the main thread handle signals
        for name in _DEADLY:
            self._install(getattr(signal, name), self._end)
        self._install(signal.SIGTSTP, self._suspend)

    def _install(self, sign: int, handler: _Handler) -> None:
        before = signal.getsignal(sign)
        if before in (signal.SIG_IGN, None):  # nohup; or a handler that Python cannot put back
            return
        self._handlers[sign] = before
        signal.signal(sign, handler)

    def unwatch_signals(self) -> None:
        for sign, before in self._handlers.items():
            signal.signal(sign, before)

    def _end(self, sign: int, _frame: FrameType | None) -> None:
        self.restore()
        _write(self.out, _TIDY)
        signal.signal(sign, self._handlers[sign])
        os.kill(os.getpid(), sign)

    def _suspend(self, sign: int, _frame: FrameType | None) -> None:
        modes = termios.tcgetattr(self.fd)  # a prompt's own, or ours
        self.restore()
        signal.signal(sign, self._handlers[sign])
        os.kill(os.getpid(), sign)  # here the program stands still, until `fg`
        signal.signal(sign, self._suspend)
        self._set(modes)
        _write(self.out, MARK_PASTES)


@contextlib.contextmanager
def captured_keys(fd: int = 0, out: int = 1, stop: bytes = CONTROL_C) -> Iterator[CapturedKeys]:
    """Keep what is typed on the terminal `fd` to ourselves while the block runs; the key `stop` is the interrupt.

    Best entered once around a whole chat: the prompt's own modes come on top and leave these as they were, so
    that no key falls between two prompts. Pastes are marked by writing to `out`. When `fd` is no terminal,
    or one that cannot draw, nothing is changed and the keys stay empty. Inside another one it changes `stop` alone.
    """
    if termios is None or not os.isatty(fd) or os.environ.get("TERM") == "dumb":
        yield CapturedKeys()
        return
    if outer := next((one for one in _captures if one.fd == fd), None):
        with outer.stopped_by(stop):
            yield CapturedKeys(outer)
        return
    terminal = _QuietTerminal(fd, out, stop)
    terminal.watch_signals()
    _captures.append(terminal)
    try:
        terminal.quiet()
        terminal.cover_echo()
        yield CapturedKeys(terminal)
    finally:
        _captures.remove(terminal)
        terminal.restore()
        terminal.unwatch_signals()


def keys_are_captured() -> bool:
    """Return whether a `captured_keys` block runs: pastes then stay marked when a prompt ends."""
    return bool(_captures)


@contextlib.contextmanager
def on_interrupt(callback: Callable[[], object]) -> Iterator[None]:
    """Call `callback` on every ^C (SIGINT) while the block runs, instead of raising KeyboardInterrupt.

    It is called in the main thread, between two steps of whatever runs there, and should only take a note.
    """
    before = signal.signal(signal.SIGINT, lambda _sign, _frame: callback())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _write(out: int, data: bytes) -> None:
    if not os.isatty(out):
        return
    with contextlib.suppress(OSError, ValueError, RuntimeError):  # closed, or a signal came amid a flush
        sys.stdout.flush()
    with contextlib.suppress(OSError):  # the terminal has gone
        os.write(out, data)
