"""JSON is read piece by piece, to the same values as the whole; what is cut or wrong says so."""

import io
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatcli.transfer import json_stream
from chatcli.transfer.json_stream import BadJson, JsonReader

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


class Pieces(io.StringIO):
    """A file that gives at most so many characters at once, whatever is asked for."""

    def __init__(self, text: str, size: int) -> None:
        super().__init__(text)
        self.size = size

    def read(self, count: int | None = -1, /) -> str:
        return super().read(self.size)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.text(), VALUES), st.lists(VALUES), st.integers(1, 9), st.none() | st.integers(0, 3))
def test_whatever_the_pieces_the_values_are_those_of_the_whole(
    members: dict[str, Any], items: list[Any], size: int, indent: int | None
) -> None:
    text = json.dumps({**members, "items": items}, indent=indent) + "\n" + json.dumps(items)
    reader = JsonReader(Pieces(text, size))
    found: dict[str, Any] = {}
    for key in reader.members():
        found[key] = [reader.value() for _ in reader.items()] if key == "items" else reader.value()
    assert found == {**members, "items": items}
    assert [reader.value() for _ in reader.items()] == items
    assert reader.peek() == ""


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(VALUES.filter(lambda value: isinstance(value, (dict, list, str))), st.integers(1, 9), st.data())
def test_what_is_cut_anywhere_is_said_to_be_cut(value: Any, size: int, data: st.DataObject) -> None:
    text = json.dumps(value)
    cut = data.draw(st.integers(1, len(text) - 1))
    with pytest.raises(BadJson, match=r"cut off|no JSON"):
        JsonReader(Pieces(text[:cut], size)).value()


def test_an_array_that_is_cut_between_two_items_says_so() -> None:
    reader = JsonReader(io.StringIO("[1, 2"))
    with pytest.raises(BadJson, match="is cut off: it ends in the middle"):
        [reader.value() for _ in reader.items()]


def test_what_is_no_json_is_told_by_its_place_and_not_read_to_its_end() -> None:
    file = io.StringIO("[1, nonsense" + " " * 50_000_000)
    reader = JsonReader(file)
    with pytest.raises(BadJson, match="is no JSON at character 5: 'nonsense"):
        [reader.value() for _ in reader.items()]
    assert file.tell() <= 2 * json_stream.PIECE


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 10_000 + " ", '{"a":' * 100_000])
def test_what_is_too_deep_or_has_too_many_digits_is_refused(text: str) -> None:
    with pytest.raises(BadJson, match="nested too deep or too long, at character 1"):
        JsonReader(io.StringIO(text)).value()


def test_a_value_without_an_end_takes_no_more_than_a_bounded_memory() -> None:
    file = io.StringIO('"' + "a" * 20_000_000)
    with pytest.raises(BadJson, match="a value of more than 2 MB"):
        JsonReader(file, longest=2**21).value()
    assert file.tell() < 10_000_000
