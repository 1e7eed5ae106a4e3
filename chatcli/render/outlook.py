"""What a memory makes of a session, in one line."""

from collections.abc import Iterator, Sequence

from chatcli.chat import Chat
from chatcli.context import Context
from chatcli.memory import Part, pins, summary
from chatcli.memory.auto import Auto, recalling
from chatcli.memory.history import History
from chatcli.memory.numbering import numbers_of, open_numbered
from chatcli.memory.recall import Recall
from chatcli.memory.strategy import Strategy
from chatcli.render.context import tail_of, turns_from, turns_named


def outlook(chat: Chat) -> str:
    """Return what the next request will hold of the history. Raises StoreError."""
    context = chat.context(None)
    parts = context.selection.parts
    history, last = open_numbered(chat.store, chat.session, chat.memory.first_look)
    held = [*_tail(parts, last), *_summary(parts, history), *_pins(context, history, last)]
    if context.start:
        held += _recall(chat)
    held += _entities(chat)
    gap = _gap(chat, context, parts, last)
    if not context.length:
        return f"{chat.memory.spec}: there is no turn yet that the next request could hold"
    listed = f"{', '.join(held[:-1])}, and {held[-1]}" if len(held) > 2 else " and ".join(held)
    return f"{chat.memory.spec}: the next request holds {listed or 'nothing of the history'}{gap}"


def _tail(parts: Sequence[Part], last: int) -> Iterator[str]:
    sent, users = tail_of(parts)
    if users and users == last:
        yield f"all {last:,} turns word for word" if last > 1 else "the only turn word for word"
    elif sent:
        yield f"{turns_from(last - users + 1, last)} word for word"


def _gap(chat: Chat, context: Context, parts: Sequence[Part], last: int) -> str:
    """Return which turns are neither in the summary nor in the tail, and why; '' when there are none."""
    view = chat.look()
    folding = next((one for one in chat.memory.derivations(view) if isinstance(one, summary.Folding)), None)
    found = summary.current(view.history)
    end, summed_up = (found.mark.position, found.turns) if found else (0, 0)
    newest = last - tail_of(parts)[1]
    if folding is None or context.start <= end or newest <= summed_up:
        return ""
    named = turns_from(summed_up + 1, newest)
    are, they, them = ("is", "it", "it") if newest == summed_up + 1 else ("are", "they", "them")
    if folding.strategy.tail(view).start <= end:
        return f"; {named} {are} not in it: there is no room for {them} beside the prompt"
    missing = "in neither" if found else "not in it"
    when = "in the background" if folding.is_due(view) else "some turns from now, unless /compact does it"
    return f"; {named} {are} {missing} yet: {they} {are} summed up {when}"


def _summary(parts: Sequence[Part], history: History) -> Iterator[str]:
    found = summary.current(history)
    if found and any(part.kind == summary.STATE for part in parts):
        yield f"a summary of {turns_from(1, found.turns)}"


def _pins(context: Context, history: History, last: int) -> Iterator[str]:
    starts = [turn.start for turn in pins.pinned(history, context.start)]
    if starts:
        yield f"{turns_named(sorted(numbers_of(history, last, starts).values()))} (pinned)"


def _recall(chat: Chat) -> Iterator[str]:
    if chat.aids.index is None:
        return
    for limit in (_limit(strategy, chat.window) for strategy in chat.memory.strategies):
        if limit:
            yield f"up to {limit:,} tokens of older turns that bear on it"


def _limit(strategy: Strategy, window: int | None) -> int:
    if isinstance(strategy, Auto):
        return recalling(window).limit
    return strategy.limit if isinstance(strategy, Recall) else 0


def _entities(chat: Chat) -> Iterator[str]:
    if any(strategy.spec.startswith("entity") for strategy in chat.memory.strategies):
        yield "what is known of the names in it"
