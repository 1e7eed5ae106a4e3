"""Who answers a turn: a name for this process, and whether the process behind such a name still runs."""

import os
import platform
from pathlib import Path


def this_writer() -> str:
    """Return a name for this process: where it runs, its process id and when it started."""
    pid = os.getpid()
    return f"{_place()}/{pid}/{_started(pid)}"


def is_gone(writer: str) -> bool:
    """Say whether `writer` ran here and has ended; False when that cannot be told (another machine)."""
    place, _, rest = writer.partition("/")
    pid, _, started = rest.partition("/")
    if place != _place() or not (pid.isascii() and pid.isdecimal()):
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError, ValueError):  # somebody else's; a number that no process has
        return False
    return _started(int(pid)) != started


def _place() -> str:
    """Return the machine and, where process ids are per container, the container."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return f"{platform.node()}{namespace}".replace("/", "_")


def _started(pid: int) -> str:
    """Return when a process started, in clock ticks since boot (proc(5), field 22); '' where there is no /proc.

    One that has ended, and whose parent has not asked how, is still listed: it never started.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    state, *others = stat.rpartition(")")[2].split()
    return "" if state == "Z" else others[18]
