"""The live lines at the bottom: whatever follows whatever, what was printed stands there once, the last frame below."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatcli.render.live import Region
from tests.screen import ScreenFile

COLUMNS, ROWS = 20, 8
LINES = st.lists(st.sampled_from(["one", "two", "three", "a line as wide as it", "长城长城"]), max_size=10)


@settings(deadline=None)
@given(st.lists(st.tuples(LINES, LINES), max_size=8))
@example([([], ["one", "two"]), ([], ["one"]), ([], ["one", "three"])])
@example([([], ["one", "two"]), (["one"], ["two"]), (["two"], []), ([], ["one"])])
def test_what_was_printed_stands_once_and_the_last_frame_below_it(frames: list[tuple[list[str], list[str]]]) -> None:
    out = ScreenFile(COLUMNS, ROWS)
    region = Region(out, lambda: (COLUMNS, ROWS), reflowing=False)
    printed: list[str] = []
    for above, lines in frames:
        region.draw("".join(f"{line}\n" for line in above), lines)
        printed += above
        assert out.lines() == printed + lines[-region.room :]
