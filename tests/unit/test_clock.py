import pytest

from chatcli.repl.clock import Clock


@pytest.mark.parametrize(
    ("back", "told"), [(0, ""), (59, ""), (61, "by 1 min"), (-5000, ""), (600, "by 10 min"), (9000, "by 2.5 h")]
)
def test_a_clock_that_is_set_back_is_told_once(back: float, told: str) -> None:
    shown, steady = [1_000_000.0], [5.0]
    clock = Clock(lambda: shown[0], lambda: steady[0])
    shown[0] += 100 - back
    steady[0] += 100
    assert (told in clock.news()) if told else not clock.news()
    steady[0] += 1
    shown[0] += 1
    assert clock.news() == ""
