"""`chatcli memory`: what a session's memory holds, what it would send, and how others compare."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from chatcli.cli.flags import Flags, LastSession, memory_specs, with_some_flags
from chatcli.cli.light import LightCommand, LightGroup

if TYPE_CHECKING:
    from chatcli.chat import Chat
    from chatcli.cli.resolve import Workplace
    from chatcli.config.file import Price
    from chatcli.memory import Memory
    from chatcli.model import Model
    from chatcli.render.comparison import Comparison

app = typer.Typer(cls=LightGroup, no_args_is_help=True, help="See and compare what goes back to the model.")

_COMPARED = ("buffer", "window:10", "tokens:4000", "summary-buffer:4000", "auto")
_MANY = 200
"""Turns from which on it takes long enough to say what is going on."""

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]


@app.command(cls=LightCommand)
@with_some_flags("model", "memory", "store", "prompt", "system", "var", "attach", "option", "plain")
def context(
    flags: Flags,
    text: Annotated[str | None, typer.Argument(metavar="TEXT", show_default=False)] = None,
    session: LastSession = None,
    as_json: Annotated[bool, typer.Option("--json", help="The very messages, as one JSON document.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Which turns were recalled, and why.")] = False,
) -> None:
    """Show exactly what would be sent for TEXT, part by part. No model is asked, nothing is added to the session.

    With an embedding_model in the config, TEXT goes to that endpoint to find what bears on it.

    Example: chatcli memory context -s JavaEdge "Which city was that?"
    """
    from chatcli.attachments import attach_all, with_attachments
    from chatcli.cli.output import print_json
    from chatcli.messages import readable
    from chatcli.model.wire import to_wire
    from chatcli.render.context import next_request, print_request
    from chatcli.render.recalled import print_recalled, recalled_as_data, turns_of

    with opened(flags, session) as (chat, _):
        _index_all(chat, chat.memory)
        asked = text is not None or bool(flags.attachments)
        request = next_request(chat, with_attachments(text or "", attach_all(flags.attachments)) if asked else None)
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
def show(flags: Flags, session: LastSession = None, as_json: AsJson = False) -> None:
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
@with_some_flags("model", "store", "option", "plain")
def compare(
    flags: Flags,
    specs: Annotated[
        list[str] | None, typer.Argument(metavar="SPEC", show_default=False, autocompletion=memory_specs)
    ] = None,
    session: LastSession = None,
    text: Annotated[str | None, typer.Option("-t", "--text", metavar="TEXT", help="The next message.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare memories over the session's life: tokens, what a provider's cache would hold, cost. No model is asked.

    Example: chatcli memory compare -s JavaEdge window:10 auto
    """
    from chatcli.cli.output import print_json
    from chatcli.errors import NotFound
    from chatcli.memory import parse_memory
    from chatcli.render.comparison import as_data, print_comparison

    memories = [parse_memory(spec) for spec in specs or ()]
    with opened(flags, session) as (chat, place):
        if not chat.store.length(chat.session):
            raise NotFound(f"{chat.session} has no turn to play again", "say something first")
        memories = memories or [*map(parse_memory, _COMPARED), chat.memory]
        found = _compared(chat, place, memories, text)
    if as_json:
        print_json(as_data(found))
    else:
        print_comparison(found, flags.plain)


@app.command(cls=LightCommand)
@with_some_flags("model", "store")
def update(flags: Flags, session: LastSession = None) -> None:
    """Derive now what is behind: the summary, entities, the index; print what came of it.

    It asks the model, as a chat does in the background.

    Example: chatcli memory update -s JavaEdge
    """
    from chatcli.cli.later import alone
    from chatcli.cli.output import notice
    from chatcli.recall import index_path
    from chatcli.render.safe import one_line
    from chatcli.values import counted

    with (
        opened(flags, session, asks=True) as (chat, place),
        alone(index_path(place.folders.cache, chat.store.address, chat.session).with_suffix(".lock")) as free,
    ):
        if not free:
            print(one_line(f"{chat.session}: another process derives it already", 1000))
            return
        notice(f"{chat.session}: deriving what {chat.memory.spec} needs; ^C stops, what is done is kept")

        def tell() -> None:
            for line in chat.background.news():
                notice(line)

        steps = chat.background.catch_up(tell)
        tell()
    came = f"{counted(steps, 'step')} taken" if steps else "everything was up to date"
    print(one_line(f"{chat.session}: {came}", 1000))


# How it is done


def _compared(chat: "Chat", place: "Workplace", memories: "Sequence[Memory]", text: str | None) -> "Comparison":
    """Play the session again with each of the memories, once."""
    from chatcli.cli.output import notice
    from chatcli.compare import Past, replay
    from chatcli.render.comparison import Comparison

    past, courses = Past(chat, text), []
    different = {memory.spec: memory for memory in memories}.values()
    if len(past.turns) > _MANY:
        notice(f"playing {len(past.turns):,} turns again with {len(different)} memories")
    for memory in different:
        if text is not None:
            _index_all(chat, memory)
        courses.append(replay(memory, past))
    prices = _prices(chat, place)
    return Comparison(chat.session, chat.model.name, courses, chat.memory.spec, past.turns_skipped, prices)


def _prices(chat: "Chat", place: "Workplace") -> "Price | None":
    """Return what the config says of the chat's model: by the name it has there, or by its id."""
    models = place.config.models
    named = models.get(
        chat.settings.get("model") or chat.store.snapshot(chat.session, 0).session.settings.get("model", "")
    )
    found = named or models.get(place.config.model) or models.get(chat.model.name)
    return found.price if found else None


@contextmanager
def opened(flags: Flags, session: str | None, asks: bool = False) -> "Iterator[tuple[Chat, Workplace]]":
    """Open the chat of a session that is there; raise NotFound when it is not. Unless it `asks`, no model is needed."""
    from contextlib import closing
    from functools import partial

    from chatcli.cli.compose import compose
    from chatcli.cli.resolve import workplace
    from chatcli.cli.stores import existing_session, named_store

    place = workplace()
    with named_store(flags.store) as store:
        name = existing_session(store, session)
        stand_in = None if asks else partial(_unasked, place)
        with closing(compose(flags._replace(session=name), place, store, name, stand_in)) as chat:
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
    return UnaskedModel(settings.id, settings.window, settings.host, images=settings.images)


def _index_all(chat: "Chat", memory: "Memory") -> None:
    """Bring the index up to date, if the memory searches it."""
    from chatcli.cli.output import notice

    view = chat.look()
    if view.index is None or not memory.searches:
        return
    view.index.follow(view.history)
    while view.index.news:
        notice(view.index.news.pop(0))
