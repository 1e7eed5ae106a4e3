"""Settings: defaults < config file < environment < session < flags; and the folders they live in."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec

from chatcli.errors import ConfigError
from chatcli.private import private_folder
from chatcli.stores.masking import masked


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a million tokens cost, in any currency; without `cached` the provider's cache makes nothing cheaper."""

    input: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    cached: Annotated[float, msgspec.Meta(ge=0)] | None = None
    output: Annotated[float, msgspec.Meta(ge=0)] = 0.0


class ModelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[models.NAME]`: a model at an OpenAI-compatible endpoint, or the path of a GGUF to run."""

    id: str = ""
    base_url: str = ""
    api_key_env: str = ""
    api_key: str = ""
    path: str = ""
    window: int | None = None
    timeout: float = 120.0
    price: Price | None = None
    options: dict[str, Any] = {}
    extra_body: dict[str, Any] = {}


class StoreConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[stores.NAME]`: an address, and for Redis the list's key prefix and how long a session lives."""

    address: str
    key_prefix: str = "message_store:"
    ttl: int | None = None


class PromptConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[prompts.NAME]`: a system text, or the messages of a whole prompt, and values of its variables."""

    system: str = ""
    messages: list[dict[str, Any]] = []
    human_prefix: str = "Human"
    ai_prefix: str = "AI"
    variables: dict[str, str] = {}


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. An empty text means: not set."""

    model: str = ""
    memory: str = ""
    store: str = "sqlite"
    prompt: str = ""
    system: str = ""
    stream: bool = True
    plain: bool = False
    reasoning: bool = True
    summary_model: str = ""
    embedding_model: str = ""
    models: dict[str, ModelConfig] = {}
    stores: dict[str, StoreConfig] = {}
    prompts: dict[str, PromptConfig] = {}


@dataclass(frozen=True, slots=True)
class Folders:
    """Where chatcli keeps things; each is made, for its owner alone, when something is first written."""

    config: Path
    data: Path
    state: Path
    cache: Path


_SECRET = re.compile("(?i)key$|token$|secret|password|authorization")
_TABLES: dict[str, type[msgspec.Struct]] = {"models": ModelConfig, "stores": StoreConfig, "prompts": PromptConfig}


def folders(environ: Mapping[str, str] = os.environ) -> Folders:
    """Return the platform's folders, or those under `CHATCLI_HOME`."""
    if home := environ.get("CHATCLI_HOME"):
        base = full_path(home, "CHATCLI_HOME")
        if base.exists() and not base.is_dir():
            raise ConfigError(f"CHATCLI_HOME is no folder: {base}", "name a folder, or unset it")
        return Folders(base / "config", base / "data", base / "state", base / "cache")
    import platformdirs

    dirs = platformdirs.PlatformDirs("chatcli", appauthor=False)
    return Folders(dirs.user_config_path, dirs.user_data_path, dirs.user_state_path, dirs.user_cache_path)


def full_path(name: str, setting: str) -> Path:
    """Return the path that `setting` names, `~` expanded; raise ConfigError for a user who does not exist."""
    try:
        return Path(name).expanduser()
    except RuntimeError as error:
        raise ConfigError(f"{setting} is {name!r}: {error}", "write the whole path") from None


def config_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the config file is, or would be."""
    if named := environ.get("CHATCLI_CONFIG"):
        return full_path(named, "CHATCLI_CONFIG")
    return folders(environ).config / "config.toml"


def load_config(environ: Mapping[str, str] = os.environ) -> Config:
    """Return the config: the file, if there is one, under the environment's `CHATCLI_…` settings.

    Raises ConfigError, which names the file and the key, for what cannot be read or understood.
    """
    path = config_path(environ)
    data = _read(path, required="CHATCLI_CONFIG" in environ)
    return _with_environment(_check(data, f"the config {path}"), environ)


def _read(path: Path, required: bool) -> dict[str, Any]:
    """Return what the file says; {} when there is none."""
    if not required and not path.exists():
        return {}
    import tomllib  # here: most have no config

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if not required:  # it has just been removed
            return {}
        raise ConfigError(f"the config {path} does not exist", "CHATCLI_CONFIG names it; unset that") from None
    except OSError as error:
        raise ConfigError(f"the config {path} cannot be read: {error.strerror}", "check its permissions") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the config {path} is not TOML: {error}", "`chatcli config edit` opens it") from None


def _check(data: dict[str, Any], where: str) -> Config:
    """Turn the file's data into a Config, table by table, so that an error can name its key."""
    _known_keys(data, Config, where, "")
    tables = {
        table: {name: _section(entry, shape, where, f"{table}.{name}") for name, entry in _table(data, table, where)}
        for table, shape in _TABLES.items()
    }
    checked: Config = _section({**data, **tables}, Config, where, "")
    return checked


def _table(data: dict[str, Any], table: str, where: str) -> list[tuple[str, Any]]:
    entries = data.get(table, {})
    if not isinstance(entries, dict):
        raise ConfigError(f"{where}: {table} must be a table", f"write [{table}.NAME] and its keys below it")
    return list(entries.items())


def _section(data: Any, shape: type[msgspec.Struct], where: str, key: str) -> Any:
    """Return `data` as `shape`; what is already of its type stays."""
    if isinstance(data, dict):
        _known_keys(data, shape, where, key)
    try:
        return msgspec.convert(data, shape)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        named = f"{key}{path.rstrip('`')}".lstrip(".") or "it"
        raise ConfigError(f"{where}: {named}: {what}", "config.example.toml shows every key") from None


def _known_keys(data: dict[str, Any], shape: type[msgspec.Struct], where: str, key: str) -> None:
    for name in data.keys() - set(shape.__struct_fields__):
        full = f"{key}.{name}" if key else name
        from difflib import get_close_matches  # here: only a mistake needs it

        near = get_close_matches(name, shape.__struct_fields__, n=1)
        known = ", ".join(shape.__struct_fields__)
        raise ConfigError(f"{where}: unknown key {full!r}", f"did you mean {near[0]!r}?" if near else f"known: {known}")


def _with_environment(config: Config, environ: Mapping[str, str]) -> Config:
    """Return the config with what `CHATCLI_MODEL`, `CHATCLI_STORE`, … say."""
    changes: dict[str, Any] = {}
    for name in set(Config.__struct_fields__) - _TABLES.keys():
        variable = f"CHATCLI_{name.upper()}"
        if value := environ.get(variable):
            changes[name] = _truth(value, variable) if isinstance(getattr(config, name), bool) else value
    return msgspec.structs.replace(config, **changes)


def _truth(text: str, variable: str) -> bool:
    known = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if text.lower() not in known:
        raise ConfigError(f"{variable} is {text!r}", "write 1 or 0")
    return known[text.lower()]


def as_data(config: Config) -> dict[str, Any]:
    """Return the config as plain data, its secrets masked."""
    data: dict[str, Any] = msgspec.to_builtins(config)
    for model in data["models"].values():
        model.update(_without_secrets(model))
        model["base_url"] = masked(model["base_url"])
    for store in data["stores"].values():
        store["address"] = masked(store["address"])
    data["store"] = masked(data["store"])
    return data


def _without_secrets(value: Any, key: str = "") -> Any:
    """Return the value, `***` in place of everything in it whose key looks like that of a secret."""
    if value and _SECRET.search(key):
        return "***"
    if isinstance(value, dict):
        return {name: _without_secrets(inner, name) for name, inner in value.items()}
    return [_without_secrets(inner) for inner in value] if isinstance(value, list) else value


def write_example(path: Path) -> None:
    """Write the commented example to `path`, mode 0600; raise ConfigError when there is a file already."""
    try:
        private_folder(path.parent)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(_example())
    except OSError as error:
        if path.exists():
            raise ConfigError(f"the config {path} is there already", "`chatcli config edit` opens it") from None
        raise ConfigError(f"the config {path} cannot be written: {error.strerror}", "check the folder") from None


def _example() -> str:
    """Return config.example.toml: beside the code when installed, above it in a checkout."""
    here = Path(__file__).parent
    inside = here / "config.example.toml"
    return (inside if inside.exists() else here.parent / "config.example.toml").read_text(encoding="utf-8")
