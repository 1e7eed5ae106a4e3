"""Whatever a history holds and whatever is done to it, what a memory sends of it keeps its promises."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatcli.aids import Aids
from chatcli.chat import Chat
from chatcli.context import Context
from chatcli.errors import ChatError
from chatcli.memory import corrections, parse_memory, summary
from chatcli.memory.entity import ROOM
from chatcli.memory.history import open_history
from chatcli.memory.pins import pin, pinned, unpin
from chatcli.messages import Content, Message, readable
from chatcli.prompt import make_prompt
from chatcli.recall import open_index
from chatcli.stores import langchain
from chatcli.stores.in_memory import InMemoryStore
from tests.scribe import FAILURES, Scribe, digest_in, digest_of

SESSION = "s"
PROMPT = make_prompt([{"role": "system", "content": "SYSTEM"}])

# Histories

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
LANGCHAIN = [
    langchain.decode(raw)
    for raw in (
        '{"type": "human", "data": {"content": "Hi", "additional_kwargs": {}, "type": "human", "example": false}}',
        '{"type": "AIMessageChunk", "data": {"content": "", "tool_calls": [{"name": "f", "args": {}, "id": "1"}]}}',
        '{"type": "tool", "data": {"content": "42", "tool_call_id": "1"}}',
        '{"type": "function", "data": {"content": "odd"}}',
        '{"type": "ai", "data": {"content": [{"type": "text", "text": "in parts"}]}}',
        "no JSON at all",
    )
]
SAID = ["", " ", "Hi", "你好，我叫李雷。", "Ada1 likes tea2", "Bob3 likes rice4 and Ada1 likes rain5", "a\n\nb"]
Shape = tuple[str, int]
"""What a content is made of, in short: what hypothesis reports must be short."""

SHAPES = st.one_of(
    st.tuples(st.just("said"), st.integers(0, len(SAID) - 1)),
    st.tuples(st.sampled_from(["words", "words", "words", "中文", "picture"]), st.integers(0, 80)),
    st.just(("words", 4000)),
)
ROLES = st.sampled_from(["user", "user", "assistant", "assistant", "tool", "system", "unreadable", "langchain"])


def content_of(shape: Shape) -> Content:
    kind, number = shape
    match kind:
        case "said":
            return SAID[number]
        case "words":
            return "word " * number
        case "中文":
            return "记忆" * number
    text = ({"type": "text", "text": "look " * number},) if number else ()
    return (*text, PICTURE)


def message_of(role: str, shape: Shape) -> Message:
    if role == "langchain":
        return LANGCHAIN[shape[1] % len(LANGCHAIN)]
    return Message(role, content_of(shape))  # type: ignore[arg-type]


# Specs

COUNTS = st.integers(1, 6)
LIMITS = st.sampled_from([60, 200, 500, 1500])
SPECS = st.one_of(
    COUNTS.map(lambda count: f"window:{count}"),
    st.tuples(COUNTS, COUNTS).map(lambda two: f"window:{two[0]}-{two[0] + two[1]}"),
    LIMITS.map(lambda limit: f"tokens:{limit}"),
    LIMITS.map(lambda limit: f"summary-buffer:{limit}"),
    LIMITS.map(lambda limit: f"recall:{limit}"),
    st.sampled_from(["none", "buffer", "summary", "entity", "auto"]),
)
JOINED = (
    st.lists(SPECS, min_size=2, max_size=3, unique_by=lambda spec: spec.partition(":")[0])
    .filter(lambda specs: "none" not in specs or all(one[:4] in ("none", "enti", "reca") for one in specs))
    .map("+".join)
)
MEMORIES = st.one_of(SPECS, SPECS, JOINED)

# What is done

Act = tuple[str, Any]
ACTS = st.one_of(
    st.tuples(st.just("say"), SHAPES),
    st.tuples(st.just("talk"), st.integers(1, 12)),
    st.tuples(st.just("talk"), st.integers(1, 12)),
    st.tuples(st.just("write"), st.lists(st.tuples(ROLES, SHAPES), min_size=1, max_size=4)),
    st.tuples(st.just("derive"), st.sampled_from(["", "", "", *FAILURES])),
    st.tuples(st.just("pin"), st.integers(0, 30)),
    st.tuples(st.just("unpin"), st.integers(0, 3)),
    st.tuples(st.just("undo"), st.integers(1, 4)),
    st.tuples(st.just("redo"), st.none()),
    st.tuples(st.just("undo summary"), st.none()),
    st.tuples(st.just("switch"), MEMORIES),
    st.tuples(st.just("learn"), st.sampled_from([600, 900, 1400, 2400])),
)


class PatientChat(Chat):
    """A chat that derives when it is told to."""

    def derive(self) -> None:
        pass


@dataclass
class Sent:
    """The last turn that was sent, while nothing but turns and derivations followed it."""

    content: Content
    context: Context


@dataclass
class Session:
    """A chat that acts are done to, and what must hold after each."""

    spec: str
    window: int | None
    padding: int
    replies: int = 0
    last: Sent | None = None
    held: bool = False
    behind: bool = True
    learned: bool = False
    chat: PatientChat = field(init=False)

    def __post_init__(self) -> None:
        self.store = InMemoryStore()
        self.model = Scribe(self._reply, self.window)
        self.model.padding = " and so" * self.padding
        self.index = open_index(None)
        memory, aids = parse_memory(self.spec), Aids(index=self.index)
        self.chat = PatientChat(self.store, SESSION, self.model, memory, PROMPT, aids=aids)

    def _reply(self, context: Sequence[Message]) -> str:
        self.replies += 1
        return f"reply {self.replies} " + "so it is " * (self.replies % 7)

    @property
    def history(self) -> list[Message]:
        return self.store.messages(SESSION)

    def everything(self) -> Any:
        return self.history, self.store.snapshot(SESSION, 0), self.store.pending(SESSION)

    # Acts

    def do(self, what: str, argument: Any) -> None:
        before = self.history
        match what:
            case "say":
                self.say(content_of(argument))
            case "talk":
                for number in range(argument):
                    self.say(f"Ann{number} likes rain{len(self.history)} " + "more " * (7 * number % 40))
            case "derive":
                self.derive(argument)
            case "write":
                self.store.append(SESSION, [message_of(*one) for one in argument])
            case "undo":
                self.chat.undo(argument)
            case "redo":
                self.chat.redo()
            case "pin" | "unpin":
                self.pin(what, argument)
            case "undo summary":
                self.held |= self.chat.change(summary.undone)
            case "learn":
                self.learn(argument)
            case "switch":
                self.chat.memory, self.spec, self.held = parse_memory(argument), argument, False
        if what not in ("say", "talk", "derive", "learn"):
            self.last = None
        if what not in ("say", "talk", "write", "undo", "redo"):
            assert self.history == before
        self.behind |= what != "derive"

    def say(self, content: Content) -> None:
        before = self.history
        looked = self.look(content)
        list(self.chat.send(content))
        self.behind = True
        assert self.model.asked[-1] == looked.messages
        assert [message.content for message in self.history[len(before) :]][:1] == [content]
        assert self.history[:-2] == before
        if self.last is not None:
            self.check_prefix(self.last, looked)
        self.last = Sent(content, looked)

    def derive(self, failure: str) -> None:
        self.model.fails = iter([failure])
        try:
            self.chat.background.catch_up()
            self.behind = self.held
        except ChatError:
            assert failure or self.padding

    def learn(self, counted: int) -> None:
        """The endpoint counts otherwise than we: a cut that was made stays where it is."""
        before = self.chat.context("Hi").start
        was_cut = self.store.snapshot(SESSION, 0).states.keys() & {"cut:tokens", "cut:window"}
        self.chat.aids.learned.counted(self.model.name, 1000, counted)
        self.learned = True
        if was_cut and self.spec.startswith(("tokens", "window")) and "+" not in self.spec and before:
            assert self.chat.context("Hi").start == before

    def pin(self, what: str, number: int) -> None:
        history = open_history(self.store, SESSION, 8)
        turns = [*history.turns()] if what == "pin" else pinned(history)
        if turns:
            turn = turns[number % len(turns)]
            change = pin(history, turn) if what == "pin" else unpin(history, turn)
            assert self.chat.change(lambda _: change)

    # What must hold

    def look(self, content: Content | None) -> Context:
        """Return what would be sent; whatever is done, that keeps its promises, and looking changes nothing."""
        before = self.everything()
        self.index.follow(open_history(self.store, SESSION, 8))
        context = self.chat.context(content)
        assert self.chat.context(content).messages == context.messages
        assert self.everything() == before
        self.check_parts(context, content)
        self.check_summary(context)
        self.check_riders(context)
        self.check_budgets(context)
        return context

    def check_parts(self, context: Context, content: Content | None) -> None:
        history, start = self.history, context.start
        assert start in (0, len(history)) or history[start].role == "user"
        turns = pinned(open_history(self.store, SESSION, 8), start)
        for turn in turns:
            assert turn.messages == tuple(history[turn.start : turn.stop])
            assert turn.stop <= start
        pins = [message for turn in turns for message in readable(turn.messages)]
        system, *past, newest = context.messages
        assert past == pins + readable(history[start:])
        assert system.role == "system"
        assert system.text.partition("\n")[0] == "SYSTEM"
        assert newest.role == "user"
        if content is not None:
            assert newest.text.endswith(Message("user", content).text)
        kinds = [part.kind for part in context.parts if part.messages]
        order = ["system", "summary", "pins", "tail", "recall", "entities", "input"]
        others = [kind for kind in kinds if kind not in ("recall", "entities")]
        assert others == sorted(others, key=order.index)
        assert len(set(others)) == len(others)
        assert kinds[-1] == "input"

    def check_summary(self, context: Context) -> None:
        found = summary.current(open_history(self.store, SESSION, 8))
        part = text_of(context, "summary")
        if not part:
            return
        assert found is not None
        covered = self.history[: found.mark.position]
        summed = "turn 1" if found.turns == 1 else f"turns 1 to {found.turns}"
        assert part == f"Summary of the conversation so far ({summed}):\n{found.text}"
        assert found.turns == sum(message.role == "user" for message in covered)
        assert digest_in(found.text) == digest_of(covered)
        if "+" not in self.spec:
            assert len(covered) <= context.start
            if len(covered) < context.start:
                assert any("behind" in note or "did not fit" in note for note in context.notes)

    def check_riders(self, context: Context) -> None:
        history = self.history
        pins = {at for turn in pinned(open_history(self.store, SESSION, 8)) for at in range(turn.start, turn.stop)}
        assert len({(hit.position, hit.part) for hit in context.hits}) == len(context.hits)
        for hit in context.hits:
            assert hit.position < context.start
            assert hit.position not in pins
            assert hit.message.text.strip() in history[hit.position].text
        for entity in corrections.known(open_history(self.store, SESSION, 8)).values():
            for fact in entity.facts:
                assert history[fact.position].role == "user"
                assert fact.text in history[fact.position].text

    def check_budgets(self, context: Context) -> None:
        view = self.chat.look()
        recalled, known = text_of(context, "recall"), text_of(context, "entities")
        limits = {name: limit for name, _, limit in (one.partition(":") for one in self.spec.split("+"))}
        if "recall" in limits and "auto" not in limits:  # which recalls, too
            assert not context.hits or view.count(recalled) <= int(limits["recall"])
        assert view.count(known) <= ROOM
        tails = limits.keys() - {"recall", "entity"}
        if len(tails) != 1:
            return
        (name,) = tails
        if self.learned and name in ("tokens", "summary-buffer"):
            return  # their limits hold as tokens were counted when they were cut
        tail = self.history[context.start :]
        turns = sum(message.role == "user" for message in tail) + (bool(tail) and tail[0].role != "user")
        cost = view.cost(readable(tail))
        match name, limits[name]:
            case "none", _:
                assert not tail
            case "buffer", _:
                assert context.start == 0
            case "window", limit if "-" not in limit:
                assert turns == min(int(limit), sum(1 for _ in view.history.turns()))
            case "window", limit:
                assert turns <= int(limit.partition("-")[2])
            case "tokens", limit:
                assert turns <= 1 or cost <= int(limit)
            case "summary", _:
                assert turns <= (24 if self.behind else 12)
            case "summary-buffer", limit:
                assert turns <= 1 or cost <= (2 if self.behind else 1) * int(limit)
            case "auto", _ if self.spec == "auto":
                self.check_auto(context)

    def check_auto(self, context: Context) -> None:
        """Everything together fits the window, unless what was not for the memory to choose does not."""
        window = self.window or 8192
        given = [part for part in context.parts if part.kind in ("system", "input", "pins")]
        unchosen = context.count([message for part in given for message in part.messages])
        if unchosen + self.chat.reply_room(window) <= window - window // 16 - window // 8:
            assert context.tokens + self.chat.reply_room(window) <= window

    def check_prefix(self, before: Sent, after: Context) -> None:
        """What went before the last input is sent again, as it was, unless there was a cut or a fold."""
        one = before.context
        if (one.start, one.messages[0]) != (after.start, after.messages[0]):
            self.check_cut(one, after)
            return
        if text_of(one, "pins") != text_of(after, "pins"):
            return
        unchanged = len(one.messages) - 1
        assert after.messages[:unchanged] == one.messages[:unchanged]
        assert after.messages[unchanged].content == before.content

    def check_cut(self, before: Context, after: Context) -> None:
        """The tail of `tokens:N` and `window:J-K` begins elsewhere only when it outgrew its size."""
        name, _, limit = self.spec.partition(":")
        outgrown = self.history[before.start : after.length]
        if name == "tokens" and limit.isdecimal() and not self.learned:
            assert self.chat.look().cost(readable(outgrown)) > int(limit)
        if re.fullmatch(r"window:\d+-\d+", self.spec):
            assert sum(message.role == "user" for message in outgrown) >= int(limit.partition("-")[2])


def text_of(context: Context, kind: str) -> str:
    return "".join(message.text for part in context.parts if part.kind == kind for message in part.messages)


@settings(
    max_examples=25,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
@given(
    spec=MEMORIES,
    window=st.sampled_from([None, 1024, 4096]),
    padding=st.sampled_from([0, 0, 60, 300, 2000]),
    turns=st.integers(0, 20),
    acts=st.lists(ACTS, min_size=1, max_size=12),
    question=SHAPES,
)
def test_what_is_sent_keeps_its_promises(
    spec: str, window: int | None, padding: int, turns: int, acts: list[Act], question: Shape
) -> None:
    session = Session(spec, window, padding)
    for what, argument in [("talk", turns), *acts]:
        session.do(what, argument)
        session.look(content_of(question))
        session.look(None)
    session.chat.close()


def test_auto_makes_room_for_a_summary_that_is_longer_than_it_was_asked_to_be() -> None:
    session = Session("auto", 1024, padding=60)
    for act in [("talk", 12), ("derive", "")] * 4:
        session.do(*act)
        assert session.look("word " * 300).tokens + session.chat.reply_room(1024) <= 1024
    session.chat.close()


def test_a_summary_holds_when_the_endpoint_counts_otherwise_than_when_it_was_made() -> None:
    session = Session("summary-buffer:60", None, padding=0)
    for act in [("say", ("words", 4000))] * 2 + [("learn", 600), ("say", ("said", 0)), ("derive", "")]:
        session.do(*act)
        session.look("Hi")
    session.chat.close()
