"""What Tab and the menu offer: where a suggestion goes into the line, and which slash commands and arguments fit."""

from typing import Any, cast

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from chatcli.errors import StoreError
from chatcli.repl.slash import completions
from chatcli.repl.suggestions import Suggestion, SuggestionCompleter


@pytest.mark.parametrize(
    ("before", "after", "suggestion", "becomes"),
    [
        ("/res", "", Suggestion("/resume "), "/resume "),
        ("/res", " Java", Suggestion("/resume "), "/resume Java"),
        ("/resume java", "", Suggestion("JavaEdge"), "/resume JavaEdge"),
        ("/resume my ja", "", Suggestion("my Java"), "/resume my Java"),
        ("look", "", Suggestion("@notes.md"), "@notes.md"),
        ("see @no", ", please", Suggestion("@notes.md", replaces=3), "see @notes.md, please"),
    ],
)
def test_a_suggestion_takes_the_place_of_what_of_it_was_typed(
    before: str, after: str, suggestion: Suggestion, becomes: str
) -> None:
    completer = SuggestionCompleter(lambda text: [suggestion] if text == before else [])
    (found,) = completer.get_completions(Document(before + after, len(before)), CompleteEvent())
    assert before[: len(before) + found.start_position] + found.text + after == becomes


def test_nothing_is_offered_while_the_store_is_away() -> None:
    def ask(text: str) -> list[Suggestion]:
        raise StoreError("away", "wait")

    assert list(SuggestionCompleter(ask).get_completions(Document("/res"), CompleteEvent())) == []


@pytest.mark.parametrize(
    ("before", "offered"),
    [
        ("/re", ["/reasoning ", "/redo", "/rename ", "/resume ", "/retry "]),  # /regen is /retry
        ("/q", ["/quit"]),
        ("/memory summary-", ["summary-buffer:4000"]),
        ("/memory none", []),
        ("/memory prefix", ["window:10-20"]),
        ("/memory fix", ["window:10-20"]),
        ("/memory fi", []),
        ("/undone x", []),
        ("a message", []),
        ("/memory w\nx", []),
    ],
)
def test_what_a_slash_command_may_become(before: str, offered: list[str]) -> None:
    assert [found.text for found in completions(cast(Any, None), before)] == offered
