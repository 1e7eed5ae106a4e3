"""Keys of endpoints that are kept elsewhere than in the config: got when a request first needs one, and once.

What gets a key runs beside the chat's prompt, so it has no terminal: a program that asks there fails at once, one that
asks in a window of its own may.
"""

import sys
from threading import Lock

from chatcli.errors import ConfigError
from chatcli.extras import how_to_install
from chatcli.model.settings import KeySource, ModelSettings

SERVICE = "chatcli"
"""The service in the system's keyring where none is named."""

_known: dict[KeySource, str] = {}
_getting: dict[KeySource, Lock] = {}


def with_key(settings: ModelSettings) -> ModelSettings:
    """Return the settings with their key; blocks while it is got, raises ConfigError when it cannot be."""
    source = settings.key_source
    if source is None:
        return settings
    with _getting.setdefault(source, Lock()):
        if source not in _known:
            _known[source] = _got(source).strip()
        return settings._replace(api_key=_known[source])


def renewed(settings: ModelSettings) -> bool:
    """Get a key anew that the endpoint refused; say whether it is another one. Raises what `with_key` raises.

    Programs give keys that end: `gcloud auth print-access-token` one for an hour.
    """
    source = settings.key_source
    if source is None:
        return False
    with _getting.setdefault(source, Lock()):
        if _known.get(source) == settings.api_key:
            del _known[source]
    return with_key(settings).api_key != settings.api_key


def _got(source: KeySource) -> str:
    from chatcli.credentials import from_command, from_file  # here: most keys stand in a variable

    if source.kind == "file":
        return from_file(source.where, source.setting)
    if source.kind == "command":
        return from_command(source.where, source.setting, on_terminal=False)
    return _from_keyring(source)


def _from_keyring(source: KeySource) -> str:
    """Return the secret of `SERVICE/USER`; in a process of its own, as some keyrings ask or hang."""
    import shlex
    from importlib.util import find_spec

    from chatcli.credentials import from_command

    if find_spec("keyring") is None:
        raise ConfigError(
            f"{source.setting} needs the package keyring, which is not installed",
            how_to_install("keyring"),
        )
    service, _, user = source.where.rpartition("/")
    place = [service or SERVICE, user]
    # -P: what lies in the current folder is not run
    command = shlex.join([sys.executable, "-P", "-m", "keyring", "get", *place])
    try:
        return from_command(command, source.setting, on_terminal=False)
    except ConfigError:
        raise ConfigError(
            f"the system's keyring gives no secret for {source.setting}",
            f"`keyring set {shlex.join(place)}` puts it there; `keyring get {shlex.join(place)}` shows what is wrong",
        ) from None
