import pytest

from chatcli.errors import UsageError
from chatcli.memory import default_memory, parse_memory


@pytest.mark.parametrize("spec", ["none", "buffer", "window:1", "window:10", "window:10-20", "tokens:4000"])
def test_a_spec_builds_the_memory_that_names_itself_so(spec: str) -> None:
    assert parse_memory(spec).spec == spec


@pytest.mark.parametrize(
    "spec",
    [
        "", "windows:3", "window", "window:", "window:0", "window:-1", "window:abc", "window:5-5", "window:9-3",
        "window:0-3", "window:3-", "window:-", "window:1.5", "window:٣", "window:99999999999", "tokens:abc", "tokens:0",
        "tokens", "buffer:3", "none:1", "buffer:", "window:3+tokens:5",
    ],
)  # fmt: skip
def test_any_other_text_is_an_error_that_names_it_and_shows_what_there_is(spec: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_memory(spec)
    assert repr(spec) in caught.value.message
    assert "window:10" in caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("window", "spec"), [(None, "tokens:4096"), (8192, "tokens:4096"), (131_072, "tokens:32000"), (2048, "tokens:1024")]
)
def test_the_default_is_half_the_window_at_most_32000(window: int | None, spec: str) -> None:
    assert default_memory(window) == spec
