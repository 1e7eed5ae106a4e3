"""Puts a chat together from flags, the session's own settings, the environment and the config.

What the user chose is looked at before anything is shown, so that what is wrong is said at once. The rest is imported
and made when somebody needs the chat: see `Opening`.

Flags > session > environment > config file > defaults. What a flag sets on a session is kept with it.
"""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from chatcli.authors import own_author
from chatcli.cli.declared import Flags
from chatcli.cli.resolve import (
    Workplace,
    configured_memory,
    prices_of,
    resolve_model,
    resolve_prompt,
    settings_for,
    to_keep,
)
from chatcli.cli.stores import forget_index, last_session
from chatcli.errors import UsageError
from chatcli.keymap import keymap
from chatcli.model.choose import open_model
from chatcli.model.settings import checked
from chatcli.names import check_session_name, new_session_name
from chatcli.repl.opening import Opening
from chatcli.stores import Store
from chatcli.stores.address import open_store

if TYPE_CHECKING:
    from chatcli.aids import Aids
    from chatcli.chat import Chat
    from chatcli.memory import Memory
    from chatcli.model import Model
    from chatcli.model.embeddings import Embedder
    from chatcli.prompt import Prompt
    from chatcli.repl.tools import Outage, Tools
    from chatcli.search.find import Findings

DEFAULT_MEMORY = "auto"
"""`chatcli.memory.DEFAULT`, without importing it; a test holds them together."""


def session_for(flags: Flags, store: Store) -> str:
    """Return the session that `-s` or `-c` names, or a new name."""
    if flags.session is not None:
        if flags.continue_:
            raise UsageError("-s and -c name two sessions", "give one of them")
        return check_session_name(flags.session)
    return last_session(store) if flags.continue_ else new_session_name()


def compose(
    flags: Flags, place: Workplace, store: Store, session: str, unasked: "Callable[[str | None], Model] | None" = None
) -> "Chat":
    """Put a chat together; raise UsageError for a flag that makes no sense, before anything is sent.

    `unasked` gives, for the name of a model, what stands in for it where none is asked.
    """
    return begin(flags, place, store, session, unasked).chat


def begin(
    flags: Flags, place: Workplace, store: Store, session: str, unasked: "Callable[[str | None], Model] | None" = None
) -> Opening:
    """Look at all that was chosen, and return the chat to be put together; raises and takes what `compose` does."""
    found = store.snapshot(session, 0).session
    saved = found.settings
    settings = settings_for(flags, saved)
    memory = _memory(flags, settings, place)
    prompt, defaults = _prompt(place, settings)
    model_id, model = _model(place, settings.get("model"), unasked)

    def put_together() -> "Chat":
        from chatcli.chat import Chat
        from chatcli.prompt import DEFAULT

        return Chat(
            store,
            session,
            model(),
            memory,
            prompt or DEFAULT,
            variables={**defaults, **settings.get("variables", {})},
            options=dict(settings.get("options", {})),
            settings=to_keep(settings, saved),
            aids=aids_for(place, store, session, lasting=not found.expires),
            author=own_author(),
        )

    return Opening(store, session, model_id, memory.spec if memory else DEFAULT_MEMORY, put_together)


def _memory(flags: Flags, settings: Mapping[str, Any], place: Workplace) -> "Memory | None":
    """Return the memory that was chosen, None: the default one.

    One that was saved with the session by a version that knew it must not keep the session closed: that is told.
    """
    spec = settings.get("memory")
    if spec is None:
        return configured_memory(place)
    from chatcli.memory import parse_memory

    try:
        return parse_memory(spec)
    except UsageError:
        if flags.memory is not None:
            raise
        from chatcli.cli.output import notice
        from chatcli.render.safe import one_line

        instead = configured_memory(place) or parse_memory(DEFAULT_MEMORY)
        notice(f"this session's memory, {one_line(spec, 30)}, is none any more: {instead.spec} instead", flags.quiet)
        return instead


def _prompt(place: Workplace, settings: Mapping[str, Any]) -> "tuple[Prompt | None, dict[str, str]]":
    """Return the prompt that was chosen, with its variables' defaults; None: the default one."""
    name, system = settings.get("prompt"), settings.get("system")
    if name is None and system is None and not (place.config.prompt or place.config.system):
        return None, {}
    return resolve_prompt(place, name, system)


def _model(
    place: Workplace, name: str | None, unasked: "Callable[[str | None], Model] | None"
) -> "tuple[str, Callable[[], Model]]":
    """Return the model's id, and what opens it; what its settings lack is said here."""
    if unasked is None:
        settings = resolve_model(place, name)
        if settings.kind == "endpoint":
            checked(settings)
            return settings.id, lambda: open_model(settings)
    model = unasked(name) if unasked else open_model(settings)
    return model.name, lambda: model


def aids_for(place: Workplace, store: Store, session: str, lasting: bool = True) -> "Aids":
    """Return what a memory may use; what is derived from a history that nobody keeps is not kept either.

    Nor is what is read of a session that is not `lasting`: it would outlive it.
    """
    from chatcli.aids import Aids
    from chatcli.learned import Learned
    from chatcli.recall import index_path, open_index
    from chatcli.tokenizers import measure

    cache = place.folders.cache if store.durable else None
    side = place.config.summary_model
    return Aids(
        index=open_index(cache and index_path(cache, store.address, session) if lasting else None, _embedder(place)),
        side_model=(lambda: open_model(resolve_model(place, side))) if side else None,
        measure=measure,
        learned=Learned(cache and cache / "models.json"),
        titles=place.config.titles == "model",
    )


def _embedder(place: Workplace) -> "Embedder | None":
    """Return what turns messages into vectors, if the config names a model for that; a wrong one is told when used."""
    name = place.config.embedding_model
    if not name:
        return None
    from chatcli.model.embeddings import Embedder

    return Embedder(lambda: resolve_model(place, name))


def tools_for(flags: Flags, place: Workplace, store: Store) -> "Tools":
    """Return what the interactive chat needs to exchange its parts; new sessions take over the flags."""
    from chatcli.repl.tools import Tools

    def open_session(name: str | None) -> "Chat":
        known = name is not None and store.exists(name)
        return compose(Flags() if known else flags, place, store, name or new_session_name())

    return Tools(
        open_session=open_session,
        open_model=lambda name: open_model(resolve_model(place, name)),
        open_prompt=lambda name: resolve_prompt(place, name, None),
        prompt_names=tuple(place.config.prompts),
        forget_index=lambda name: forget_index(store, name),
        find=partial(_find, store),
        model_names=tuple(place.config.models),
        price_of=prices_of(place.config),
        preload=_preload,
        state_folder=place.folders.state,
        outage=_outage(store),
        watched=_watched(place, store),
        private=flags.private,
        plain=flags.plain or place.config.plain,
        quiet=flags.quiet,
        whole_replies=flags.no_stream or not place.config.stream,
        reasoning=place.config.reasoning,
        show_speed=place.config.show_speed,
        keymap=keymap(place.config.keys, vi=place.config.editing == "vi"),
        vi=place.config.editing == "vi",
    )


def _outage(store: Store) -> "Outage":
    """Return what is told of the store: it goes away only where it has a journal."""
    from chatcli.repl.tools import Lasting

    if not store.durable:
        return Lasting()
    from chatcli.stores.journaled import Journaled

    return store if isinstance(store, Journaled) else Lasting()


def _watched(place: Workplace, store: Store) -> "Callable[[], tuple[Store, bool]] | None":
    """Return what gives the store that is looked into for what others write, if anybody is to see that.

    A terminal that cannot draw shows it before its next prompt. A SQLite file is opened once more: one connection
    serves all threads, one at a time.
    """
    import sys

    somebody = all(side is not None and side.isatty() for side in (sys.stdin, sys.stdout))
    if not (place.config.live and store.durable and somebody):
        return None
    if store.address.startswith("sqlite:"):
        return lambda: (open_store(store.address, data_folder=place.folders.data), True)
    from chatcli.stores.journaled import Journaled

    itself = store.inner if isinstance(store, Journaled) else store
    return lambda: (itself, False)


def _find(
    store: Store, query: str, most: int, progress: Callable[[int, int], object], tell: Callable[[str], object]
) -> "Findings":
    """See repl.tools.Find."""
    from chatcli.cli.stores import search_index
    from chatcli.search.find import Scope, find

    with search_index(store) as index:
        found = find(index, store, query, most, Scope(), progress)
        for line in index.news:
            tell(line)
    return found


def _preload(model: str) -> None:
    """Import what the first reply needs, and what counts the tokens of the model with that id."""
    import_module("chatcli.render.streaming")
    import_module("chatcli.repl.others_shown")
    from chatcli.model.openai import preload
    from chatcli.tokenizers import measure

    preload()
    measure(model)
