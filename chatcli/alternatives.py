"""Alternatives: the other versions of a turn that was sent again or edited, kept in what replaced them.

`extra["alternatives"]` of the turn's last message lists them, oldest first, each as its messages; one that answers the
question that stands in the history does not repeat it, and of another question a part that stands in that one too, an
image say, is `{"same": 1}`: its index there. `extra["version"]` is the number of the one that stands there,
among all of them. So they are committed with the reply, and go wherever it goes; they are never sent.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from chatcli.messages import Message, Usage, fingerprint, from_dict, is_count, to_dict

KEPT = 20
"""Alternatives of a turn at most; the oldest go first."""

_OURS = ("alternatives", "version")

Version = tuple[Message, ...]
"""A whole turn: the question, and what answered it."""


def versions(turn: Sequence[Message]) -> tuple[list[Version], int]:
    """Return the versions of a turn, oldest first, and the index of the one that stands in the history."""
    current = tuple(map(_bare, turn))
    kept: Mapping[str, Any] = next((message.extra for message in reversed(turn) if "alternatives" in message.extra), {})
    listed = kept.get("alternatives")
    others = [version for raw in (listed if isinstance(listed, list) else ()) if (version := _read(raw, current[0]))]
    number = kept.get("version")
    place = min(number - 1, len(others)) if is_count(number) and number else len(others)
    return [*others[:place], current, *others[place:]], place


def other_replies(message: Message) -> list[Message]:
    """Return the replies of the other versions that a turn's last message holds, oldest first."""
    listed = message.extra.get("alternatives")
    written = [data for raw in (listed if isinstance(listed, list) else ()) if isinstance(raw, list) for data in raw]
    found: list[Message] = []
    for data in written:  # each for itself: a question may lean on parts of one that is not here
        if isinstance(data, Mapping) and data.get("role") == "assistant":
            with suppress(ValueError):
                found.append(from_dict(data))
    return found


def as_turn(found: Sequence[Version], chosen: int) -> list[Message]:
    """Return the messages of the chosen version, which hold the others."""
    question, *rest = found[chosen]
    others = [_written(version, question) for index, version in enumerate(found) if index != chosen]
    messages = [question, *rest]
    if others:
        last = messages[-1]
        messages[-1] = replace(last, extra={**last.extra, "alternatives": others, "version": chosen + 1})
    return messages


def replaced(old: Sequence[Message], question: Message, reply: Message) -> list[Message]:
    """Return the messages that take the place of the turn `old`, which stays as an alternative.

    A reply that goes on from the old one takes its place for good: what the two cost together, and what the model
    thought, is kept with it.
    """
    found, now = versions(old)
    answered = _answer(found[now])
    if answered and _same(found[now][0], question) and _goes_on(answered, reply):
        found[now] = (_bare(question), _with_what_went_before(answered, reply))
        return as_turn(found, now)
    if len(found[now]) == 1 and _same(found[now][0], question):  # nothing had answered it
        del found[now]
    elif len(found) > KEPT:
        del found[1 if now == 0 else 0]
    found.append((_bare(question), reply))
    return as_turn(found, len(found) - 1)


def with_others_of(old: Sequence[Message], turn: Sequence[Message]) -> list[Message]:
    """Return the messages of a turn that replaces `old`, with the other versions which only that one holds."""
    found, stands = versions(turn)
    before, now = versions(old)
    known = [_marks(version) for version in found]
    missing = [version for index, version in enumerate(before) if index != now and _marks(version) not in known]
    return as_turn([*missing, *found], len(missing) + stands) if missing else list(turn)


def _marks(version: Version) -> list[str]:
    return list(map(fingerprint, version))


def _goes_on(old: Message, new: Message) -> bool:
    return old.finish != "stop" and bool(old.text.strip()) and new.text.startswith(old.text.rstrip())


def _with_what_went_before(old: Message, new: Message) -> Message:
    usage = new.usage
    if old.usage and usage:
        sums = zip(_counts(old.usage), _counts(usage), strict=True)
        usage = Usage(*(before + now for before, now in sums))
    thoughts = "\n\n".join(filter(None, (reasoning_of(old), reasoning_of(new))))
    return replace(new, usage=usage or old.usage, extra={**new.extra, **({"reasoning": thoughts} if thoughts else {})})


def _counts(usage: Usage) -> tuple[int, int, int]:
    return usage.prompt, usage.completion, usage.cached


def reasoning_of(message: Message) -> str:
    """Return what the model thought before this reply; that of a LangChain program too, '' when nothing is known."""
    found = message.extra.get("reasoning")
    for name in ("langchain", "data", "additional_kwargs", "reasoning_content") if found is None else ():
        found = (message.extra if found is None else found).get(name, {})
        if not isinstance(found, Mapping):
            break
    return found if isinstance(found, str) else ""


def _answer(version: Version) -> Message | None:
    """Return the reply of a turn that is a question and a reply; None for any other."""
    return version[1] if len(version) == 2 and version[1].role == "assistant" else None


def _same(one: Message, other: Message) -> bool:
    return fingerprint(one) == fingerprint(other)


def _bare(message: Message) -> Message:
    """Return the message without its alternatives."""
    if not any(name in message.extra for name in _OURS):
        return message
    return replace(message, extra={name: value for name, value in message.extra.items() if name not in _OURS})


def _written(version: Version, question: Message) -> list[dict[str, Any]]:
    messages = version[1:] if _same(version[0], question) and len(version) > 1 else version
    return [_with_content(to_dict(message), lambda part: _referred(part, question)) for message in messages]


def _read(raw: Any, question: Message) -> Version | None:
    """Return the version that was written, with its question; None for what cannot be read."""
    try:
        messages = tuple(from_dict(_with_content(data, lambda part: _found(part, question))) for data in raw)
    except (TypeError, ValueError):
        return None
    if not messages:
        return None
    return messages if messages[0].role == "user" else (question, *messages)


def _with_content(data: Any, part: Callable[[Any], Any]) -> Any:
    """Return a message's data with each part of its content made anew by `part`."""
    if not isinstance(data, Mapping) or not isinstance(data.get("content"), (list, tuple)):
        return data
    return {**data, "content": [part(one) for one in data["content"]]}


def _referred(part: Any, question: Message) -> Any:
    """Return what stands for a part: where the question has the same, or itself."""
    return {"same": question.content.index(part)} if _has_parts(question) and part in question.content else part


def _found(part: Any, question: Message) -> Any:
    """Return the part of the question that is meant, or the part itself; None, which is no part, when there is none."""
    match part:
        case {"same": index, **others} if not others:
            there = _has_parts(question) and is_count(index) and index < len(question.content)
            return question.content[index] if there else None
    return part


def _has_parts(question: Message) -> bool:
    return not isinstance(question.content, str)
