from chatcli.rest import Rest


def test_what_fails_again_and_again_is_left_alone_longer_each_time_up_to_an_hour() -> None:
    rest = Rest()
    assert [rest.begin(100.0) for _ in range(5)] == [30, 120, 600, 3600, 3600]
    assert rest.until == 3700.0


def test_a_success_ends_the_rest_and_the_next_failure_is_the_first_again() -> None:
    rest = Rest()
    rest.begin(100.0)
    rest.begin(200.0)
    rest.end()
    assert rest.until == 0.0
    assert rest.begin(300.0) == 30
