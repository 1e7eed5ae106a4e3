"""`--private`: nothing of the chat is written anywhere; every file that the process opens to write is looked at."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.e2e.conftest import CHATCLI, User, leave
from tests.e2e.test_slash import refused as say
from tests.pictures import png
from tests.redis_server import RedisServer
from tests.terminal import Terminal

SECRET = "the-secret-word"
_WRITES = re.compile(r"(?:open|openat|openat2|creat|mkdir|mkdirat|rename\w*|link\w*|symlink\w*|mknod\w*)\((.*)")
_NO_FILE = ("/dev/", "/proc/", "/sys/")


def seen_in(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return what stands in the folder: each path with its size, its time of change and what is in it."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_size,
            path.stat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def used(user: User) -> User:
    """A user who has a config, files to attach, an input history and sessions from before."""
    (user.home / "notes.txt").write_text(f"{SECRET} in a file", encoding="utf-8")
    (user.home / "cat.png").write_bytes(png(600, 600))
    (user.home / "config").mkdir()
    (user.home / "config" / "config.toml").write_text('titles = "model"\n', encoding="utf-8")
    (user.home / "state").mkdir()
    (user.home / "state" / "input_history").write_text("+before\n\n", encoding="utf-8")
    store = user.store()
    store.update("old", title="old")
    store.close()
    return user


def written(trace: Path, home: Path) -> Iterator[str]:
    """Yield the lines of a trace in which a file could have been made or changed."""
    for line in trace.read_text("utf-8", "replace").splitlines():
        call = _WRITES.search(line)
        if call is None or line.rstrip().endswith("(No such file or directory)"):
            continue
        is_open = re.search(r"\b(open|openat|openat2)\(", line)
        if is_open and not re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC", line):
            continue
        path = re.search(r'"([^"]*)"', line)
        if path and not path[1].startswith(_NO_FILE) and "memfd" not in path[1] and "__pycache__" not in path[1]:
            yield line


def traced(user: User, trace: Path, *args: str) -> Terminal:
    """Open a chat whose calls to open and make files are written into `trace`, where there is a strace."""
    calls = "open,openat,openat2,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,mknod"
    tracer = ["strace", "-f", "-qq", "-o", str(trace), "-e", f"trace={calls}"] if shutil.which("strace") else []
    env = {**user.env, "PYTHONDONTWRITEBYTECODE": "1"}
    return Terminal([*tracer, *CHATCLI, "chat", "--private", *args], env=env, rows=24, cols=100, cwd=user.home)


def test_nothing_of_a_private_chat_is_written_anywhere(used: User, tmp_path_factory: pytest.TempPathFactory) -> None:
    trace = tmp_path_factory.mktemp("trace") / "calls"
    before = seen_in(used.home)
    with traced(used, trace, "--memory", "summary+recall:500+entity", "-a", "cat.png") as term:
        term.wait_for("you>", 60)
        say(term, f"{SECRET} one", f"Turn 1: {SECRET} one")
        say(term, f"@notes.txt {SECRET} two", "Turn 2:")
        term.enter(f"/search {SECRET}")
        term.wait_for("open which?")
        say(term, "", SECRET)
        say(term, f"/title {SECRET}", SECRET)
        say(term, "/context", SECRET)
        say(term, "/undo", "took back 1 turn")
        say(term, "/redo", "you>")
        say(term, f"/rename {SECRET}", SECRET)
        say(term, "/fork", SECRET)
        say(term, "/new", "you>")
        say(term, f"{SECRET} three", f"Turn 1: {SECRET} three")
        leave(term)
    assert seen_in(used.home) == before
    if trace.exists():
        assert list(written(trace, used.home)) == []


def test_a_private_chat_that_is_killed_leaves_nothing_and_nothing_to_continue(used: User) -> None:
    before = seen_in(used.home)
    with used.chat("--private") as term:
        term.wait_for("you>")
        say(term, f"{SECRET} one", f"Turn 1: {SECRET} one")
        term.kill(9)
        term.wait_exit()
    assert seen_in(used.home) == before


def test_a_private_question_writes_nothing_and_no_key_in_redis(used: User, redis_server: RedisServer) -> None:
    before = seen_in(used.home)
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
        env = {"CHATCLI_STORE": redis_server.url, "REDIS_URL": redis_server.url}
        done = used.run("ask", "--private", "-a", "notes.txt", SECRET, env=env)
        assert (done.returncode, done.stderr) == (0, "")
        with used.chatting("--private", **env) as term:
            say(term, f"{SECRET} one", f"{SECRET} one")
        assert client.dbsize() == 0
        assert not any("chatcli" in one.get("name", "") for one in client.client_list())
    assert seen_in(used.home) == before


@pytest.mark.parametrize("args", [["-s", "x"], ["-c"], ["--store", "sqlite"]])
def test_private_and_a_place_to_write_to_exclude_each_other(used: User, args: list[str]) -> None:
    before = seen_in(used.home)
    for command in ("chat", "ask"):
        done = used.run(command, "--private", *args, "hello")
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 2
    assert seen_in(used.home) == before


def test_only_what_is_exported_by_hand_leaves_a_private_chat(used: User) -> None:
    before = seen_in(used.home)
    with used.chatting("--private") as term:
        say(term, f"{SECRET} one", f"Turn 1: {SECRET} one")
        say(term, "/export kept.md", "wrote this session")
    after = seen_in(used.home)
    assert set(after) - set(before) == {"kept.md"}
    assert all(after[path] == before[path] for path in before)
