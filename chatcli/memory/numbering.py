"""Turns by the numbers that the user sees: the first message of the user's begins turn 1."""

from collections.abc import Collection

from chatcli.memory.history import LAST_TURNS, History
from chatcli.messages import Turn
from chatcli.stores import Store


def open_numbered(store: Store, session: str, newest: int = LAST_TURNS) -> tuple[History, int]:
    """Return the history and the number of its last turn, as one look sees both. Raises StoreError."""
    snapshot = store.snapshot(session, newest)
    return History(snapshot, lambda start, stop: store.messages(session, start, stop)), snapshot.session.turns


def numbers_of(history: History, last: int, positions: Collection[int]) -> dict[int, int]:
    """Return the number of the turn that holds each of the positions; reads back to the first of them, no further."""
    wanted, found = set(positions), dict[int, int]()
    for back, turn in enumerate(history.turns()):
        for position in wanted & set(range(turn.start, turn.stop)):
            found[position] = max(last - back, 0)
        if len(found) == len(wanted):
            break
    return found


def turn_numbered(history: History, last: int, number: int) -> Turn | None:
    """Return the turn with this number; None when there is none."""
    for back, turn in enumerate(history.turns()):
        if last - back == number:
            return turn if turn.messages[0].role == "user" else None
    return None
