"""Redis behind sentinels: fail-overs in a chat, what a turn waits for, and what is said when it cannot be had.

The contract suite runs over sentinels too (test_stores.py).
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from chatcli.chat import Chat
from chatcli.cli.run import run
from chatcli.errors import ChatError, StoreAway, StoreUnavailable
from chatcli.memory import parse_memory
from chatcli.messages import Message
from chatcli.stores import Pending
from chatcli.stores.redis import RedisStore
from chatcli.turn import Committed, Notice
from tests.benchmarks.failover import BLOWS, talk
from tests.certificates import certify
from tests.cutting_proxy import Fate, cutting
from tests.fakes import ScriptedModel
from tests.redis_sentinel import SERVICE, ScriptedSentinel, Trio, trio, wait_for
from tests.redis_server import RedisServer, binaries, needed, readme_user, running

TURN = [Message("user", "hello"), Message("assistant", "hi")]
EACH = [("valkey", "killed"), ("valkey", "hung"), ("valkey", "switched"), ("redis", "killed")]


@pytest.fixture(scope="module")
def guarded() -> Iterator[Trio]:
    """Servers and sentinels that have passwords, and are left as they are."""
    with trio(password="hunter-of-servers", sentinel_password="hunter-of-sentinels") as started:
        yield started


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("name", "what"), [each for each in EACH if each[0] in binaries()])
def test_no_acknowledged_turn_is_lost_or_doubled_when_the_master_changes_in_a_chat(name: str, what: str) -> None:
    with trio(binaries()[name], down_after=3000) as servers:
        came = talk(servers, BLOWS[what], 200)
    print(f"{name}, {what}: {came}")
    assert len(came.acknowledged) + 2 * len(came.notices) >= 400
    assert [text for text in came.kept if text in {*came.acknowledged}] == came.acknowledged
    assert len(came.kept) == len({*came.kept})


def test_a_verb_waits_itself_until_a_sentinel_names_a_server_that_answers() -> None:
    nobody = 1
    with running() as server:
        named = [nobody, nobody, nobody, server.port]
        with ScriptedSentinel(*named) as sentinel, closing(RedisStore(sentinel.url)) as store:
            assert store.append("s", TURN) == 2
            assert sentinel.named == named
        for read in (lambda store: store.length("s"), lambda store: store.snapshot("s", 1).length):
            with ScriptedSentinel(*named) as sentinel, closing(RedisStore(sentinel.url)) as store:
                assert read(store) == 2
                assert sentinel.named == named


def test_a_master_that_was_demoted_is_left_for_the_new_one() -> None:
    with running() as master, running(None, "--replicaof", "127.0.0.1", str(master.port)) as demoted:
        named = [*[demoted.port] * 6, master.port]
        with ScriptedSentinel(*named) as sentinel, closing(RedisStore(sentinel.url)) as store:
            assert store.append("s", TURN) == 2
            assert store.messages("s") == TURN
            assert sentinel.named == named


def test_a_turn_whose_acknowledgement_was_lost_is_there_once() -> None:
    fates: list[Fate] = ["lose the reply", "lose the request"]
    with running() as server, cutting(server.port, fates, b"WAIT") as proxy:
        store = RedisStore(proxy.url, wait_replicas=1)
        assert store.commit("s", "t", TURN) == 2
        assert proxy.executed == 3
        assert store.messages("s") == TURN
        assert "0 of 1 replicas" in store.warning
        store.close()


def test_a_verb_waits_for_another_master_and_a_hurried_one_does_not() -> None:
    with trio(down_after=3000) as servers, closing(RedisStore(servers.url)) as store:
        store.begin("s", Pending("t", TURN[0], "w"))
        killed = servers.kill_master()
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable):
            store.checkpoint("s", "t", "h")
        hurried = time.monotonic() - begun
        waited: list[int] = []
        wait_for(lambda: _tried(lambda: waited.append(store.commit("s", "t", TURN))))
        assert waited == [2]
        assert hurried < 5, "a second, on a machine that does nothing else"
        assert store.messages("s") == TURN
        standing = store.standing()
        assert standing.place == f"127.0.0.1:{servers.master.port}" != f"127.0.0.1:{killed.port}"


def _tried(do: Callable[[], object]) -> bool:
    """Say whether it could be done; under load a fail-over may take longer than a verb waits."""
    try:
        do()
    except StoreUnavailable:
        return False
    return True


def test_when_no_other_master_comes_the_verb_says_so_in_two_lines() -> None:
    with ScriptedSentinel(1) as sentinel, closing(RedisStore(sentinel.url)) as store:
        error = refused(lambda: store.append("s", TURN))
        assert "cannot be reached" in error.message
        assert len(sentinel.named) > 10, "as long as its patience lasted"


def refused(do: Callable[[], object]) -> ChatError:
    with pytest.raises(StoreUnavailable) as caught:
        do()
    said = caught.value.message + caught.value.hint
    assert "\n" not in said
    assert "hunter2" not in said
    return caught.value


def opened(address: str) -> ChatError:
    """Return what is said of an address that leads nowhere, which is said at once."""
    with closing(RedisStore(address)) as store:
        begun = time.monotonic()
        error = refused(lambda: store.length("s"))
        assert time.monotonic() - begun < 9, "there was nothing to wait for"
    return error


def test_what_is_wrong_with_the_sentinels_is_said_at_once(guarded: Trio) -> None:
    plain, _, _ = guarded.url.partition("?")
    assert "need a password" in opened(plain).message
    assert "sentinel_password" in opened(plain).hint
    assert "do not accept" in opened(f"{plain}?sentinel_password=hunter2").message
    assert "do not accept" in opened(f"{plain}?sentinel_username=me&sentinel_password=hunter2").message
    assert "no service 'other'" in opened(guarded.url.replace(SERVICE, "other")).message
    assert "needs a password" in opened(guarded.url.replace(":hunter-of-servers@", "")).message
    assert "does not accept" in opened(guarded.url.replace(":hunter-of-servers@", ":hunter2@")).message
    with running() as server:
        assert "no sentinel" in opened(f"redis+sentinel://127.0.0.1:{server.port}/{SERVICE}").message
    away = opened(f"redis+sentinel://127.0.0.1:1,127.0.0.1:2/{SERVICE}")
    assert "no sentinel" in away.message
    assert isinstance(away, StoreAway), "a chat begins all the same"
    assert "no sentinel" in opened(guarded.url.replace("redis+", "rediss+")).message


def test_the_sentinels_may_have_users_with_the_one_right_that_is_needed(guarded: Trio) -> None:
    for sentinel in guarded.sentinels:
        with guarded.client(sentinel) as admin:
            rights = ["+sentinel|get-master-addr-by-name"]
            admin.execute_command("ACL", "SETUSER", "chatcli", "reset", "on", ">geheim", *rights)
            admin.execute_command("ACL", "SETUSER", "nobody", "reset", "on", ">geheim")
    plain, _, _ = guarded.url.partition("?")
    with closing(RedisStore(f"{plain}?sentinel_username=chatcli&sentinel_password=geheim")) as store:
        assert store.append("of a user", TURN) == 2
    assert "do not let this user ask" in opened(f"{plain}?sentinel_username=nobody&sentinel_password=geheim").message


def test_one_sentinel_that_is_away_is_passed_over(guarded: Trio) -> None:
    hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in guarded.sentinels)
    with closing(RedisStore(guarded.url.replace(hosts, f"127.0.0.1:1,{hosts}"))) as store:
        assert store.append("passed over", TURN) == 2


def test_a_turn_that_too_few_replicas_have_is_kept_once_and_the_user_is_told(guarded: Trio) -> None:
    with closing(RedisStore(guarded.url, wait_replicas=3)) as store:
        chat = Chat(store, "few", ScriptedModel(["hi"]), parse_memory("buffer"))
        events = list(chat.send("hello"))
        chat.close()
        assert [event.text for event in events if isinstance(event, Notice)] == [store.warning]
        assert "2 of 3 replicas" in store.warning
        assert isinstance(events[-1], Committed)
        assert [message.text for message in store.messages("few")] == ["hello", "hi"]
        assert store.pending("few") == []
    with closing(RedisStore(guarded.url, wait_replicas=2)) as store:
        store.append("few", TURN)
        assert store.warning == ""


def test_a_server_that_does_not_let_the_user_wait_keeps_the_turn_all_the_same() -> None:
    with running() as server:
        address = readme_user(server)
        with redis.Redis.from_url(server.url) as admin:
            admin.execute_command("ACL", "SETUSER", "chatcli", "-wait")
        with closing(RedisStore(address, wait_replicas=1)) as store:
            assert store.append("s", TURN) == 2
            assert "not known to be on a replica" in store.warning


def test_replicas_are_not_waited_for_longer_than_for_a_reply() -> None:
    with running() as server, closing(RedisStore(f"{server.url}?socket_timeout=0.6", wait_replicas=1)) as store:
        assert store.append("s", TURN) == 2
        assert "0 of 1 replicas" in store.warning
        assert store.commit("s", "t", TURN) == 4


def test_a_write_waits_until_there_are_replicas_enough_for_the_server(guarded: Trio) -> None:
    """As `min-replicas-to-write` asks; a plain server's is refused at once."""
    server = guarded.master

    def allow(replicas: int) -> None:
        with guarded.client(server) as admin:
            admin.config_set("min-replicas-to-write", replicas)

    allow(3)
    with closing(RedisStore(guarded.url)) as store, closing(RedisStore(plain_address(server))) as plain:
        assert "too few replicas" in refused(lambda: plain.append("enough", TURN)).message
        timer = threading.Timer(1.0, allow, [0])
        timer.start()
        try:
            wait_for(lambda: _tried(lambda: store.append("enough", TURN)))
        finally:
            timer.join()
        assert store.length("enough") == 2


def plain_address(server: RedisServer) -> str:
    return f"redis://:{server.password}@127.0.0.1:{server.port}/0"


def test_a_servers_role_and_its_replicas_are_told(guarded: Trio) -> None:
    replica = next(server for server in guarded.servers if server.port != guarded.master.port)
    with closing(RedisStore(guarded.url, wait_replicas=3)) as store:
        store.length("s")
        standing = store.standing()
        assert standing.told == f"master 127.0.0.1:{guarded.master.port}, 2 replicas follow"
        assert "wait_replicas is 3" in standing.hint
    with closing(RedisStore(plain_address(guarded.master))) as store:
        assert getattr(store.standing(), "told", "") == "a master, 2 replicas follow"
    with closing(RedisStore(plain_address(replica))) as store:
        standing = store.standing()
        assert standing.told == f"a replica of 127.0.0.1:{guarded.master.port}"
        assert "no writes" in standing.hint
        assert "read-only replica" in refused(lambda: store.append("s", TURN)).message


def test_doctor_names_the_master_and_no_password(
    guarded: Trio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "sentinels").write_text(f"{guarded.password}\n")
    (tmp_path / "servers").write_text(f"{guarded.master.password}\n")
    address = guarded.url.partition("?")[0].replace(f":{guarded.master.password}@", "")
    lines = ["[stores.team]", f'address = "{address}"', "wait_replicas = 2"]
    lines += [f"password_command = \"cat '{tmp_path}/servers'\"", f'sentinel_password_file = "{tmp_path}/sentinels"']
    (tmp_path / "config" / "config.toml").write_text("\n".join(lines))
    monkeypatch.setenv("CHATCLI_HOME", str(tmp_path))
    run(["doctor", "--json", "--store", "team"])
    out, err = capfd.readouterr()
    row = next(row for row in json.loads(out) if row["part"] == "store")
    assert f"master 127.0.0.1:{guarded.master.port}, 2 replicas follow" in row["found"]
    assert row["ok"]
    assert row["hint"] == ""
    assert "hunter" not in out + err
    run(["doctor", "--json", "--store", guarded.url])
    out, err = capfd.readouterr()
    assert "others on this machine see" in out
    assert "hunter" not in out + err


def test_no_connection_shows_a_password_to_others(guarded: Trio) -> None:
    with closing(RedisStore(guarded.url)) as store, guarded.client(guarded.master) as admin:
        store.length("s")
        assert "hunter" not in str(admin.client_list()) + store.address


@pytest.mark.skipif(needed("redis-server") is None, reason="no server with TLS: install Debian's redis-server")
def test_servers_and_sentinels_speak_tls_with_a_certificate_of_the_user(tmp_path: Path) -> None:
    certify(tmp_path)
    with trio(binaries()["redis"], "servers", "sentinels", tmp_path) as servers:
        with closing(RedisStore(servers.url, wait_replicas=2)) as store:
            assert store.append("s", TURN) == 2
            assert (store.warning, store.messages("s")) == ("", TURN)
        assert "no sentinel" in opened(servers.url.partition("&ssl_certfile")[0]).message
        untrusted = opened(servers.url.replace("ssl_ca_certs=", "ssl_ca_path="))
        assert "CERTIFICATE_VERIFY" in untrusted.message
        assert not isinstance(untrusted, StoreAway), "that does not pass by itself"
        assert "no sentinel" in opened(servers.url.replace("rediss+", "redis+").partition("&ssl")[0]).message
