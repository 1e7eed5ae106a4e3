"""The config file: its tables, checked key by key; and the whole config as data again."""

import os
import re
import stat
import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import msgspec

from chatcli.config import Config, check_look
from chatcli.errors import ConfigError
from chatcli.stores.masking import masked, program_of


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
    api_key_command: str = ""
    api_key_file: str = ""
    api_key_keyring: str = ""
    path: str = ""
    window: Annotated[int, msgspec.Meta(ge=1)] | None = None
    images: bool | None = None
    timeout: Annotated[float, msgspec.Meta(gt=0)] = 120.0
    price: Price | None = None
    options: dict[str, Any] = {}
    extra_body: dict[str, Any] = {}


class StoreConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[stores.NAME]`: an address, and for Redis its passwords, the list's key prefix, how long a session lives.

    `wait_replicas` is how many replicas must have a turn before it counts as kept.
    """

    address: str
    key_prefix: str = "message_store:"
    ttl: Annotated[int, msgspec.Meta(ge=1)] | None = None
    wait_replicas: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    password_env: str = ""
    password_file: str = ""
    password_command: str = ""
    sentinel_password_env: str = ""
    sentinel_password_file: str = ""
    sentinel_password_command: str = ""


class PromptConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[prompts.NAME]`: a system text, or the messages of a whole prompt, and values of its variables."""

    system: str = ""
    messages: list[dict[str, Any]] = []
    human_prefix: str = "Human"
    ai_prefix: str = "AI"
    variables: dict[str, str] = {}


LARGEST = 1_000_000
"""Characters of a config that are read; a long one with many prompts has some thousands."""

_SECRET = re.compile("(?i)key$|token$|secret|password|authorization")
_TABLES: dict[str, type[msgspec.Struct]] = {"models": ModelConfig, "stores": StoreConfig, "prompts": PromptConfig}


def read(path: Path) -> Config:
    """Return what the file says; raise ConfigError, which names the file and the key, for what is wrong there."""
    try:
        return _check(tomllib.loads(_text(path)), f"the config {path}")
    except OSError as error:
        raise ConfigError(f"the config {path} cannot be read: {error.strerror}", "check its permissions") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the config {path} is not TOML: {error}", "`chatcli config edit` opens it") from None


def _text(path: Path) -> str:
    """Return what the file says, nothing for /dev/null; raise ConfigError for what is no file, or has no end.

    Nobody waits for a pipe. Raises OSError, UnicodeDecodeError.
    """
    with open(path, encoding="utf-8", opener=_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode) and str(path) != os.devnull:
            raise ConfigError(f"the config {path} is no file, but a pipe or a device", "name a file")
        text = file.read(LARGEST + 1)
    if len(text) > LARGEST:
        raise ConfigError(f"the config {path} has more than {LARGEST:,} characters", "is it another file?")
    return text


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check(data: dict[str, Any], where: str) -> Config:
    """Turn the file's data into a Config, table by table, so that an error can name its key."""
    _known_keys(data, Config._fields, where, "")
    tables: dict[str, Any] = {
        table: {name: _section(entry, shape, where, f"{table}.{name}") for name, entry in _table(data, table, where)}
        for table, shape in _TABLES.items()
    }
    plain: dict[str, Any] = {
        name: _section(value, Config.__annotations__[name], where, name)
        for name, value in data.items()
        if name not in tables
    }
    config = Config(**plain, **tables)
    check_look(config, where)
    return config


def _table(data: dict[str, Any], table: str, where: str) -> list[tuple[str, Any]]:
    entries = data.get(table, {})
    if not isinstance(entries, dict):
        raise ConfigError(f"{where}: {table} must be a table", f"write [{table}.NAME] and its keys below it")
    return list(entries.items())


def _section(data: Any, shape: Any, where: str, key: str) -> Any:
    """Return `data` as `shape`."""
    if isinstance(data, dict) and shape in _TABLES.values():
        _known_keys(data, shape.__struct_fields__, where, key)
    try:
        return msgspec.convert(data, shape)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        named = f"{key}{_whole(path.rstrip('`'), data, shape)}"
        hint = "`chatcli config edit` opens it; config.example.toml shows every key"
        raise ConfigError(f"{where}: {named}: {_in_words(what)}", hint) from None


def _whole(path: str, data: Any, shape: Any) -> str:
    """Return the path of what is wrong in `data`, with the key that msgspec leaves out of it: `[...]`."""
    before, gap, after = path.partition("[...]")
    if not gap:
        return path
    table = before.removeprefix(".")
    for name, value in (data[table] if table else data).items():
        try:
            msgspec.convert({**data, table: {name: value}} if table else {name: value}, shape)
        except msgspec.ValidationError:
            return f"{before}.{name}{after}"
    return path


_WORDS = {
    "str": "a text in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "a table",
    "array": "a list",
}


def _in_words(what: str) -> str:
    """Return what msgspec says in the words of TOML."""
    if found := re.fullmatch("Object (missing required|contains unknown) field `(.*)`", what):
        return f"{found[2]!r} is missing" if found[1] == "missing required" else f"unknown key {found[2]!r}"
    what = what.replace(" | null", "").replace("Expected", "expected").replace(", got", ", not")
    return re.sub(
        "`([^`]*)`", lambda found: " or ".join(_WORDS.get(name, name) for name in found[1].split(" | ")), what
    )


def _known_keys(data: dict[str, Any], keys: Sequence[str], where: str, key: str) -> None:
    for name in data.keys() - set(keys):
        full = f"{key}.{name}" if key else name
        near = get_close_matches(name, keys, n=1)
        known = ", ".join(keys)
        raise ConfigError(f"{where}: unknown key {full!r}", f"did you mean {near[0]!r}?" if near else f"known: {known}")


def as_data(config: Config) -> dict[str, Any]:
    """Return the config as plain data, its secrets masked."""
    data: dict[str, Any] = msgspec.to_builtins(config._asdict())
    for model in data["models"].values():
        model.update(_without_secrets(model))
        model["base_url"] = masked(model["base_url"])
        model["api_key_command"] = program_of(model["api_key_command"])
    for store in data["stores"].values():
        store["address"] = masked(store["address"])
        for name in ("password_command", "sentinel_password_command"):
            store[name] = program_of(store[name])
    data["store"] = masked(data["store"])
    return data


def _without_secrets(value: Any, key: str = "") -> Any:
    """Return the value, `***` in place of everything in it whose key looks like that of a secret."""
    if value and _SECRET.search(key):
        return "***"
    if isinstance(value, dict):
        return {name: _without_secrets(inner, name) for name, inner in value.items()}
    return [_without_secrets(inner) for inner in value] if isinstance(value, list) else value
