"""The store of a command: open while the command works, closed however it ends."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from chatcli.stores import Store


@contextmanager
def named_store(address: str | None) -> Iterator[Store]:
    """Open the store at `address`, a store of the config by name or an address; None: the configured one."""
    from chatcli.cli.compose import open_named_store, workplace

    with closing(open_named_store(workplace(), address)) as store:
        yield store


def forget_index(store: Store, session: str) -> None:
    """Remove what the cache folder knows of a session that was emptied, deleted or renamed."""
    import os

    from chatcli.config import folders
    from chatcli.recall import forget, index_path

    with suppress(OSError):  # a cache that cannot be written is none
        forget(index_path(folders(os.environ).cache, store.address, session))
