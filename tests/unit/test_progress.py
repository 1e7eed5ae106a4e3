"""What counts while the user waits: only on a terminal, only where it takes long, and gone when it is done."""

import io

import pytest

from chatcli.render.progress import counting
from tests.fakes import Tty


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def shown(clock: list[float], out: io.StringIO, *steps: float) -> str:
    with counting("reading {done} of {of}", out) as show:
        for done, seconds in enumerate(steps, 1):
            clock[0] += seconds
            show(done, 10_000)
    return out.getvalue()


def test_what_takes_long_is_counted_and_the_line_is_gone_in_the_end(clock: list[float]) -> None:
    assert shown(clock, Tty(), 0.6, 0.05, 0.2) == "\rreading 1 of 10,000\x1b[K\rreading 3 of 10,000\x1b[K\r\x1b[K"


def test_what_is_soon_done_and_what_no_terminal_shows_is_not_counted(clock: list[float]) -> None:
    assert shown(clock, Tty(), 0.1, 0.2) == ""
    assert shown(clock, io.StringIO(), 0.6, 0.6) == ""
