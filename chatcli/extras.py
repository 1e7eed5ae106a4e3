"""How a package that chatcli can do without is brought into the environment it runs in."""

import importlib.util
import shlex
import sys


def how_to_install(package: str) -> str:
    """Return the command that installs the package here.

    Never the name of chatcli: the package of that name in the index is somebody else's.
    """
    python = shlex.quote(sys.executable)
    if importlib.util.find_spec("pip") is None:  # an environment of uv's
        return f"uv pip install --python {python} {package}"
    return f"{python} -m pip install {package}"
