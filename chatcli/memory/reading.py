"""Reading new turns for facts: which turns, what the model is shown, and which of its facts are the user's.

A model names what it likes. A fact is entered only when the user named its entity in that turn, or in the turn before
and then by a pronoun, and when it is in the user's words: not in those of a reply, and not invented.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from chatcli.errors import BadRequest, BrokenStream, ContextTooLong, TimedOut
from chatcli.memory import corrections
from chatcli.memory.derived import STATE, Derived, mark_after, read, written
from chatcli.memory.extraction import SCHEMA, Found, NewTurn, facts_in, request
from chatcli.memory.facts import Entities, Entity, Fact, bounded, clean_fact, gist, note, spread
from chatcli.memory.history import History
from chatcli.memory.naming import USER, Said, key_of, tidy, words_of
from chatcli.memory.quoting import abridged
from chatcli.memory.strategy import Ask, View
from chatcli.messages import Turn
from chatcli.stores import Change

ATTEMPTS = 3
"""How often a turn may spoil a request before it is passed over; counted in this process."""

_SPOILED = (BrokenStream, BadRequest, ContextTooLong, TimedOut)  # failures that may be a turn's own fault
_TURNS_AT_ONCE = 40
_REMINDERS = 60  # known facts that the model is shown
_REPLY = 300  # characters of a reply that are shown beside what the user said
_NO_TURN = NewTurn(0, 0, None, "", "")

Named = tuple[Entity, Fact]


@dataclass(frozen=True, slots=True)
class Reading:
    """Reads the turns after the last that were read, one request a step.

    `spoiled` counts the failures by the turn that a request began with: after the first it is asked for alone, so that
    no other turn has to suffer, after some it is passed over.
    """

    spoiled: dict[str, int]
    name: str = "entity"

    def is_due(self, view: View) -> bool:
        """Say whether turns were not read yet."""
        return bool(_next_turns(view, read(view.history), 1))

    def has_begun(self, view: View) -> bool:
        """Say whether turns were read before."""
        return read(view.history).turns > 0

    def step(self, view: View, ask: Ask) -> Change | None:
        """Return the change that enters the facts of the next turns; None when all were read. Raises ModelError."""
        history, derived = view.history, read(view.history)
        turns = _next_turns(view, derived, ask.room)
        if not turns:
            return None
        first = mark_after(turns[0], derived.turns + 1)
        failures = self.spoiled.get(first.first, 0)
        if failures:
            turns = turns[:1]
        if failures >= ATTEMPTS:
            derived = replace(derived, skipped=(*derived.skipped, first.turns))
        else:
            derived = replace(derived, entities=self._entities(view, ask, derived, turns, first.first))
        self.spoiled.pop(first.first, None)
        for turn in turns:
            derived = derived.reached(mark_after(turn, derived.turns + 1))
        return Change(STATE, written(derived, history), history.state(STATE))

    def _entities(self, view: View, ask: Ask, derived: Derived, turns: Sequence[Turn], first: str) -> Entities:
        new = [_shown(view, turn, derived.turns + number, ask.room) for number, turn in enumerate(turns, 1)]
        said = [turn for turn in new if turn.user.strip()]
        if not said:
            return dict(derived.entities)
        before = _turn_before(view, derived, ask.room)
        page = Page.of(view, derived, before, said, ask.room)
        try:
            found = facts_in(ask(request(page.reminders_as_text(), before, said), SCHEMA))
        except _SPOILED:
            self.spoiled[first] = self.spoiled.get(first, 0) + 1
            raise
        page.enter(found)
        return bounded(page.entities)


@dataclass(slots=True)
class Page:
    """What a request is about: the new turns after the one before, and what is known of those they name.

    `entities` is what was derived, extended by what is entered; `reminders` are the facts that the model was shown.
    """

    entities: Entities
    known: Entities
    turns: list[NewTurn]
    said: list[Said]
    reminders: list[Named]
    talked_of: set[tuple[int, str]]
    """Index of a turn, and the key of an entity that a fact of this turn is about."""

    @classmethod
    def of(cls, view: View, derived: Derived, before: NewTurn | None, new: Sequence[NewTurn], room: int) -> "Page":
        """Return the page for these turns."""
        known = corrections.known(view.history)
        turns = [before or _NO_TURN, *new]
        said = [Said(turn.user) for turn in turns]
        named = [one for one in known.values() if one.key == USER or any(s.names(one.key, one.name) for s in said)]
        talked_of = {(0, key) for key, one in known.items() for fact in one.facts if before and _is_from(fact, before)}
        reminders = _by_entity(_within(view, islice(spread(named), _REMINDERS), room // 4))
        return cls(corrections.spared(view.history, derived.entities), known, turns, said, reminders, talked_of)

    def reminders_as_text(self) -> list[tuple[str, str]]:
        """Return names and facts, as the model is reminded of them."""
        return [(USER if entity.key == USER else entity.name, fact.text) for entity, fact in self.reminders]

    def enter(self, found: Sequence[Found]) -> None:
        """Enter the facts that are the user's, in the order of the turns; drop the others."""
        for one in sorted(found, key=lambda fact: fact.turn or 0):
            name = tidy(one.entity)
            key = key_of(name)
            index = self._place(one, key) if key else None
            text = clean_fact(one.fact, name)
            if index is None or not text or not self._is_the_users(text, name, index):
                continue
            turn = self.turns[index]
            self.talked_of.add((index, key))
            self._replace(one.replaces, key, text, turn.position)
            note(self.entities, USER if key == USER else name, Fact(text, turn.number, turn.position, turn.time))

    def _place(self, one: Found, key: str) -> int | None:
        """Return the index of the turn that the fact is from; None when the user did not speak of its entity."""
        numbers = [turn.number for turn in self.turns]
        given = numbers.index(one.turn) if one.turn in numbers[1:] else 1 if len(numbers) == 2 else None
        if given is not None and self._is_spoken_of(key, given):
            return given
        words = words_of(one.fact) - words_of(one.entity)
        alike = {index: len(words & words_of(turn.user)) for index, turn in enumerate(self.turns) if index}
        named = [index for index in alike if alike[index] and (key == USER or self._names(index, key))]
        return max(named, key=lambda index: alike[index], default=None)

    def _is_spoken_of(self, key: str, index: int) -> bool:
        """Say whether the turn is about the entity: by name, or, when it is known, by a pronoun."""
        if key == USER or self._names(index, key):
            return True
        is_known = key in self.known or key in self.entities
        return is_known and (self._names(index - 1, key) or (index - 1, key) in self.talked_of)

    def _names(self, index: int, key: str) -> bool:
        entity = self.known.get(key) or self.entities.get(key)
        return self.said[index].names(key, entity.name if entity else "")

    def _is_the_users(self, text: str, name: str, index: int) -> bool:
        """Say whether the fact is in the user's words: a third of them at least, and no fewer than a reply's alone."""
        two = self.turns[index - 1 : index + 1]
        words = words_of(text) - words_of(name)
        users = words & words_of("\n".join(turn.user for turn in two))
        others = (words & words_of("\n".join(turn.reply for turn in two))) - users
        if any(map(str.isdigit, "".join(others))):
            return False
        return len(others) <= len(users) and 3 * len(users) >= len(words)

    def _replace(self, numbers: Sequence[int], key: str, text: str, position: int) -> None:
        """Mark the facts of the entity that are no longer true; the user's own stay."""
        old = [self.reminders[number - 1] for number in numbers if 0 < number <= len(self.reminders)]
        gone = [fact for entity, fact in old if entity.key == key and gist(fact.text, entity.name) != gist(text, key)]
        if key in self.entities:
            facts = self.entities[key].facts
            marked = tuple(replace(fact, until=position) if fact in gone else fact for fact in facts)
            self.entities[key] = replace(self.entities[key], facts=marked)


def _is_from(fact: Fact, turn: NewTurn) -> bool:
    return not fact.own and fact.position == turn.position


def _within(view: View, facts: Iterator[Named], room: int) -> Iterator[Named]:
    for entity, fact in facts:
        room -= view.count(f"{entity.name}: {fact.text}\n")
        if room < 0:
            return
        yield entity, fact


def _by_entity(facts: Iterator[Named]) -> list[Named]:
    return sorted(facts, key=lambda one: (one[0].key, one[1].position))


# The turns


def _next_turns(view: View, derived: Derived, room: int) -> list[Turn]:
    """Return the turns to read next, oldest first: as many as a request has room for, at least one if there is one."""
    taken: list[Turn] = []
    for turn in islice(_turns_from(view.history, derived.stop), _TURNS_AT_ONCE):
        shown = _shown(view, turn, 0, room)
        room -= view.count(shown.user) + view.count(shown.reply)
        if taken and room < 0:
            break
        taken.append(turn)
    return taken


def _turns_from(history: History, position: int) -> Iterator[Turn]:
    """Yield the turns that begin at `position` or later, oldest first."""
    while position < history.length:
        turn = history.turn_at(position)
        if turn is not None and turn.messages[0].role == "user":
            yield turn
        position = turn.stop if turn else position + 1  # the rest of a turn that another program went on with


def _turn_before(view: View, derived: Derived, room: int) -> NewTurn | None:
    if not derived.marks:
        return None
    turn = view.history.turn_at(derived.marks[-1].start)
    return _shown(view, turn, derived.turns, room // 4) if turn else None


def _shown(view: View, turn: Turn, number: int, room: int) -> NewTurn:
    """Return the turn as the model is shown it, within `room` tokens."""
    asked = turn.messages[0]
    text, cost = asked.text, view.count(asked.text)
    if cost > room:
        text = abridged(text, len(text) * room // cost)
    reply = "\n".join(message.text for message in turn.messages if message.role == "assistant")
    return NewTurn(number, turn.start, asked.time, text, abridged(reply, _REPLY))
