"""`summary` and `summary-buffer:N`: the older turns as a running summary, the newest word for word.

The tail begins where the summary ends, so nothing falls between them. When the tail has outgrown its limit, its older
half is folded into the summary by a model, after the turn, in the background: the text in front of the tail changes
only then. Until that has worked the tail is longer; beyond twice its limit it is cut, and the summary catches up.

The versions of the summary are kept with the session, each with how far it reaches: an undo of turns or of the
summary itself goes back to one that holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from chatcli.errors import BrokenStream
from chatcli.memory.blocks import Cost, block_tail, newest_within, turns_back_to
from chatcli.memory.history import History
from chatcli.memory.quoting import abridged, is_refusal, spoken
from chatcli.memory.strategy import Ask, Derivation, Part, Strategy, Tail, View, no_number, positive
from chatcli.messages import Message, Turn, is_count
from chatcli.stores import Change, State, Watermark
from chatcli.values import counted

STATE = "summary"
VERSIONS = 10
"""How many versions of a summary are kept."""

PATIENCE = 16
"""Messages for which nothing is folded after the user went back to an older summary."""

_SYSTEM = (
    "You keep the running summary of a conversation, so that it can go on when its older part is no longer shown. "
    "Given the summary so far and the turns that came after it, write the new summary, which replaces the old one: "
    "facts, names, numbers, decisions, what the user wants and prefers, what is still open. Leave out small talk and "
    "what was corrected later. Write in the language of the conversation, in plain text, no heading, at most {words} "
    "words. Do not answer or continue the conversation. Reply with the summary alone."
)


@dataclass(frozen=True, slots=True)
class Version:
    """A summary of the first `turns` turns, the messages before `mark`; `edited`: the user's own words."""

    text: str
    mark: Watermark
    turns: int
    edited: bool = False


def versions(history: History) -> list[Version]:
    """Return the summaries that hold for this history, the newest last."""
    state = history.state(STATE)
    kept = state.value.get("versions") if state else None
    read = [_version(entry) for entry in kept] if isinstance(kept, list) else []
    return [version for version in read if version and history.holds(version.mark)]


def current(history: History) -> Version | None:
    """Return the summary that holds now."""
    found = versions(history)
    return found[-1] if found else None


def edited(history: History, opened: Version, text: str) -> Change | None:
    """Return the change that puts the user's `text` in the place of the version that was `opened`.

    It covers what that one did, though another was written meanwhile: what came after it is in the tail again. None
    when that version does not hold any more.
    """
    if not history.holds(opened.mark):
        return None
    return _kept(history, [*versions(history), replace(opened, text=text, edited=True)])


def undone(history: History) -> Change | None:
    """Return the change that goes back one version, to none at last; None when there is no summary.

    Nothing is folded for the next turns then: it would soon say the same again.
    """
    found = versions(history)
    return _kept(history, found[:-1], hold=history.length + PATIENCE) if found else None


def told(change: Change) -> str:
    """Return in one line what a change did to the summary; '' for a change of something else."""
    kept = change.state.value.get("versions") if change.name == STATE else None
    newest = _version(kept[-1]) if kept else None
    if newest is None:
        return ""
    return f"{_turns(newest.turns)} {'is' if newest.turns == 1 else 'are'} summed up now"


@dataclass(frozen=True, slots=True)
class Summary(Strategy):
    """The turns since the summary, and the summary.

    The tail grows to `high` and is then folded down to `low`, in turns or, when `in_tokens`, in tokens; beyond `most`
    (0: twice `high`) it is cut. The summary has about `length` tokens at most.
    """

    spec: str = "summary"
    high: int = 12
    low: int = 4
    in_tokens: bool = False
    length: int = 400
    most: int = 0
    first_look: int = 64
    derives: bool = True

    def tail(self, view: View) -> Tail:
        """Return the summary and the turns since; nothing is left out but beyond the most there may be."""
        summary = current(view.history)
        end = summary.mark.position if summary else 0
        most = self.most or 2 * self.high
        tail = block_tail(view, self.spec, self.cost(view), most, most // 2, least=end)
        behind = counted(tail.start - end, "message")
        notes = (f"the summary is behind: {behind} are in neither it nor the tail yet",) if tail.start > end else ()
        return Tail(tail.start, _front(summary), tail.changes, notes)

    def derivations(self, view: View) -> tuple[Derivation, ...]:
        """Return the folding."""
        return (Folding(self),)

    def cost(self, view: View) -> Cost:
        """Return what a turn counts."""
        return view.turn_cost if self.in_tokens else _one


@dataclass(frozen=True, slots=True)
class Folding:
    """Folds the turns that the tail has outgrown into the summary, one request a step."""

    strategy: Summary
    name: str = STATE

    def is_due(self, view: View) -> bool:
        """Say whether the tail has outgrown its limit."""
        return self._due(view) is not None

    def has_begun(self, view: View) -> bool:
        """Say whether there is a summary already."""
        return current(view.history) is not None

    def step(self, view: View, ask: Ask) -> Change | None:
        """Fold the tail's older part when it is due. Raises ModelError; the summary stays as it is then."""
        keep = self._due(view)
        return None if keep is None else self.fold(view, ask, keep)

    def _due(self, view: View) -> int | None:
        """Return up to where it is time to fold; None when it is not."""
        state = view.history.state(STATE)
        if state and view.history.length < _number(state.value.get("hold")):
            return None
        return self._keep(view, _end(view.history))

    def compact(self, view: View, ask: Ask, hint: str = "") -> Change | None:
        """Fold all but the newest turn now, one request a call; None when all is done. `hint`: what to look at."""
        newest = next(view.history.turns(), None)
        if newest is None or newest.start <= _end(view.history):
            return None
        return self.fold(view, ask, newest.start, hint)

    def fold(self, view: View, ask: Ask, keep: int, hint: str = "") -> Change:
        """Return the change that extends the summary toward position `keep`, as far as one request holds."""
        history, before = view.history, current(view.history)
        messages, stop = _chunk(view, before.mark.position if before else 0, keep, ask.room)
        length = self.strategy.length
        said = [f"{message.role}: {_shown(view, message, ask.room)}" for message in messages]
        text = ask(_request(before.text if before else "", said, length, hint)).strip()
        if not text or is_refusal(text) or view.count(text) > 3 * length:
            raise BrokenStream("the model wrote no summary", "the next turn tries again, in a chat /compact")
        turns = (before.turns if before else 0) + sum(message.role == "user" for message in messages)
        return _kept(history, [*versions(history), Version(text, history.watermark(stop), turns)])

    def _keep(self, view: View, end: int) -> int | None:
        """Return where the tail will begin when what it has outgrown is folded; None when it has not."""
        cost, total = self.strategy.cost(view), 0.0
        kept: list[Turn] = []
        for turn in turns_back_to(view.history, end):
            kept.append(turn)
            total += cost(turn, view.scale)
            if total > self.strategy.high:
                first = newest_within(kept, lambda turn: cost(turn, view.scale), self.strategy.low)[-1].start
                return first if first > end else None
        return None


def _one(turn: Turn, scale: float) -> float:
    return 1.0


def _turns(count: int) -> str:
    return "turn 1" if count == 1 else f"turns 1 to {count:,}"


def _front(summary: Version | None) -> tuple[Part, ...]:
    if summary is None:
        return ()
    text = f"Summary of the conversation so far ({_turns(summary.turns)}):\n{summary.text}"
    return (Part(STATE, (Message("system", text),), "before"),)


def _shown(view: View, message: Message, room: int) -> str:
    """Return what a message says, abridged to the tokens there is room for."""
    text = spoken(message)
    tokens = view.count(text)
    return text if tokens <= room else abridged(text, len(text) * room // tokens)


def _request(before: str, said: Sequence[str], length: int, hint: str) -> list[Message]:
    """Return the request for a new summary of the one before and what was said since."""
    parts = [f"Summary so far:\n{before}"] if before else []
    parts.append(f"{'Turns after it' if before else 'Turns'}:\n" + "\n".join(said))
    if hint:
        parts.append(f"Above all, keep what bears on this: {hint}")
    parts.append("New summary:")
    return [Message("system", _SYSTEM.format(words=length // 2)), Message("user", "\n\n".join(parts))]


def _chunk(view: View, start: int, keep: int, room: int) -> tuple[list[Message], int]:
    """Return the messages to fold from `start` on, whole turns that a request holds, and where they end."""
    taken: list[Message] = []
    stop, total = start, 0
    while stop < keep:
        # where another program went on within a turn, what is left of it counts as one
        turn = view.history.turn_at(stop) or Turn(stop, tuple(view.history.between(stop, stop + 1)))
        if not turn.messages:
            break
        total += round(view.turn_cost(turn, view.scale))
        if taken and total > room:
            break
        taken += [message for message in turn.messages if message.role in ("user", "assistant", "tool")]
        stop = min(turn.stop, keep)
    return taken, stop


def _end(history: History) -> int:
    summary = current(history)
    return summary.mark.position if summary else 0


def _kept(history: History, found: Sequence[Version], hold: int = 0) -> Change:
    entries = [
        {"text": v.text, "position": v.mark.position, "fingerprint": v.mark.fingerprint, "turns": v.turns}
        | ({"edited": True} if v.edited else {})
        for v in found[-VERSIONS:]
    ]
    mark = found[-1].mark if found else Watermark(0)
    value = {"versions": entries} | ({"hold": hold} if hold else {})
    return Change(STATE, State(value, mark), history.state(STATE))


def _version(entry: Any) -> Version | None:
    match entry:
        case {"text": str(text), "position": position, "fingerprint": str(mark), "turns": turns}:
            if is_count(position) and is_count(turns):
                return Version(text, Watermark(position, mark), turns, bool(entry.get("edited")))
    return None


def _number(value: Any) -> int:
    return value if is_count(value) else 0


def build(parameters: str) -> Summary:
    """Build `summary`, which keeps 4 to 12 turns word for word and takes no parameters."""
    no_number(parameters, "summary")
    return Summary()


def build_buffer(parameters: str) -> Summary:
    """Build from `N`, the tokens of the tail at most."""
    spec = f"summary-buffer:{parameters}" if parameters else "summary-buffer"
    return buffer(positive(parameters, spec), spec)


def buffer(limit: int, spec: str, length: int = 0, most: int = 0) -> Summary:
    """Return a summary beside a tail of at most `limit` tokens, of `most` until what is older is summed up."""
    length = length or min(1000, max(200, limit // 8))
    return Summary(spec, limit, limit // 2, in_tokens=True, length=length, most=most)
