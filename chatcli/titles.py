"""A session's title by a model, from its first turns: what it is about, not how it began. One the user gave stays."""

import re
from dataclasses import dataclass

from chatcli.memory import Ask, View
from chatcli.messages import Message
from chatcli.names import TITLE_LENGTH, title_of
from chatcli.stores import Change, Store

_EARLY = 6
"""Messages up to which a title is looked for: it is tried anew after a failure, and not for ever."""

_LOOKED_AT = 2000  # characters of each message
_ASKED = (
    "Give the conversation below a title: what it is about, in at most six words, in the language of its first "
    "message. Answer with the title alone."
)
_AROUND = re.compile(r"^(?:title|标题)\s*[:：]\s*|[.。]$", re.IGNORECASE)
_QUOTES = "\"'“”‘’«»「」『』《》*#` "


@dataclass(frozen=True, slots=True)
class Title:
    """Derives a session's title: see memory.Derivation. It is set in the store at once: no step returns a change."""

    store: Store
    session: str

    @property
    def name(self) -> str:
        """See Derivation."""
        return "title"

    def is_due(self, view: View) -> bool:
        """Say whether the session has its first turn, and still the title that this gave."""
        return self._title_of_the_beginning(view) is not None

    def has_begun(self, view: View) -> bool:
        """See Derivation; nothing is asked before there is a turn in this chat."""
        return False

    def step(self, view: View, ask: Ask) -> Change | None:
        """Ask for the title and set it, unless the user gave one meanwhile, or the session is gone."""
        before = self._title_of_the_beginning(view)
        if before is not None:
            said = view.history.between(0, _EARLY)
            talk = "\n\n".join(f"{message.role}: {message.text[:_LOOKED_AT]}" for message in said)
            title = tidied(ask([Message("system", _ASKED), Message("user", talk)]))
            now = self.store.snapshot(self.session, 0)
            if title and now.length and now.session.title == before:  # a session without a message may be deleted
                self.store.update(self.session, title=title)
        return None

    def _title_of_the_beginning(self, view: View) -> str | None:
        """Return the session's title while it is how the session began; None for another one, and later."""
        if not 2 <= view.history.length <= _EARLY:
            return None
        first = next((message for message in view.history.between(0, _EARLY) if message.role == "user"), None)
        title = self.store.snapshot(self.session, 0).session.title
        return title if first is not None and title == title_of(first) else None


def tidied(answer: str) -> str:
    """Return the title in a model's answer, '' when there is none: its first line, without quotes and the like."""
    line = next((line for line in answer.splitlines() if line.strip()), "")
    return _AROUND.sub("", line.strip(_QUOTES)).strip(_QUOTES)[:TITLE_LENGTH]
