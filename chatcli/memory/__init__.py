"""Which part of the past goes back to the model.

A memory is one strategy or several together, as its spec says. It is a pure function: a lazy view of the history,
what was derived before, and the input go in; the parts to send, and what is to be kept for the next turn, come out.
It never changes a history. What takes a model's help (a summary, entities) is derived after the turn, step by step:
see `Derivation`.

A new strategy is one file with a subclass of `Strategy` and a function that builds it from the text after its name,
and one line in `_STRATEGIES`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib import import_module
from itertools import chain

from chatcli.errors import ChatError
from chatcli.memory.pins import pinned
from chatcli.memory.strategy import (
    EXAMPLES,
    SAFE_WINDOW,
    Ask,
    Derivation,
    Hit,
    Index,
    Part,
    Rider,
    Shown,
    Strategy,
    Tail,
    View,
    bad_spec,
)
from chatcli.memory.tokens import TokenTail
from chatcli.messages import Message, readable
from chatcli.stores import Change

__all__ = [
    "EXAMPLES", "SAFE_WINDOW", "Ask", "Derivation", "Hit", "Index", "Memory", "Part", "Rider", "Selection", "Shown",
    "Strategy", "Tail", "View", "parse_memory",
]  # fmt: skip

Builder = Callable[[str], Strategy]

_STRATEGIES = {
    "none": "chatcli.memory.whole:build_none",
    "buffer": "chatcli.memory.whole:build_buffer",
    "window": "chatcli.memory.window:build",
    "tokens": "chatcli.memory.tokens:build",
    "summary": "chatcli.memory.summary:build",
    "summary-buffer": "chatcli.memory.summary:build_buffer",
    "entity": "chatcli.memory.entity:build",
    "recall": "chatcli.memory.recall:build",
    "auto": "chatcli.memory.auto:build",
}

_WITH_NUMBERS = ("window", "tokens", "summary-buffer", "recall")

_WITHOUT_TAIL = ("recall", "entity")
"""Strategies that leave it to others which turns are sent word for word."""

DEFAULT = "auto"

_SHORT_TAIL = TokenTail(2000)
"""The newest turns where no strategy of a spec says how many: `recall` and `entity` look beyond them."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What a memory sends of the past, and what it wants saved with the turn.

    `start` is the position of the tail's first message; `hits` say why something was recalled; `notes` are for the
    user, one line each.
    """

    parts: tuple[Part, ...] = ()
    changes: tuple[Change, ...] = ()
    start: int = 0
    hits: tuple[Hit, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Memory:
    """One strategy, or several together: each gives its part once, no message is sent twice."""

    strategies: tuple[Strategy, ...]

    @property
    def spec(self) -> str:
        """The text that builds this memory again."""
        return "+".join(strategy.spec for strategy in self.strategies)

    @property
    def first_look(self) -> int:
        """How many of the newest messages it will most likely read."""
        return max(strategy.first_look for strategy in (*self.strategies, _SHORT_TAIL))

    @property
    def adapts(self) -> bool:
        """Whether it sends less by itself when the model's window turns out to be smaller."""
        return any(strategy.adapts for strategy in self.strategies)

    @property
    def derives(self) -> bool:
        """Whether there is something to derive after a turn."""
        return any(strategy.derives for strategy in self.strategies)

    @property
    def searches(self) -> bool:
        """Whether it needs the index of the history."""
        return any(strategy.searches for strategy in self.strategies)

    def derivations(self, view: View) -> tuple[Derivation, ...]:
        """Return what is to be derived after a turn, each once."""
        found = chain.from_iterable(strategy.derivations(view) for strategy in self.strategies)
        return tuple({derivation.name: derivation for derivation in found}.values())

    def select(self, view: View, question: Message | None) -> Selection:
        """Choose what to send before `question` (None: it is not known yet), at the cost of what is chosen.

        The tail is the longest that one of the strategies wants; a short one where none wants any.
        """
        wanted = [tail for strategy in self.strategies if (tail := strategy.tail(view)) is not None]
        tails: list[Tail] = wanted or [_SHORT_TAIL.tail(view)]
        start = min(tail.start for tail in tails)
        pins = pinned(view.history, start)
        shown = Shown(start, frozenset(position for turn in pins for position in range(turn.start, turn.stop)))
        riders = self._riders(view, question, shown)
        fronts = {part.kind: part for tail in tails for part in tail.front}  # two that sum up share their summary
        return Selection(
            (
                *fronts.values(),
                Part("pins", tuple(message for turn in pins for message in readable(turn.messages))),
                Part("tail", tuple(readable(view.history.since(start)))),
                *(Part(rider.kind, (Message("user", rider.text),), "after") for rider in riders if rider.text),
            ),
            tuple(change for tail in tails for change in tail.changes),
            start,
            tuple(hit for rider in riders for hit in rider.hits),
            (*chain.from_iterable(tail.notes for tail in tails), *chain.from_iterable(one.notes for one in riders)),
        )

    def _riders(self, view: View, question: Message | None, shown: Shown) -> list[Rider]:
        """Return what rides with the input; what one quotes is not quoted by the next."""
        riders: list[Rider] = []
        for strategy in self.strategies:
            if rider := _rider(strategy, view, question, shown):
                riders.append(rider)
                shown = replace(shown, pinned=shown.pinned | {hit.position for hit in rider.hits})
        return riders


def parse_memory(spec: str) -> Memory:
    """Return the memory that `spec` names: one strategy, e.g. `window:10`, or several, e.g. `summary+recall:800`.

    Raises UsageError for any other text, for the same strategy twice, and for `none` beside one that sends turns.
    """
    written = [one.strip() for one in spec.split("+")]
    names = [one.partition(":")[0] for one in written]
    twice = [name for name in names if names.count(name) > 1 and name in _STRATEGIES]
    if twice:
        raise bad_spec(spec, f"{twice[0]} stands there twice")
    contrary = [name for name in names if name in _STRATEGIES and name not in ("none", *_WITHOUT_TAIL)]
    if "none" in names and contrary:
        raise bad_spec(spec, f"none sends no turn word for word, {contrary[0]} does")
    return Memory(tuple(_parse_strategy(one, spec) for one in written))


def _parse_strategy(text: str, spec: str) -> Strategy:
    name, colon, parameters = text.partition(":")
    where = _STRATEGIES.get(name)
    if where is None:
        if not text and spec.strip():
            raise bad_spec(spec, "a memory is missing beside the '+'")
        unknown = f"there is no {text!r}" if text != spec.strip() else ""
        near = get_close_matches(name.strip().lower(), _STRATEGIES, n=1) if len(text) <= 40 else ()
        meant = f"did you mean {near[0] + (colon + parameters if near[0] in _WITH_NUMBERS else '')}?" if near else ""
        raise bad_spec(spec, "; ".join(filter(None, (unknown, meant))))
    if colon and not parameters:
        raise bad_spec(spec, f"nothing follows the ':' of {name}")
    module, _, function = where.partition(":")
    build: Builder = getattr(import_module(module), function)
    return build(parameters)


def _rider(strategy: Strategy, view: View, question: Message | None, shown: Shown) -> Rider | None:
    """Return what the strategy adds to the input; when it fails, that is said and the others go on."""
    try:
        return strategy.rider(view, question, shown)
    except ChatError as error:
        return Rider("failed", "", notes=(f"{strategy.spec} adds nothing this time: {error.message}",))
