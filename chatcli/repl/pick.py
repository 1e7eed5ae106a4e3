"""Picks a session from a list that is filtered as one types."""

import sys

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import FuzzyCompleter, WordCompleter

from chatcli.errors import NotFound, UsageError
from chatcli.render.safe import one_line
from chatcli.stores import Session, Store

_MOST = 200


def pick_session(store: Store) -> str | None:
    """Return the name of the session that the user picks, None when they would rather not.

    Raises NotFound when there is no session, UsageError without a terminal.
    """
    if not (sys.stdin and sys.stdin.isatty()):
        raise UsageError("there is no terminal to pick a session on", "name it: chatcli sessions resume NAME")
    found = store.sessions(limit=_MOST)
    if not found:
        raise NotFound("there is no session yet", "chatcli chat -s NAME makes one")
    known = {session.name: session for session in found}
    meta = {one_line(name, 60): _about(session) for name, session in known.items()}
    by_label = {one_line(name, 60): name for name in known}
    typed = _ask(list(meta), meta)
    if typed is None:
        return None
    if typed not in by_label:
        raise NotFound(f"there is no session {typed!r}", "chatcli sessions list shows them")
    return by_label[typed]


def _ask(labels: list[str], meta: dict[str, str]) -> str | None:
    words = WordCompleter(labels, meta_dict=meta, sentence=True, match_middle=True)
    prompt: PromptSession[str] = PromptSession("session: ", completer=FuzzyCompleter(words), reserve_space_for_menu=10)
    try:
        typed = prompt.prompt(pre_run=lambda: prompt.default_buffer.start_completion(select_first=True))
    except (EOFError, KeyboardInterrupt):
        return None
    return typed.strip() or None


def _about(session: Session) -> str:
    turns = "1 turn" if session.turns == 1 else f"{session.turns:,} turns"
    return one_line(f"{turns}  {session.title}", 60)
