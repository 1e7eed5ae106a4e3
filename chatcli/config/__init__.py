"""Settings: defaults < config file < environment < session < flags; and the folders they live in.

How the file is read and checked is in `file`, which is imported where there is one: most have none.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from chatcli.errors import ConfigError, UsageError
from chatcli.private import private_folder

if TYPE_CHECKING:
    from chatcli.config.file import ModelConfig, PromptConfig, StoreConfig

TABLES = ("models", "stores", "prompts", "keys", "colors")
"""The settings that are tables of the file; all others may stand in the environment too."""


class Config(NamedTuple):
    """The whole file. An empty text means: not set."""

    model: str = ""
    memory: str = ""
    store: str = "sqlite"
    prompt: str = ""
    system: str = ""
    stream: bool = True
    plain: bool = False
    reasoning: bool = True
    show_speed: bool = False
    editing: str = "emacs"
    theme: str = "auto"
    code_style: str = ""
    summary_model: str = ""
    embedding_model: str = ""
    titles: str = "first"
    author: str = ""
    live: bool = True
    models: Mapping[str, "ModelConfig"] = {}
    stores: Mapping[str, "StoreConfig"] = {}
    prompts: Mapping[str, "PromptConfig"] = {}
    keys: Mapping[str, str | list[str]] = {}
    colors: Mapping[str, str] = {}


class Folders(NamedTuple):
    """Where chatcli keeps things; each is made, for its owner alone, when something is first written."""

    config: Path
    data: Path
    state: Path
    cache: Path


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


_TITLES = ("first", "model")
"""Where a session's title comes from: its first line, or a model."""


def config_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the config file is, or would be."""
    if named := environ.get("CHATCLI_CONFIG"):
        return full_path(named, "CHATCLI_CONFIG")
    return folders(environ).config / "config.toml"


def load_config(environ: Mapping[str, str] = os.environ) -> Config:
    """Return the config: the file, if there is one, under the environment's `CHATCLI_…` settings.

    Raises ConfigError, which names the file and the key, for what cannot be read or understood.
    """
    path, required = config_path(environ), "CHATCLI_CONFIG" in environ
    config = _with_environment(_from_file(path, required), environ)
    with blamed("titles", environ):
        if config.titles not in _TITLES:
            raise ConfigError(f"there is no {config.titles!r}", f"write one of: {', '.join(_TITLES)}")
    return config


@contextmanager
def blamed(setting: str, environ: Mapping[str, str]) -> Iterator[None]:
    """Have an error in the value of a setting say where that was said: which variable, or which file."""
    try:
        yield
    except UsageError as error:
        variable = _variable(setting)
        where = variable if environ.get(variable) else f"the config {config_path(environ)}: {setting}"
        raise ConfigError(f"{where}: {error.message}", error.hint) from None


def _from_file(path: Path, required: bool) -> Config:
    """Return what the file says; the defaults when there is none, unless it is `required`."""
    try:
        path.stat()
    except FileNotFoundError:
        if not required:
            return Config()
        raise ConfigError(f"the config {path} does not exist", "CHATCLI_CONFIG names it; unset that") from None
    except OSError:
        pass  # reading it says what is wrong
    from chatcli.config.file import read

    return read(path)


def _with_environment(config: Config, environ: Mapping[str, str]) -> Config:
    """Return the config with what `CHATCLI_MODEL`, `CHATCLI_STORE`, … say."""
    changes: dict[str, Any] = {}
    for name in {*Config._fields} - {*TABLES}:
        variable = _variable(name)
        if value := environ.get(variable):
            changes[name] = _truth(value, variable) if isinstance(getattr(config, name), bool) else value
    changed = config._replace(**changes)
    if look := changes.keys() & {"editing", "theme", "code_style"}:
        check_look(changed, ", ".join(map(_variable, sorted(look))))
    return changed


def _variable(setting: str) -> str:
    return f"CHATCLI_{setting.upper()}"


def check_look(config: Config, where: str) -> None:
    """Raise ConfigError, which says `where` it stands, for an editing mode, keys or colours that do not exist."""
    from chatcli.keymap import keymap
    from chatcli.palette import palette

    if config.editing not in ("emacs", "vi"):
        raise ConfigError(f"{where}: editing: there is no {config.editing!r}", "write 'emacs' or 'vi'")
    try:
        keymap(config.keys)
        palette(config.theme, config.colors, config.code_style)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error.message}", error.hint) from None


def _truth(text: str, variable: str) -> bool:
    known = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if text.lower() not in known:
        raise ConfigError(f"{variable} is {text!r}", "write 1 or 0")
    return known[text.lower()]


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
    here = Path(__file__).parents[1]
    inside = here / "config.example.toml"
    return (inside if inside.exists() else here.parent / "config.example.toml").read_text(encoding="utf-8")
