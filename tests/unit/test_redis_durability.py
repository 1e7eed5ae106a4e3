"""What speaks against a Redis server that says so and so of itself; what real ones say is in the contracts."""

import pytest

from chatcli.stores.redis_durability import of_lifetimes, of_server
from chatcli.stores.redis_standing import standing_of

FINE = {
    "aof_enabled": "1", "aof_last_write_status": "ok",
    "rdb_last_bgsave_status": "ok", "aof_last_bgrewrite_status": "ok",
    "maxmemory": "1000", "used_memory": "899", "maxmemory_policy": "noeviction", "evicted_keys": "0", "role": "master",
}  # fmt: skip


def warned(**said: str) -> tuple[str, ...]:
    """Return what speaks against a server that is fine but for what it says."""
    info = "\r\n".join(["# Persistence", *(f"{name}:{value}" for name, value in {**FINE, **said}.items())])
    return tuple(of_server([info.encode(), [b"appendfsync", b"always"], [b"save", b""]]).warnings)


def test_nothing_speaks_against_a_server_that_is_fine() -> None:
    assert warned() == ()
    assert warned(maxmemory="0", maxmemory_policy="allkeys-lru") == (), "it has no limit"


@pytest.mark.parametrize(
    ("said", "warning"),
    [
        ({"aof_last_write_status": "err"}, "its last write to the append-only file failed"),
        ({"rdb_last_bgsave_status": "err"}, "its last snapshot failed"),
        ({"aof_last_bgrewrite_status": "err"}, "its last snapshot failed"),
        ({"evicted_keys": "7"}, "it has thrown 7 keys away"),
        ({"used_memory": "900"}, "memory is 90 % full, soon it will refuse what is written"),
        ({"maxmemory_policy": "allkeys-lru"}, "maxmemory-policy is allkeys-lru: it throws sessions away"),
        ({"maxmemory_policy": "volatile-ttl"}, "it throws sessions that have a TTL away"),
        ({"role": "slave"}, "it is a replica"),
        ({"aof_enabled": "0"}, "without an append-only file a crash takes all"),
    ],
)  # fmt: skip
def test_each_thing_that_is_not_is_told(said: dict[str, str], warning: str) -> None:
    (found,) = warned(**said)
    assert warning in found


def test_the_session_that_goes_first_is_named() -> None:
    lives = {"a": -1, "b": 7200, "c": 90000, "d": ValueError("refused"), "e": -2}
    assert [*of_lifetimes(lives)] == [
        "2 of the newest 5 sessions have a TTL, of chatcli or of a LangChain program: 'b' goes in 2 hours"
    ]
    assert [*of_lifetimes({"a": -1})] == []
    (a_week_but_a_moment,) = of_lifetimes({"a": 7 * 86400 - 5})
    assert "goes in 7 days" in a_week_but_a_moment


def test_only_replicas_that_are_in_step_follow() -> None:
    told = b"role:master\r\nslave0:ip=a,port=1,state=online,lag=0\r\nslave1:ip=b,port=2,state=wait_bgsave,lag=0\r\n"
    standing = standing_of(told, "", 2)
    assert standing.told == "a master, 1 replica follows"
    assert standing.hint.startswith("wait_replicas is 2")
    assert standing_of(told, "", 1).hint == ""
    behind = standing_of(b"role:slave\r\nmaster_host:m\r\nmaster_port:7\r\nslave_priority:100\r\n", "", 0)
    assert (behind.told, behind.hint != "") == ("a replica of m:7", True)
