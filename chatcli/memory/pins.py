"""Turns that the user pinned: they are in every context.

What is pinned is the user's word, no derived state: it is kept with the session beside the derived state, and each
pin holds as long as the turn there is still the one that was pinned.
"""

from collections.abc import Iterable

from chatcli.memory.history import History
from chatcli.messages import Turn, fingerprint, is_count
from chatcli.stores import Change, State

_STATE = "pins"


def pinned(history: History, before: int | None = None) -> list[Turn]:
    """Return the pinned turns that begin before position `before` (None: all), in order."""
    state = history.state(_STATE)
    pins = state.value.get("turns", {}) if state else {}
    if not isinstance(pins, dict):
        return []
    starts = sorted(int(start) for start in pins if start.isdecimal() and is_count(int(start)))
    turns = (history.turn_at(start) for start in starts if before is None or start < before)
    return [turn for turn in turns if turn and pins[str(turn.start)] == fingerprint(turn.messages[0])]


def pin(history: History, turn: Turn) -> Change:
    """Return the change that pins a turn."""
    return _kept(history, [*pinned(history), turn])


def unpin(history: History, turn: Turn) -> Change:
    """Return the change that lets go of a pinned turn."""
    return _kept(history, [other for other in pinned(history) if other.start != turn.start])


def _kept(history: History, turns: Iterable[Turn]) -> Change:
    starts = {str(turn.start): fingerprint(turn.messages[0]) for turn in turns}
    state = State({"turns": starts}, history.watermark(history.length))
    return Change(_STATE, state, history.state(_STATE))
