"""The examples of the CommonMark specification, from the source package that ships them."""

import re
import subprocess
import tarfile
import tempfile
from pathlib import Path

SOURCE = "commonmark==0.9.1"
_EXAMPLE = re.compile(r"^`{32} example\n(.*?)^\.\n.*?^`{32}$", re.MULTILINE | re.DOTALL)


def spec_examples() -> list[str]:
    """Return the markdown of every example; the package is fetched the first time and kept beside other temporaries.

    It is no dependency: what is built of it to be installed has no examples any more.
    """
    folder = Path(tempfile.gettempdir()) / "chatcli-commonmark-spec"
    if not list(folder.glob("*.tar.gz")):
        fetch = ["uv", "tool", "run", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        with tempfile.TemporaryDirectory(dir=_made(folder)) as fresh:
            subprocess.run([*fetch, "--dest", fresh, SOURCE], check=True, timeout=120)
            for archive in Path(fresh).glob("*.tar.gz"):
                archive.replace(folder / archive.name)
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        name = next(name for name in archive.getnames() if name.endswith("/spec.txt"))
        opened = archive.extractfile(name)
        assert opened is not None
        text = opened.read().decode()
    return [example.replace("→", "\t") for example in _EXAMPLE.findall(text)]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
