"""Reading a file that the user named: whatever stands there, it ends, and it says what is wrong in two lines."""

import os
import stat
from pathlib import Path

from chatcli.errors import UsageError
from chatcli.images import size_of

LARGEST = 100_000_000
"""Bytes of a file that are read at most: a photograph or a PDF of which less is sent."""

UNFIT_HINT = "attach text in UTF-8, a PDF, or a PNG, JPEG, GIF or WebP image"


def contents(path: Path) -> bytes:
    """Return the bytes of the regular file at `path`; raise UsageError when there is none or it cannot be read.

    A pipe, a device or a file that grows meanwhile makes nobody wait: only a regular file is read, up to LARGEST.
    """
    try:
        path = path.expanduser()
        # a folder is told from the rest before it is opened: Windows opens none
        if path.is_dir():
            raise UsageError(f"{path} is a folder", "attach the files in it one by one")
        opened = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(opened, "rb") as file:
            return _read(path, file.fileno())
    except OSError as error:
        raise UsageError(f"{path} cannot be attached: {error.strerror}", "check the path") from None
    except (RuntimeError, ValueError) as error:  # ~nobody, a NUL
        raise UsageError(f"{path} cannot be attached: {error}", "write the whole path") from None


def _read(path: Path, opened: int) -> bytes:
    found = os.fstat(opened)
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"{path} is no file, but a pipe or a device", "attach a file; ask takes text from a pipe")
    if found.st_size > LARGEST:
        raise too_much(path, found.st_size, LARGEST, "a file", "attach a part of it, or make it smaller")
    pieces, total = [], 0
    while piece := os.read(opened, 2**20):
        pieces.append(piece)
        total += len(piece)
        if total > LARGEST:
            raise too_much(path, total, LARGEST, "a file", "it grows while it is read: attach a copy of a part of it")
    return b"".join(pieces)


def too_much(path: Path, count: int, limit: int, what: str, hint: str) -> UsageError:
    """Return the error for a file of `count` bytes where `what` may have `limit`."""
    return UsageError(f"{path} has {size_of(count)}; {size_of(limit)} is the limit for {what}", hint)
