"""What the benchmarks are for, and what they take, is asked of them as of any other program."""

import runpy
import sys
from pathlib import Path

import pytest

from tests import benchmarks

HELPERS = ("__init__", "environments", "streaming_client")
NAMES = sorted({path.stem for path in Path(benchmarks.__path__[0]).glob("*.py")} - {*HELPERS})


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_says_what_it_takes(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit, match=r"^0$"):
        runpy.run_module(f"tests.benchmarks.{name}", run_name="__main__")
    assert capsys.readouterr().out.startswith("usage: ")
