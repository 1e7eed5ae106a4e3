"""How long it takes until a terminal shows what somebody else wrote into its session.

    python -m tests.benchmarks.others [COUNT]

Median and worst of COUNT messages (20), each appended at another moment between two looks, in SQLite and in Redis: from
the append to the text on the screen.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from chatcli.messages import Message
from chatcli.stores.address import open_store
from tests.e2e.conftest import CHATCLI
from tests.redis_server import running
from tests.terminal import Terminal


def latencies(address: str, home: Path, count: int) -> list[float]:
    """Return the seconds that each of so many messages took."""
    env = {"CHATCLI_HOME": str(home), "OPENAI_API_KEY": "none", "CHATCLI_MODEL": "none"}
    store = open_store(address, data_folder=home)
    took = []
    try:
        with Terminal([*CHATCLI, "chat", "-s", "s", "--store", address], env=env) as term:
            term.wait_for("you>")
            store.append("s", [Message("user", "begun")])
            term.wait_for("user> begun")
            for number in range(count):
                time.sleep(0.37 * number % 0.4)  # not in step with the looks
                began = time.monotonic()
                store.append("s", [Message("user", f"number {number}.")])
                term.wait_for(f"user> number {number}.")
                took.append(time.monotonic() - began)
    finally:
        store.close()
    return took


def main() -> None:
    """Measure both stores."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("count", nargs="?", type=int, default=20)
    count = parser.parse_args().count
    with running() as server, tempfile.TemporaryDirectory() as folder:
        for kind, address in (("sqlite", f"sqlite:///{folder}/s.db"), ("redis", server.url)):
            took = latencies(address, Path(folder), count)
            print(f"{kind}: median {statistics.median(took):.2f} s, worst {max(took):.2f} s of {count}")


if __name__ == "__main__":
    main()
