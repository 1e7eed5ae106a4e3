"""What a memory may use besides the history: an index, a model to derive with, how tokens are counted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chatcli import tokens
from chatcli.errors import ContextTooLong
from chatcli.learned import Learned
from chatcli.memory import SAFE_WINDOW, Index, View
from chatcli.memory.history import History
from chatcli.messages import Message, Usage, has_images, is_count
from chatcli.model import Model

Measure = Callable[[str], int]
"""Counts the tokens of a text."""

_REPLY = 4096
"""Tokens kept free for the reply at most, unless the options say how long it may be."""


@dataclass(frozen=True, slots=True)
class Aids:
    """The aids of one chat.

    `index` finds what was said before, `side_model` opens the model that derives things in the background (None: the
    chat's own does), `measure` gives the tokenizer of a model id (None: there is none, estimate), `learned` corrects
    the estimate. With `titles` the model gives a new session its title.
    """

    index: Index | None = None
    side_model: Callable[[], Model] | None = None
    measure: Callable[[str], Measure | None] = lambda model: None
    learned: Learned = field(default_factory=Learned)
    titles: bool = False

    def window(self, model: Model) -> int | None:
        """Return how many tokens a request and its reply may hold together, as far as that is known."""
        return self.learned.window(_known_as(model), model.window)

    def view(self, history: History, model: Model) -> View:
        """Return what a memory sees of the history, and how it counts tokens for the model."""
        measure = self.measure(model.name)
        if measure is None:
            return View(
                history, tokens.estimate, self.learned.scale(_known_as(model)), self.window(model), index=self.index
            )
        return View(history, measure, window=self.window(model), index=self.index)

    def learn_scale(self, model: Model, sent: Sequence[Message], usage: Usage) -> None:
        """Compare our estimate of a request with what the endpoint counted; pictures are counted by nobody alike."""
        if not any(has_images(message.content) for message in sent):
            self.learned.counted(_known_as(model), tokens.of_messages(sent), usage.prompt)

    def learn_window(self, model: Model, refusal: ContextTooLong, sent: int) -> None:
        """Learn from a request of about `sent` tokens that was refused.

        The endpoint's own limit is taken as it is. Where it names what was known, or nothing, and the request was
        within that, our count was short or the window is smaller. A request beyond it teaches nothing.
        """
        known, name = self.window(model), _known_as(model)
        if refusal.limit and refusal.limit != known:
            self.learned.refused(name, refusal.limit, model.window)
        elif sent <= (known or SAFE_WINDOW):
            if refusal.limit:
                self.learned.underestimated(name, 1.05 * refusal.limit / max(sent, 1))
            else:
                self.learned.refused(name, max(sent * 7 // 10, 1), model.window)

    def learn_listed(self, model: Model, window: int) -> None:
        """Learn the window that the endpoint's list of models says."""
        self.learned.listed(_known_as(model), window)


def _known_as(model: Model) -> str:
    """Return what tells a model from others in what was learned: the same id means another one elsewhere."""
    return f"{model.name} {model.host}".rstrip()


def reply_room(window: int, options: Mapping[str, Any]) -> int:
    """Return how many tokens of a window are kept free for the reply."""
    asked = options.get("max_tokens", options.get("max_completion_tokens"))
    return asked if is_count(asked) else min(_REPLY, window // 4)


def room(view: View, own: Sequence[Message], options: Mapping[str, Any]) -> int:
    """Return the tokens of the window that the prompt's `own` messages and the reply leave."""
    window = view.window or SAFE_WINDOW
    return max(0, window - view.cost(own) - reply_room(window, options))
