"""Facts about entities: how they are kept, merged and bounded.

At most 40 facts of an entity are kept, of 400 entities, 1,000 in all, of 300 characters each. Of an entity those that
were replaced go first, then the oldest; of the entities those that were mentioned long ago and seldom. The history has
everything.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chatcli.memory.history import History
from chatcli.memory.naming import USER, fold, key_of, tidy
from chatcli.messages import Message, Turn, fingerprint, is_count, is_time
from chatcli.stores import State

STATE = "entities"
LONGEST_FACT = 300
FACTS_OF_ONE = 40
ENTITIES = 400
FACTS = 1000
SPELLINGS = 8
_MARKS = 32

_SAYS_NOTHING = re.compile(
    r"(none|n/?a|null|unknown|unchanged|nothing( new)?( is known)?( about .*)?|no (new |further |known |other )*"
    r"(information|facts?|details?)\b.*|(is |was )?not (mentioned|specified|provided|known|stated)\b.*"
    r"|无|没有|未知|不详|(没有|无|暂无)(新的?|更多|相关)?(信息|事实|内容).*|未(提及|提到|说明|知).*)[.。!！]*"
)
_FILLER = re.compile(r"\b(the|a|an|is|are)\b|[^\w+#]|_|[的是]")


@dataclass(frozen=True, slots=True)
class Fact:
    """What the user said of an entity, and in which turn: its number, the position and time of its user message.

    `until` is the position of the turn that made it untrue. A fact of the user's `own` was written by them as a fact;
    it depends on no turn.
    """

    text: str
    turn: int = 0
    position: int = 0
    time: float | None = None
    until: int | None = None
    own: bool = False


@dataclass(frozen=True, slots=True)
class Entity:
    """Somebody or something that has a name, the spellings with how often each was met, the first one first."""

    key: str
    spellings: Mapping[str, int]
    facts: tuple[Fact, ...] = ()

    @property
    def name(self) -> str:
        """The most frequent spelling; `the user` for the user."""
        if self.key == USER:
            return "the user"
        return max(self.spellings, key=lambda spelling: self.spellings[spelling], default=self.key)

    @property
    def shown(self) -> str:
        """The name as the user reads it."""
        return "you" if self.key == USER else self.name

    @property
    def current(self) -> list[Fact]:
        """The facts that nothing has replaced, the user's own first, then in the order of the turns."""
        return sorted((fact for fact in self.facts if fact.until is None), key=lambda f: (not f.own, f.position))

    @property
    def worth(self) -> int:
        """When it was mentioned last; each time that it was is worth twenty messages of youth."""
        last = max((fact.position for fact in self.facts), default=0)
        return last + 20 * sum(self.spellings.values())


Entities = dict[str, Entity]
"""Entities by their keys."""


def clean_fact(text: str, name: str) -> str:
    """Return a fact as it is kept, in one line; "" for a text that says nothing of `name`."""
    text = tidy(text).lstrip("-*•· ").strip()
    if not gist(text, name) or _SAYS_NOTHING.fullmatch(_without_subject(fold(text), name)):
        return ""
    return text if len(text) <= LONGEST_FACT else f"{text[: LONGEST_FACT - 1].rstrip()}…"


def gist(text: str, name: str) -> str:
    """Return what two wordings of one fact about `name` have in common: articles, punctuation, the subject go."""
    return " ".join(_FILLER.sub(" ", _without_subject(fold(text), name)).split())


def _without_subject(text: str, name: str) -> str:
    subjects = [fold(name), key_of(name), *(("the user", "user", "i", "用户", "我") if key_of(name) == USER else ())]
    for subject in subjects:
        rest = text.removeprefix(subject)
        if rest != text and not (rest[:1].isascii() and rest[:1].isalnum()):
            return rest.removeprefix("'s").strip(" :：,，")
    return text


def note(entities: Entities, name: str, fact: Fact) -> None:
    """Enter a fact about `name`, unless it is known already; merges spellings, and counts them."""
    key = key_of(name)
    entity = entities.get(key, Entity(key, {}))
    counts = {**entity.spellings, name: entity.spellings.get(name, 0) + 1}
    known = {gist(one.text, name) for one in entity.facts if one.until is None}
    new = () if gist(fact.text, name) in known else (fact,)
    entities[key] = Entity(key, counts, (*entity.facts, *new))


def bounded(entities: Entities) -> Entities:
    """Return the entities within the limits that stand above."""
    trimmed = (_trimmed(entity) for entity in entities.values() if entity.facts)
    kept: Entities = {}
    total = 0
    for entity in sorted(trimmed, key=lambda entity: entity.worth, reverse=True)[:ENTITIES]:
        total += len(entity.facts)
        if total > FACTS:
            break
        kept[entity.key] = entity
    return {key: kept[key] for key in entities if key in kept}


def _trimmed(entity: Entity) -> Entity:
    by_worth = sorted(entity.facts, key=lambda fact: (fact.until is None, fact.position))
    worth = by_worth[-FACTS_OF_ONE:]
    common = sorted(entity.spellings, key=lambda spelling: -entity.spellings[spelling])[:SPELLINGS]
    spellings = {spelling: count for spelling, count in entity.spellings.items() if spelling in common}
    return Entity(entity.key, spellings, tuple(fact for fact in entity.facts if fact in worth))


# How far the history was read


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


def spread(entities: Iterable[Entity]) -> Iterator[tuple[Entity, Fact]]:
    """Yield the facts of several entities in turn, the user's own and then the newest first: a few of each."""
    waiting = [(entity, _newest_first(entity)) for entity in entities]
    while waiting:
        yield from ((entity, facts[0]) for entity, facts in waiting)
        waiting = [(entity, facts[1:]) for entity, facts in waiting if len(facts) > 1]


def _newest_first(entity: Entity) -> list[Fact]:
    return sorted(entity.current, key=lambda fact: (not fact.own, -fact.position))
