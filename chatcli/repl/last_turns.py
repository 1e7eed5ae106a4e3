"""What was said last in a session, above the first prompt: plain, for what draws markdown is not loaded by then."""

from chatcli.authors import other_author, who_asked
from chatcli.messages import Message
from chatcli.render.history import Excerpt, describe, end_note, last_turns, plain_message
from chatcli.render.safe import one_line
from chatcli.repl.screen import Screen
from chatcli.stores import Store
from chatcli.thinking import without_thoughts

_SHOWN = 2  # turns

LONGEST_AUTHOR = 40
"""Cells of an author's name before what they said."""


def said_by(message: Message) -> str:
    """Return who wrote a message, to be shown, if somebody else did; else ''."""
    return one_line(other_author(message), LONGEST_AUTHOR)


def asked_by(message: Message) -> str:
    """Return who is named before what a user said; '' for oneself."""
    return one_line(who_asked(message), LONGEST_AUTHOR)


def show_last_turns(screen: Screen, store: Store, session: str, prompt: str, leave: str) -> Excerpt:
    """Show the last turns of a session, and return them; those of the user behind the `prompt` they were typed at."""
    excerpt = last_turns(store, session, _SHOWN)
    if not excerpt.messages:
        screen.aside(f"/help lists the commands, {leave or '/exit'} leaves")
    if excerpt.start:
        screen.aside(f"… {excerpt.start:,} earlier messages; /history shows them")
    for position, turn, message in excerpt.placed():
        if message.role == "user":
            who = asked_by(message)
            screen.said(f"{who}> " if who else prompt, describe(message).rstrip("\n"))
        elif message.role == "assistant":
            screen.passage(without_thoughts(describe(message)).rstrip("\n"))
            if ending := end_note(message):
                screen.aside(ending)
            screen.say()
        else:
            screen.say(plain_message(message, position, turn))
    return excerpt
