"""What a model adds to a reply that was cut off."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatcli.seam import Seam, last_words, open_block


def joined(before: str, *pieces: str) -> str:
    seam = Seam(before)
    return seam.base + "".join([*map(seam.feed, pieces), seam.rest()])


SAID_AGAIN = [
    ("It was moved to Bei", "was moved to Beijing in 1421.", "It was moved to Beijing in 1421."),
    ("the capital was moved", "capital was moved to Beijing", "the capital was moved to Beijing"),
    ("one two three four\n", "two three four\nfive six", "one two three four\nfive six"),
    ("最长的城市是西安，它有一千多年的", "城市是西安，它有一千多年的历史。", "最长的城市是西安，它有一千多年的历史。"),
    ("Half an ans", "Half an answer.", "Half an answer."),
    ("    for x in xs[0]:", "\n    for x in xs[0]:\n        print(x)", "    for x in xs[0]:\n        print(x)"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "more", "whole"), SAID_AGAIN)
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_what_is_said_again_is_left_out_however_it_comes(before: str, more: str, whole: str, size: int) -> None:
    assert joined(before, *(more[start : start + size] for start in range(0, len(more), size))) == whole


@pytest.mark.parametrize(
    ("before", "more", "whole"),
    [
        ("a long answer, no. No", "No, no", "a long answer, no. No No, no"),
        ("He said so so", "so what", "He said so soso what"),
        ("eleven char", "leven chars", "eleven charleven chars"),
    ],
)
def test_a_few_letters_that_are_the_same_are_no_repetition(before: str, more: str, whole: str) -> None:
    assert joined(before, more) == whole


@pytest.mark.parametrize(
    ("before", "more", "whole"),
    [
        ("Half an ans", "wer.", "Half an answer."),
        ("One, two,", " three.", "One, two, three."),
        ("One, two,", "three.", "One, two, three."),
        ("It ends.", "Then it goes on.", "It ends. Then it goes on."),
        ("see example.", "com", "see example.com"),
        ("It is 3.", "14", "It is 3.14"),
        ("They went to", "Beijing.", "They went to Beijing."),
        ("One two ", " three", "One two three"),
        ("A paragraph.\n\n", "\nAnother one.", "A paragraph.\n\nAnother one."),
        ("```\nif x:\n", "    return x", "```\nif x:\n    return x"),
        ("```\nobj.", "Method()", "```\nobj.Method()"),
        ("call `obj.", "Method()`", "call `obj.Method()`"),
        ("西安，", "它有历史。", "西安，它有历史。"),
    ],
)
def test_the_two_are_joined_with_what_belongs_between_them(before: str, more: str, whole: str) -> None:
    assert joined(before, more) == whole


def test_nothing_new_adds_nothing() -> None:
    assert joined("It was moved to Beijing", "was moved to Beijing") == "It was moved to Beijing"
    assert joined("It was moved to ", "\n\n") == "It was moved to"


@given(st.text(alphabet="ab \n`.", max_size=60), st.lists(st.text(alphabet="ab \n`.", max_size=9), max_size=9))
def test_no_word_that_is_new_is_lost_wherever_the_pieces_are_cut(before: str, pieces: list[str]) -> None:
    whole = "".join(pieces)
    assert joined(before, *pieces) == joined(before, whole)
    assert "".join(joined(before, whole).split()).endswith("".join(whole.split())[-3:])


def test_the_model_is_asked_to_begin_with_whole_words() -> None:
    assert last_words("a word " * 20 + "and the last on ") == "a word " * 6 + "and the last on"
    assert last_words("short") == "short"
    assert len(last_words("中" * 500)) == 60


def test_the_block_that_is_open_is_shown_again() -> None:
    assert open_block("One.\n\nTwo\nthree") == "Two\nthree"
    assert open_block("One.\n\n```py\na = 1\n\nb = 2\nc = 3\nd =\n") == "```py\nb = 2\nc = 3\nd ="
    assert open_block("```\na\n```\n\nAfter") == "After"
