"""Processes that chat and derive, killed at random points; the campaign is `tests.benchmarks.killed`."""

import os
import subprocess
import sys

KILLS = os.environ.get("CHATCLI_KILLS", "100")


def test_whenever_a_process_is_killed_no_turn_and_no_summary_is_lost_and_every_watermark_holds() -> None:
    # a process of its own: it forks, which one with threads must not
    campaign = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.killed", "--kills", KILLS],
        capture_output=True, text=True, timeout=170 if KILLS == "100" else None,
    )  # fmt: skip
    assert campaign.returncode == 0, campaign.stdout + campaign.stderr
    assert f"{KILLS} kills" <= campaign.stdout.split("\n")[1]
