"""What must be known of a model to talk to it: where it is, what it is called there, what goes along."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from chatcli.errors import ConfigError

Kind = Literal["endpoint", "embedded"]

NAMES_OF_HOSTS = {
    "api.openai.com": "OpenAI",
    "dashscope.aliyuncs.com": "DashScope",
    "dashscope-intl.aliyuncs.com": "DashScope",
    "api.deepseek.com": "DeepSeek",
    "openrouter.ai": "OpenRouter",
}


class KeySource(NamedTuple):
    """Where a key is kept that neither the config nor the environment holds; `setting` is what says so, for errors.

    `where` is a command, the name of a file, or `SERVICE/USER` of the system's keyring.
    """

    kind: Literal["command", "file", "keyring"]
    where: str
    setting: str


class ModelSettings(NamedTuple):
    """A model at an endpoint, or the embedded one.

    `name` is what the user calls it (a section of the config, or the id itself), `id` what the endpoint calls
    it. `api_key` is empty when the endpoint wants none; `key_env` names the variable it is read from, for hints.
    With `key_source` it is empty until a request needs it: see `keys`.
    `window` is in tokens, `images` says whether it takes any; None when unknown. `extra_body` is merged into every
    request; `options` are sent unless the chat sets the same ones. `timeout` is how long the endpoint may be silent, in
    seconds. `label` is what messages call the endpoint. `weights` is the GGUF file of an embedded model.
    """

    name: str
    id: str
    base_url: str = ""
    api_key: str = ""
    key_env: str = ""
    key_source: KeySource | None = None
    window: int | None = None
    images: bool | None = None
    extra_body: Mapping[str, Any] = {}
    options: Mapping[str, Any] = {}
    timeout: float = 120.0
    label: str = ""
    kind: Kind = "endpoint"
    weights: Path | None = None

    def __repr__(self) -> str:
        """All of it but the key, which no log and no error may show."""
        shown = (f"{name}={value!r}" for name, value in self._asdict().items() if name != "api_key")
        return f"ModelSettings({', '.join(shown)})"

    @property
    def place(self) -> str:
        """What messages call the endpoint: its label, its owner's name, or its host."""
        return self.label or NAMES_OF_HOSTS.get(self.host, self.host)

    @property
    def key_setting(self) -> str:
        """Where the key stands, for hints: a variable, what leads to it, or the config."""
        return self.key_env or (self.key_source.setting if self.key_source else f"[models.{self.name}] in the config")

    @property
    def local(self) -> bool:
        """Whether the endpoint is on this machine."""
        name = urlsplit(self.base_url).hostname if self.host else ""
        return self.kind == "embedded" or name in ("localhost", "127.0.0.1", "::1")

    @property
    def host(self) -> str:
        """The host and port of the endpoint, without user and password; empty for an address that is none."""
        try:
            parts = urlsplit(self.base_url)
            valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            return ""
        return parts.netloc.rpartition("@")[2] if valid else ""


def owner_of(host: str) -> str:
    """Return whose endpoint the host is, one of its regions included; '' when it is nobody's that is known."""
    name = host.lower().partition(":")[0].rstrip(".")
    owners = (owner for known, owner in NAMES_OF_HOSTS.items() if name == known or name.endswith(f".{known}"))
    return next(owners, "")


def checked(settings: ModelSettings) -> ModelSettings:
    """Return the settings if a request can be made of them; raise ConfigError when not."""
    if not settings.host:
        variable = "in OPENAI_BASE_URL, or " if settings.key_env == "OPENAI_API_KEY" else ""
        # without user and password, and without a query, which may hold a key
        shown = re.sub(r"(?s)//.*@", "//***@", settings.base_url).partition("?")[0]
        raise ConfigError(
            f"the base_url of the model {settings.name} is no web address: {shown!r}",
            f"write it like https://host/v1 {variable}under [models.{settings.name}] in the config",
        )
    if not (settings.api_key.isascii() and settings.api_key.isprintable()) or " " in settings.api_key:
        raise ConfigError(
            f"the key of the model {settings.name} holds characters that no key has",
            f"copy it again into {settings.key_setting}",
        )
    return settings
