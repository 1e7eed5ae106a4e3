"""Chats that are killed at random moments; tests.benchmarks.killed_chats makes 200 in each store."""

import subprocess
import sys

import pytest

KILLS = "15"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("store", ["sqlite", "redis"])
def test_whenever_a_chat_is_killed_no_message_is_lost_torn_or_doubled_and_what_was_shown_is_offered(store: str) -> None:
    # What was on the screen for a second is safe; a busy machine may take longer to get there.
    options = ["--kills", KILLS, "--store", store, "--within", "3"]
    campaign = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.killed_chats", *options], capture_output=True, text=True, timeout=590
    )
    assert campaign.returncode == 0, campaign.stdout + campaign.stderr
    assert f"{KILLS} kills" in campaign.stdout
