import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from chatcli.render.safe import SafePieces, neutralise, one_line

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
ANY_TEXT = st.text(st.characters(exclude_categories=())) | st.text("\x1b\x9b\x07\r\n\t[]m;\\P_^X08\u202e\u2067a")


@given(ANY_TEXT)
def test_no_character_that_a_terminal_obeys_remains(text: str) -> None:
    assert OBEYED.search(neutralise(text)) is None
    neutralise(text).encode()


@given(ANY_TEXT)
def test_neutralising_twice_changes_nothing(text: str) -> None:
    assert neutralise(neutralise(text)) == neutralise(text)


@given(ANY_TEXT)
def test_no_other_character_is_lost_or_moved(text: str) -> None:
    kept = [char for char in text if not OBEYED.match(char)]
    shown = iter(neutralise(text))
    assert all(char in shown for char in kept)


@given(ANY_TEXT, st.lists(st.integers(0, 40)))
def test_a_text_in_pieces_is_neutralised_like_the_whole(text: str, cuts: list[int]) -> None:
    border, shown, start = SafePieces(), "", 0
    for cut in sorted(cuts):
        shown += border.feed(text[start:cut])
        start = max(start, min(cut, len(text)))
    shown += border.feed(text[start:]) + border.rest()
    assert shown == neutralise(text)


@given(ANY_TEXT, st.integers(1, 60))
def test_one_line_is_one_line(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert not any(unicodedata.category(char) in ("Cc", "Zl", "Zp") for char in line)
