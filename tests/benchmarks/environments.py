"""Environments to measure in: the product without the packages of its tests, and the programs it is compared with.

Each is a virtual environment of its own, made with uv in the temporary folder the first time, its bytecode compiled as
an installer does. The product is installed anew every time: it may have changed.
"""

import getpass
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
_HOME = Path(tempfile.gettempdir()) / f"chatcli-benchmarks-{getpass.getuser()}"


def product() -> Path:
    """Return the folder of the programs of an environment with this checkout and what it depends on, no more."""
    folder = _made("product")
    _uv(
        "pip", "install", "--compile-bytecode", "--reinstall-package", "chatcli", "--python", _python(folder), str(ROOT)
    )
    return folder / "bin"


def peer(package: str) -> Path:
    """Return the folder of the programs of an environment with `package` alone."""
    folder = _made(package)
    _uv("pip", "install", "--compile-bytecode", "--python", _python(folder), package)
    return folder / "bin"


def peer_without_dependencies(package: str, *needed: str) -> Path:
    """Return the folder of the programs of an environment with `package` and only what is `needed` of the rest."""
    folder = _made(f"{package}-alone")
    _uv("pip", "install", "--compile-bytecode", "--python", _python(folder), *needed)
    _uv("pip", "install", "--no-deps", "--compile-bytecode", "--python", _python(folder), package)
    return folder / "bin"


def clean(home: Path, **more: str) -> dict[str, str]:
    """Return the environment variables of a fresh user who lives in `home`."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "xterm-256color", "LANG": "C.UTF-8", **more}


def _made(name: str) -> Path:
    folder = _HOME / f"{name}-{sys.version_info.major}.{sys.version_info.minor}"
    if not (folder / "bin" / "python").exists():
        _uv("venv", "--python", sys.executable, str(folder))
    return folder


def _python(folder: Path) -> str:
    return str(folder / "bin" / "python")


def _uv(*arguments: str) -> None:
    subprocess.run(["uv", *arguments, "--quiet"], check=True)
