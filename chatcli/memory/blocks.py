"""A tail that is cut in blocks.

Providers and local servers keep a prompt they have seen, by its prefix. A tail that loses its oldest turn
at every turn never has the same prefix twice; one that grows to a limit and is then cut well below it keeps
its prefix still between the cuts. Where it was cut is kept with the session.
"""

from collections.abc import Callable, Iterator

from chatcli.memory import Part, Selection
from chatcli.memory.history import History
from chatcli.messages import Turn, readable
from chatcli.stores import Change, State

_STATE = "cut"

Cost = Callable[[Turn], int]


def block_tail(history: History, spec: str, cost: Cost, high: int, low: int) -> Selection:
    """Return the turns since the last cut; when they cost more than `high`, cut to at most `low`.

    The newest turn is always there, whatever it costs. The cut moves for no other reason, but when `spec`
    changed or the history is another one by now.
    """
    kept, total = [], 0
    start = _saved_cut(history, spec)
    for turn in _turns_back_to(history, start):
        kept.append(turn)
        total += cost(turn)
        if total > high:
            kept = _newest_within(kept, cost, low)
            break
    messages = tuple(message for turn in reversed(kept) for message in readable(turn.messages))
    cut = kept[-1].start if kept else 0
    return Selection((Part("tail", messages),), _moved(history, spec, cut))


def _turns_back_to(history: History, cut: int) -> Iterator[Turn]:
    """Yield turns, newest first, until the one that begins at the cut; a cut that holds no more is ignored."""
    state = history.state(_STATE)
    for turn in history.turns():
        yield turn
        if state and turn.start == cut and history.holds(state.watermark):
            return


def _newest_within(turns: list[Turn], cost: Cost, limit: int) -> list[Turn]:
    total = 0
    for count, turn in enumerate(turns):
        total += cost(turn)
        if total > limit:
            return turns[: max(1, count)]
    return turns


def _saved_cut(history: History, spec: str) -> int:
    """Return where `spec` cut before; 0 when it did not."""
    state = history.state(_STATE)
    return state.watermark.position if state and state.value.get("spec") == spec else 0


def _moved(history: History, spec: str, cut: int) -> tuple[Change, ...]:
    """Return the change that saves the cut, if it is not the one that is saved."""
    saved = history.state(_STATE)
    if cut == _saved_cut(history, spec):
        return ()
    expected = saved.watermark if saved else None
    return (Change(_STATE, State({"spec": spec}, history.watermark(cut)), expected),)
