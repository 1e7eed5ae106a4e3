"""The proxy of the environment: which one, for whom, and what is told when it is of no use."""

import socket

import pytest

from chatcli.errors import Unreachable, UsageError
from chatcli.messages import Message
from chatcli.model.openai import OpenAIModel
from chatcli.model.proxy import proxy_of
from chatcli.model.reply import Retries
from chatcli.model.settings import ModelSettings
from tests.servers import ModelServer

HELLO = [Message("user", "Hello")]
FAR = ModelSettings("far", "far", "http://far.example/v1", api_key="sk-x", key_env="OPENAI_API_KEY")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def ask(settings: ModelSettings) -> None:
    model = OpenAIModel(settings, Retries(attempts=1))
    try:
        list(model.stream(HELLO, {}))
    finally:
        model.close()


def test_a_far_endpoint_is_reached_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with ModelServer() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        ask(FAR)
        assert proxy.requests[0].headers["host"] == "far.example"


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("ALL_PROXY", "socks5://user:secret@127.0.0.1:1080", "SOCKS is not supported"),
        ("HTTP_PROXY", "ftp://user:secret@127.0.0.1", "no http"),
        ("http_proxy", "http://secret:port", "no http"),
        ("HTTP_PROXY", "http://sécret@127.0.0.1:1", "no http"),
        ("HTTP_PROXY", "http://user:my@secret/is@127.0.0.1:1", "no http"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, why: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=f"proxy in {name} cannot be used: .*{why}") as caught:
        ask(FAR)
    assert "cret" not in caught.value.message + caught.value.hint
    with ModelServer() as server:
        ask(ModelSettings("near", "near", server.url))


@pytest.mark.parametrize("excepted", ["far.example", ".example", "*.example", "*", "other, far.example:80"])
def test_no_proxy_excepts_a_host(monkeypatch: pytest.MonkeyPatch, excepted: str) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", excepted)
    assert proxy_of(ModelSettings("far", "far", "http://far.example:80/v1")) is None
    assert (proxy_of(ModelSettings("x", "x", "http://x.org/v1")) is None) is (excepted == "*")


def test_a_proxy_for_another_scheme_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    monkeypatch.setenv("http_proxy", "127.0.0.1:8080")
    proxy = proxy_of(FAR)
    assert proxy is not None
    assert (proxy.source, proxy.host, proxy.url) == ("http_proxy", "127.0.0.1:8080", "http://127.0.0.1:8080")


def test_a_dead_proxy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HTTP_PROXY", f"http://u:secret@127.0.0.1:{unheard.getsockname()[1]}")
        with pytest.raises(Unreachable, match=r"the proxy 127\.0\.0\.1:\d+ on the way to far\.example") as caught:
            ask(FAR)
    assert caught.value.hint == "start it, or correct or unset HTTP_PROXY"


@pytest.mark.parametrize("base_url", ["http://LOCALHOST/v1", "http://[::1]/v1", "http://127.0.0.1:8080/v1"])
def test_this_machine_has_no_proxy(monkeypatch: pytest.MonkeyPatch, base_url: str) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert proxy_of(ModelSettings("near", "near", base_url)) is None


@pytest.mark.parametrize("header", ["X-Name: Zoë", "X Name: value", "X-Name: a\x01b"])
def test_a_header_that_cannot_be_sent_is_told(monkeypatch: pytest.MonkeyPatch, header: str) -> None:
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", header)
    with pytest.raises(UsageError, match="OPENAI_CUSTOM_HEADERS"):
        ask(FAR)
