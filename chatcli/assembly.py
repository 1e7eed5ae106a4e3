"""A session, a model, a memory and a prompt, put together: what would be sent, and who is asked. It only reads."""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from chatcli.aids import Aids, reply_room, room
from chatcli.background import Work
from chatcli.context import Context
from chatcli.errors import ChatError, ContextTooLong, NoImages
from chatcli.memory import DEFAULT as DEFAULT_MEMORY
from chatcli.memory import Memory, View, parse_memory
from chatcli.memory.history import open_history
from chatcli.messages import Content, Message, has_images
from chatcli.model import Model
from chatcli.prompt import DEFAULT, Prompt, fill
from chatcli.sight import named_only
from chatcli.stores import Store
from chatcli.titles import Title


@dataclass(eq=False, repr=False)
class Assembly:
    """A session, a model, a memory and a prompt, put together.

    The four may be exchanged between two turns. `chosen` is the memory, None the default one; `variables` go into the
    prompt, `options` to the model.
    """

    store: Store
    session: str
    model: Model
    chosen: Memory | None = None
    prompt: Prompt = DEFAULT
    variables: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    aids: Aids = field(default_factory=Aids)
    _side_model: Model | None = field(default=None, init=False)
    _asked_for_window: Model | None = field(default=None, init=False)
    _refused_images: Model | None = field(default=None, init=False)

    @property
    def memory(self) -> Memory:
        """The strategy; the default one while none was chosen."""
        return self.chosen or parse_memory(DEFAULT_MEMORY)

    @memory.setter
    def memory(self, chosen: Memory) -> None:
        self.chosen = chosen

    @property
    def memory_spec(self) -> str:
        """The memory's spec, without building it."""
        return self.chosen.spec if self.chosen else DEFAULT_MEMORY

    def context(self, content: Content | None, stop: int | None = None) -> Context:
        """Return what would be sent for `content`; `stop` leaves out the history from that position on.

        The same function makes what is shown and what is sent. Without content the parts that depend on it
        say `{input}`.
        """
        memory = self.memory
        question = None if content is None else Message("user", content)
        view = self.aids.view(open_history(self.store, self.session, memory.first_look, stop), self.model)
        own = [message for part in fill(self.prompt, self.variables, (), question) for message in part.messages]
        view = replace(view, room=room(view, own, self.options))
        chosen = memory.select(view, question)
        parts = fill(self.prompt, self.variables, chosen.parts, question)
        if self.model.images is False or self._refused_images is self.model:
            parts = named_only(parts)
        return Context(tuple(parts), chosen, view.history.length, view.cost)

    def adapt(self, refusal: ContextTooLong | NoImages, sent: int, asked: Content) -> str | None:
        """Learn from the refusal of a request of about `sent` tokens; return what the user is told of it.

        None when nothing less can be sent for what is `asked`.
        """
        name = self.model.name
        if isinstance(refusal, NoImages):
            if has_images(asked):
                return None
            self._refused_images = self.model
            return f"{name} takes no images; those of earlier turns are only named"
        if not self.memory.adapts:
            return None
        self.aids.learn_window(self.model, refusal, sent)
        return f"{name} takes no more than {self.window:,} tokens; less of the history is sent"

    def look(self) -> View:
        """Return what the memory sees now."""
        return self.aids.view(open_history(self.store, self.session, self.memory.first_look), self.model)

    @property
    def window(self) -> int | None:
        """How many tokens a request and its reply may hold together, as far as that is known."""
        return self.aids.window(self.model)

    def reply_room(self, window: int) -> int:
        """Return how many tokens of a window are kept free for the reply."""
        return reply_room(window, self.options)

    @property
    def estimates(self) -> bool:
        """Whether the tokens of a text are estimated, as those of messages always are: the model has no tokenizer."""
        return self.aids.measure(self.model.name) is None

    def side_model(self) -> Model:
        """Return the model that derives things; raises UsageError when it cannot be opened."""
        if self.aids.side_model is None:
            return self.model
        if self._side_model is None:
            self._side_model = self.aids.side_model()
        return self._side_model

    def look_up_window(self) -> None:
        """Ask the endpoint, once, for the model's window when nobody named it; no answer is none."""
        if self.window is None and self._asked_for_window is not self.model:
            self._asked_for_window = self.model
            with suppress(ChatError):
                if window := self.model.listed_window():
                    self.aids.learn_listed(self.model, window)

    def work(self) -> Work:
        """Return what there is to derive."""
        view, memory = self.look(), self.memory
        titles = [Title(self.store, self.session)] if self.aids.titles else []
        derivations = [*memory.derivations(view), *titles]
        return Work(view if memory.searches else replace(view, index=None), derivations)

    def forget(self) -> None:
        """Take out of the index what is not in the history any more, whether the memory searches it or not."""
        if self.aids.index is not None:
            with suppress(ChatError):  # it is a cache; whoever searches it says so
                self.aids.index.follow(open_history(self.store, self.session, 0), 0)

    def close(self) -> None:
        """Let go of the models and the index."""
        self.model.close()
        if self._side_model is not None:
            self._side_model.close()
        if self.aids.index is not None:
            self.aids.index.close()
