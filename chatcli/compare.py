"""How memories compare over a session's life: every turn is played again for each, and no model is asked.

What is counted is real: the history, the memory's own code, the prompt. What a model would have written is not there:
a summary is a text of its greatest length, folded when it would have been; what is recalled is the newest of the older
turns, as much as the budget holds, but for the newest request, for which the index is asked.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from chatcli import tokens
from chatcli.aids import room
from chatcli.background import STEPS
from chatcli.chat import Chat
from chatcli.memory import SAFE_WINDOW, Hit, Index, Memory, Selection, View
from chatcli.memory.history import History
from chatcli.memory.numbering import open_numbered
from chatcli.memory.summary import STATE as SUMMARY
from chatcli.memory.summary import Folding
from chatcli.messages import Content, Message, Usage
from chatcli.prices import Prices, cost
from chatcli.prompt import fill
from chatcli.stores import Session, Snapshot, State

MOST = 1000
"""Turns that are played again at most: the last ones."""

_LOOK = 64
_HITS = 60


@dataclass(frozen=True, slots=True)
class Sent:
    """One request: the tokens of its prompt, how many of them lie in the prefix shared with the request before it.

    `turns` it has word for word; the model replied with `reply` tokens; beside it `read` and `wrote` tokens went into
    summaries.
    """

    prompt: int
    reused: int
    turns: int
    reply: int = 0
    read: int = 0
    wrote: int = 0


@dataclass(frozen=True, slots=True)
class Course:
    """What a memory would have sent, turn by turn; the last one is the next request."""

    spec: str
    requests: Sequence[Sent]

    @property
    def now(self) -> Sent:
        """The next request."""
        return self.requests[-1]

    @property
    def mean(self) -> int:
        """Tokens of a request."""
        return round(sum(sent.prompt for sent in self.requests) / len(self.requests))

    @property
    def largest(self) -> int:
        """Tokens of the largest request."""
        return max(sent.prompt for sent in self.requests)

    @property
    def reused(self) -> float:
        """The share of all prompt tokens that lie in the prefix shared with the request before."""
        return sum(sent.reused for sent in self.requests) / max(1, sum(sent.prompt for sent in self.requests))

    def cost(self, prices: Prices) -> float:
        """Return what the turns so far would have cost, the summaries too."""
        done = self.requests[:-1]
        prompts = sum(sent.prompt + sent.read for sent in done)
        replies = sum(sent.reply + sent.wrote for sent in done)
        return cost(Usage(prompts, replies, sum(sent.reused for sent in done)), prices)


class Past:
    """The end of the chat's session, to be played again.

    `skipped` messages, with `turns_skipped` turns, stand before `messages`; `asked` is the next input, if it is known.
    """

    def __init__(self, chat: Chat, asked: Content | None = None, most: int = MOST) -> None:
        history, last = open_numbered(chat.store, chat.session, _LOOK)
        turns = [turn for turn in islice(history.turns(), most + 1) if turn.messages[0].role == "user"]
        self.turns = turns[most - 1 :: -1] if len(turns) > most else turns[::-1]
        self.skipped = self.turns[0].start if self.turns else history.length
        self.turns_skipped = max(0, last - len(self.turns))
        self.messages: Sequence[Message] = history.since(self.skipped)
        self.asked = asked
        self._chat = chat
        self.view = _remembering(chat.aids.view(history, chat.model))
        self.costs = {id(message): tokens.of_message(message, self.view.measure) for message in self.messages}
        kept = chat.store.snapshot(chat.session, 0).states if not self.skipped else {}
        self.states = {name: state for name, state in kept.items() if name != SUMMARY and not name.startswith("cut:")}

    def prompt(self, question: Message) -> list[Message]:
        """Return the prompt's own messages for an input."""
        chat = self._chat
        return [message for part in fill(chat.prompt, chat.variables, (), question) for message in part.messages]

    def seen(self, stop: int, states: Mapping[str, State], index: Index | None, own: Sequence[Message] = ()) -> View:
        """Return what a memory saw when the history ended before `stop`, beside the prompt's own messages."""
        newest = self.messages[max(0, stop - _LOOK) : stop]
        history = History(Snapshot(Session(""), stop, newest, states), lambda start, end: self.messages[start:end])
        view = replace(self.view, history=history, index=index)
        return replace(view, room=room(view, own, self._chat.options))

    def cost(self, message: Message) -> int:
        """Return the message's tokens before they are scaled."""
        found = self.costs.get(id(message))
        return tokens.of_message(message, self.view.measure) if found is None else found


def _remembering(view: View) -> View:
    """Return the view with a measure that counts each text once."""
    known: dict[str, int] = {}

    def measure(text: str) -> int:
        if (count := known.get(text)) is None:
            count = known[text] = view.measure(text)
        return count

    return replace(view, measure=measure)


def replay(memory: Memory, past: Past) -> Course:
    """Play the turns again with this memory."""
    return Course(memory.spec, list(_Replay(memory, past).run()))


class _Replay:
    """One memory's way through the turns. Positions count from the first message that is played again."""

    def __init__(self, memory: Memory, past: Past) -> None:
        self._memory = memory
        self._past = past
        self._states = dict(past.states)
        self._before: Sequence[Message] = ()
        self._ask = _Placeholder(past.view)

    def run(self) -> Iterator[Sent]:
        past, newest = self._past, _Newest(self._past.messages)
        for turn in past.turns:
            stop = turn.stop - past.skipped
            sent = self._request(turn.start - past.skipped, turn.messages[0], newest)
            self._derive(stop)
            reply = sum(self._reply(message) for message in turn.messages if message.role == "assistant")
            yield replace(sent, reply=reply, read=self._ask.read, wrote=self._ask.wrote)
        index: Index = newest if past.asked is None or past.view.index is None else _From(past.skipped, past.view.index)
        yield self._request(len(past.messages), Message("user", past.asked or "{input}"), index)

    def _request(self, stop: int, question: Message, index: Index) -> Sent:
        """Choose what is sent at that moment, keep what a commit would keep, and count."""
        own = self._past.prompt(question)
        chosen = self._memory.select(self._past.seen(stop, self._states, index, own), question)
        for change in chosen.changes:
            if change.expected == self._states.get(change.name):
                self._states[change.name] = change.state
        messages = _in_order(chosen, own)
        costs = [self._past.cost(message) for message in messages]
        reused = sum(costs[: _shared(self._before, messages)])
        self._before = messages
        tail = [message for part in chosen.parts if part.kind == "tail" for message in part.messages]
        scale = self._past.view.scale
        return Sent(round(sum(costs) * scale), round(reused * scale), sum(message.role == "user" for message in tail))

    def _derive(self, stop: int) -> None:
        """Fold what the background would fold after a turn."""
        self._ask.read = self._ask.wrote = 0
        for _ in range(STEPS):
            view = self._past.seen(stop, self._states, None)
            folding = next((one for one in self._memory.derivations(view) if isinstance(one, Folding)), None)
            if folding is None:
                return
            self._ask.length = folding.strategy.length
            change = folding.step(view, self._ask)
            if change is None:
                return
            self._states[change.name] = change.state

    def _reply(self, message: Message) -> int:
        return message.usage.completion if message.usage else self._past.view.count(message.text)


def _in_order(chosen: Selection, own: Sequence[Message]) -> list[Message]:
    """Return the messages of a request: system text, what was chosen, the rest of the prompt."""
    first = next((index for index, message in enumerate(own) if message.role != "system"), len(own))
    return [*own[:first], *(message for part in chosen.parts for message in part.messages), *own[first:]]


def _shared(before: Sequence[Message], now: Sequence[Message]) -> int:
    """Return how many messages at the beginning of `now` stood there before as well."""
    for index, (old, new) in enumerate(zip(before, now, strict=False)):
        if old is not new and (old.role, old.content) != (new.role, new.content):
            return index
    return min(len(before), len(now))


class _Placeholder:
    """Answers with a text of `length` tokens, another one each time, and counts what that takes."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._answers = 0
        self.length = self.read = self.wrote = 0

    @property
    def room(self) -> int:
        """As in the background."""
        return min(12_000, (self._view.window or SAFE_WINDOW) // 2)

    def __call__(self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None) -> str:
        self._answers += 1
        text = f"{self._answers} " + "word " * max(1, round(self.length / self._view.scale) - 1)
        self.read += self._view.cost(messages)
        self.wrote += self._view.count(text)
        return text


class _Newest:
    """Finds the newest older messages: as many tokens as what bears on a question would have."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self._messages = messages
        self.news: list[str] = []

    def follow(self, history: History, most: int | None = None) -> int:
        """Nothing is left to take in."""
        return 0

    def embed(self) -> bool:
        """Nothing is looked for by what it means."""
        return False

    def search(self, question: str, before: int) -> Sequence[Hit]:
        """Return the messages before that position."""
        positions = range(min(before, len(self._messages)) - 1, max(-1, before - _HITS - 1), -1)
        return [Hit(at, self._messages[at], 0.0) for at in positions if self._messages[at].text.strip()]

    def close(self) -> None:
        """Nothing is open."""


class _From:
    """The session's index, for a history that begins `skipped` messages later."""

    def __init__(self, skipped: int, index: Index) -> None:
        self._skipped, self._index = skipped, index
        self.news: list[str] = []

    def follow(self, history: History, most: int | None = None) -> int:
        """It was brought up to date before."""
        return 0

    def embed(self) -> bool:
        """No model is asked for more vectors."""
        return False

    def search(self, question: str, before: int) -> Sequence[Hit]:
        """Return what the index finds, at the positions of the shorter history."""
        found = self._index.search(question, before + self._skipped)
        return [replace(hit, position=hit.position - self._skipped) for hit in found if hit.position >= self._skipped]

    def close(self) -> None:
        """The chat closes it."""
