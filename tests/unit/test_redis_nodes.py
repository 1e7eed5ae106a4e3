"""What is known of a Redis cluster's nodes: who has which slot, whom to ask next."""

from redis.exceptions import AskError, MovedError

from chatcli.stores.redis_cluster_nodes import Slots, cluster_address, named, slot_of, slots_of
from chatcli.stores.redis_pool import connections

A, B, C = ("a", 1), ("b", 2), ("c", 3)


def test_an_option_of_ours_goes_before_the_same_of_the_address() -> None:
    address = cluster_address("redis+cluster://h:7000/?socket_timeout=9")
    hurried = connections(address.of(("h", 7000), "socket_timeout=1"))
    assert hurried.connection_kwargs["socket_timeout"] == 1.0
    assert connections(address.of(("h", 7000))).connection_kwargs["socket_timeout"] == 9.0


def test_what_a_node_says_of_the_slots_is_taken_over_to_the_last_one() -> None:
    slots = Slots((A,))
    slots.learn([[0, 8000, [b"b", 2, b"id"], [b"c", 3, b"id"]], [8001, 16383, [b"", 1, b"id", []]]], A)
    assert [slots.owners[slot] for slot in (0, 8000, 8001, 16383)] == [B, B, A, A]
    assert (slots.masters(), slots.unserved()) == ([B, A], 0)
    slots.learn([[0, 99, [b"?", 5, b"id"]]], C)
    assert (slots.masters(), slots.unserved()) == ([("c", 5)], 16284), "it is where the one is that was asked"


def test_another_node_is_asked_first_each_time_and_the_one_that_failed_last() -> None:
    slots = Slots((A, B))
    assert slots.to_ask(None) == [A, B]
    slots.learn([[0, 16383, [b"b", 2, b"id"], [b"c", 3, b"id"]]], A)
    assert slots.to_ask(None) == [B, C, A]
    assert slots.to_ask(C) == [B, A, C], "it was C's turn"
    assert slots.to_ask(B) == [C, A, B]


def test_where_a_slot_has_gone_may_be_said_without_a_host() -> None:
    assert named(MovedError("5 b:2"), A) == B
    assert named(AskError("5 :7"), A) == ("a", 7)


def test_a_command_without_a_key_goes_with_the_one_before_it_or_to_the_first_there_is() -> None:
    commands = [("TIME",), ("LLEN", "x"), ("TIME",), ("LLEN", "y"), ("INFO", "memory")]
    assert slots_of(commands) == [slot_of(key) for key in "xxxyy"]
    assert slots_of([("TIME",)]) == [0]
    assert slot_of("{x}:info") == slot_of("x") != slot_of("y")
    assert slot_of("half \ud83d") == slot_of("half ?")
