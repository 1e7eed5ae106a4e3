"""What doctor says of a Redis Cluster's masters."""

import pytest

from chatcli.stores.redis_standing import ClusterStanding


@pytest.mark.parametrize(
    ("standing", "told", "hint"),
    [
        (ClusterStanding([1, 1, 1], 0, 1), "3 masters, 3 replicas follow", ""),
        (ClusterStanding([0], 0, 0), "1 master, 0 replicas follow", ""),
        (ClusterStanding([1, 0], 0, 1), "2 masters, 1 replica follows", "wait_replicas is 1, a master has 0"),
        (ClusterStanding([1, 1], 7, 1), "2 masters, 2 replicas follow", "slots without a master: 7"),
    ],
)
def test_masters_replicas_and_what_is_wrong_with_them(standing: ClusterStanding, told: str, hint: str) -> None:
    assert standing.told == told
    assert standing.hint.startswith(hint)
    assert bool(standing.hint) == bool(hint)
