"""What the user corrected of what was derived about entities: forgotten names, removed facts, facts of their own.

It is the user's word, no derived state: it is kept with the session beside it and applied over it, so that a job that
still runs, another terminal or a derivation from the beginning brings nothing back.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chatcli.memory.derived import read
from chatcli.memory.facts import Entities, Entity, Fact, gist
from chatcli.memory.history import History
from chatcli.memory.naming import key_of, words_of
from chatcli.messages import is_count, is_time
from chatcli.stores import Change, State

_STATE = "corrections"
_REMOVALS = 2000

Line = tuple[str, Fact]
"""A name and a fact about it."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was said before this moment is not to be known: by its time, by its position where it has none."""

    position: int
    time: float

    def covers(self, fact: Fact) -> bool:
        """Say whether the fact is from a turn before the moment."""
        return fact.position < self.position if fact.time is None else fact.time <= self.time


@dataclass(frozen=True, slots=True)
class Removal:
    """A fact that the user took out, and what they left of the same turn about the same entity."""

    key: str
    text: str
    position: int
    time: float | None
    left: tuple[str, ...]

    def covers(self, fact: Fact, name: str) -> bool:
        """Say whether the fact is the removed one, in these or other words."""
        if not self._is_of_the_turn(fact):
            return False
        said, about = gist(fact.text, name), words_of(name)
        if said in (gist(text, name) for text in self.left):
            return False
        words = words_of(fact.text) - about
        alike = len(words & words_of(self.text))
        return said == gist(self.text, name) or all(alike >= len(words & words_of(text)) for text in self.left)

    def _is_of_the_turn(self, fact: Fact) -> bool:
        if fact.time is None or self.time is None:
            return fact.position == self.position
        return fact.time == self.time


@dataclass(frozen=True, slots=True)
class Corrections:
    """All that the user corrected; `own` are facts they wrote."""

    forgotten: Mapping[str, Forgotten]
    removed: tuple[Removal, ...]
    own: tuple[Line, ...]

    def hides(self, fact: Fact, entity: Entity) -> bool:
        """Say whether a derived fact is not to be seen."""
        gone = self.forgotten.get(entity.key)
        if gone is not None and gone.covers(fact):
            return True
        return any(one.covers(fact, entity.name) for one in self.removed if one.key == entity.key)

    def spared(self, entities: Mapping[str, Entity]) -> Entities:
        """Return the derived entities without what the user took out."""
        touched = self.forgotten.keys() | {removal.key for removal in self.removed}
        left = (self._spared(entity) if entity.key in touched else entity for entity in entities.values())
        return {entity.key: entity for entity in left if entity.facts}

    def _spared(self, entity: Entity) -> Entity:
        return replace(entity, facts=tuple(fact for fact in entity.facts if not self.hides(fact, entity)))

    def applied(self, entities: Mapping[str, Entity]) -> Entities:
        """Return the entities as the user wants them; their own facts stand before those that say the same."""
        seen: Entities = {}
        for name, fact in self.own:
            key = key_of(name)
            known = seen.get(key) or replace(entities.get(key, Entity(key, {name: 1})), facts=())
            seen[key] = replace(known, facts=(*known.facts, fact))
        for key, entity in self.spared(entities).items():
            own = seen[key].facts if key in seen else ()
            seen[key] = replace(entity, facts=(*own, *_others(entity, own))) if own else entity
        return {key: entity for key, entity in seen.items() if entity.current}


def _others(entity: Entity, own: Iterable[Fact]) -> Iterator[Fact]:
    """Yield the entity's facts but those that the user's own say too."""
    said = {gist(fact.text, entity.name) for fact in own}
    return (fact for fact in entity.facts if gist(fact.text, entity.name) not in said)


def known(history: History) -> Entities:
    """Return what is known of whom: derived, and corrected by the user."""
    return _corrections(history).applied(read(history).entities)


def spared(history: History, entities: Mapping[str, Entity]) -> Entities:
    """Return derived entities without what the user took out of them."""
    return _corrections(history).spared(entities)


def forget(history: History, key: str, now: float) -> Change:
    """Return the change that forgets an entity: nothing that was said before now is known of it any more.

    `now` is the time in Unix seconds.
    """
    before = _corrections(history)
    newest = [message.time for message in history.between(history.length - 1, history.length) if message.time]
    moment = Forgotten(history.length, max(now, *newest, 0.0))
    return _kept(
        history,
        Corrections(
            {**before.forgotten, key: moment},
            tuple(one for one in before.removed if one.key != key),
            tuple(line for line in before.own if key_of(line[0]) != key),
        ),
    )


def edit(history: History, removed: Sequence[Line], added: Sequence[Line]) -> Change:
    """Return the change that takes facts out and adds others, as the user's own."""
    before = _corrections(history)
    gone = [(key_of(name), fact) for name, fact in removed]
    own = [line for line in before.own if (key_of(line[0]), line[1]) not in gone]
    entities = before.applied(read(history).entities)
    removals = (
        Removal(key, fact.text, fact.position, fact.time, _left(entities.get(key), fact, gone))
        for key, fact in gone
        if not fact.own
    )
    return _kept(
        history,
        Corrections(
            before.forgotten,
            (*before.removed, *removals),
            (*own, *((name, replace(fact, own=True)) for name, fact in added)),
        ),
    )


def _left(entity: Entity | None, fact: Fact, gone: Iterable[tuple[str, Fact]]) -> tuple[str, ...]:
    """Return what is left of the fact's turn about its entity."""
    facts = entity.facts if entity else ()
    taken = [one for _, one in gone]
    return tuple(one.text for one in facts if not one.own and one.position == fact.position and one not in taken)


# How it is kept


def _kept(history: History, corrections: Corrections) -> Change:
    value = {
        "forgotten": {key: {"position": one.position, "time": one.time} for key, one in corrections.forgotten.items()},
        "removed": [
            {"entity": r.key, "text": r.text, "position": r.position, "time": r.time, "left": list(r.left)}
            for r in corrections.removed[-_REMOVALS:]
        ],
        "own": [{"entity": name, "text": fact.text, "turn": fact.turn} for name, fact in corrections.own],
    }
    return Change(_STATE, State(value, history.watermark(history.length)), history.state(_STATE))


def _corrections(history: History) -> Corrections:
    """Return what was corrected; what is damaged counts as not there."""
    state = history.state(_STATE)
    value: Mapping[str, Any] = state.value if state else {}
    forgotten = value.get("forgotten")
    moments = {k: m for k, e in forgotten.items() if (m := _moment(e))} if isinstance(forgotten, dict) else {}
    removed = tuple(one for entry in _list(value.get("removed")) if (one := _removal(entry)))
    return Corrections(moments, removed, tuple(line for entry in _list(value.get("own")) if (line := _own(entry))))


def _moment(entry: Any) -> Forgotten | None:
    match entry:
        case {"position": position, "time": time} if is_count(position) and is_time(time):
            return Forgotten(position, time)
    return None


def _removal(entry: Any) -> Removal | None:
    match entry:
        case {"entity": str(key), "text": str(text), "position": position, "time": time, "left": list(left)}:
            if is_count(position) and all(isinstance(one, str) for one in left):
                return Removal(key, text, position, time if is_time(time) else None, tuple(left))
    return None


def _own(entry: Any) -> Line | None:
    match entry:
        case {"entity": str(name), "text": str(text), "turn": turn} if key_of(name) and text and is_count(turn):
            return name, Fact(text, turn, own=True)
    return None


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
