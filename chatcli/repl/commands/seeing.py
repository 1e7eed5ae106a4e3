"""Seeing: help, what is sent, where we are, a clean screen."""

import shutil
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from chatcli import tokens
from chatcli.attachments import with_attachments
from chatcli.messages import readable
from chatcli.render.as_json import as_json
from chatcli.render.history import describe
from chatcli.repl.slash import commands, find_command, slash
from chatcli.repl.toolbar import meter
from chatcli.values import counted

if TYPE_CHECKING:
    from chatcli.repl.loop import Repl

_THEMES = ("sessions", "turns", "settings", "memory", "seeing")
_KEYS = (
    "Enter sends",
    "^J, Alt+Enter new line",
    '""" begins, ends a block',
    "^C stops the reply",
    "^D leaves",
    "Tab completes",
    "^X ^E the editor",
    "up, ^R typed before",
)
_PARTS = {
    "system": ("system", "magenta"),
    "prompt": ("prompt", "magenta"),
    "tail": ("history sent (tail)", "cyan"),
    "input": ("your next message (input)", "green"),
}


def _names(repl: "Repl") -> Sequence[str]:
    return sorted(commands())


@slash(
    "help", "?", arguments="[command]", help="the commands and keys; with a name: what that one does", complete=_names
)
def help_(repl: "Repl", argument: str) -> None:
    """List the commands by theme, and the keys; or explain one command."""
    if argument:
        command = find_command(argument.removeprefix("/"))
        others = " ".join(f"/{name}" for name in command.names[1:])
        repl.screen.say(f"{command.usage}  {command.help}" + (f"; also {others}" if others else ""))
        return
    for theme in _THEMES:
        found = (command for command in commands().values() if command.run.__module__.endswith(f".{theme}"))
        _listed(repl, theme, dict.fromkeys(command.usage for command in found), "  ")
    _listed(repl, "keys", _KEYS, "\xa0· ")
    repl.screen.aside("/help NAME says what a command does")


def _listed(repl: "Repl", theme: str, entries: Iterable[str], between: str) -> None:
    """Print entries beside their theme; a line is broken between two of them, and goes on below the first."""
    whole = between.join(entry.replace(" ", "\xa0") for entry in entries)
    width = shutil.get_terminal_size().columns - 1
    lines = textwrap.wrap(whole, width, initial_indent=f"{theme:<10}", subsequent_indent=" " * 10)
    repl.screen.say("\n".join(lines).replace("\xa0", " "))


@slash("context", arguments="[--json] [text]", help="show exactly what would be sent")
def context(repl: "Repl", argument: str) -> None:
    """Show the messages of the next request, part by part, with estimated tokens."""
    as_document = argument == "--json" or argument.startswith("--json ")
    text = argument.removeprefix("--json").strip() if as_document else argument
    shown = repl.chat.context(with_attachments(text, repl.attachments) if text or repl.attachments else None)
    if as_document:
        from chatcli.model.wire import to_wire

        repl.screen.say(as_json([to_wire(message) for message in readable(shown.messages)]))
        return
    for part in shown.parts:
        name, colour = _PARTS.get(part.kind, (part.kind, "blue"))
        repl.screen.heading(f"{name} · ~{counted(tokens.of_messages(part.messages), 'token')}")
        for message in part.messages:
            repl.screen.wrapped(f"{message.role}: {describe(message)}", colour)
        repl.screen.say()
    window = f" of {repl.chat.model.window:,}" if repl.chat.model.window else "; the model's window is unknown"
    repl.screen.tell(f"{counted(len(shown.messages), 'message')}, ~{counted(shown.tokens, 'token')}{window}")


@slash("info", help="show the session, the model, the memory and the store")
def info(repl: "Repl", argument: str) -> None:
    """Show where we are."""
    chat = repl.chat
    session = chat.store.snapshot(chat.session, 0).session
    rows = {
        "session": chat.session,
        "title": session.title,
        "turns": f"{session.turns:,}",
        "model": chat.model.name,
        "memory": chat.memory.spec,
        "store": chat.store.address,
        "last context": meter(chat) or "nothing sent yet",
    }
    for name, value in rows.items():
        repl.screen.say(f"  {name:<13} {value}")


@slash("cls", help="clear the screen; the session stays")
def cls(repl: "Repl", argument: str) -> None:
    """Clear the screen."""
    repl.screen.clear()
