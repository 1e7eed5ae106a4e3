"""`chatcli doctor`: each part checked, with what to do."""

from collections.abc import Callable
from typing import Annotated

import typer

from chatcli.cli.flags import StoreOption

Check = Callable[[], str]


def doctor(
    store: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Check the config, the store, the model and the terminal; say what to do where something is wrong.

    Example: chatcli doctor --store redis
    """
    from chatcli.cli.output import print_json

    code, rows = 0, []
    for name, check in _checks(store).items():
        row, failed = _run(name, check)
        code = code or failed
        rows.append(row)
    if as_json:
        print_json(rows)
    else:
        _print(rows)
    if code:
        raise typer.Exit(code)


def _checks(store: str | None) -> dict[str, Check]:
    """Return the checks by name; each returns what it found, or raises a ChatError."""
    return {
        "config": _config,
        "store": lambda: _store(store),
        "model": _model,
        "embedded": _embedded,
        "terminal": _terminal,
    }


def _run(name: str, check: Check) -> tuple[dict[str, object], int]:
    from chatcli.errors import ChatError

    try:
        return {"part": name, "ok": True, "found": check(), "hint": ""}, 0
    except ChatError as error:
        return {"part": name, "ok": False, "found": error.message, "hint": error.hint}, error.exit_code


def _print(rows: list[dict[str, object]]) -> None:
    from chatcli.render.safe import one_line

    for row in rows:
        print(f"{'ok   ' if row['ok'] else 'wrong'}  {row['part']!s:<9} {one_line(str(row['found']), 200)}")
        if row["hint"]:
            print(f"{'':16} {one_line(str(row['hint']), 200)}")


def _config() -> str:
    from chatcli.config import config_path, load_config

    load_config()
    path = config_path()
    return f"{path}" if path.exists() else f"no {path}; the defaults hold"


def _store(address: str | None) -> str:
    from chatcli.cli.compose import open_named_store, workplace

    opened = open_named_store(workplace(), address)
    try:
        newest = opened.sessions(limit=1)
        last = f"used last: {newest[0].name}" if newest else "no session yet"
        kept = "" if opened.durable else " (ends with the process)"
        return f"{opened.address}{kept}, {last}"
    finally:
        opened.close()


def _model() -> str:
    from chatcli.cli.compose import resolve_model, workplace
    from chatcli.model.choose import open_model

    settings = resolve_model(workplace(), None)
    model = open_model(settings)
    try:
        listed = model.models()
    finally:
        model.close()
    there = "" if settings.id in listed else "; the endpoint does not list it"
    return f"{settings.id} at {settings.place}, {len(listed)} models answer{there}"


def _embedded() -> str:
    from importlib.util import find_spec

    from chatcli.cli.compose import workplace
    from chatcli.errors import ModelError
    from chatcli.model.weights import find_weights

    if find_spec("xllamacpp") is None:
        return "not installed; pip install 'chatcli[local]' brings it"
    weights = find_weights(workplace().folders.data)
    if weights is None:
        raise ModelError("the embedded model has no weights", "chatcli local setup fetches them (88 MiB)")
    return str(weights)


def _terminal() -> str:
    import locale
    import os
    import sys

    encoding = locale.getpreferredencoding(False)
    term = os.environ.get("TERM", "none")
    return f"TERM={term}, {encoding}, {'a terminal' if sys.stdout.isatty() else 'a pipe'}"
