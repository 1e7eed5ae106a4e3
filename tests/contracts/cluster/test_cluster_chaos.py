"""A Redis Cluster is resharded, or loses a master, in the middle of a chat, or a rename there is killed.

No turn is lost, and none is doubled.
"""

import pytest

from tests.benchmarks.cluster_chaos import Outcome, fail_over, index_away, killed_renames, resharding

TURNS = 200
ALL = [str(number) for number in range(TURNS)]


def assert_all(what: str, outcome: Outcome) -> None:
    print(f"{what}: {outcome}")
    assert outcome.acknowledged == ALL
    assert outcome.found == ALL


@pytest.mark.timeout(300)
def test_resharding_in_a_chat_loses_and_doubles_no_turn() -> None:
    outcome = resharding(TURNS)
    assert_all("resharding", outcome)
    assert outcome.disturbances >= 10


@pytest.mark.timeout(300)
def test_the_fail_over_of_a_master_in_a_chat_loses_and_doubles_no_acknowledged_turn() -> None:
    outcome = fail_over(TURNS)
    print(f"fail-over: {outcome}")
    assert set(outcome.acknowledged) <= set(outcome.found)
    assert outcome.found == sorted(set(outcome.found), key=int)
    assert len(outcome.acknowledged) >= TURNS // 2, "on a busy machine a replica may be late"
    assert outcome.longest > 0.5, "the master was away"


@pytest.mark.timeout(300)
def test_a_chat_goes_on_while_the_master_of_the_index_hangs_and_is_listed_when_another_took_over() -> None:
    outcome = index_away(TURNS)
    assert_all("index away", outcome)


@pytest.mark.timeout(300)
def test_a_session_whose_rename_is_killed_is_whole_under_one_name_or_both_and_the_same_rename_finishes_it() -> None:
    found = killed_renames(8)
    print(f"renames killed: {dict(found)}")
    assert found.total() == 8
