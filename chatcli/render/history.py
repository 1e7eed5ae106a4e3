"""A history on the screen."""

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from chatcli.authors import who_asked
from chatcli.messages import Message
from chatcli.render.safe import neutralise, one_line
from chatcli.stores import Store

if TYPE_CHECKING:
    from rich.console import Console

_ENDINGS = {"interrupted": "stopped here", "length": "cut at the token limit", "error": "the connection broke here"}
_PAGE = 500  # messages
_NAMES = {"user": "you", "assistant": "assistant", "system": "system", "tool": "tool"}


class Excerpt(NamedTuple):
    """Messages as they stand in a history; the first one stands at `start`, after `turns` turns that began before."""

    start: int
    messages: list[Message]
    turns: int = 0

    def placed(self) -> Iterator[tuple[int, int, Message]]:
        """Yield each message with its position and the number of its turn."""
        return placed(self.messages, self.start, self.turns)


def placed(messages: Iterable[Message], start: int = 0, turns: int = 0) -> Iterator[tuple[int, int, Message]]:
    """Yield each message with its position and the number of its turn; `turns` began before `start`, the first's."""
    for position, message in enumerate(messages, start):
        turns += message.role == "user"
        yield position, turns, message


def last_turns(store: Store, session: str, turns: int | None) -> Excerpt:
    """Return the messages of the last `turns` turns (None: all)."""
    if turns is None:
        return Excerpt(0, store.messages(session))
    looked = 2 * turns
    while True:
        seen = store.snapshot(session, looked)
        first = seen.length - len(seen.newest)
        starts = [position for position, message in enumerate(seen.newest, first) if message.role == "user"][-turns:]
        if len(starts) == turns or first == 0:
            break
        looked *= 4
    start = starts[0] if len(starts) == turns else 0
    messages = list(seen.newest[start - first :])
    return Excerpt(start, messages, max(0, seen.session.turns - len(starts)))


def turns_between(store: Store, session: str, first: int, last: int | None) -> Excerpt:
    """Return the messages of the turns `first` to `last` (None: to the end); reads from the beginning on."""
    messages: list[Message] = []
    position = turn = start = 0
    while page := store.messages(session, position, position + _PAGE):
        for message in page:
            turn += message.role == "user"
            if last is not None and turn > last:
                return Excerpt(start, messages, first - 1)
            if turn >= first:
                start = start if messages else position
                messages.append(message)
            position += 1
    return Excerpt(start, messages, first - 1)


def around(store: Store, session: str, position: int, turn: int, more: int) -> Excerpt:
    """Return the message at `position`, which belongs to that turn, and up to `more` on either side."""
    start = max(0, position - more)
    messages = store.messages(session, start, position + more + 1)
    before = sum(message.role == "user" for message in messages[: position - start + 1])
    return Excerpt(start, messages, max(0, turn - before))


def print_history(excerpt: Excerpt, raw: bool = False) -> None:
    """Print messages on stdout: as markdown on a terminal, as plain text elsewhere or if `raw`."""
    if raw or not sys.stdout.isatty():
        for position, turn, message in excerpt.placed():
            print(plain_message(message, position, turn, whole=raw))
        return
    from chatcli.render.streaming import terminal

    console = terminal(sys.stdout)
    for position, turn, message in excerpt.placed():
        print_message(console, message, position, turn)


def plain_message(message: Message, position: int, turn: int = 0, whole: bool = False) -> str:
    """Return a message as plain text: who, then what was said, then an empty line."""
    if message.role == "unreadable":
        return f"[message {position}: {one_line(message.text, 60)}; kept in the store, never sent]\n"
    return f"{who_said(message, turn)}\n{neutralise(describe(message, whole))}{_ending(message)}\n"


def print_message(console: "Console", message: Message, position: int, turn: int = 0) -> None:
    """Print one message on a rich console."""
    from rich.text import Text

    from chatcli.render.markdown import whole
    from chatcli.render.wrapping import wrapped

    if message.role == "unreadable":
        console.print(Text(plain_message(message, position), style="chat.warning"))
        return
    console.print(Text(who_said(message, turn), style="chat.prompt" if message.role == "user" else "bold"))
    text = describe(message)
    if message.role == "assistant":
        console.print(whole(text))
    else:
        console.print(*wrapped(Text(neutralise(text)), console, console.width), sep="\n")
    if ending := _ending(message).strip():
        console.print(Text(ending, style="chat.dim"))
    console.print()


def describe(message: Message, whole: bool = False) -> str:
    """Return what a message says; an image by its size, an attached text too, unless the `whole` is wanted."""
    if isinstance(message.content, str):
        said = message.content
    else:
        said = "\n".join(_describe_part(part, whole) for part in message.content)
    calls = "".join(f"\n[calls {_called(call)}]" for call in message.tool_calls)
    return (said + calls).lstrip("\n")


def _called(call: Mapping[str, Any]) -> str:
    """Return the name of the tool in a call of OpenAI's shape, or of an older one without a `function`."""
    return one_line(str(call.get("function", {}).get("name") or call.get("name") or "a tool"), 60)


def _describe_part(part: Mapping[str, Any], whole: bool) -> str:
    from chatcli.attachments import attached_name
    from chatcli.images import label, size_of

    if part.get("type") == "text":
        text = str(part.get("text", ""))
        name = None if whole else attached_name(text)
        return text if name is None else f"[{name} {size_of(len(text.encode('utf-8', 'replace')))}]"
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, Mapping) else image
    return one_line(label(str(url)), 100) if url else f"[{part.get('type', 'part')}]"


def who_said(message: Message, turn: int) -> str:
    """Return who said it, and when; a turn's first message has its number."""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(message.time)) if message.time else ""
    who = one_line(who_asked(message), 60) or _NAMES.get(message.role, message.role)
    number = f"turn {turn:,}" if turn and message.role == "user" else ""
    details = " · ".join(part for part in (number, one_line(message.model or "", 60), when) if part)
    return f"{who} ({details})" if details else who


def end_note(message: Message) -> str:
    """Return how a reply ended, when not well; '' otherwise."""
    return _ENDINGS.get(message.finish or "", "")


def _ending(message: Message) -> str:
    return f"\n[{end_note(message)}]" if end_note(message) else ""
