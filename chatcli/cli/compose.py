"""Builds a chat's parts out of flags, the session's own settings, the environment and the config.

Flags > session > environment > config file > defaults. What a flag sets on a session is kept with it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from chatcli.chat import Chat
from chatcli.cli.flags import Flags
from chatcli.config import Config, Folders, ModelConfig, folders, full_path, load_config
from chatcli.errors import NotFound, UsageError
from chatcli.memory import default_memory, parse_memory
from chatcli.model.choose import choose, from_keys, installed_weights, open_model, window_of
from chatcli.model.settings import ModelSettings
from chatcli.names import check_session_name, new_session_name
from chatcli.prompt import DEFAULT, Prompt, make_prompt, with_system
from chatcli.stores import Store
from chatcli.stores.address import open_store

if TYPE_CHECKING:
    from chatcli.repl.loop import Tools


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where a command works: its config, its environment, its folders."""

    config: Config
    environ: Mapping[str, str]
    folders: Folders


def workplace() -> Workplace:
    """Read the config; raise ConfigError for a wrong one."""
    return Workplace(load_config(os.environ), os.environ, folders(os.environ))


def open_named_store(place: Workplace, address: str | None = None) -> Store:
    """Open the store at `address`: a store of the config by name, or an address; None: the configured one."""
    address = place.config.store if address is None else address
    named = place.config.stores.get(address)
    if named is not None:
        return open_store(
            named.address,
            data_folder=place.folders.data,
            key_prefix=named.key_prefix,
            ttl=named.ttl,
            environ=place.environ,
        )
    return open_store(address, data_folder=place.folders.data, environ=place.environ)


def last_session(store: Store) -> str:
    """Return the session used last; raise NotFound when there is none."""
    newest = store.sessions(limit=1)
    if not newest:
        raise NotFound("there is no session yet", "chatcli chat -s NAME makes one")
    return newest[0].name


def existing_session(store: Store, name: str | None) -> str:
    """Return the session to work on, the one used last for None; raise NotFound when it is not there."""
    if name is None:
        return last_session(store)
    if not store.exists(check_session_name(name)):
        raise NotFound(f"there is no session {name!r}", "chatcli sessions list shows them")
    return name


def session_for(flags: Flags, store: Store) -> str:
    """Return the session that `-s` or `-c` names, or a new name."""
    if flags.session is not None:
        if flags.continue_:
            raise UsageError("-s and -c name two sessions", "give one of them")
        return check_session_name(flags.session)
    return last_session(store) if flags.continue_ else new_session_name()


def compose(flags: Flags, place: Workplace, store: Store, session: str) -> Chat:
    """Put a chat together; raise UsageError for a flag that makes no sense, before anything is sent."""
    saved = store.snapshot(session, 0).session.settings
    chosen = _chosen(flags)
    settings = {**saved, **chosen}
    model_settings = resolve_model(place, settings.get("model"))
    default = place.config.memory or default_memory(model_settings.window)
    memory = parse_memory(settings.get("memory", default))
    prompt, defaults = resolve_prompt(place.config, settings.get("prompt"), settings.get("system"))
    return Chat(
        store,
        session,
        open_model(model_settings),
        memory,
        prompt,
        {**defaults, **saved.get("variables", {}), **flags.variables},
        {**model_settings.options, **saved.get("options", {}), **flags.options},
        _to_keep(saved, chosen, flags),
    )


def resolve_model(place: Workplace, name: str | None) -> ModelSettings:
    """Return the model called `name`: one of the config, else an id at the default endpoint; None: the default."""
    name = name or place.config.model
    if name in place.config.models:
        return _configured_model(name, place.config.models[name], place)
    return _unconfigured_model(place, name or None)


def _unconfigured_model(place: Workplace, model_id: str | None) -> ModelSettings:
    """Return the model with this id at the default endpoint; None: its default model."""
    return choose(place.environ, lambda: installed_weights(place.folders.data), wanted=model_id)


def _configured_model(name: str, found: ModelConfig, place: Workplace) -> ModelSettings:
    """Return the settings of `[models.NAME]`; without a base_url it is at the default endpoint."""
    if found.path:
        from chatcli.model.local import WINDOW, embedded

        settings = embedded(full_path(found.path, f"models.{name}.path"), name, found.window or WINDOW)
        return replace(settings, options={**settings.options, **found.options}, extra_body=found.extra_body)
    model_id = found.id or name
    key = found.api_key or _key_of(name, found.api_key_env, place.environ)
    base = ModelSettings(name, model_id, found.base_url, key, found.api_key_env)
    if not found.base_url:
        known = from_keys({found.api_key_env: key}) if key else None
        base = replace(known or _unconfigured_model(place, model_id), name=name, id=model_id)
    return replace(
        base,
        api_key=key or base.api_key,
        window=found.window or window_of(model_id),
        timeout=found.timeout,
        options=found.options,
        extra_body=found.extra_body,
    )


def _key_of(name: str, variable: str, environ: Mapping[str, str]) -> str:
    """Return the key that `variable` holds, '' when the model names none; raise UsageError when it is empty."""
    key = environ.get(variable, "").strip() if variable else ""
    if variable and not key:
        raise UsageError(f"the model {name} has no key: {variable} is not set", f"export {variable}=…")
    return key


def resolve_prompt(config: Config, name: str | None, system: str | None) -> tuple[Prompt, dict[str, str]]:
    """Return the prompt `name` of the config, with `system` in place of its system text, and its variables."""
    name = name or config.prompt
    if name and name not in config.prompts:
        known = ", ".join(config.prompts) or "the config has none yet"
        raise UsageError(f"there is no prompt {name!r}", f"prompts of the config: {known}")
    prompt, variables = DEFAULT, {}
    if name:
        found = config.prompts[name]
        prompt = make_prompt(found.messages, name, found.human_prefix, found.ai_prefix)
        prompt = with_system(prompt, found.system) if found.system else prompt
        variables = found.variables
    text = system if system is not None else "" if name else config.system
    return (with_system(prompt, text) if text or system is not None else prompt), dict(variables)


def _chosen(flags: Flags) -> dict[str, Any]:
    """Return the settings that flags name."""
    named = {"model": flags.model, "memory": flags.memory, "prompt": flags.prompt, "system": flags.system}
    return {name: value for name, value in named.items() if value is not None}


def _to_keep(saved: Mapping[str, Any], chosen: dict[str, Any], flags: Flags) -> dict[str, Any]:
    """Return what is new for the session to keep."""
    keep = {name: value for name, value in chosen.items() if saved.get(name) != value}
    for name, given in (("variables", flags.variables), ("options", flags.options)):
        if given:
            keep[name] = {**saved.get(name, {}), **given}
    return keep


def tools_for(flags: Flags, place: Workplace, store: Store) -> "Tools":
    """Return what the interactive chat needs to exchange its parts; new sessions take over the flags."""
    from chatcli.repl.loop import Tools

    def open_session(name: str | None) -> Chat:
        return compose(Flags() if name else flags, place, store, name or new_session_name())

    return Tools(
        open_session=open_session,
        open_model=lambda name: open_model(resolve_model(place, name)),
        make_prompt=lambda text: resolve_prompt(place.config, flags.prompt, text)[0],
        model_names=tuple(place.config.models),
        preload=_preload,
        state_folder=place.folders.state,
        private=flags.private,
        plain=flags.plain or place.config.plain,
        quiet=flags.quiet,
        whole_replies=flags.no_stream or not place.config.stream,
        reasoning=place.config.reasoning,
    )


def _preload() -> None:
    """Import what the first reply needs."""
    import_module("chatcli.render.streaming")
    from chatcli.model.openai import preload

    preload()
