"""`chatcli memory`: what a session's memory holds, what it would send, and how others compare."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from chatcli.cli.flags import Flags, session_names, with_some_flags
from chatcli.cli.light import LightCommand, LightGroup

if TYPE_CHECKING:
    from chatcli.chat import Chat
    from chatcli.cli.resolve import Workplace
    from chatcli.model import Model

app = typer.Typer(cls=LightGroup, no_args_is_help=True, help="See and compare what goes back to the model.")

Session = Annotated[
    str | None,
    typer.Option(
        "-s",
        "--session",
        metavar="NAME",
        help="The session; left out: the one used last.",
        autocompletion=session_names,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]


@app.command(cls=LightCommand)
@with_some_flags("model", "memory", "store", "prompt", "system", "var", "attach", "option", "plain")
def context(
    flags: Flags,
    text: Annotated[str | None, typer.Argument(metavar="[TEXT]", show_default=False)] = None,
    session: Session = None,
    as_json: Annotated[bool, typer.Option("--json", help="The very messages, as one JSON document.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Which turns were recalled, and why.")] = False,
) -> None:
    """Show exactly what would be sent for TEXT, part by part. Nothing is sent, nothing written.

    Example: chatcli memory context -s JavaEdge "Which city was that?"
    """
    from chatcli.attachments import with_attachments
    from chatcli.cli.output import print_json
    from chatcli.messages import readable
    from chatcli.model.wire import to_wire
    from chatcli.render.context import next_request, print_request
    from chatcli.render.recalled import print_recalled, recalled_as_data, turns_of

    with opened(flags, session) as (chat, _):
        _index_all(chat)
        asked = text is not None or bool(flags.attachments)
        request = next_request(chat, with_attachments(text or "", flags.attachments) if asked else None)
        if explain and as_json:
            print_json(recalled_as_data(request.context, turns_of(chat, request.context)))
        elif explain:
            print_recalled(chat, request.context, asked, flags.plain)
        elif as_json:
            print_json([to_wire(message) for message in readable(request.context.messages)])
        else:
            print_request(request, flags.plain)


@app.command(cls=LightCommand)
@with_some_flags("model", "memory", "store")
def show(flags: Flags, session: Session = None, as_json: AsJson = False) -> None:
    """Show what the memory holds: summary, entities, pins, how far each reaches and what it is worth in tokens.

    Example: chatcli memory show -s JavaEdge
    """
    from chatcli.cli.output import print_json
    from chatcli.render.held import held_as_data, held_by, print_held

    with opened(flags, session) as (chat, _):
        held = held_by(chat)
    if as_json:
        print_json(held_as_data(held))
    else:
        print_held(held)


@app.command(cls=LightCommand)
@with_some_flags("model", "store")
def update(flags: Flags, session: Session = None) -> None:
    """Derive now what is behind: the summary, entities, the index. Asks the model, as a chat does in the background.

    Example: chatcli memory update -s JavaEdge
    """
    from chatcli.cli.output import notice
    from chatcli.values import counted

    with opened(flags, session, asks=True) as (chat, _):
        notice(f"{chat.session}: deriving what {chat.memory.spec} needs; ^C stops, what is done is kept")

        def tell() -> None:
            for line in chat.background.news():
                notice(line)

        steps = chat.background.catch_up(tell)
        tell()
    notice(f"{counted(steps, 'step')} taken" if steps else "everything was up to date")


# How it is done


@contextmanager
def opened(flags: Flags, session: str | None, asks: bool = False) -> "Iterator[tuple[Chat, Workplace]]":
    """Open the chat of a session that is there; raise NotFound when it is not. Unless it `asks`, no model is needed."""
    from contextlib import closing
    from dataclasses import replace
    from functools import partial

    from chatcli.cli.compose import compose, existing_session, workplace
    from chatcli.cli.stores import named_store

    place = workplace()
    with named_store(flags.store) as store:
        name = existing_session(store, session)
        stand_in = None if asks else partial(_unasked, place)
        with closing(compose(replace(flags, session=name), place, store, name, stand_in)) as chat:
            yield chat, place


def _unasked(place: "Workplace", name: str | None) -> "Model":
    """Return what stands in for the model of that name: its id and its window, as far as they can be found out."""
    from chatcli.cli.resolve import resolve_model
    from chatcli.errors import ConfigError, UsageError
    from chatcli.model.unasked import UnaskedModel

    try:
        settings = resolve_model(place, name)
    except ConfigError:
        raise
    except UsageError:  # there is no key, no server: what was said is there all the same
        return UnaskedModel(name or place.config.model or "no model")
    return UnaskedModel(settings.id, settings.window)


def _index_all(chat: "Chat") -> None:
    """Bring the index up to date, if the memory searches it."""
    from chatcli.cli.output import notice

    view = chat.look()
    if view.index is None or not chat.memory.searches:
        return
    view.index.follow(view.history)
    while view.index.news:
        notice(view.index.news.pop(0))
