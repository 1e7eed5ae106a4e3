"""`chatcli doctor`: each part checked, with what to do."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chatcli.cli.flags import StoreOption

if TYPE_CHECKING:
    from chatcli.stores import Store
    from chatcli.stores.journal import Waiting

Found = tuple[str, str]
"""What was found, and what to do about it: '' when all is well."""
Check = Callable[[], Found]


def doctor(
    store: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Check the config, the store, the models and the terminal; say what to do where something is wrong.

    Example: chatcli doctor --store redis
    """
    from chatcli.cli.output import print_json

    config, code = _run("config", _config)
    rows = [config]
    for name, check in _checks(store, _side_models() if config["ok"] else {}).items():
        needed = {"terminal": True, "kept": rows[-1]["ok"]}.get(name, config["ok"])
        row, failed = _run(name, check) if needed else (_not_checked(name), 0)
        code = code or failed
        rows.append(row)
    if as_json:
        print_json(rows)
    else:
        _print(rows)
    if code:
        raise typer.Exit(code)


def _checks(store: str | None, side_models: dict[str, Check]) -> dict[str, Check]:
    """Return the checks by name; each returns what it found, or raises a ChatError. `kept` follows the `store`."""
    return {
        "store": lambda: _store(store),
        "kept": lambda: _kept(store),
        "journal": _journal,
        "model": _model,
        **side_models,
        "embedded": _embedded,
        "terminal": _terminal,
    }


def _run(name: str, check: Check) -> tuple[dict[str, Any], int]:
    from chatcli.errors import ChatError

    try:
        found, hint = check()
        return {"part": name, "ok": True, "found": found, "hint": hint}, 0
    except ChatError as error:
        return {"part": name, "ok": False, "found": error.message, "hint": error.hint}, error.exit_code


def _not_checked(name: str) -> dict[str, Any]:
    return {"part": name, "ok": None, "found": "not checked", "hint": ""}


def _print(rows: list[dict[str, Any]]) -> None:
    """Print the rows: what was found, and what to do about it, stand in a column; see `_broken`."""
    from chatcli.render.safe import one_line

    for row in rows:
        state = {True: "look" if row["hint"] else "ok", False: "wrong", None: "-"}[row["ok"]]
        lead = f"{state:<5}  {row['part']:<9}"
        said = [one_line(row["found"], 400), *(one_line(hint, 200) for hint in row["hint"].splitlines())]
        for line in [line for text in said for line in _broken(text, len(lead) + 1)]:
            print(f"{lead} {line}")
            lead = " " * len(lead)


def _broken(text: str, before: int) -> list[str]:
    """Return the text in lines, broken between words on a terminal with `before` cells left of them."""
    import sys
    from shutil import get_terminal_size

    from chatcli.repl.screen import wrapped

    return wrapped(text, max(get_terminal_size().columns - before, 20)) if sys.stdout.isatty() else [text]


def _config() -> Found:
    from chatcli.cli.resolve import configured_memory, resolve_prompt, workplace
    from chatcli.config import config_path

    place = workplace()
    configured_memory(place)
    for name in (None, *place.config.prompts):
        resolve_prompt(place, name, None)
    path = config_path()
    return (f"{path}" if path.exists() else f"no {path}; the defaults hold"), ""


def _store(address: str | None) -> Found:
    from contextlib import closing

    from chatcli.cli.resolve import workplace
    from chatcli.cli.stores import open_named_store
    from chatcli.names import listed

    with closing(open_named_store(workplace(), address)) as opened:
        newest = listed(opened, 1)
        last = f"used last: {newest[0].name}" if newest else "no session yet"
        kept = "" if opened.durable else " (ends with the process)"
        standing, hint = _standing(opened)
        return f"{opened.address}{kept}, {standing}{last}", hint or _seen_by_others(address)


def _seen_by_others(address: str | None) -> str:
    """Say what to do about a password on the command line, '' when there is none."""
    from chatcli.stores.masking import masked

    if address is None or masked(address) == address:
        return ""
    return "others on this machine see a password on the command line: [stores.NAME] in the config keeps it"


def _standing(store: "Store") -> Found:
    """Say of a Redis server whether it is a master, and who follows it; nothing of other stores."""
    if not store.address.startswith(("redis", "unix:")):
        return "", ""
    from chatcli.errors import StoreError
    from chatcli.stores.redis import RedisStore

    assert isinstance(store, RedisStore)
    try:
        standing = store.standing()
    except StoreError as error:
        return "", f"its role is unknown: {error.message}"
    return f"{standing.told}, ", standing.hint


def _journal() -> Found:
    """Say which turns wait for which stores that were away."""
    import os
    from contextlib import closing

    from chatcli.config import folders
    from chatcli.stores.journal import Journal

    with closing(Journal(folders(os.environ).state / "journal.db", "")) as journal:
        found = journal.waiting()
    if not found:
        return "no turn waits for a store", ""
    return "; ".join(
        map(_in_words, found)
    ), "the next chat, or command on its sessions, that reaches the store puts them there"


def _in_words(waiting: "Waiting") -> str:
    import time

    from chatcli.values import counted

    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(waiting.since))
    first = ", ".join(waiting.sessions[:3])
    more = f" and {counted(len(waiting.sessions) - 3, 'other session')}" if len(waiting.sessions) > 3 else ""
    what = counted(waiting.turns, "turn") if waiting.turns else "what was set"
    return f"{what} of {first}{more} kept here for {waiting.store} since {since}"


def _kept(address: str | None) -> Found:
    """Say what the store promises of what is written, and each thing that speaks against it."""
    from contextlib import closing

    from chatcli.cli.resolve import workplace
    from chatcli.cli.stores import open_named_store
    from chatcli.stores.durability import Lasting

    with closing(open_named_store(workplace(), address)) as opened:
        if not isinstance(opened, Lasting):
            return "nothing outlives the process", ""
        promise, warnings = opened.durability()
        return promise, "\n".join(warnings)


def _model() -> Found:
    from chatcli.cli.resolve import resolve_model, workplace
    from chatcli.model.choose import open_model
    from chatcli.stores.masking import masked
    from chatcli.values import counted

    settings = resolve_model(workplace(), None)
    model = open_model(settings)
    try:
        listed = model.models()
    finally:
        model.close()
    answering = f"{counted(len(listed), 'model')} answer{'s' if len(listed) == 1 else ''}"
    found = f"{settings.id} at {masked(settings.place)}, {answering}"
    if settings.id in listed:
        return found, ""
    return f"{found}; the endpoint does not list it", "chatcli models shows what it lists; -m NAME asks one of them"


def _side_models() -> dict[str, Check]:
    """Return a check for each model that the memory uses beside the chat's own, as far as the config names one."""
    from functools import partial

    from chatcli.config import load_config

    config = load_config()
    named = {
        "summary": ("summary_model", config.summary_model),
        "embedding": ("embedding_model", config.embedding_model),
    }
    return {part: partial(_side_model, setting, name) for part, (setting, name) in named.items() if name}


def _side_model(setting: str, name: str) -> Found:
    """Say what the model is that the config names; it is not asked. Raises UsageError when it cannot be opened."""
    from chatcli.cli.resolve import resolve_model, workplace
    from chatcli.errors import ConfigError
    from chatcli.model.settings import checked
    from chatcli.stores.masking import masked

    place = workplace()
    settings = resolve_model(place, name)
    if settings.kind == "endpoint":
        checked(settings)
    elif setting == "embedding_model":
        raise ConfigError(f"the {setting} {name} is no model at an endpoint", "name one that has a base_url")
    named = "" if name in place.config.models else f"; there is no [models.{name}], so it is an id of that endpoint"
    return f"{settings.id} at {masked(settings.place)}{named}", ""


def _embedded() -> Found:
    from chatcli.cli.resolve import workplace
    from chatcli.errors import ModelError
    from chatcli.extras import how_to_install
    from chatcli.model.local import SERVER, is_installed
    from chatcli.model.weights import find_weights

    if not is_installed():
        return f"not installed; {how_to_install(SERVER)} brings it", ""
    weights = find_weights(workplace().folders.data)
    if weights is None:
        raise ModelError("the embedded model has no weights", "chatcli local setup fetches them (88 MiB)")
    return str(weights), ""


def _terminal() -> Found:
    import locale
    import os
    import sys

    encoding = locale.getpreferredencoding(False)
    term = os.environ.get("TERM", "none")
    return f"TERM={term}, {encoding}, {'a terminal' if sys.stdout.isatty() else 'a pipe'}", ""
