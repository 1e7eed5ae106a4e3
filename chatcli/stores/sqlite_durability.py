"""What a SQLite file promises to keep, by its settings and by where it lies."""

import os
import re
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

from chatcli.stores.durability import Durability

LITTLE = 100 * 2**20
"""Bytes free on a disk that is nearly full."""

MOUNTS = Path("/proc/self/mountinfo")
_SYNCED = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}
_ELSEWHERE = re.compile(
    r"nfs\d?|cifs|smb\w*|9p|afs|ceph|glusterfs|lustre|beegfs|davfs|vboxsf|prl_fs|drvfs"
    r"|fuse\.(sshfs|rclone|s3fs|glusterfs|ceph\S*|davfs\S*|smb\S*|gvfsd\S*|gcsfuse|mfs)"
)
_MEMORY = ("tmpfs", "ramfs")


def durability_of(db: sqlite3.Connection, path: Path) -> Durability:
    """Return what the open file promises, and what speaks against it."""
    (synchronous,), (journal,) = (
        db.execute("PRAGMA synchronous").fetchone(),
        db.execute("PRAGMA journal_mode").fetchone(),
    )
    promise = f"synchronous={_SYNCED.get(synchronous, synchronous)}, journal_mode={journal}: "
    kept = "a crash or a loss of power takes nothing" if synchronous >= 2 else "a loss of power may take the last turns"
    try:
        free = shutil.disk_usage(path.parent).free
        mounts = MOUNTS.read_text(encoding="utf-8", errors="replace") if MOUNTS.exists() else ""
    except OSError:
        free, mounts = LITTLE, ""
    place = file_system(path.resolve(), mounts)
    return Durability(promise + kept, (*of_place(place), *of_room(free), *of_modes(path)))


def file_system(path: Path, mounts: str) -> str:
    """Return the kind of file system on which a resolved path lies, '' when the system does not say.

    `mounts` is what Linux tells in /proc/self/mountinfo.
    """
    found = [(mount, kind) for line in mounts.splitlines() if (mount := _mount(line)) and (kind := _kind(line))]
    # Of two at one place the later hides the earlier.
    over = [
        (len(mount.parts), number, kind) for number, (mount, kind) in enumerate(found) if path.is_relative_to(mount)
    ]
    return max(over)[2] if over else ""


def _mount(line: str) -> Path | None:
    parts = line.split(" ")
    return Path(re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), parts[4])) if len(parts) > 4 else None


def _kind(line: str) -> str:
    return line.partition(" - ")[2].partition(" ")[0]


def of_place(kind: str) -> Iterator[str]:
    """Warn of a file system that does not keep SQLite's promises."""
    if _ELSEWHERE.fullmatch(kind):
        yield (
            f"it lies on a network file system ({kind}), where SQLite's locks and its WAL do not hold between machines:"
            " put it on a disk of this machine, or use Redis"
        )
    if kind in _MEMORY:
        yield f"it lies in memory ({kind}) and goes with the next restart: put it on a disk"


def of_room(free: int) -> Iterator[str]:
    """Warn of a disk that is nearly full."""
    if free < LITTLE:
        yield f"its disk has {free // 2**20} MiB left: make room, or turns cannot be saved"


def of_modes(path: Path) -> Iterator[str]:
    """Warn when others on this machine may read or write the file, or put another in its place."""
    if os.name != "posix":
        return
    for file in (path, path.with_name(f"{path.name}-wal")):
        if file.exists() and (mode := stat.S_IMODE(file.stat().st_mode)) & 0o077:
            yield f"others may read {file} (mode {mode:o}): chmod 600 {file}"
    folder = stat.S_IMODE(path.parent.stat().st_mode)
    if folder & 0o022 and not folder & stat.S_ISVTX:
        yield f"others may put another file in its place (mode {folder:o}): chmod 700 {path.parent}"
