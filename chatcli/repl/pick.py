"""Picks a session from a list that is filtered as one types."""

import sys
from collections.abc import Sequence
from itertools import count

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, FuzzyCompleter, WordCompleter
from prompt_toolkit.document import Document

from chatcli.errors import NotFound, UsageError
from chatcli.render.safe import one_line
from chatcli.stores import Session, Store
from chatcli.stores.rules import no_session
from chatcli.values import counted

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
    labels = labels_of(found)
    typed = _ask(completer_for(labels))
    if typed is None:
        return None
    matching = labels.get(typed) or _first_match(labels, typed)
    if matching is None:
        raise no_session(typed)
    return matching.name


def labels_of(sessions: Sequence[Session]) -> dict[str, Session]:
    """Return the sessions by what stands for them in the list: names that begin alike are numbered."""
    labels: dict[str, Session] = {}
    for session in sessions:
        label = one_line(session.name, 60)
        number = count(2)
        while label in labels:
            label = f"{one_line(session.name, 55)} ({next(number)})"
        labels[label] = session
    return labels


def completer_for(labels: dict[str, Session]) -> FuzzyCompleter:
    """Return what filters the labels as one types."""
    meta = {label: _about(session) for label, session in labels.items()}
    return FuzzyCompleter(WordCompleter(list(labels), meta_dict=meta, sentence=True, match_middle=True))


def _first_match(labels: dict[str, Session], typed: str) -> Session | None:
    """Return what stands first in the list when `typed` filters it."""
    matches = completer_for(labels).get_completions(Document(typed), CompleteEvent())
    return next((labels[match.text] for match in matches), None)


def _ask(completer: FuzzyCompleter) -> str | None:
    """Return what was typed or chosen, '' for Enter alone, None when the user would rather not."""
    prompt: PromptSession[str] = PromptSession(
        "session (type to filter, Enter takes the first): ", completer=completer, reserve_space_for_menu=10
    )
    try:
        return prompt.prompt(pre_run=lambda: prompt.default_buffer.start_completion(select_first=False)).strip()
    except (EOFError, KeyboardInterrupt):
        return None


def _about(session: Session) -> str:
    return one_line(f"{counted(session.turns, 'turn')}  {session.title}", 60)
