"""The store of a command: open while the command works, closed however it ends."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from chatcli.config import folders
from chatcli.stores import Store

if TYPE_CHECKING:
    from chatcli.search.index import SearchIndex


@contextmanager
def named_store(address: str | None) -> Iterator[Store]:
    """Open the store at `address`, a store of the config by name or an address; None: the configured one."""
    from chatcli.cli.compose import open_named_store, workplace

    with closing(open_named_store(workplace(), address)) as store:
        yield store


def forget_index(store: Store, session: str) -> None:
    """Remove what the cache folder knows of a session that was emptied, deleted or renamed."""
    from chatcli.errors import ChatError
    from chatcli.recall import forget, index_path
    from chatcli.search import forget_session, search_path

    cache = folders(os.environ).cache
    with suppress(OSError):  # a cache that cannot be written is none
        forget(index_path(cache, store.address, session))
    with suppress(OSError, ChatError):
        forget_session(search_path(cache, store.address), session)


@contextmanager
def search_index(store: Store) -> "Iterator[SearchIndex]":
    """Open the search index of a store while it is used; that of a store that keeps nothing is not kept either."""
    from chatcli.search import search_path
    from chatcli.search.index import SearchIndex

    cache = folders(os.environ).cache
    with closing(SearchIndex(search_path(cache, store.address) if store.durable else None)) as index:
        yield index
