"""The template around it all: messages with `{variables}`, and where the history goes.

`{name}` stands for a variable, `{{` and `}}` for a brace, any other brace for itself. Only the template's own
text is searched: what a variable, the history or the input holds is never treated as a template.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chatcli.errors import UsageError
from chatcli.memory import Part
from chatcli.messages import Content, Message, Role

HISTORY = "history"
INPUT = "input"

_FIELD = re.compile(r"\{\{|\}\}|\{([^\W\d]\w*)\}")
_ROLES: dict[str, Role] = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
}


@dataclass(frozen=True, slots=True)
class Template:
    """One message of the prompt; text and image URLs in `content` may hold variables."""

    role: Role
    content: Content


@dataclass(frozen=True, slots=True)
class Placeholder:
    """Where a list of messages goes: the history, or a variable that holds messages as JSON.

    An `optional` one may be missing.
    """

    variable: str = HISTORY
    optional: bool = False


_INPUT_ALONE = Template("user", "{input}")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A whole prompt: `entries` as the user wrote them.

    One that does not say where the history or the input goes has them at its end, in this order (the history
    before the last message that holds the input). A system text may hold the input, but is not where it goes:
    endpoints want a message of the user's.

    `{history}` inside a message's text is the history as text, one line a message, each after
    `human_prefix` or `ai_prefix`, as LangChain's get_buffer_string writes it.
    """

    entries: tuple[Template | Placeholder, ...] = ()
    human_prefix: str = "Human"
    ai_prefix: str = "AI"
    name: str = ""


def make_prompt(
    entries: Iterable[Mapping[str, Any]] = (),
    name: str = "",
    human_prefix: str = "Human",
    ai_prefix: str = "AI",
) -> Prompt:
    """Return the prompt that `entries` describe: `{role, content}` or `{placeholder, optional}` each.

    Raises UsageError for an entry of another kind.
    """
    return Prompt(tuple(_entry(entry, name) for entry in entries), human_prefix, ai_prefix, name)


def with_system(prompt: Prompt, text: str) -> Prompt:
    """Return the prompt with `text` as its system text, in place of what it had; without any for ''."""
    others = tuple(entry for entry in prompt.entries if not _is_system(entry))
    system = (Template("system", text),) if text else ()
    return replace(prompt, entries=system + others)


def system_text(prompt: Prompt) -> str:
    """Return the system text as it was written, variables unfilled; '' when there is none."""
    messages = (e for e in prompt.entries if isinstance(e, Template) and e.role == "system")
    return "\n".join(text for message in messages for text in _texts(message.content))


def variables_of(prompt: Prompt) -> set[str]:
    """Return the names the prompt needs from the user, history and input left out."""
    names = {name for entry in prompt.entries for name in _names(entry)}
    return names - {HISTORY, INPUT}


def check_variables(prompt: Prompt, variables: Mapping[str, str]) -> None:
    """Raise UsageError that names the variables which `prompt` needs and `variables` lacks."""
    missing = sorted(variables_of(prompt) - variables.keys())
    if missing:
        where = f"the prompt {prompt.name!r}" if prompt.name else "the prompt"
        named = ", ".join(f"{{{name}}}" for name in missing)
        flags = " ".join(f"--var {name}=…" for name in missing)
        raise UsageError(
            f"{where} needs {named}",
            f"give it: {flags}, in a chat /var {missing[0]} …; or write {{{{…}}}} for plain braces",
        )


def fill(
    prompt: Prompt, variables: Mapping[str, str], remembered: Sequence[Part], question: Message | None
) -> list[Part]:
    """Merge system text, variables, what the memory selected, and the input into the parts of a request.

    What rides with the input stands right before it. Without a question the parts that hold the input say `{input}`.
    Raises UsageError for a missing variable.
    """
    check_variables(prompt, variables)
    asked: Content = "{input}" if question is None else question.content
    past = [part for part in remembered if part.joins != "after" and part.messages]
    riding = [part for part in remembered if part.joins == "after"]
    values = {**variables, HISTORY: _as_text(prompt, past)}
    entries = _completed(prompt.entries)
    newest = max(index for index, entry in enumerate(entries) if _holds_input(entry))
    parts: list[Part] = []
    for index, entry in enumerate(entries):
        if isinstance(entry, Template):
            filled = _fill_template(entry, values, asked)
            if index == newest:
                parts += [replace(part, messages=_in_role(part.messages, entry.role)) for part in riding]
            parts.append(filled)
        elif entry.variable == HISTORY:
            parts = _with_history(parts, past)
        elif entry.variable in variables:
            parts.append(Part("prompt", _messages_from(entry.variable, variables[entry.variable])))
    return parts


def _with_history(parts: Sequence[Part], past: Sequence[Part]) -> list[Part]:
    """Return the parts with the past after them; what joins a system text is put right behind the first there is."""
    joining = [part for part in past if part.joins == "before"]
    first = next((at for at, part in enumerate(parts, 1) if part.messages and part.messages[0].role == "system"), None)
    at = len(parts) if first is None else first
    return [*parts[:at], *joining, *parts[at:], *(part for part in past if part.joins != "before")]


def _entry(entry: Mapping[str, Any], name: str) -> Template | Placeholder:
    if "placeholder" not in entry:
        return _template(entry, name)
    variable = str(entry["placeholder"]).strip("{}")
    if variable == INPUT:
        return _INPUT_ALONE
    return Placeholder(variable, bool(entry.get("optional", False)))


def _template(entry: Mapping[str, Any], name: str) -> Template:
    role = _ROLES.get(str(entry.get("role", "")))
    content = entry.get("content")
    if role is None or not isinstance(content, str | list | tuple):
        raise UsageError(
            f"the prompt {name!r} has an entry that is neither a message nor a placeholder: {dict(entry)!r}",
            'write { role = "system", content = "…" } or { placeholder = "history" }',
        )
    return Template(role, content if isinstance(content, str) else tuple(content))


def _completed(entries: tuple[Template | Placeholder, ...]) -> tuple[Template | Placeholder, ...]:
    """Return the entries with the input and the history among them."""
    if not any(map(_holds_input, entries)):
        entries = (*entries, _INPUT_ALONE)
    if any(HISTORY in _names(entry) for entry in entries):
        return entries
    last = max(index for index, entry in enumerate(entries) if INPUT in _names(entry))
    return (*entries[:last], Placeholder(), *entries[last:])


def _holds_input(entry: Template | Placeholder) -> bool:
    return INPUT in _names(entry) and not _is_system(entry)


def _in_role(messages: Iterable[Message], role: Role) -> tuple[Message, ...]:
    return tuple(replace(message, role=role) for message in messages)


def _is_system(entry: Template | Placeholder) -> bool:
    return isinstance(entry, Template) and entry.role == "system"


def _names(entry: Template | Placeholder) -> set[str]:
    if isinstance(entry, Placeholder):
        return set() if entry.optional and entry.variable != HISTORY else {entry.variable}
    return {match[1] for text in _texts(entry.content) for match in _FIELD.finditer(text) if match[1]}


def _texts(content: Any) -> Iterator[str]:
    """Yield every string inside a content: text, and the URLs of its image parts."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, Mapping):
        for value in content.values():
            yield from _texts(value)
    elif isinstance(content, Sequence):
        for value in content:
            yield from _texts(value)


def _fill_template(entry: Template, values: Mapping[str, str], asked: Content) -> Part:
    content: Content
    kind = "input" if INPUT in _names(entry) else "system" if entry.role == "system" else "prompt"
    if entry.content == f"{{{INPUT}}}":
        content = asked  # to the letter what the history has of it later
    elif isinstance(entry.content, str) and isinstance(asked, str):
        content = _substitute(entry.content, {**values, INPUT: asked})
    else:
        content = _fill_parts(entry.content, values, asked)
    return Part(kind, (Message(entry.role, content),))


def _fill_parts(content: Content, values: Mapping[str, str], asked: Content) -> Content:
    """Fill a content of parts, or text around an input that has parts: those follow the text."""
    text, extra = (asked, ()) if isinstance(asked, str) else _text_and_rest(asked)
    known = {**values, INPUT: text}
    whole = [{"type": "text", "text": content}] if isinstance(content, str) else content
    filled = tuple(_map_texts(part, lambda found: _substitute(found, known)) for part in whole)
    if INPUT in _names(Template("user", content)):
        filled = tuple(part for part in filled if part.get("text") != "") + extra
    return filled


def _text_and_rest(parts: Sequence[Mapping[str, Any]]) -> tuple[str, tuple[Mapping[str, Any], ...]]:
    """Return the first text among the parts, which is what was typed, and what goes with it."""
    first = next((at for at, part in enumerate(parts) if part.get("type") == "text"), None)
    text = "" if first is None else str(parts[first].get("text", ""))
    return text, tuple(part for at, part in enumerate(parts) if at != first)


def _map_texts(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _map_texts(inner, change) for key, inner in value.items()}
    if isinstance(value, Sequence):
        return tuple(_map_texts(inner, change) for inner in value)
    return value


def _substitute(template: str, values: Mapping[str, str]) -> str:
    def replacement(match: re.Match[str]) -> str:
        return values[match[1]] if match[1] else match[0][0]

    return _FIELD.sub(replacement, template)


def _as_text(prompt: Prompt, remembered: Sequence[Part]) -> str:
    prefixes = {
        "user": prompt.human_prefix,
        "assistant": prompt.ai_prefix,
        "system": "System",
        "tool": "Tool",
    }
    return "\n".join(f"{prefixes[message.role]}: {message.text}" for part in remembered for message in part.messages)


def _messages_from(variable: str, text: str) -> tuple[Message, ...]:
    """Return the messages that a placeholder's variable holds as a JSON list of `{role, content}`."""
    try:
        entries = [_template(item, variable) for item in json.loads(text)]
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(
            f"the variable {variable!r} fills a placeholder, but is no JSON list of messages",
            f"""--var {variable}='[{{"role": "user", "content": "…"}}]'""",
        ) from error
    return tuple(Message(entry.role, entry.content) for entry in entries)


DEFAULT = Prompt()
"""The history, then the input."""
