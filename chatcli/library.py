"""chatcli's pieces for a program: a chat, and the prompt, memory, store and model it is put together from.

    from chatcli import Chat

    with Chat("JavaEdge", memory="window:10") as chat:
        print(chat.send("Which city was the capital for the longest time?").text)

What is not said comes from where the command line takes it: the environment, the user's config, the defaults.
A session that a program writes is the one that `chatcli chat -s JavaEdge` opens, and the other way round.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from chatcli import chat as core
from chatcli import prompt as prompts
from chatcli.attachments import attach_all, with_attachments
from chatcli.cli.compose import aids_for
from chatcli.cli.journaled import journaled_store
from chatcli.cli.resolve import configured_memory, resolve_model, workplace
from chatcli.cli.stores import forget_index, open_named_store
from chatcli.context import Context
from chatcli.errors import BrokenStream, UsageError
from chatcli.memory import Memory, parse_memory
from chatcli.messages import Message
from chatcli.model import Delta, Model, choose
from chatcli.model.choose import window_of
from chatcli.model.settings import ModelSettings
from chatcli.names import check_session_name, new_session_name
from chatcli.prompt import Prompt
from chatcli.stores import Store, address
from chatcli.turn import Committed

__all__ = ["Chat", "make_prompt", "open_model", "open_store", "parse_memory"]

Entry = tuple[str, Any] | Mapping[str, Any]


class Chat:
    """A session with a store, a memory, a model and a prompt; each is given as an object or by its name.

    `session` left out makes a new one. Use it in a `with` block, or call `close`. One chat serves one thread.
    """

    def __init__(
        self,
        session: str | None = None,
        *,
        store: Store | str | None = None,
        memory: Memory | str | None = None,
        model: Model | str | None = None,
        prompt: Prompt | str | None = None,
        variables: Mapping[str, str] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Put it together; nothing is sent. Raises UsageError, ConfigError, or StoreError for a file that cannot be."""
        place = workplace()
        name = new_session_name() if session is None else check_session_name(session)
        given = parse_memory(memory) if isinstance(memory, str) else memory
        chosen = configured_memory(place) if given is None else given
        asked = model if model is not None and not isinstance(model, str) else open_model(model)
        self._own_store = store is None or isinstance(store, str)
        opened = journaled_store(place, store, needed=True) if store is None or isinstance(store, str) else store
        self._chat = core.Chat(
            opened,
            name,
            asked,
            chosen,
            make_prompt(prompt) if isinstance(prompt, str) else prompt or prompts.DEFAULT,
            dict(variables or {}),
            dict(options or {}),
            aids=aids_for(place, opened, name),
        )
        self.last_reply: Message | None = None
        """What was answered last, with its usage, model and finish."""

    @property
    def session(self) -> str:
        """The session's name."""
        return self._chat.session

    @property
    def history(self) -> list[Message]:
        """All messages of the session; the memory never shortens it."""
        return self._chat.store.messages(self.session)

    def send(self, text: str, attach: Sequence[Path | str] = ()) -> Message:
        """Send a message, with files; return the reply once it is whole and in the store.

        Raises UsageError for a missing variable or file, ModelError when no reply came (the message stays with the
        session: sending the same text again takes it up), StoreError when the store is away.
        """
        for _ in self.stream(text, attach):
            pass
        if self.last_reply is None:
            raise BrokenStream("the model answered nothing", "send it again")
        return self.last_reply

    def stream(self, text: str, attach: Sequence[Path | str] = ()) -> Iterator[str]:
        """Send a message and yield the reply piece by piece; `last_reply` holds it at the end.

        Nothing leaves before the first piece is asked for. Whoever stops early keeps what came. Raises what `send`
        raises.
        """
        self.last_reply = None
        content = with_attachments(text, attach_all(Path(name) for name in attach))
        with closing(self._chat.send(content, self._chat.unfinished())) as events:
            for event in events:
                if isinstance(event, Delta):
                    yield event.text
                elif isinstance(event, Committed):
                    self.last_reply = event.reply
        self._chat.derive()

    def context(self, text: str | None = None) -> Context:
        """Return what would be sent for a message, part by part; `.messages` are the very messages. Nothing is sent."""
        return self._chat.context(text)

    def clear(self) -> int:
        """Remove all messages of the session, and what was derived from them; return how many there were."""
        if self._chat.aids.index is not None:
            self._chat.aids.index.close()  # the background may be writing it
        removed = self._chat.clear()
        forget_index(self._chat.store, self.session)
        fresh = aids_for(workplace(), self._chat.store, self.session)
        self._chat.aids = replace(self._chat.aids, index=fresh.index)
        return removed

    def close(self) -> None:
        """Let go of the model's connection, and of a store that was given by its address."""
        self._chat.close()
        if self._own_store:
            self._chat.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_store(at: str | None = None, *, key_prefix: str | None = None, ttl: int | None = None) -> Store:
    """Open a store: `sqlite:///FILE`, `redis://…`, `memory:`, or one of the config by name; None: the configured one.

    `key_prefix` (LangChain's own by default) and `ttl` (seconds after the last write) are for Redis. Raises UsageError
    for an address that is none, StoreError when a file cannot be opened.
    """
    place = workplace()
    if key_prefix is None and ttl is None:
        return open_named_store(place, at)
    return address.open_store(
        at or place.config.store,
        data_folder=place.folders.data,
        key_prefix="message_store:" if key_prefix is None else key_prefix,
        ttl=ttl,
        environ=place.environ,
    )


def open_model(
    name: str | None = None,
    *,
    base_url: str = "",
    api_key: str = "",
    window: int | None = None,
    **options: Any,
) -> Model:
    """Open a model: one of the config, an id at the default endpoint, or, with `base_url`, an id at that endpoint.

    `window` is in tokens; `options` are the protocol's own (temperature, max_tokens, seed, …). Returns at once.
    Raises UsageError when no endpoint can be found, ConfigError for one that is none.
    """
    if base_url:
        if not name:
            raise UsageError("a base_url was given, but no model", 'open_model("qwen-plus", base_url="…")')
        settings = ModelSettings(name, name, base_url, api_key, window=window_of(name))
    elif api_key:
        raise UsageError("a key was given, but not the endpoint it belongs to", "give base_url too")
    else:
        settings = resolve_model(workplace(), name)
    settings = settings._replace(options={**settings.options, **options}, window=window or settings.window)
    return choose.open_model(settings)


def make_prompt(text: str | Sequence[Entry], *, human_prefix: str = "Human", ai_prefix: str = "AI") -> Prompt:
    """Return a prompt: a system text with `{variables}`, or its messages.

    A message is `("system", "…")`, `("human", "…")`, `("ai", "…")` or `("placeholder", "history")`, as in LangChain's
    ChatPromptTemplate, or a mapping as in the config. `{input}` is what is sent; where the history or the input has no
    place, it comes at the end. Raises UsageError for an entry of another kind.
    """
    if isinstance(text, str):
        return prompts.with_system(prompts.DEFAULT, text)
    return prompts.make_prompt(map(_entry, text), human_prefix=human_prefix, ai_prefix=ai_prefix)


def _entry(entry: Entry) -> Mapping[str, Any]:
    if isinstance(entry, Mapping):
        return entry
    role, what = entry
    return {"placeholder": what} if role == "placeholder" else {"role": role, "content": what}
