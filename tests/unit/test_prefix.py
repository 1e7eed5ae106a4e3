"""The prefix of the requests stays still, and summaries are few: counts of `tests.benchmarks.prefix`, no times."""

import pytest

from tests.benchmarks.prefix import MOST_SIDE_REQUESTS, measure


@pytest.mark.parametrize(
    ("spec", "least", "most"),
    [("tokens:2000", 0.85, 1), ("window:15", 0, 0.07), ("buffer", 0.98, 1)],
)
def test_a_tail_that_is_cut_in_blocks_keeps_its_prefix_and_one_that_slides_does_not(
    spec: str, least: float, most: float
) -> None:
    found = measure(spec, 100)
    assert least <= found.shared <= most
    assert found.side_requests == 0


@pytest.mark.parametrize("spec", ["summary", "summary-buffer:2000"])
def test_a_summary_is_asked_for_once_in_eight_turns_at_most_and_the_prefix_moves_only_then(spec: str) -> None:
    found = measure(spec, 100)
    assert 0 < found.side_requests <= MOST_SIDE_REQUESTS
    assert found.shared > 0.7
