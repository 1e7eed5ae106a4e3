"""Where a command works, which model and which prompt a name means, and what a session keeps: nothing is opened here.

Flags > session > environment > config file > defaults; the environment is in the config by then.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from chatcli import authors
from chatcli.cli.declared import Flags
from chatcli.config import Config, Folders, blamed, folders, full_path, load_config
from chatcli.errors import ConfigError, UsageError
from chatcli.model.choose import PROVIDERS, at_home, choose, from_keys, installed_weights, window_of, with_id
from chatcli.model.settings import KeySource, ModelSettings
from chatcli.palette import palette
from chatcli.render import theme

if TYPE_CHECKING:
    from chatcli.config.file import ModelConfig
    from chatcli.memory import Memory
    from chatcli.prices import Prices
    from chatcli.prompt import Prompt


class Workplace(NamedTuple):
    """Where a command works: its config, its environment, its folders."""

    config: Config
    environ: Mapping[str, str]
    folders: Folders


def workplace() -> Workplace:
    """Read the config, put its colours in force and say who writes here; raise ConfigError for a wrong one."""
    config = load_config(os.environ)
    theme.choose(palette(config.theme, config.colors, config.code_style))
    authors.choose(config.author)
    return Workplace(config, os.environ, folders(os.environ))


# Settings


def settings_for(flags: Flags, saved: Mapping[str, Any]) -> dict[str, Any]:
    """Return what holds for a session: what flags name, over what is saved with it.

    A prompt that a flag names brings its own system text, whatever the session had.
    """
    named = {"model": flags.model, "memory": flags.memory, "prompt": flags.prompt, "system": flags.system}
    chosen: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    if "prompt" in chosen and "system" in saved:
        chosen.setdefault("system", None)
    for name, given in (("variables", flags.variables), ("options", flags.options)):
        if given:
            chosen[name] = {**saved.get(name, {}), **given}
    return {**saved, **chosen}


def to_keep(settings: Mapping[str, Any], saved: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of the settings is new for the session to keep; None removes one."""
    return {name: value for name, value in settings.items() if saved.get(name) != value}


# The memory and the prompt


def configured_memory(place: Workplace) -> "Memory | None":
    """Return the memory that the environment or the config chooses, None when they do not; raise ConfigError."""
    if not place.config.memory:
        return None
    from chatcli.memory import parse_memory

    with blamed("memory", place.environ):
        return parse_memory(place.config.memory)


def resolve_prompt(place: Workplace, name: str | None, system: str | None) -> "tuple[Prompt, dict[str, str]]":
    """Return the prompt `name` (None: the configured one) with its variables' defaults.

    `system` takes the place of its system text ('' removes it); None leaves the prompt's own, and where it
    has none the config's. Raises UsageError for a prompt that does not exist.
    """
    from chatcli.prompt import system_text, with_system

    with nullcontext() if name else blamed("prompt", place.environ):
        prompt, variables = _named_prompt(place.config, name or place.config.prompt)
    if system is None and not system_text(prompt):
        system = place.config.system or None
    return (prompt if system is None else with_system(prompt, system)), variables


def _named_prompt(config: Config, name: str) -> "tuple[Prompt, dict[str, str]]":
    from chatcli.prompt import DEFAULT, make_prompt, with_system

    if not name:
        return DEFAULT, {}
    found = config.prompts.get(name)
    if found is None:
        known = ", ".join(config.prompts) or "the config has none yet"
        raise UsageError(f"there is no prompt {name!r}", f"prompts of the config: {known}")
    prompt = make_prompt(found.messages, name, found.human_prefix, found.ai_prefix)
    return (with_system(prompt, found.system) if found.system else prompt), dict(found.variables)


# The model


def prices_of(config: Config) -> "Callable[[str], Prices | None]":
    """Return what gives a model's prices by its id, or by the name it has in the config; None where nobody said."""
    known = {found.id or name: found.price for name, found in config.models.items() if found.price}
    known |= {name: found.price for name, found in config.models.items() if found.price}
    return known.get


def resolve_model(place: Workplace, name: str | None) -> ModelSettings:
    """Return the model called `name`: one of the config, else an id at the default endpoint; None: the default.

    The default endpoint is that of the configured model, else the first that a key, a local server or the
    embedded model gives. Raises UsageError when there is none.
    """
    default, models = place.config.model, place.config.models
    wanted = name or default
    if wanted in models:
        return _configured_model(wanted, models[wanted], place)
    if default in models and models[default].base_url:
        base = _configured_model(default, models[default], place)
        return with_id(base, wanted)._replace(options={}, extra_body={})
    return _unconfigured_model(place, wanted or None)


def _unconfigured_model(place: Workplace, model_id: str | None) -> ModelSettings:
    """Return the model with this id where a key, a local server or the embedded model gives an endpoint."""
    return choose(place.environ, lambda: installed_weights(place.folders.data), wanted=model_id)


def _configured_model(name: str, found: "ModelConfig", place: Workplace) -> ModelSettings:
    """Return the settings of `[models.NAME]`."""
    base = _weights(name, found) if found.path else _endpoint(name, found, place)
    return base._replace(
        name=name,
        window=found.window or base.window,
        images=base.images if found.images is None else found.images,
        timeout=found.timeout,
        options={**base.options, **found.options},
        extra_body={**base.extra_body, **found.extra_body},
    )


def _weights(name: str, found: "ModelConfig") -> ModelSettings:
    """Return a model that chatcli runs itself."""
    from chatcli.model.local import WINDOW, embedded

    return embedded(full_path(found.path, f"models.{name}.path"), name, found.window or WINDOW)


def _endpoint(name: str, found: "ModelConfig", place: Workplace) -> ModelSettings:
    """Return a model at its base_url, else at the endpoint its key belongs to, else at the default one."""
    model_id = found.id or name
    source = _key_source(name, found)
    key = found.api_key or _key(name, found.api_key_env, place.environ)
    urls = {p.url_env: place.environ.get(p.url_env, "") for p in PROVIDERS if p.url_env}
    if found.base_url:
        settings = ModelSettings(
            name, model_id, found.base_url, key, found.api_key_env, source, window=window_of(model_id)
        )
        return at_home(settings, urls)
    if not (key or source):
        return _unconfigured_model(place, model_id)
    owner = from_keys({**urls, found.api_key_env: key}) if found.api_key_env else None
    if owner is None:
        raise ConfigError(
            f"the model {name} has a key, but no base_url says where the key belongs",
            f"put base_url under [models.{name}]: a key is sent only to its own endpoint",
        )
    return with_id(owner, model_id)


def _key_source(name: str, found: "ModelConfig") -> KeySource | None:
    """Return where the key is kept that is read when it is needed; raise ConfigError where two places are named."""
    kept: dict[Literal["command", "file", "keyring"], str] = {
        "command": found.api_key_command,
        "file": found.api_key_file,
        "keyring": found.api_key_keyring,
    }
    sources = [KeySource(kind, where, f"models.{name}.api_key_{kind}") for kind, where in kept.items() if where]
    named = [setting for setting in ("api_key", "api_key_env") if getattr(found, setting)]
    named += [f"api_key_{source.kind}" for source in sources]
    if len(named) > 1:
        raise ConfigError(f"models.{name} has {' and '.join(named)}", "keep one of them")
    return sources[0] if sources else None


def _key(name: str, variable: str, environ: Mapping[str, str]) -> str:
    """Return the key that `variable` holds, '' when the model names none; raise UsageError when it is empty."""
    key = environ.get(variable, "").strip() if variable else ""
    if variable and not key:
        raise UsageError(f"the model {name} has no key: {variable} is not set", f"export {variable}=…")
    return key
