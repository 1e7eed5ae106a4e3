"""What a store address opens, and how it is shown."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chatcli.errors import UsageError
from chatcli.stores import Store
from chatcli.stores.address import open_store
from chatcli.stores.masking import masked
from chatcli.stores.redis_cluster_nodes import cluster_address


def opened(address: str, tmp_path: Path, **environ: str) -> Store:
    store = open_store(address, data_folder=tmp_path / "data", environ=environ)
    store.close()
    return store


def test_memory_is_not_durable(tmp_path: Path) -> None:
    for address in ("memory:", "memory"):
        store = opened(address, tmp_path)
        assert (store.address, store.durable) == ("memory:", False)


@pytest.mark.parametrize("ttl", [0, -5])
def test_a_ttl_that_would_take_every_turn_away_at_once_is_refused(ttl: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        open_store("redis://localhost:1/0", data_folder=tmp_path, ttl=ttl)
    assert f"{ttl} seconds" in caught.value.message


def test_sqlite_alone_is_the_file_in_the_data_folder(tmp_path: Path) -> None:
    store = opened("sqlite", tmp_path)
    assert (tmp_path / "data" / "sessions.db").is_file()
    assert (store.address, store.durable) == (f"sqlite:///{tmp_path}/data/sessions.db", True)


def test_sqlite_paths_are_relative_absolute_or_of_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    opened("sqlite:///here/a b.db", tmp_path)
    opened(f"sqlite:///{tmp_path}/absolute.db", tmp_path)
    opened("sqlite:///~/mine.db", tmp_path)
    assert (tmp_path / "here" / "a b.db").is_file()
    assert (tmp_path / "absolute.db").is_file()
    assert (tmp_path / "home" / "mine.db").is_file()


def test_what_sqlite_makes_is_for_the_owner_alone(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/new/deep/s.db", data_folder=tmp_path)
    store.update("s", title="x")
    files = sorted((tmp_path / "new" / "deep").iterdir())
    assert [file.name for file in files] == ["s.db", "s.db-shm", "s.db-wal"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert {folder.stat().st_mode & 0o777 for folder in (tmp_path / "new", tmp_path / "new" / "deep")} == {0o700}
    store.close()


def test_redis_is_named_by_its_address_without_the_password(tmp_path: Path) -> None:
    for address, shown in [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://user:pa/ss@w#rd@host:1/0", "redis://user:***@host:1/0"),
        ("rediss://:secret@host:1", "rediss://:***@host:1"),
        ("unix:///run/redis.sock?db=0&password=secret", "unix:///run/redis.sock?db=0&password=***"),
        ("https://host/v1?api-key=secret&v=2", "https://host/v1?api-key=***&v=2"),
        ("rediss://host/0?ssl_keyfile=/k.pem", "rediss://host/0?ssl_keyfile=/k.pem"),
        ("sqlite:///C:/me@home.db", "sqlite:///C:/me@home.db"),
        ("unix:///run/a:b@c.sock", "unix:///run/a:b@c.sock"),
        ("redis+sentinel://me@h:1,i:2/s/0", "redis+sentinel://me@h:1,i:2/s/0"),
        ("/models/a:b@c.gguf", "/models/a:b@c.gguf"),
    ]:
        assert masked(address) == shown
    store = opened("redis://user:secret@localhost:1/0", tmp_path)
    assert (store.address, store.durable) == ("redis://user:***@localhost:1/0", True)
    assert opened("unix:///nowhere.sock?password=secret", tmp_path).address == "unix:///nowhere.sock?password=***"
    assert opened("rediss://localhost", tmp_path).address == "rediss://localhost"


def test_a_cluster_is_named_by_its_address_without_the_password(tmp_path: Path) -> None:
    for address, shown in [
        ("redis+cluster://a,b:7001,[::1]:7002/", "redis+cluster://a,b:7001,[::1]:7002/"),
        ("redis+cluster://user:pa%2Fss@a:1,b:2", "redis+cluster://user:***@a:1,b:2"),
        ("rediss+cluster://:secret@a/?ssl_ca_certs=ca.crt", "rediss+cluster://:***@a/?ssl_ca_certs=ca.crt"),
    ]:
        store = opened(address, tmp_path)
        assert (store.address, store.durable) == (shown, True)


def test_each_node_of_a_cluster_is_connected_to_with_the_same_login_and_options() -> None:
    address = cluster_address("rediss+cluster://ada:p%40ss@a,[::1]:7002/0?ssl_ca_certs=ca.crt")
    assert address.seeds == (("a", 6379), ("::1", 7002))
    assert address.of(("10.0.0.7", 7003)) == "rediss://ada:p%40ss@10.0.0.7:7003/0?ssl_ca_certs=ca.crt"
    assert address.of(("::1", 7002)) == "rediss://ada:p%40ss@[::1]:7002/0?ssl_ca_certs=ca.crt"


def test_redis_alone_is_what_the_environment_says(tmp_path: Path) -> None:
    assert opened("redis", tmp_path).address == "redis://localhost:6379/0"
    assert opened("redis", tmp_path, REDIS_URL="").address == "redis://localhost:6379/0"
    assert opened("redis", tmp_path, REDIS_URL="rediss://:pw@there:1/2").address == "rediss://:***@there:1/2"


@pytest.mark.parametrize("said", ["bogus", "there:6379", "ada:secret@there:6379", "sqlite:///file.db"])
def test_an_environment_that_names_no_redis_is_told_by_its_name(tmp_path: Path, said: str) -> None:
    with pytest.raises(UsageError, match=r"^REDIS_URL is no address of a Redis: ") as caught:
        opened("redis", tmp_path, REDIS_URL=said)
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    "address",
    [
        "mysql://user:secret@host/db",
        "",
        "nonsense",
        "file.db",
        "REDIS://host",
        "sqlite:",
        "sqlite:file.db",
        "sqlite://file.db",
        "sqlite:///",
        "sqlite:///~no-such-user/x.db",
        "redis+cluster://",
        "redis+cluster://:secret@/",
        "redis+cluster://:secret@a,,b/",
        "redis+cluster://:secret@a:port,b/",
        "redis+cluster://:secret@a:0/",
        "redis+cluster://a:1/3",
        "redis+cluster://a:1/service/0",
        "redis+cluster://:sec/secret@a:1/",
        "redis+cluster://a:1/?foo=abc",
        "redis+cluster://a:1/?socket_timeout=soon",
        "rediss+cluster://a:1/?ssl_cert_reqs=x",
        "redis+sentinel://:secret@a,b",
        "redis+sentinel://:secret@a,b/",
        "redis+sentinel://:secret@a,b//0",
        "redis+sentinel://:secret@/service",
        "redis+sentinel://:secret@a:0/service",
        "redis+sentinel://:secret@a:port,b/service",
        "redis+sentinel://:secret@a,,b/service",
        "redis+sentinel://:secret@a,b/service/abc",
        "redis+sentinel://:secret@a,b/service/0/1",
        "redis+sentinel://:sec/secret@a,b/service",
        "redis+sentinel://a,b/service?ssl_ca_certs=x",
        "redis+sentinel://a,b/service?sentinel_passwort=secret",
        "redis+sentinel://a,b/service?socket_timeout=soon",
        "rediss+sentinel://a,b/service?ssl_cert_reqs=x",
        "redis://host:1/0?sentinel_password=secret",
        "redis://host:1/0?wait_replicas=many",
        "redis://host:1/0?wait_replicas=-1",
        "redis://host:1/0?wait_replicas=",
        "redis://host:1/0?wait_replicas=1000",
        "redis://:secret@host:port/0",
        "redis://:secret@host:1/0?socket_timeout=soon",
        "redis://:secret@[::1/0",
        "redis://:sec/secret@host:1/0",
        "redis://host:1/0?foo=abc",
        "redis://host:1/0?foo=",
        "redis://host:1/0?decode_responses=1",
        "redis://host:1/0?protocol=3",
        "redis://host:1/0?retry=x",
        "redis://host:1/0?db=abc",
        "redis://host:1/0?max_connections=many",
        "redis://host:1/0?socket_timeout=-1",
        "redis://host:1/0?socket_timeout=nan",
        "redis://host:1/0?socket_timeout=1e300",
        "redis://host:1/0?socket_connect_timeout=0",
        "redis://host:1/abc",
        "redis://host:1/0/1",
        "redis://host:1/-1",
        "redis://host:0/0",
        "redis://host:99999/0",
        "redis://host:-1/0",
        "rediss://host:1/0?ssl_cert_reqs=x",
        "rediss://host:1/0?ssl_min_version=x",
        "unix://relative.sock",
        "unix://",
        "unix:///run/redis.sock?socket_keepalive=1",
    ],
)
def test_an_address_that_is_none_is_a_usage_error_without_secrets(address: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        opened(address, tmp_path)
    error = caught.value
    assert "\n" not in error.message + error.hint
    assert "secret" not in error.message + error.hint
    assert error.hint


@pytest.mark.parametrize(
    "address",
    ["user:secret@h:1", ":secret@h", "//u:secret@h", "redis:secret@h", "redis:u:secret@h",
     "redis:/u:secret@h:1/0",
     "redis//:secret@h",
     "redis:///u:secret@h", "redis:///:sec:ret@h:1/0", "'redis://:secret@h:1/0'", " redis:/:secret@h"],
)  # fmt: skip
def test_a_mistyped_address_shows_no_password_either(address: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        opened(address, tmp_path)
    assert "***@h" in caught.value.message
    assert "secret" not in caught.value.message + caught.value.hint
    assert "ret@" not in caught.value.message + caught.value.hint


def test_an_unknown_scheme_is_told_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        opened("mysql://host", tmp_path)
    for scheme in ("memory:", "sqlite:///", "redis://", "rediss://", "unix://", "redis+cluster://"):
        assert scheme in caught.value.hint


def test_an_option_of_tls_in_an_address_without_it_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        opened("redis://host?ssl_ca_certs=ca.crt", tmp_path)
    assert caught.value.hint == "that is for TLS: write rediss in place of redis"


@pytest.mark.parametrize(
    ("address", "imported"), [(None, []), ("memory:", []), ("sqlite", ["sqlite3"]), ("redis", ["redis"])]
)
def test_a_store_imports_its_own_library_alone(address: str | None, imported: list[str], tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nimport chatcli.stores\nfrom chatcli.stores.address import open_store\n"
    )
    if address:
        program += f"open_store({address!r}, data_folder=Path({str(tmp_path)!r})).close()\n"
    program += "print(*sorted({'sqlite3', 'redis', 'openai', 'rich', 'typer'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={**os.environ}
    )
    assert done.stdout.split() == imported
