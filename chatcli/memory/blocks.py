"""A tail that is cut in blocks.

Providers and local servers keep a prompt they have seen, by its prefix. A tail that loses its oldest turn
at every turn never has the same prefix twice; one that grows to a limit and is then cut well below it keeps
its prefix still between the cuts. Where it was cut is kept with the session.
"""

from collections.abc import Callable, Iterator

from chatcli.memory.history import History
from chatcli.memory.strategy import Tail, View
from chatcli.messages import Turn
from chatcli.stores import Change, State

Cost = Callable[[Turn, float], float]
"""What a turn counts, at a scale of the token estimate."""


def block_tail(view: View, spec: str, cost: Cost, high: float, low: float, least: int = 0) -> Tail:
    """Return the turns since the last cut, or since `least`; when they cost more than `high`, cut to at most `low`.

    The newest turn is always there, whatever it costs. The cut moves for no other reason, but when `spec`
    changed or the history is another one by now: the scale of the estimate that it was decided with is kept with it.
    """
    history, name = view.history, f"cut:{spec.partition(':')[0]}"
    saved = _saved(history, name, spec)
    before = saved.watermark.position if saved else 0
    start = max(least, before)
    scale = float(saved.value["scale"]) if saved else view.scale
    kept, total = [], 0.0
    for turn in turns_back_to(history, start):
        kept.append(turn)
        total += cost(turn, scale)
        if total > high:
            kept = newest_within(kept, lambda turn: cost(turn, view.scale), low)
            break
    cut = kept[-1].start if kept else 0
    if before <= cut <= start:
        return Tail(cut)
    # below it: turns were taken back up to the cut, and the newest one that is left stands before it
    state = State({"spec": spec, "scale": view.scale if cut > start else scale}, history.watermark(cut))
    kept_now = "turn of the history is" if len(kept) == 1 else f"{len(kept):,} turns of the history are"
    note = f"the newest {kept_now} sent from now on"
    return Tail(cut, changes=(Change(name, state, history.state(name)),), notes=(note,) if cut > start else ())


def turns_back_to(history: History, start: int) -> Iterator[Turn]:
    """Yield turns, newest first, down to the one that begins at `start` or holds it."""
    for turn in history.turns():
        yield turn
        if turn.start <= start:
            return


def newest_within(turns: list[Turn], cost: Callable[[Turn], float], limit: float) -> list[Turn]:
    """Return those of the turns (the newest first) that cost at most `limit` together; always the newest."""
    total = 0.0
    for count, turn in enumerate(turns):
        total += cost(turn)
        if total > limit:
            return turns[: max(1, count)]
    return turns


def _saved(history: History, name: str, spec: str) -> State | None:
    """Return the cut that `spec` made in this history before; None when it made none that holds."""
    state = history.state(name)
    if state is None or state.value.get("spec") != spec or not history.holds(state.watermark):
        return None
    return state if isinstance(state.value.get("scale"), int | float) else None
