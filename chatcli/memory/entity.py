"""`entity`: what the user said about whom, sent with an input that names them.

After the answer, in the background, a model reads the new turns in one request and names the facts in them (see
reading.py). They are kept with the session, each with its turn; what the user corrects is kept beside them and holds
whatever is derived (see corrections.py). The tail is left to others.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from chatcli.memory import corrections
from chatcli.memory.facts import Entity, Fact, spread
from chatcli.memory.history import History
from chatcli.memory.naming import USER, Said
from chatcli.memory.reading import Reading
from chatcli.memory.strategy import Derivation, Rider, Shown, Strategy, View, no_number
from chatcli.messages import Message

ROOM = 400
"""Tokens of facts beside an input at most."""

_LAST_TURNS = 2  # whose entities are still spoken of
_TITLE = "Known from what the user said earlier in this conversation (background, not part of this message):"
_UNKNOWN_YET = "[what is known of those whom your next message names stands here]"


@dataclass(frozen=True, slots=True)
class EntityFacts(Strategy):
    """Facts about those whom the input or the last turns name."""

    spoiled: dict[str, int] = field(default_factory=dict, compare=False, repr=False)
    first_look: int = 16
    derives: bool = True

    @property
    def spec(self) -> str:
        """`entity`."""
        return "entity"

    def rider(self, view: View, question: Message | None, shown: Shown) -> Rider | None:
        """Return the facts that the context does not show anyway; those about whom the input names come first."""
        entities = corrections.known(view.history)
        if not entities:
            return None
        if question is None:
            return Rider("entities", _UNKNOWN_YET)
        facts = [
            (entity, fact)
            for entity, fact in _spoken_of(entities, question.text, view.history)
            if fact.own or fact.position not in shown
        ]
        return Rider("entities", _text(_within_room(view, facts)))

    def derivations(self, view: View) -> tuple[Derivation, ...]:
        """Return the reading of new turns."""
        return (Reading(self.spoiled),)


def _spoken_of(entities: Mapping[str, Entity], asked: str, history: History) -> list[tuple[Entity, Fact]]:
    """Return the facts about whom the input names, then those about whom the last turns name; the user by the input."""
    now = Said(asked)
    by_input = [one for one in entities.values() if now.names(one.key, one.name)]
    by_input.sort(key=lambda one: (one.key == USER, -one.worth))
    earlier = [Said(turn.messages[0].text) for turn in islice(history.turns(), _LAST_TURNS)]
    by_turns = [
        one
        for one in entities.values()
        if one not in by_input and one.key != USER and any(said.names(one.key, one.name) for said in earlier)
    ]
    return [*spread(by_input), *spread(by_turns)]


def _within_room(view: View, facts: Sequence[tuple[Entity, Fact]]) -> list[tuple[Entity, Fact]]:
    """Return the facts, in their order, that fit the room; one that does not is left out."""
    chosen: list[tuple[Entity, Fact]] = []
    left = ROOM - view.count(_TITLE)
    headed: set[str] = set()
    for entity, fact in facts:
        cost = view.count(f"{_line(fact)}\n") + (0 if entity.key in headed else view.count(f"{entity.name}:\n"))
        if cost <= left:
            chosen.append((entity, fact))
            headed.add(entity.key)
            left -= cost
    while chosen and view.count(_text(chosen)) > ROOM:  # a whole may cost more than its parts
        chosen.pop()
    return chosen


def _text(facts: Iterable[tuple[Entity, Fact]]) -> str:
    """Return the text that gives the facts, each entity's together, in the order of the turns."""
    of_each: dict[str, tuple[str, list[Fact]]] = {}
    for entity, fact in facts:
        of_each.setdefault(entity.key, (entity.name, []))[1].append(fact)
    lines = [_TITLE] if of_each else []
    for name, said in of_each.values():
        lines += [f"{name}:", *(_line(fact) for fact in sorted(said, key=lambda fact: fact.position))]
    return "\n".join(lines)


def _line(fact: Fact) -> str:
    if fact.own:
        return f"- {fact.text} (the user's own note)"
    day = time.strftime(", %Y-%m-%d", time.localtime(fact.time)) if fact.time is not None else ""
    return f"- {fact.text} (turn {fact.turn}{day})"


def build(parameters: str) -> EntityFacts:
    """Build `entity`, which takes no parameters."""
    no_number(parameters, "entity")
    return EntityFacts()
