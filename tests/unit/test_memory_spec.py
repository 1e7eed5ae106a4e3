import pytest

from chatcli.errors import UsageError
from chatcli.memory import parse_memory


@pytest.mark.parametrize(
    "spec",
    [
        "none", "buffer", "window:1", "window:10", "window:10-20", "tokens:4000", "summary", "summary-buffer:2000",
        "recall:800", "entity", "auto", "summary+recall:800", "window:3+entity+recall:500", "none+recall:500",
        "recall:500+none+entity",
    ],
)  # fmt: skip
def test_a_spec_builds_the_memory_that_names_itself_so(spec: str) -> None:
    assert parse_memory(spec).spec == spec


@pytest.mark.parametrize(
    "spec",
    [
        "", "windows:3", "window", "window:", "window:0", "window:-1", "window:abc", "window:5-5", "window:9-3",
        "window:0-3", "window:3-", "window:-", "window:1.5", "window:٣", "window:99999999999", "tokens:abc", "tokens:0",
        "tokens", "buffer:3", "none:1", "buffer:", "window:3+", "+window:3", "window:3++tokens:5", "window:3+window:5",
        "entity+entity", "recall:0", "recall:abc", "summary:abc", "summary-buffer", "summary-buffer:x", "entity:3",
        "auto:5",
        "tokens:5+", "+",
    ],
)  # fmt: skip
def test_any_other_text_is_an_error_that_names_it_and_shows_what_there_is(spec: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_memory(spec)
    assert repr(spec) in caught.value.message
    assert "window:10" in caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("recall", "recall needs a number, e.g. recall:800"),
        ("window", "window needs a number, e.g. window:10"),
        ("window:3-", "window needs a number, e.g. window:10"),
        ("tokens:", "nothing follows the ':' of tokens"),
        ("window:99999999999", "'99999999999' is too large a number, it may have 9 digits"),
        ("recall:" + "9" * 500, f"'{'9' * 20}'… is too large a number, it may have 9 digits"),
        ("windows:3", "did you mean window:3?"),
        ("Window:3", "did you mean window:3?"),
        ("AUTO", "did you mean auto?"),
        ("summary+Recal:800", "there is no 'Recal:800'; did you mean recall:800?"),
        ("summary+xyzzy", "there is no 'xyzzy'"),
        ("nope:1", "did you mean none?"),
        ("buffer+none", "none sends no turn word for word, buffer does"),
        ("none+recall:80+auto", "none sends no turn word for word, auto does"),
        ("auto+", "a memory is missing beside the '+'"),
        ("x" * 5000, ""),
    ],
)
def test_an_error_says_what_was_meant(spec: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_memory(spec)
    assert caught.value.message.endswith(f" is no memory{': ' + why if why else ''}")
    assert len(caught.value.message) < 200


def test_spaces_around_the_plus_are_no_matter() -> None:
    assert parse_memory(" window:3 + recall:5 ").spec == "window:3+recall:5"


@pytest.mark.parametrize("part", ["window:3", "nonsense"])
def test_a_spec_of_fifty_parts_is_refused_in_a_short_line(part: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_memory("+".join([part] * 50))
    assert len(caught.value.message) < 200
