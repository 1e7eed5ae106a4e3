"""A history on the screen."""

import sys
import time
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from chatcli.memory.history import open_history
from chatcli.messages import Message
from chatcli.render.safe import neutralise, one_line
from chatcli.stores import Store

if TYPE_CHECKING:
    from rich.console import Console

_NAMES = {"user": "you", "assistant": "assistant", "system": "system", "tool": "tool"}


def last_turns(store: Store, session: str, turns: int | None) -> tuple[int, list[Message]]:
    """Return the messages of the last `turns` turns (None: all) and the position of the first."""
    if turns is None:
        return 0, store.messages(session)
    history = open_history(store, session, newest=2 * turns)
    starts = [turn.start for turn in islice(history.turns(), turns)]
    start = starts[-1] if starts else 0
    return start, history.since(start)


def print_history(messages: Sequence[Message], start: int = 0, raw: bool = False) -> None:
    """Print messages on stdout: as markdown on a terminal, as plain text elsewhere or if `raw`."""
    if raw or not sys.stdout.isatty():
        for position, message in enumerate(messages, start):
            print(plain_message(message, position))
        return
    from chatcli.render.streaming import terminal

    console = terminal(sys.stdout)
    for position, message in enumerate(messages, start):
        print_message(console, message, position)


def plain_message(message: Message, position: int, heading: bool = True) -> str:
    """Return a message as plain text: who (if `heading`), then what was said, then an empty line."""
    if message.role == "unreadable":
        return f"[message {position}: {one_line(message.text, 60)}; kept in the store, never sent]\n"
    who = f"{_heading(message)}\n" if heading else ""
    return f"{who}{neutralise(describe(message))}{_ending(message)}\n"


def print_message(console: "Console", message: Message, position: int) -> None:
    """Print one message on a rich console."""
    from rich.text import Text

    from chatcli.render.markdown import whole

    if message.role == "unreadable":
        console.print(Text(plain_message(message, position), style="yellow"))
        return
    console.print(Text(_heading(message), style="bold cyan" if message.role == "user" else "bold green"))
    text = describe(message)
    console.print(whole(text) if message.role == "assistant" else Text(neutralise(text)))
    if ending := _ending(message).strip():
        console.print(Text(ending, style="dim"))
    console.print()


def describe(message: Message) -> str:
    """Return what a message says; parts that are no text by their kind and size."""
    if isinstance(message.content, str):
        said = message.content
    else:
        said = "\n".join(_describe_part(part) for part in message.content)
    calls = "".join(f"\n[calls {call.get('name', '')}]" for call in message.tool_calls)
    return (said + calls).lstrip("\n")


def _describe_part(part: object) -> str:
    if not isinstance(part, dict):
        return str(part)
    if part.get("type") == "text":
        return str(part.get("text", ""))
    image = part.get("image_url")
    url = image.get("url", "") if isinstance(image, dict) else str(image or "")
    if url.startswith("data:"):
        return f"[image: {url[5:].partition(';')[0]}, {len(url) * 3 // 4 // 1024} KiB]"
    return f"[{part.get('type', 'part')}: {one_line(url, 100)}]"


def _heading(message: Message) -> str:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(message.time)) if message.time else ""
    who = _NAMES.get(message.role, message.role)
    details = " · ".join(part for part in (one_line(message.model or "", 60), when) if part)
    return f"{who} ({details})" if details else who


def _ending(message: Message) -> str:
    notes = {"interrupted": "stopped here", "length": "cut at the token limit", "error": "the connection broke here"}
    return f"\n[{notes[message.finish]}]" if message.finish in notes else ""
