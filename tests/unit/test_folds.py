"""Long pastes stand in the line as one character each, and nothing of them is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.layout.controls import BufferControl
from prompt_toolkit.layout.processors import TransformationInput

from chatcli.repl.folds import FOLD_CHARS, FOLD_LINES, LONG_LINES, Folds
from chatcli.repl.shown import ShownText, said

LONG = "\n".join(f"line {number}" for number in range(10_000))


def test_a_short_paste_stands_there_as_it_is() -> None:
    folds = Folds()
    for text in ("", "one line", "x" * FOLD_CHARS, "\n".join("x" * FOLD_LINES)):
        assert folds.pasted(text) == text


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (LONG, "[pasted 10,000 lines]"),
        ("\n".join("x" * (FOLD_LINES + 1)), "[pasted 21 lines]"),
        ("x" * 12_345, "[pasted 12,345 characters]"),
    ],
)
def test_a_long_paste_is_one_character_that_says_what_it_is(text: str, label: str) -> None:
    folds = Folds()
    line = f"Explain {folds.pasted(text)}!"
    assert len(line) == len("Explain !") + 1
    assert folds.whole(line) == f"Explain {text}!"
    assert "".join(text for _, text in said("you> ", line, folds)) == f"you> Explain {label}!"


def test_several_pastes_keep_their_places() -> None:
    folds = Folds()
    one, two = folds.pasted(LONG), folds.pasted("y" * 3000)
    assert folds.whole(f"{two} and {one}") == f"{'y' * 3000} and {LONG}"


def test_a_text_that_was_pasted_is_folded_again_where_it_comes_back() -> None:
    folds = Folds()
    line = f"Explain {folds.pasted(LONG)}!"
    assert folds.folded(folds.whole(line)) == line
    assert folds.folded("short") == "short"


def test_a_long_text_of_an_earlier_run_is_folded_behind_its_first_line() -> None:
    folds = Folds()
    text = "Explain this:\n" + LONG
    recalled = folds.recalled(text)
    assert recalled[:-1] == "Explain this:\n"
    assert [label for _, label in folds.pieces(recalled) if label] == ["[10,000 lines more]"]
    assert folds.whole(recalled) == text
    assert folds.whole(folds.recalled("x" * 50_000)) == "x" * 50_000
    readable = "\n".join("x" * LONG_LINES)
    assert folds.recalled(readable) == readable
    assert folds.recalled(f"{readable}\nx") != f"{readable}\nx"


def test_a_paste_with_one_of_our_characters_is_not_taken_for_another_paste() -> None:
    folds = Folds()
    unit = folds.pasted(LONG)
    again = folds.pasted(f"a{unit}b")
    assert folds.whole(again) == f"a{unit}b"
    fresh = Folds()
    assert fresh.whole(fresh.recalled(f"a{unit}b")) == f"a{unit}b"


@given(st.lists(st.one_of(st.text(max_size=20), st.sampled_from([LONG, "z" * 5000, "\U0010f000"]))))
def test_whatever_is_pasted_is_sent(texts: list[str]) -> None:
    folds = Folds()
    assert folds.whole("|".join(folds.pasted(text) for text in texts)) == "|".join(texts)


def test_thousands_of_pastes_are_kept_all() -> None:
    folds = Folds()
    texts = [f"{number}" + "x" * FOLD_CHARS for number in range(5000)]
    line = "".join(folds.pasted(text) for text in texts)
    assert folds.whole(line) == "".join(texts)


def test_the_cursor_passes_a_fold_in_one_step_and_a_click_finds_it() -> None:
    folds = Folds()
    line = f"a{folds.pasted(LONG)}b"
    control = BufferControl(Buffer(document=Document(line)))
    given_ = TransformationInput(control, Document(line), 0, lambda at: at, [("", line)], 80, 24)
    drawn = ShownText(folds).apply_transformation(given_)
    assert "".join(text for _, text, *_ in drawn.fragments) == "a[pasted 10,000 lines]b"
    label = len("[pasted 10,000 lines]")
    assert [drawn.source_to_display(at) for at in range(5)] == [0, 1, 1 + label, 2 + label, 3 + label]
    assert [drawn.display_to_source(at) for at in (0, 1, 5, label, label + 1, label + 2)] == [0, 1, 1, 1, 2, 3]
