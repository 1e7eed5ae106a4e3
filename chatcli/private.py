"""Folders for their owner alone."""

from pathlib import Path


def private_folder(path: Path) -> Path:
    """Return the folder; it and the folders above it are made with mode 0700 where they are not there."""
    for folder in (*reversed(path.absolute().parents), path):
        folder.mkdir(mode=0o700, exist_ok=True)
    return path
