"""What was read out of a history about entities, how far it reaches, and how it is kept as derived state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chatcli.memory.facts import Entity, Fact
from chatcli.memory.history import History
from chatcli.messages import Message, Turn, fingerprint, is_count, is_time
from chatcli.stores import State

STATE = "entities"
_MARKS = 32  # that are kept; as many skipped turns


@dataclass(frozen=True, slots=True)
class Mark:
    """The first `turns` turns were read; the last one, from `start` to `stop`, began and ended with these messages."""

    start: int
    stop: int
    turns: int
    first: str
    last: str

    def holds(self, history: History) -> bool:
        """Say whether that turn still stands there."""
        if self.stop > history.length or self.start >= self.stop:
            return False
        ends = [*history.between(self.start, self.start + 1), *history.between(self.stop - 1, self.stop)]
        return len(ends) == 2 and (_print(ends[0]), fingerprint(ends[1])) == (self.first, self.last)


def mark_after(turn: Turn, turns: int) -> Mark:
    """Return the mark behind a turn, the last of `turns`."""
    return Mark(turn.start, turn.stop, turns, _print(turn.messages[0]), fingerprint(turn.messages[-1]))


def _print(message: Message) -> str:
    """Return what tells a user message from another one that says the same."""
    return f"{fingerprint(message)}/{message.id}"


@dataclass(frozen=True, slots=True)
class Derived:
    """What was read out of a history: up to which marks, what of whom, and which turns could not be read."""

    marks: tuple[Mark, ...] = ()
    entities: Mapping[str, Entity] = field(default_factory=dict)
    skipped: tuple[int, ...] = ()

    @property
    def stop(self) -> int:
        """The position up to which it was computed."""
        return self.marks[-1].stop if self.marks else 0

    @property
    def turns(self) -> int:
        """How many turns that were."""
        return self.marks[-1].turns if self.marks else 0

    def held(self, history: History) -> "Derived":
        """Return what of it holds for the history as it is: turns that were taken back took their facts along."""
        marks = self.marks
        while marks and not marks[-1].holds(history):
            marks = marks[:-1]
        if marks == self.marks:
            return self
        before = Derived(marks)
        entities = (_before(entity, before.stop) for entity in self.entities.values())
        skipped = tuple(turn for turn in self.skipped if turn <= before.turns)
        return replace(before, entities={entity.key: entity for entity in entities if entity.facts}, skipped=skipped)

    def reached(self, mark: Mark) -> "Derived":
        """Return it with another mark, where it reaches now.

        The marks are thinned out, the older the more: an undo of n turns finds one about n / 5 turns before its end.
        """
        marks = [*self.marks, mark]
        if len(marks) > _MARKS:
            marks.pop(min(range(1, _MARKS), key=lambda n: _gap(marks, n)))
        return replace(self, marks=tuple(marks))


def _gap(marks: Sequence[Mark], number: int) -> float:
    """Return how large a gap it leaves when a mark is left out, in relation to how long ago it was set."""
    before, this, after = marks[number - 1 : number + 2]
    return (after.turns - before.turns) / (marks[-1].turns - this.turns)


def _before(entity: Entity, stop: int) -> Entity:
    facts = (fact for fact in entity.facts if fact.position < stop)
    back = (replace(fact, until=None) if fact.until is not None and fact.until >= stop else fact for fact in facts)
    return replace(entity, facts=tuple(back))


def read(history: History) -> Derived:
    """Return what was derived of the history, as far as it holds; what is damaged counts as not there."""
    state = history.state(STATE)
    if state is None:
        return Derived()
    value = state.value
    marks = tuple(mark for entry in _list(value.get("marks")) if (mark := _mark(entry)))
    entities = {entity.key: entity for entry in _list(value.get("entities")) if (entity := _entity(entry))}
    skipped = tuple(turn for turn in _list(value.get("skipped")) if is_count(turn))
    return Derived(marks, entities, skipped).held(history)


def written(derived: Derived, history: History) -> State:
    """Return the state that `read` reads."""
    value: dict[str, Any] = {
        "marks": [
            {"start": m.start, "stop": m.stop, "turns": m.turns, "first": m.first, "last": m.last}
            for m in derived.marks
        ],
        "entities": [
            {"key": entity.key, "names": dict(entity.spellings), "facts": [_fact_entry(fact) for fact in entity.facts]}
            for entity in derived.entities.values()
        ],
    }
    if derived.skipped:
        value["skipped"] = list(derived.skipped[-_MARKS:])
    return State(value, history.watermark(derived.stop))


def _fact_entry(fact: Fact) -> dict[str, Any]:
    entry: dict[str, Any] = {"text": fact.text, "turn": fact.turn, "position": fact.position}
    if fact.time is not None:
        entry["time"] = fact.time
    if fact.until is not None:
        entry["until"] = fact.until
    return entry


def _mark(entry: Any) -> Mark | None:
    match entry:
        case {"start": start, "stop": stop, "turns": turns, "first": str(first), "last": str(last)}:
            if is_count(start) and is_count(stop) and is_count(turns):
                return Mark(start, stop, turns, first, last)
    return None


def _entity(entry: Any) -> Entity | None:
    match entry:
        case {"key": str(key), "names": dict(names), "facts": list(facts)}:
            kept = tuple(fact for one in facts if (fact := _fact(one)))
            if key and names and kept and all(map(is_count, names.values())):
                return Entity(key, names, kept)
    return None


def _fact(entry: Any) -> Fact | None:
    match entry:
        case {"text": str(text), "turn": turn, "position": position}:
            if text and is_count(turn) and is_count(position):
                at, until = entry.get("time"), entry.get("until")
                return Fact(text, turn, position, at if is_time(at) else None, until if is_count(until) else None)
    return None


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
