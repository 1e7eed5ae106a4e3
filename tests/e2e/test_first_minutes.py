"""What a new user does first: no key, no Redis, the embedded model, the same command twice."""

from pathlib import Path

import pytest

from tests.e2e.conftest import CHATCLI
from tests.terminal import Terminal

pytestmark = pytest.mark.xdist_group("embedded")


def chat(home: Path) -> Terminal:
    return Terminal([*CHATCLI, "chat", "--session", "JavaEdge"], env={"CHATCLI_HOME": str(home)}, rows=40, cols=80)


def test_the_second_run_shows_the_earlier_turns_and_recalls_the_code(tmp_path: Path) -> None:
    with chat(tmp_path) as term:
        term.wait_for("you>", timeout=60)
        term.enter("The secret code is 4711. Remember it.")
        term.wait(lambda t: t.text().count("you>") == 2, timeout=90)
        term.key("c-d")
        assert term.wait_exit() == 0
    with chat(tmp_path) as term:
        term.wait_for("you> The secret code is 4711.", timeout=60)
        term.wait(lambda t: t.text().count("you>") == 2, timeout=60)
        term.enter("What is the secret code?")
        term.wait(lambda t: t.text().count("you>") == 3, timeout=90)
        answer = term.text().partition("What is the secret code?")[2]
        assert "4711" in answer
        term.key("c-d")
        assert term.wait_exit() == 0
