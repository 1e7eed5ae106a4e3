"""Seeing: help, what is sent, where we are, a clean screen."""

import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from chatcli.attachments import with_attachments
from chatcli.messages import readable
from chatcli.render.as_json import as_json
from chatcli.repl.attaching import attached_to
from chatcli.repl.slash import THEMES, commands, find_command, slash
from chatcli.repl.toolbar import meter_of
from chatcli.values import counted

if TYPE_CHECKING:
    from chatcli.repl.loop import Repl

_KEYS = {
    "send": "sends",
    "new_line": "new line",
    "stop": "stops the reply",
    "leave": "leaves",
    "complete": "completes",
    "editor": "the editor",
    "history_search": "searches what was typed",
}

_BESIDE = 24  # cells: with fewer, entries stand below their theme


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
        said = f"{command.usage}  {command.help}" + (f"; also {others}" if others else "")
        repl.screen.say("\n".join(textwrap.wrap(said, _width(repl), subsequent_indent="  ")))
        return
    for theme in THEMES:
        found = (command for command in commands().values() if command.run.__module__.endswith(f".{theme}"))
        _listed(repl, theme, dict.fromkeys(command.usage for command in found), "  ")
    keys = repl.tools.keymap
    bound = [f"{keys.shown(action)} {what}" for action, what in _KEYS.items() if keys.shown(action)]
    _listed(repl, "keys", [*bound, "up brings it back", '""" begins, ends a block'], "\xa0· ")
    repl.screen.aside("/help NAME says what a command does")


def _listed(repl: "Repl", theme: str, entries: Iterable[str], between: str) -> None:
    """Print entries beside their theme, below it where there is no room; lines are broken between two of them."""
    width = _width(repl)
    whole = between.join(entry.replace(" ", "\xa0") for entry in entries)
    narrow = width < _BESIDE
    if narrow:
        repl.screen.say(theme)
    first, further = ("", "") if narrow else (f"{theme:<10}", " " * 10)
    lines = textwrap.wrap(whole, width, initial_indent=first, subsequent_indent=further, break_on_hyphens=False)
    repl.screen.say("\n".join(lines).replace("\xa0", " "))


def _width(repl: "Repl") -> int:
    return repl.screen.width - 1


@slash(
    "context",
    arguments="[text]",
    help="show exactly what would be sent; --json: the messages alone, --explain: why turns are recalled",
    complete=lambda repl: ("--json ", "--explain "),
)
def context(repl: "Repl", argument: str) -> None:
    """Show the next request part by part, or as the JSON that is sent, or why what is recalled was."""
    from chatcli.render.context import next_request, print_request
    from chatcli.render.recalled import print_recalled

    option, _, rest = argument.partition(" ")
    text = rest.strip() if option in ("--json", "--explain") else argument
    attached = attached_to(repl)
    asked = bool(text or attached)
    request = next_request(repl.chat, with_attachments(text, attached) if asked else None)
    if option == "--json":
        from chatcli.model.wire import to_wire

        repl.screen.say(as_json([to_wire(message) for message in readable(request.context.messages)]))
    elif option == "--explain":
        print_recalled(repl.chat, request.context, asked, repl.screen.plain)
    else:
        print_request(request, repl.screen.plain)


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
        "last context": meter_of(chat).in_words or "known with the next message",
    }
    for name, value in rows.items():
        repl.screen.say(f"  {name:<13} {value}")


@slash("tokens", "cost", help="show how many tokens this session took, and what they cost")
def tokens(repl: "Repl", argument: str) -> None:
    """Show what was spent, and how full the context is."""
    from chatcli.render.history import last_turns
    from chatcli.render.spent import in_words
    from chatcli.spending import Spending, spent

    chat = repl.chat
    last = Spending()
    if (reply := last_turns(chat.store, chat.session, 1).messages) and reply[-1].role == "assistant":
        last.add(reply[-1], repl.tools.price_of)
    whole = spent(chat.store, 0, repl.tools.price_of, only=chat.session).total
    rows = {
        "this session": in_words(whole) if whole.turns else "nothing sent yet",
        "last reply": f"{last.prompt:,} tokens sent, {last.completion:,} received" if last.tokens else "",
        "last context": meter_of(chat).in_words,
        "not counted": f"{counted(whole.uncounted, 'turn')}: the endpoint gave no figures" if whole.uncounted else "",
    }
    for name, value in rows.items():
        if value:
            repl.screen.tell(f"{name:<13} {value}")


@slash("cls", help="clear the screen; the session stays")
def cls(repl: "Repl", argument: str) -> None:
    """Clear the screen."""
    repl.screen.clear()
