"""A key that goes to another node of a cluster is read back."""

from typing import Any

import pytest

from chatcli.errors import StoreError
from chatcli.stores.redis_copying import BLOCK, copied


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

    def exists(self, key: str) -> int:
        return int(bool(self.lists.get(key)))

    def expire(self, key: str, seconds: int) -> int:
        return 1

    # `del` is a word of Python's
    def __getattr__(self, name: str) -> Any:
        return {"del": lambda key: self.lists.pop(key, None)}[name]


ENTRIES = [b"%d" % number for number in range(2 * BLOCK + 1)]


def test_all_of_a_list_arrives_and_an_empty_one_is_told_apart() -> None:
    there = Node([])
    assert copied(Node(ENTRIES), there, ("s", "new"), "list") is True
    assert there.lists["new"] == ENTRIES
    assert copied(Node(ENTRIES), there, ("s", "new"), "list", BLOCK) is True
    assert there.lists["new"] == ENTRIES[BLOCK:]
    assert copied(Node([]), there, ("s", "new"), "list") is False


@pytest.mark.parametrize("lost", [ENTRIES[0], ENTRIES[BLOCK], ENTRIES[-1]])
def test_a_copy_that_arrives_as_something_else_is_none(lost: bytes) -> None:
    with pytest.raises(StoreError, match="is not what was read"):
        copied(Node(ENTRIES), Node([], loses=lost), ("s", "new"), "list")
