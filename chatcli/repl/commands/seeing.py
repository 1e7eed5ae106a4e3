"""Seeing: help, what is sent, where we are, a clean screen."""

import json
from typing import TYPE_CHECKING

from chatcli import tokens
from chatcli.messages import Message
from chatcli.render.history import describe
from chatcli.repl.slash import commands, slash
from chatcli.repl.toolbar import meter

if TYPE_CHECKING:
    from chatcli.repl.loop import Repl

_KEYS = (
    ("Enter", "send"),
    ("^J, Alt+Enter", "new line"),
    ('"""', "open and close a block of lines"),
    ("^C", "stop the reply, keep what came"),
    ("^D", "leave"),
    ("^X ^E", "write in the editor"),
    ("Up, ^R", "what was typed before"),
)


@slash("help", "?", help="this list")
def help_(repl: "Repl", argument: str) -> None:
    """List the commands and the keys."""
    found = {command.usage: command for command in commands().values()}
    width = max(len(usage) for usage in found)
    for usage, command in sorted(found.items()):
        others = "".join(f" /{name}" for name in command.names[1:])
        repl.screen.say(f"  {usage:<{width}}  {command.help}{f' (also{others})' if others else ''}")
    repl.screen.say()
    for key, what in _KEYS:
        repl.screen.say(f"  {key:<{width}}  {what}")


@slash("context", arguments="[--json] [text]", help="show exactly what would be sent")
def context(repl: "Repl", argument: str) -> None:
    """Show the messages of the next request, part by part, with estimated tokens."""
    as_json = argument == "--json" or argument.startswith("--json ")
    text = argument.removeprefix("--json").strip() if as_json else argument
    shown = repl.chat.context(text or None)
    if as_json:
        messages = [{"role": message.role, "content": message.content} for message in shown.messages]
        repl.screen.say(json.dumps(messages, ensure_ascii=False, indent=2, default=list))
        return
    for part in shown.parts:
        repl.screen.heading(f"{part.kind} · ~{tokens.of_messages(part.messages):,} tokens")
        for message in part.messages:
            repl.screen.say(_line(message))
    window = f" of {repl.chat.model.window:,}" if repl.chat.model.window else "; the model's window is unknown"
    repl.screen.aside(f"{len(shown.messages)} messages, ~{shown.tokens:,} tokens{window}")


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


def _line(message: Message) -> str:
    return f"{message.role}: {describe(message)}"
