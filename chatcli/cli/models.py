"""`chatcli models`: what can be asked, and which one is asked when nothing is said."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from chatcli.errors import ChatError
    from chatcli.model.settings import ModelSettings


def models(
    action: Annotated[str, typer.Argument(metavar="list", help="May be left out.", show_default=False)] = "list",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """List the models of the config and of the default endpoint.

    Example: chatcli models
    """
    from chatcli.cli.output import print_json
    from chatcli.cli.resolve import resolve_model, workplace
    from chatcli.errors import UsageError
    from chatcli.render.tables import columns
    from chatcli.stores.masking import masked

    if action != "list":
        raise UsageError(f"models knows no {action!r}", "chatcli models list")
    place = workplace()
    default = resolve_model(place, None)
    rows = [
        _row(name, one.id or name, masked(one.base_url) or one.path or "the default endpoint", name == default.name)
        for name, one in place.config.models.items()
    ]
    listed, problem = _listed(default)
    named = default.name in place.config.models  # its row is above
    rows += [_row(id_, id_, masked(default.place), id_ == default.id and not named) for id_ in listed]
    if as_json:
        print_json(rows)
    else:
        cells = [["*" if row["default"] else "", str(row["name"]), str(row["id"]), str(row["at"])] for row in rows]
        print("\n".join(columns(cells, ["", "NAME", "ID", "AT"], {1: 60, 2: 60, 3: 60})))
    if problem is not None:
        raise problem


def _row(name: str, id_: str, at: str, default: bool) -> dict[str, object]:
    return {"name": name, "id": id_, "at": at, "default": default}


def _listed(default: "ModelSettings") -> "tuple[list[str], ChatError | None]":
    """Return the ids that the default endpoint lists; its one id and the error when it does not answer."""
    from chatcli.errors import ChatError
    from chatcli.model.choose import open_model

    model = open_model(default)
    try:
        return model.models(), None
    except ChatError as error:
        return [default.id], error
    finally:
        model.close()
