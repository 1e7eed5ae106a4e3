"""Which model answers when nobody said."""

import json
import socket
import sys
from pathlib import Path
from subprocess import run

import pytest

from chatcli.errors import ConfigError, UsageError
from chatcli.model.choose import (
    EMBEDDED_ID,
    LocalServer,
    choose,
    from_keys,
    from_servers,
    open_model,
    window_of,
    with_id,
)
from chatcli.model.local import embedded
from chatcli.model.settings import ModelSettings, checked
from chatcli.model.weights import FILE
from tests.servers import Answer, ModelServer, Silence, Whole, refusal

WEIGHTS = Path("/somewhere/SmolLM2-135M-Instruct.Q4_1.gguf")


def nothing() -> None:
    return None


def test_the_key_of_openai_comes_first() -> None:
    chosen = choose({"DASHSCOPE_API_KEY": "sk-d", "OPENAI_API_KEY": "sk-o"}, nothing, [])
    assert (chosen.base_url, chosen.api_key, chosen.place) == ("https://api.openai.com/v1", "sk-o", "OpenAI")


def test_the_key_of_dashscope_chooses_qwen_plus_there() -> None:
    chosen = choose({"DASHSCOPE_API_KEY": "sk-d", "OPENAI_BASE_URL": "http://elsewhere/v1"}, nothing, [])
    assert chosen == ModelSettings(
        name="qwen-plus",
        id="qwen-plus",
        base_url="https://dashscope.aliyuncs.com/compatible-mode/v1",
        api_key="sk-d",
        key_env="DASHSCOPE_API_KEY",
        window=131_072,
        label="DashScope",
    )


@pytest.mark.parametrize("empty", ["", "  ", "\n"])
def test_an_empty_key_is_none(empty: str) -> None:
    assert from_keys({"OPENAI_API_KEY": empty, "DASHSCOPE_API_KEY": empty}) is None


def test_the_base_url_of_openai_goes_with_its_key() -> None:
    chosen = from_keys({"OPENAI_API_KEY": "sk-o", "OPENAI_BASE_URL": "http://gateway:8000/v1"})
    assert chosen is not None
    assert (chosen.base_url, chosen.place) == ("http://gateway:8000/v1", "gateway:8000")


def test_a_server_on_this_machine_gives_its_first_model(server: ModelServer) -> None:
    server.models = ["llama3.2:latest", "other"]
    chosen = choose({}, lambda: WEIGHTS, [LocalServer("Ollama", server.port, window=4096)])
    assert chosen == ModelSettings(
        name="llama3.2:latest", id="llama3.2:latest", base_url=server.url, window=4096, label="Ollama"
    )


def test_the_window_of_a_llama_server_is_asked_for(server: ModelServer) -> None:
    server.pages["/props"] = Whole(200, json.dumps({"default_generation_settings": {"n_ctx": 16384}}).encode())
    chosen = from_servers([LocalServer("llama-server", server.port)])
    assert chosen is not None
    assert chosen.window == 16384


def test_the_first_server_wins_though_both_answer(server: ModelServer) -> None:
    with ModelServer() as other:
        chosen = from_servers([LocalServer("Ollama", server.port), LocalServer("llama-server", other.port)])
    assert chosen is not None
    assert chosen.label == "Ollama"


def test_an_address_that_is_none_is_told_where_it_may_stand() -> None:
    from_environment = from_keys({"OPENAI_API_KEY": "sk-x", "OPENAI_BASE_URL": "localhost"})
    assert from_environment is not None
    with pytest.raises(ConfigError) as caught:
        checked(from_environment)
    assert "in OPENAI_BASE_URL, or under [models." in caught.value.hint
    with pytest.raises(ConfigError) as caught:
        checked(ModelSettings(name="q", id="q", base_url="localhost"))
    assert "OPENAI_BASE_URL" not in caught.value.hint


def test_servers_are_asked_without_the_proxy_of_the_environment(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert from_servers([LocalServer("Ollama", server.port)]) is not None


@pytest.mark.parametrize(
    "page",
    [
        Whole(200, b'{"data": []}'),
        Whole(200, b"<html>", "text/html"),
        Whole(200, b'{"data": "x"}'),
        Whole(404, b"{}"),
        Whole(200, b"[1]"),
    ],
)
def test_what_answers_on_the_port_but_has_no_models_is_passed_over(server: ModelServer, page: Whole) -> None:
    server.pages["/v1/models"] = page
    assert from_servers([LocalServer("Ollama", server.port)]) is None


def test_a_server_that_accepts_and_says_nothing_is_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert from_servers([LocalServer("Ollama", silent.getsockname()[1])]) is None


def test_a_port_without_a_server_is_passed_over() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert from_servers([LocalServer("Ollama", unused.getsockname()[1])]) is None


def test_the_embedded_model_comes_last_and_is_not_creative() -> None:
    chosen = choose({}, lambda: WEIGHTS, [])
    assert (chosen.id, chosen.kind, chosen.weights) == ("smollm2-135m-instruct", "embedded", WEIGHTS)
    assert chosen.options["temperature"] == 0


@pytest.mark.parametrize("environ", [{}, {"OPENAI_API_KEY": "sk-o"}, {"DASHSCOPE_API_KEY": "sk-d"}])
def test_the_id_of_the_embedded_model_means_it_whatever_else_there_is(
    server: ModelServer, environ: dict[str, str]
) -> None:
    servers = [LocalServer("Ollama", server.port)]
    chosen = choose(environ, lambda: WEIGHTS, servers, wanted="smollm2-135m-instruct")
    assert chosen == embedded(WEIGHTS)
    assert embedded(Path(FILE)).id == EMBEDDED_ID


def test_the_id_of_an_embedded_model_that_is_not_installed_goes_to_the_endpoint() -> None:
    chosen = choose({"OPENAI_API_KEY": "sk-o"}, nothing, [], wanted="smollm2-135m-instruct")
    assert (chosen.kind, chosen.place) == ("endpoint", "OpenAI")


def test_an_id_goes_to_the_endpoint_that_openai_base_url_names_and_nothing_is_asked_before(
    server: ModelServer,
) -> None:
    environ = {"OPENAI_API_KEY": "sk-o", "OPENAI_BASE_URL": server.url}
    for wanted in ("qwen-max", "smollm2-135m-instruct"):
        chosen = choose(environ, lambda: WEIGHTS, [], wanted=wanted)
        assert (chosen.id, chosen.base_url) == (wanted, server.url)
    assert server.connections == 0


def test_the_default_model_at_another_endpoint_than_openais_is_the_first_it_lists(server: ModelServer) -> None:
    server.models = ["qwen-plus", "other"]
    chosen = choose({"OPENAI_API_KEY": "sk-o", "OPENAI_BASE_URL": f"{server.url}/"}, nothing, [])
    assert (chosen.name, chosen.id, chosen.window) == ("qwen-plus", "qwen-plus", 131_072)
    assert server.requests[0].headers["authorization"] == "Bearer sk-o"


@pytest.mark.parametrize(
    "page",
    [
        refusal(401, "no"),
        Whole(200, b"[" * 100_000),
        Whole(200, b'{"data": []}'),
        Whole(302, b"", headers={"Location": "http://127.0.0.1:9/v1/models"}),
        Silence(),
    ],
)
def test_an_endpoint_that_lists_nothing_is_asked_for_the_default_model(server: ModelServer, page: Answer) -> None:
    server.pages["/v1/models"] = page
    chosen = choose({"OPENAI_API_KEY": "sk-o", "OPENAI_BASE_URL": server.url}, nothing, [])
    assert (chosen.id, chosen.base_url) == ("gpt-6-luna", server.url)


def test_an_address_that_is_none_is_left_for_opening_to_refuse() -> None:
    assert choose({"OPENAI_API_KEY": "sk-o", "OPENAI_BASE_URL": "nowhere"}, nothing, []).base_url == "nowhere"


def test_nothing_at_all_is_an_error_that_names_three_ways() -> None:
    with pytest.raises(UsageError) as caught:
        choose({}, nothing, [])
    assert caught.value.exit_code == 2
    for way in ("DASHSCOPE_API_KEY", "Ollama", "chatcli local setup"):
        assert way in caught.value.hint
    assert "chatcli[" not in caught.value.hint


def test_another_model_at_the_same_endpoint_keeps_key_and_address() -> None:
    chosen = from_keys({"DASHSCOPE_API_KEY": "sk-d"})
    assert chosen is not None
    other = with_id(chosen, "qwen-max")
    assert (other.name, other.id, other.window) == ("qwen-max", "qwen-max", 32_768)
    assert (other.api_key, other.base_url) == (chosen.api_key, chosen.base_url)


def test_the_embedded_model_has_no_other_beside_it() -> None:
    with pytest.raises(UsageError, match="there is no model gpt-4o"):
        with_id(choose({}, lambda: WEIGHTS, []), "gpt-4o")


@pytest.mark.parametrize(
    ("model", "window"),
    [
        ("qwen-plus-2025-07-28", 131_072),
        ("gpt-4.1-mini", 1_047_576),
        ("openai/gpt-5-nano", 400_000),
        ("gpt-5.6-luna", 1_050_000),
        ("llama3", None),
    ],
)
def test_windows_are_known_by_the_beginning_of_an_id(model: str, window: int | None) -> None:
    assert window_of(model) == window


def test_weights_that_are_not_there_are_an_error_of_the_config(tmp_path: Path) -> None:
    settings = ModelSettings("mine", "mine", kind="embedded", weights=tmp_path / "no.gguf")
    with pytest.raises(ConfigError, match=r"no\.gguf"):
        open_model(settings)


def test_choosing_and_opening_import_no_openai() -> None:
    program = """
import sys
from chatcli.model.choose import choose, open_model
open_model(choose({"OPENAI_API_KEY": "sk-o"}, lambda: None, [])).close()
print(*{"openai", "httpx2", "ssl", "xllamacpp"} & set(sys.modules))
"""
    done = run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
