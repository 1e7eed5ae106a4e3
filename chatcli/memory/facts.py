"""Facts about entities: how they are cleaned, merged and bounded.

At most 40 facts of an entity are kept, of 400 entities, 1,000 in all, of 300 characters each. Of an entity those that
were replaced go first, then the oldest; of the entities those that were mentioned long ago and seldom. The history has
everything.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from chatcli.memory.naming import USER, fold, key_of, tidy

LONGEST_FACT = 300
FACTS_OF_ONE = 40
ENTITIES = 400
FACTS = 1000
SPELLINGS = 8

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


def spread(entities: Iterable[Entity]) -> Iterator[tuple[Entity, Fact]]:
    """Yield the facts of several entities in turn, the user's own and then the newest first: a few of each."""
    waiting = [(entity, _newest_first(entity)) for entity in entities]
    while waiting:
        yield from ((entity, facts[0]) for entity, facts in waiting)
        waiting = [(entity, facts[1:]) for entity, facts in waiting if len(facts) > 1]


def _newest_first(entity: Entity) -> list[Fact]:
    return sorted(entity.current, key=lambda fact: (not fact.own, -fact.position))
