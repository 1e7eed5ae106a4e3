"""A chat in the terminal with a model server that breaks HTTP: each fault said in two lines, nothing typed lost.

One process meets them all; its memory is looked at in the end. tests/unit/test_model_faults.py has all of them.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import User
from tests.faulty_server import AFTER_HALF, AT_ONCE, HANGING, FaultyServer
from tests.terminal import Terminal

GROWTH = 400  # MB that all faults together may add to the chat's peak; a reply of 4 million characters takes 200

SAID: dict[str, str] = {
    "a line of 50 MB": "something that is no reply",
    "a gzip bomb": "something that is no reply",
    "an image": "something that is no reply",
    "a redirect to another host": "points to another place, 127.0.0.2:9",
    "429 for an hour": "takes no more requests for now (429): slow down",
}
"""What is said of faults before a reply began; none of these is tried again."""


@pytest.fixture
def faulty(user: User) -> Iterator[FaultyServer]:
    with FaultyServer() as server:
        user.environ["OPENAI_BASE_URL"] = server.url
        yield server


def peak(term: Terminal) -> int:
    """Return the most memory that the chat has had, in MB."""
    status = Path(f"/proc/{term.pid}/status").read_text()
    (kilobytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kilobytes) // 1024


def test_one_chat_meets_all_faults_and_loses_nothing(user: User, faulty: FaultyServer) -> None:
    with user.chat("-s", "s", "--memory", "none", rows=40, cols=100) as term:
        term.wait_for("you>")
        term.enter("before")
        term.wait_for("Turn 1: before")
        before = peak(term)
        for number, (name, told) in enumerate(SAID.items()):
            faulty.fault = AT_ONCE[name]
            term.enter(f"ask {number}")
            term.wait_for(told, 60)
            term.wait_for("/retry", 60)
            faulty.fault = None
            term.enter("/retry")
            term.wait_for(f"Turn 1: ask {number}", 60)
            term.enter("/cls")
            term.wait_gone(told, 60)
        faulty.fault = AFTER_HALF["an endless reply"]
        term.enter("endless")
        term.wait_for("x" * 100, 60)
        term.key("c-c")
        ended = ("stopped; what came is kept", "has no end; it was left")  # a fast machine is faster than the key
        term.wait(lambda t: any(told in t.screen_text() for told in ended), 240)  # the screen here draws megabytes of x
        faulty.fault = None
        term.enter("after")
        term.wait_for("Turn 1: after", 60)
        assert peak(term) - before < GROWTH
        assert "Traceback" not in term.text()
        assert "sk-test-secret" not in term.raw.decode("utf-8", "replace")
    asked = [text for role, text in user.said("s") if role == "user"]
    assert asked == ["before", *(f"ask {number}" for number in range(len(SAID))), "endless", "after"]


@pytest.mark.parametrize("name", HANGING)
def test_a_reply_that_never_comes_is_stopped_at_once_and_sent_again(
    user: User, faulty: FaultyServer, name: str
) -> None:
    with user.chat("-s", "s") as term:
        term.wait_for("you>")
        faulty.fault = HANGING[name]
        term.enter("Hello")
        term.wait(lambda _: faulty.requests, what="the request")
        pressed = time.monotonic()
        term.key("c-c")
        term.wait_for("/retry")
        assert time.monotonic() - pressed < 10, "seconds on a loaded machine; the timeout is 120"
        faulty.fault = None
        term.enter("/retry")
        term.wait_for("Turn 1: Hello")


def test_ask_ends_with_an_error_when_headers_drip(user: User, faulty: FaultyServer) -> None:
    (user.home / "config").mkdir()
    (user.home / "config" / "config.toml").write_text(
        f'[models.slow]\nid = "x"\nbase_url = "{faulty.url}"\ntimeout = 0.3\n'
    )
    faulty.fault = HANGING["headers that drip"]
    done = user.run("ask", "-s", "s", "-m", "slow", "Hello")
    assert (done.returncode, done.stdout) == (4, "")
    given_up = ("drips: nothing whole came within 0.3 seconds", "was silent for 0.3 seconds")  # a busy machine pauses
    assert any(told in done.stderr for told in given_up)
