"""A key that goes to another node of a cluster arrives whole, or its digest tells that it did not."""

from typing import Any

import pytest

from chatcli.stores.redis_copying import BLOCK, copied, digest


class Node:
    """A node that has lists, and loses the entry that it is told to."""

    def __init__(self, entries: list[bytes], loses: bytes = b"") -> None:
        self.lists: dict[str, list[bytes]] = {"s": entries}
        self.loses = loses

    def __call__(self, *commands: tuple[Any, ...]) -> list[Any]:
        return [getattr(self, name.lower())(*given) for name, *given in commands]

    def lrange(self, key: str, start: int, stop: int) -> list[bytes]:
        return self.lists.get(key, [])[start : stop + 1]

    def rpush(self, key: str, *entries: bytes) -> int:
        self.lists.setdefault(key, []).extend(entry for entry in entries if entry != self.loses)
        return len(self.lists[key])

    def expire(self, key: str, seconds: int) -> int:
        return 1

    # `del` is a word of Python's
    def __getattr__(self, name: str) -> Any:
        return {"del": lambda key: self.lists.pop(key, None)}[name]


ENTRIES = [b"%d" % number for number in range(2 * BLOCK + 1)]


def test_all_of_a_list_arrives_or_what_comes_after_its_newest() -> None:
    there = Node([])
    assert copied(Node(ENTRIES), there, {"s": "list"}, ["new"]) == digest(there, {"new": "list"})
    assert there.lists["new"] == ENTRIES
    assert copied(Node(ENTRIES), there, {"s": "list"}, ["new"], BLOCK) == digest(there, {"new": "list"})
    assert there.lists["new"] == ENTRIES[BLOCK:]


@pytest.mark.parametrize("lost", [ENTRIES[0], ENTRIES[BLOCK], ENTRIES[-1]])
def test_a_copy_that_arrives_as_something_else_has_another_digest(lost: bytes) -> None:
    there = Node([], loses=lost)
    assert copied(Node(ENTRIES), there, {"s": "list"}, ["new"]) != digest(there, {"new": "list"})
