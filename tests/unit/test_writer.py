"""Whether the process behind a writer's name still runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chatcli.writer import is_gone, this_writer

NAME = "from chatcli.writer import this_writer; print(this_writer(), flush=True); input()"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc: a process id alone is known")
def test_a_writer_that_was_killed_is_gone_also_when_its_parent_has_not_noticed() -> None:
    command = [sys.executable, "-c", NAME]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        writer = process.stdout.readline().strip()
        assert not is_gone(writer)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert is_gone(writer)
    assert is_gone(writer)
    assert not is_gone(this_writer())
