"""What is changed of a session between two turns: its end is taken back, what is kept beside it is decided anew."""

from collections.abc import Callable

from chatcli.errors import Conflict, NotFound
from chatcli.memory.history import History, open_history
from chatcli.messages import Turn
from chatcli.stores import Change, Store

_ATTEMPTS = 5
"""How often a change is decided anew because another writer was faster."""

_LAST_TURNS = 16
"""Messages to look at first, to find the last turns."""


def take_back(store: Store, session: str, turns: int) -> int:
    """Take the last turns out of the history; return how many there were."""
    history = open_history(store, session, _LAST_TURNS)
    starts = [turn.start for turn, _ in zip(history.turns(), range(turns), strict=False)]
    if starts:
        store.append(session, [], at=starts[-1], expected_length=history.length)
    return len(starts)


def last_turn(store: Store, session: str) -> tuple[Turn, int]:
    """Return the last turn, and the history's length; raise NotFound when the user said nothing in it."""
    history = open_history(store, session, _LAST_TURNS)
    last = next(history.turns(), None)
    if last is None or last.messages[0].role != "user":
        raise NotFound("there is no turn to send again", "write something first")
    return last, history.length


def apply(store: Store, session: str, decide: Callable[[History], Change | None]) -> bool:
    """Apply the change that `decide` makes of the history as it is; again when another writer was faster.

    Returns False when it decided on none. Raises Conflict when others are always faster.
    """
    for _ in range(_ATTEMPTS):
        change = decide(open_history(store, session, _LAST_TURNS))
        if change is None:
            return False
        if store.put_state(session, change):
            return True
    raise Conflict("other writers are always faster", "repeat it")
