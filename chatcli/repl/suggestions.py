"""What Tab and the menu offer, asked from a plain function."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from chatcli.errors import ChatError


class Suggestion(NamedTuple):
    """What Tab may put in: the text, and how the menu shows and describes it."""

    text: str
    display: str = ""
    description: str = ""
    replaces: int | None = None
    """Characters before the cursor that the text stands for; None: what of it is there already."""


Suggest = Callable[[str], Iterable[Suggestion]]


class SuggestionCompleter(Completer):
    """Shows prompt_toolkit what a function suggests for the text before the cursor."""

    def __init__(self, suggest: Suggest) -> None:
        self._suggest = suggest

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """Return the suggestions; none while what they come from is away."""
        before = document.text_before_cursor
        try:
            suggestions = list(self._suggest(before))
        except ChatError:
            return
        for found in suggestions:
            replaced = len(_begun(before, found.text)) if found.replaces is None else found.replaces
            text = found.text.rstrip(" ") if document.text_after_cursor.startswith(" ") else found.text
            yield Completion(
                text,
                start_position=-replaced,
                display=found.display or found.text,
                display_meta=found.description,
            )


def _begun(before: str, text: str) -> str:
    """Return the end of `before` that `text` replaces: what of it is there already, else the last word."""
    words = before.split(" ")
    for index in range(len(words)):
        end = " ".join(words[index:])
        if text.casefold().startswith(end.casefold()):
            return end
    return words[-1]
