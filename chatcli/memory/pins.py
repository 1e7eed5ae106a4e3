"""Turns that the user pinned: they are in every context.

What is pinned is the user's word, no derived state: it is kept with the session beside the derived state, and each
pin holds as long as the turn there is still the one that was pinned.
"""

from collections.abc import Mapping
from typing import Any

from chatcli.memory.history import History
from chatcli.messages import Turn, fingerprint, is_count
from chatcli.stores import Change, State

_STATE = "pins"
_DIGITS = 16  # of a position, at most


def pinned(history: History, before: int | None = None) -> list[Turn]:
    """Return the pinned turns that begin before position `before` (None: all), in order."""
    pins = {start: said for key, said in _raw(history).items() if (start := _position(key)) is not None}
    turns = (history.turn_at(start) for start in sorted(pins) if before is None or start < before)
    return [turn for turn in turns if turn and pins[turn.start] == fingerprint(turn.messages[0])]


def pin(history: History, turn: Turn) -> Change:
    """Return the change that pins a turn."""
    return _kept(history, {**_raw(history), str(turn.start): fingerprint(turn.messages[0])})


def unpin(history: History, turn: Turn) -> Change:
    """Return the change that lets go of a pinned turn."""
    return _kept(history, {key: said for key, said in _raw(history).items() if key != str(turn.start)})


def _kept(history: History, pins: Mapping[str, Any]) -> Change:
    """Return the change to these pins, those among them that do not hold now: /redo may bring their turns back."""
    return Change(_STATE, State({"turns": pins}, history.watermark(history.length)), history.state(_STATE))


def _raw(history: History) -> Mapping[str, Any]:
    """Return the pins as they are kept: by position, what the turn there says."""
    state = history.state(_STATE)
    pins = state.value.get("turns") if state else None
    return pins if isinstance(pins, dict) else {}


def _position(key: str) -> int | None:
    """Return the position that is written so; None for what is none."""
    if not key.isdecimal() or len(key) > _DIGITS:
        return None
    position = int(key)
    return position if str(position) == key and is_count(position) else None
