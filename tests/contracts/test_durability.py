"""What the stores say of how long things are kept: real servers of several configurations, files in several places."""

import stat
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
import redis

from chatcli.messages import Message
from chatcli.stores.durability import Durability
from chatcli.stores.redis import RedisStore
from chatcli.stores.redis_cluster import ClusterStore
from chatcli.stores.sqlite import SqliteStore
from chatcli.stores.sqlite_durability import LITTLE, file_system, of_place, of_room
from tests.e2e.conftest import User, server, user
from tests.redis_cluster import clustered
from tests.redis_server import RedisServer, binaries, readme_user, running

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from langchain_community.chat_message_histories import RedisChatMessageHistory

__all__ = ["server", "user"]

AOF = ("--appendonly", "yes", "--appendfsync")
MOUNTS = """\
22 1 0:20 / / rw,relatime - ext4 /dev/vda1 rw
30 22 0:30 / /home rw shared:1 master:2 - nfs4 server:/home rw
31 30 0:31 / /home/me/local rw - ext4 /dev/vdb rw
32 22 0:32 / /mnt/my\\040share rw - cifs //server/share rw
33 22 0:33 / /mnt/ssh rw - fuse.sshfs me@there: rw
34 22 0:34 / /hidden rw - ext4 /dev/vdc rw
35 22 0:35 / /hidden rw - nfs server:/x rw
broken line
"""


@pytest.fixture(params=binaries())
def binary(request: pytest.FixtureRequest) -> str:
    return binaries()[request.param]


def asked(url: str, ttl: int | None = None) -> Durability:
    with closing(RedisStore(url, ttl=ttl)) as store:
        return store.durability()


@contextmanager
def client(server: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url) as opened:
        yield opened


@pytest.mark.parametrize(
    ("synced", "promise"), [("always", "takes nothing"), ("everysec", "two seconds"), ("no", "half a minute")]
)
def test_an_append_only_file_is_told_by_how_often_it_is_written_through(binary: str, synced: str, promise: str) -> None:
    with running(binary, *AOF, synced) as server:
        found = asked(server.url)
    assert promise in found.promise
    assert [warning for warning in found.warnings if "appendfsync" not in warning] == []
    assert bool(found.warnings) == (synced == "no")


def test_a_server_without_an_append_only_file_is_warned_of(binary: str) -> None:
    with running(binary) as server:
        nothing = asked(server.url)
        with client(server) as opened:
            opened.config_set("save", "3600 1")
        snapshots = asked(server.url)
    assert nothing == Durability(
        "the memory of the server alone",
        ("without an append-only file a crash takes all: appendonly yes in its configuration",),
    )
    assert snapshots.promise == "snapshots now and then"
    assert "what came since the last snapshot" in snapshots.warnings[0]


def test_a_server_that_throws_away_what_is_old_is_warned_of(binary: str) -> None:
    with running(binary, *AOF, "always", "--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru") as server:
        assert [warning.partition(":")[0] for warning in asked(server.url).warnings] == [
            "maxmemory-policy is allkeys-lru"
        ]
        with client(server) as opened:
            opened.config_set("maxmemory-policy", "volatile-ttl")
            assert "sessions that have a TTL" in asked(server.url).warnings[0]
            opened.config_set("maxmemory-policy", "noeviction")
            assert asked(server.url).warnings == ()


def test_memory_that_is_nearly_full_is_warned_of(binary: str) -> None:
    with running(binary, *AOF, "always") as server, client(server) as opened:
        opened.set("filler", bytes(64 * 2**20))
        found: tuple[str, ...] = ()
        while not found:  # what it needed for a moment, it gives back in a moment
            used = int(opened.info("memory")["used_memory"])
            opened.config_set("maxmemory", round(used * 1.05))
            found = asked(server.url).warnings
        (full,) = found
        assert "% full, soon it will refuse what is written" in full
        opened.config_set("maxmemory-policy", "allkeys-random")
        assert "soon it will throw sessions away" in asked(server.url).warnings[1]
        opened.config_set("maxmemory", used // 2)  # the server throws the filler away at once, or before it takes more
        with suppress(redis.exceptions.OutOfMemoryError):  # it may first refuse what it has not made room for yet
            opened.set("other", "x")
        assert any("it has thrown" in warning for warning in asked(server.url).warnings)


def test_a_replica_is_warned_of(binary: str) -> None:
    with (
        running(binary) as master,
        running(binary, *AOF, "always", "--replicaof", f"127.0.0.1 {master.port}") as replica,
    ):
        assert any("it is a replica" in warning for warning in asked(replica.url).warnings)


def test_sessions_with_a_ttl_are_warned_of(binary: str) -> None:
    with running(binary, *AOF, "always") as server:
        with closing(RedisStore(server.url)) as store:
            store.append("mine", [Message("user", "hello")])
            store.append("theirs", [Message("user", "hello")])
        assert asked(server.url).warnings == ()
        RedisChatMessageHistory("theirs", url=server.url, ttl=7 * 86400).add_user_message("and so on")
        (mortal,) = asked(server.url).warnings
        assert "1 of the newest 2 sessions has a TTL" in mortal
        assert "'theirs' goes in 7 days" in mortal
        assert asked(server.url, ttl=3600).warnings == (
            "the store's ttl lets a session go 60 minutes after its last turn",
        )


def test_what_a_user_with_few_rights_cannot_see_is_said(binary: str) -> None:
    with running(binary, *AOF, "always", "--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru") as server:
        url = readme_user(server)
        with closing(RedisStore(url)) as store:
            store.append("s", [Message("user", "hello")])
        few = asked(url)
        assert "cannot be seen (CONFIG); whether sessions have a TTL cannot be seen (TTL)" in few.promise
        assert "maxmemory-policy is allkeys-lru" in few.warnings[0]
        with client(server) as opened:
            opened.execute_command("ACL", "SETUSER", "chatcli", "-info")
        assert "it cannot be seen what is kept: this user may not ask (INFO)" in asked(url).promise
        assert asked(url).warnings == ()


def test_each_master_of_a_cluster_is_asked_and_named_where_it_differs(tmp_path: Path) -> None:
    with clustered() as cluster, closing(ClusterStore(cluster.url)) as store:
        one = store._wire.each(("PING",))
        assert len(one) == 3
        host, _, port = next(iter(one)).partition(":")
        with redis.Redis(host, int(port)) as opened:
            opened.config_set("maxmemory", "1gb")
            opened.config_set("maxmemory-policy", "allkeys-lru")
        found = store.durability()
    (evicts,) = [warning for warning in found.warnings if "maxmemory-policy" in warning]
    assert evicts.startswith(f"{host}:{port}: ")
    assert len([warning for warning in found.warnings if "append-only" in warning]) == 1


# SQLite


def test_a_file_says_its_settings_and_keeps_them(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "data" / "s.db")) as store:
        found = store.durability()
    assert found.promise == "synchronous=FULL, journal_mode=wal: a crash or a loss of power takes nothing"
    assert [warning for warning in found.warnings if "memory" not in warning] == []


def test_a_file_that_others_may_read_or_replace_is_warned_of(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with closing(SqliteStore(folder / "s.db")) as store:
        (folder / "s.db").chmod(0o644)
        folder.chmod(0o777)
        found = store.durability().warnings
        folder.chmod(0o777 | stat.S_ISVTX)
        sticky = store.durability().warnings
    assert any("others may read" in warning and "mode 644" in warning for warning in found)
    assert any("another file in its place (mode 777)" in warning for warning in found)
    assert not any("another file" in warning for warning in sticky)


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="there is no file system in memory here")
def test_a_file_in_memory_is_warned_of(tmp_path: Path) -> None:
    folder = Path(subprocess.check_output(["mktemp", "-d", "/dev/shm/chatcli-XXXXXX"], text=True).strip())
    try:
        with closing(SqliteStore(folder / "s.db")) as store:
            assert any("goes with the next restart" in warning for warning in store.durability().warnings)
    finally:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/s.db", "ext4"),
        ("/home/me/s.db", "nfs4"),
        ("/home/me/local/s.db", "ext4"),
        ("/homes/s.db", "ext4"),
        ("/mnt/my share/s.db", "cifs"),
        ("/mnt/ssh/x/s.db", "fuse.sshfs"),
        ("/hidden/s.db", "nfs"),
    ],
)
def test_the_file_system_is_that_of_the_nearest_and_last_mount(path: str, kind: str) -> None:
    assert file_system(Path(path), MOUNTS) == kind
    assert file_system(Path(path), "") == ""
    assert bool([*of_place(kind)]) == (kind != "ext4")


def test_a_disk_that_is_nearly_full_is_warned_of() -> None:
    assert [*of_room(LITTLE)] == []
    assert [*of_room(5 * 2**20)] == ["its disk has 5 MiB left: make room, or turns cannot be saved"]


def test_doctor_shows_each_warning_in_its_own_line(user: User) -> None:
    with running(binaries()["valkey"], "--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru") as redis_server:
        lines = user.run("doctor", "--store", redis_server.url).stdout.splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.split()[1:2] == ["kept"]]
    assert lines[at].startswith("look ")
    assert "without an append-only file" in lines[at + 1]
    assert "maxmemory-policy is allkeys-lru" in lines[at + 2]
    assert "nothing outlives the process" in user.run("doctor", "--store", "memory:").stdout
    assert "-      kept      not checked" in user.run("doctor", "--store", redis_server.url).stdout, "it has ended"
