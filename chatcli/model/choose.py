"""Which model answers when nobody said, and how one is opened."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from chatcli.errors import ConfigError, UsageError
from chatcli.model.settings import ModelSettings, owner_of

if TYPE_CHECKING:
    from chatcli.model import Model


class Provider(NamedTuple):
    """An endpoint whose key stands in an environment variable, and the model it is asked for by default."""

    label: str
    key_env: str
    base_url: str
    default: str
    url_env: str = ""


class LocalServer(NamedTuple):
    """A server that may run on this machine; `window` is in tokens, None: ask it."""

    label: str
    port: int
    window: int | None = None
    host: str = "127.0.0.1"

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://{self.host}:{self.port}"

    @property
    def base_url(self) -> str:
        """Where its protocol starts."""
        return f"{self.address}/v1"


# The defaults, in the order in which they are tried

PROVIDERS = (
    Provider("OpenAI", "OPENAI_API_KEY", "https://api.openai.com/v1", "gpt-6-luna", url_env="OPENAI_BASE_URL"),
    Provider(
        "DashScope", "DASHSCOPE_API_KEY", "https://dashscope.aliyuncs.com/compatible-mode/v1", default="qwen-plus"
    ),
)
LOCAL_SERVERS = (
    # Ollama gives every model 4,096 tokens unless told otherwise (its docs/context-length), and cuts the rest
    # of a prompt off without a word
    LocalServer("Ollama", 11434, window=4096),
    LocalServer("llama-server", 8080),
)
EMBEDDED_ID = "smollm2-135m-instruct"
"""What `local.embedded` makes of the weights' name; here, so that other names cost no look for the weights."""

PROBE_SECONDS = 0.3
GATEWAY_SECONDS = 1.0
LONGEST_LIST = 4 * 2**20
"""Bytes of a list of models that are read."""

WINDOWS = {
    "gpt-6": 1_050_000,
    "gpt-5.6": 1_050_000,
    "gpt-5": 400_000,
    "gpt-4.1": 1_047_576,
    "gpt-4o": 128_000,
    "qwen-plus": 131_072,
    "qwen-turbo": 131_072,
    "qwen-max": 32_768,
    "qwen-flash": 1_000_000,
    "deepseek-chat": 65_536,
    "deepseek-reasoner": 65_536,
}
"""Tokens, by the beginning of a model's id; where a provider has several versions, the smallest."""


def window_of(model_id: str) -> int | None:
    """Return how many tokens a well-known model takes; None for one that is not known."""
    known = [prefix for prefix in WINDOWS if model_id.rpartition("/")[2].startswith(prefix)]
    return WINDOWS[max(known, key=len)] if known else None


class Weights(Protocol):
    """Finds the weights of the embedded model: None when it is not installed."""

    def __call__(self) -> Path | None: ...  # noqa: D102 - the class says it


def choose(
    environ: Mapping[str, str],
    weights: Weights,
    servers: Sequence[LocalServer] = LOCAL_SERVERS,
    wanted: str | None = None,
) -> ModelSettings:
    """Return the model to use when the config names none: the one with the id `wanted`, or the default one.

    That is at the endpoint of the first key in `environ` (an empty one is none), else at a server on this
    machine, else the embedded one. The embedded one's own id means it, wherever else we could ask, unless
    OPENAI_BASE_URL says where. Raises UsageError when there is nothing.
    """
    keyed = from_keys(environ)
    if keyed is not None and not _is_official(keyed):
        return with_id(keyed, wanted) if wanted else _with_first_listed(keyed)
    if wanted and (own := named_embedded(wanted, weights)) is not None:
        return own
    default = keyed or from_servers(servers) or _embedded(weights)
    return with_id(default, wanted) if wanted else default


def named_embedded(model_id: str, weights: Weights) -> ModelSettings | None:
    """Return the embedded model if that is its id and it is installed."""
    if model_id != EMBEDDED_ID or (path := weights()) is None:
        return None
    from chatcli.model.local import embedded

    return embedded(path)


def _embedded(weights: Weights) -> ModelSettings:
    from chatcli.model.local import embedded, how_to_get

    if (path := weights()) is not None:
        return embedded(path)
    raise UsageError(
        "there is no model to talk to: no key is set, no server answers on this machine, none is embedded",
        "set OPENAI_API_KEY or DASHSCOPE_API_KEY, or start Ollama or llama-server,"
        f" or get the embedded one: {how_to_get()}",
    )


def installed_weights(data_folder: Path) -> Path | None:
    """Return the embedded model's weights, if what it takes to run them is installed too."""
    from chatcli.model.local import is_installed
    from chatcli.model.weights import find_weights

    return find_weights(data_folder) if is_installed() else None


def from_keys(environ: Mapping[str, str]) -> ModelSettings | None:
    """Return the default model of the first provider whose key is set."""
    for provider in PROVIDERS:
        if key := environ.get(provider.key_env, "").strip():
            base_url = environ.get(provider.url_env, "").strip() or provider.base_url
            return ModelSettings(
                name=provider.default,
                id=provider.default,
                base_url=base_url,
                api_key=key,
                key_env=provider.key_env,
                window=window_of(provider.default),
                label=provider.label if base_url == provider.base_url else "",
            )
    return None


def at_home(settings: ModelSettings, environ: Mapping[str, str]) -> ModelSettings:
    """Return the settings if the key may go where they lead.

    Raises ConfigError for a provider's own variable at another provider's endpoint, unless that is where `environ`
    says the key belongs.
    """
    owner = next((provider for provider in PROVIDERS if provider.key_env == settings.key_env), None)
    there = owner_of(settings.host)
    if owner is None or there in ("", owner.label):
        return settings
    if settings.host == settings._replace(base_url=environ.get(owner.url_env, "").strip()).host:
        return settings
    raise ConfigError(
        f"[models.{settings.name}] would send {owner.key_env} to {there}, where it does not belong",
        f"name the variable with your key of {there} as api_key_env there, or correct base_url",
    )


def _is_official(settings: ModelSettings) -> bool:
    """Say whether the endpoint is the provider's own, one of its regions' included."""
    own = (urlsplit(provider.base_url).hostname or "" for provider in PROVIDERS)
    return any(settings.host == host or settings.host.endswith(f".{host}") for host in own)


def _with_first_listed(settings: ModelSettings) -> ModelSettings:
    """Return the settings with the first model that their endpoint lists; unchanged when it lists none in time."""
    if not settings.host:
        return settings

    def listed() -> ModelSettings | None:
        found = _get(f"{settings.base_url.rstrip('/')}/models", GATEWAY_SECONDS, settings.api_key)
        return with_id(settings, model_id) if (model_id := _first_id(found)) else None

    return _first_answer([listed], GATEWAY_SECONDS) or settings


def with_id(settings: ModelSettings, model_id: str) -> ModelSettings:
    """Return the settings of another model at the same endpoint; raises UsageError for the embedded one."""
    if model_id == settings.id:
        return settings
    if settings.kind == "embedded":
        raise UsageError(
            f"there is no model {model_id}: only the embedded {settings.id} is here",
            "name one of the config, or set the key of an endpoint that has it",
        )
    return settings._replace(name=model_id, id=model_id, window=window_of(model_id), images=None)


def open_model(settings: ModelSettings) -> "Model":
    """Return the model; returns at once, whatever it has to load or start. Raises ConfigError."""
    if settings.kind == "embedded":
        from chatcli.model.local import EmbeddedModel

        return EmbeddedModel(settings)
    from chatcli.model.openai import OpenAIModel
    from chatcli.model.settings import checked

    return OpenAIModel(checked(settings))


# Servers on this machine


def from_servers(servers: Sequence[LocalServer]) -> ModelSettings | None:
    """Return the first model of the first of `servers` that answers; they are asked all at once."""
    return _first_answer([partial(_first_model, server) for server in servers], 2 * PROBE_SECONDS)


def _first_answer(asks: Sequence[Callable[[], ModelSettings | None]], seconds: float) -> ModelSettings | None:
    """Ask all at once; return what the first of them found, of those that are done in time."""
    found: dict[int, ModelSettings | None] = {}

    def ask(index: int) -> None:
        found[index] = asks[index]()

    threads = [Thread(target=ask, args=(index,), daemon=True) for index in range(len(asks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
    answers = (found.get(index) for index in range(len(asks)))
    return next((settings for settings in answers if settings is not None), None)


def _first_model(server: LocalServer) -> ModelSettings | None:
    model_id = _first_id(_get(f"{server.base_url}/models", PROBE_SECONDS))
    if not model_id:
        return None
    return ModelSettings(
        name=model_id,
        id=model_id,
        base_url=server.base_url,
        window=server.window or _window_at(server) or window_of(model_id),
        label=server.label,
    )


def _first_id(listed: Any) -> str:
    match listed:
        case {"data": [{"id": str(model_id)}, *_]}:
            return model_id
    return ""


def _window_at(server: LocalServer) -> int | None:
    """Return the window that llama-server was started with."""
    match _get(f"{server.address}/props", PROBE_SECONDS):
        case {"default_generation_settings": {"n_ctx": int(window)}}:
            return window
    return None


def _get(url: str, seconds: float, key: str = "") -> Any:
    """Return the JSON at `url`; None when there is none in time. No proxy is asked, no redirect followed."""
    import http.client  # here: it brings ssl along, which takes its time
    import json

    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=seconds)
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    try:
        connection.request("GET", parts.path, headers=headers)
        response = connection.getresponse()
        return json.loads(response.read(LONGEST_LIST)) if response.status == 200 else None
    except (OSError, http.client.HTTPException, ValueError, RecursionError):
        return None
    finally:
        connection.close()
