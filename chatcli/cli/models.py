"""`chatcli models`: what can be asked, and which one is asked when nothing is said."""

from typing import Annotated

import typer


def models(
    action: Annotated[str, typer.Argument(help="list", show_default=False)] = "list",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """List the models of the config and of the default endpoint.

    Example: chatcli models
    """
    from chatcli.cli.compose import resolve_model, workplace
    from chatcli.cli.output import print_json
    from chatcli.errors import ChatError, UsageError
    from chatcli.model.choose import list_models
    from chatcli.render.tables import columns

    if action != "list":
        raise UsageError(f"models knows no {action!r}", "chatcli models list")
    place = workplace()
    rows = [
        {"name": name, "id": one.id or name, "endpoint": one.base_url or one.path or "default", "default": False}
        for name, one in place.config.models.items()
    ]
    default = resolve_model(place, None)
    problem: ChatError | None = None
    try:
        found = list_models(default)
    except ChatError as error:
        problem, found = error, [default.id]
    known = {row["name"] for row in rows}
    rows += [{"name": id_, "id": id_, "endpoint": default.label, "default": False} for id_ in found if id_ not in known]
    for row in rows:
        row["default"] = row["name"] == default.name or row["id"] == default.id
    if as_json:
        print_json(rows)
    else:
        cells = [[("* " if r["default"] else "  ") + str(r["name"]), str(r["id"]), str(r["endpoint"])] for r in rows]
        print("\n".join(columns(cells, ["  NAME", "ID", "ENDPOINT"], {0: 60, 1: 60, 2: 60})))
    if problem is not None:
        raise problem
