"""The speed table of the README: `python -m tests.benchmarks`.

Runs the benchmarks one after another, each in a process of its own, so that none has what another imported. Returns 1
when a target of one of them is missed. Each runs alone too: `python -m tests.benchmarks.NAME`.
"""

import argparse
import subprocess
import sys

SPEED = ("startup", "streaming", "recall_speed", "context_cost", "prefix")


def main() -> int:
    """Run them all; say which missed a target."""
    argparse.ArgumentParser(description="The speed table of the README.").parse_args()
    missed = []
    for name in SPEED:
        print(f"\n== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"tests.benchmarks.{name}"], check=False).returncode:
            missed.append(name)
    print(f"\na target is missed in: {', '.join(missed)}" if missed else "\nall targets are reached")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
