"""`chatcli stats`: turns, tokens and cost."""

from typing import Annotated

import typer

from chatcli.cli.flags import OneSession, StoreOption

_DAY = 86_400.0  # seconds


def stats(
    session: OneSession = None,
    days: Annotated[int, typer.Option("--days", metavar="N", min=1, help="The last N days.")] = 30,
    ever: Annotated[bool, typer.Option("--all", help="All that there is.")] = False,
    most: Annotated[
        int,
        typer.Option("-n", metavar="N", min=1, help="The last days, the models and sessions that spent most: N each."),
    ] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Without colours.")] = False,
    store: StoreOption = None,
) -> None:
    r"""Show turns, tokens and cost: by day, model and session.

    Tokens are those the endpoints counted; cost needs a price in the config, under \[models.NAME].

    Example: chatcli stats --days 7
    """
    import time

    from chatcli.cli.output import print_json
    from chatcli.cli.resolve import prices_of, workplace
    from chatcli.cli.stores import existing_session, named_store
    from chatcli.render.spent import print_spent, spent_as_data
    from chatcli.spending import spent

    since = 0.0 if ever else time.time() - days * _DAY
    with named_store(store) as opened:
        only = None if session is None else existing_session(opened, session)
        report = spent(opened, since, prices_of(workplace().config), only)
    if as_json:
        print_json(spent_as_data(report))
    elif report.total.turns or report.total.replies:
        print_spent(report, None if ever else days, most, plain)
    else:
        raise _nothing_said(None if ever else days)


def _nothing_said(days: int | None) -> Exception:
    from chatcli.errors import NotFound

    if days is None:
        return NotFound("nothing was said", "chatcli chat begins one")
    return NotFound(f"nothing was said in the last {days:,} days", "--all shows all that there is")
