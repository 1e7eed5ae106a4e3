"""What a Redis server's refusals mean to the user."""

import pytest
from redis import exceptions as failures
from redis._parsers.base import BaseParser

from chatcli.errors import StoreAway, StoreError, StoreUnavailable
from chatcli.stores.redis_errors import WrongType, given_up, ours, passes, takes_no_writes

ONE, TLS, CLUSTER = "redis://h:1/0", "rediss://h:1/0", "redis+cluster://h:1/"


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        ("NOAUTH Authentication required.", StoreUnavailable, "needs a password"),
        ("WRONGPASS invalid username-password pair", StoreUnavailable, "does not accept this user and password"),
        ("ERR invalid password", StoreUnavailable, "does not accept this user and password"),
        ("ERR wrong number of arguments for 'auth' command", StoreUnavailable, "does not accept this user"),
        ("NOPERM this user has no permissions to run the 'get' command", StoreUnavailable, "does not let this user in"),
        ("LOADING Redis is loading the dataset in memory", StoreAway, "is still loading its data"),
        ("ERR max number of clients reached", StoreAway, "cannot be reached: max number of clients reached"),
        ("READONLY You can't write against a read only replica.", StoreUnavailable, "is a read-only replica"),
        ("MASTERDOWN Link with MASTER is down", StoreAway, "is a replica that has lost its master"),
        ("OOM command not allowed when used memory > 'maxmemory'.", StoreUnavailable, "is out of memory"),
        ("NOREPLICAS Not enough good replicas to write.", StoreUnavailable, "too few replicas follow it"),
        ("MISCONF Redis is configured to save RDB snapshots", StoreUnavailable, "cannot save to its disk"),
        ("ERR DB index is out of range", StoreUnavailable, "has no such database"),
        ("WRONGTYPE Operation against a key", WrongType, "WRONGTYPE"),
        ("ERR unknown command", StoreError, "refuses: unknown command"),
        ("MOVED 5 h:2", StoreUnavailable, "is part of a cluster"),
        ("ASK 5 h:2", StoreUnavailable, "is part of a cluster"),
        ("TRYAGAIN Multiple keys request during rehashing of slot", StoreUnavailable, "is part of a cluster"),
        ("CLUSTERDOWN Hash slot not served", StoreUnavailable, "is part of a cluster"),
        ("CROSSSLOT Keys in request don't hash to the same slot", StoreUnavailable, "is part of a cluster"),
    ],
)  # fmt: skip
def test_each_refusal_is_told_in_our_words(reply: str, kind: type[StoreError], said: str) -> None:
    error = ours(BaseParser.parse_error(reply), ONE)
    assert type(error) is kind
    assert said in error.message
    assert error.hint


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("MOVED 5 h:2", "is moving this session"),
        ("ASK 5 h:2", "is moving this session"),
        ("TRYAGAIN Multiple keys request during rehashing of slot", "is moving this session"),
        ("CLUSTERDOWN The cluster is down", "has lost a master: The cluster is down"),
        ("MASTERDOWN Link with MASTER is down", "has lost a master: Link with MASTER is down"),
    ],
)
def test_what_a_cluster_cannot_do_at_the_moment_is_a_store_that_is_away(reply: str, said: str) -> None:
    error = ours(BaseParser.parse_error(reply), CLUSTER)
    assert type(error) is StoreAway
    assert said in error.message


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed", StoreUnavailable, "ssl_ca_certs=FILE"),
        ("[SSL] tlsv13 alert certificate required", StoreUnavailable, "ssl_certfile=FILE"),
        ("Connection closed by server.", StoreUnavailable, "ssl_certfile=FILE"),
        ("No such file or directory", StoreUnavailable, "ssl_…=FILE"),
        ("Connection refused", StoreAway, "start it"),
    ],
)
def test_what_is_wrong_with_certificates_does_not_pass_by_itself(text: str, kind: type[StoreError], said: str) -> None:
    error = ours(failures.ConnectionError(text), TLS)
    assert type(error) is kind
    assert said in error.hint
    if "CERTIFICATE" not in text:
        assert type(ours(failures.ConnectionError(text), ONE)) is StoreAway


@pytest.mark.parametrize(
    ("reply", "may"),
    [
        ("NOAUTH Authentication required.", False), ("WRONGPASS no", False), ("NOPERM no", False), ("OOM full", False),
        ("ERR max number of clients reached", True), ("LOADING", True), ("READONLY", True), ("MASTERDOWN", True),
        ("NOREPLICAS Not enough", True), ("WRONGTYPE", False),
    ],
)  # fmt: skip
def test_what_another_master_may_mend_is_waited_out(reply: str, may: bool) -> None:
    assert passes(BaseParser.parse_error(reply)) is may


def test_who_takes_no_writes_at_all_is_told_later() -> None:
    refusing = [BaseParser.parse_error(reply) for reply in ("OOM full", "NOREPLICAS Not enough", "MISCONF disk")]
    assert all(map(takes_no_writes, refusing))
    other = [BaseParser.parse_error(reply) for reply in ("WRONGTYPE x", "NOPERM no")]
    assert not any(map(takes_no_writes, [*other, 1, b"OK", None]))


def test_a_write_that_was_given_up_says_why() -> None:
    assert "hangs up" in given_up(ONE, lost=True).message
    assert "other writers" in given_up(ONE, lost=False).message


def test_a_slot_that_stays_on_its_way_is_told_how_to_bring_it_there() -> None:
    error = ours(BaseParser.parse_error("TRYAGAIN Multiple keys request during rehashing of slot"), CLUSTER)
    assert error.hint == "try again in a moment; if that lasts: redis-cli --cluster fix"
