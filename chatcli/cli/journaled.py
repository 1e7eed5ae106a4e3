"""The store of a chat, with a journal for the time it is away; and what is said when it is closed."""

from chatcli.cli.journal import journal_for, may_wait
from chatcli.cli.output import notice
from chatcli.cli.resolve import Workplace
from chatcli.cli.stores import open_named_store
from chatcli.errors import StoreError
from chatcli.stores import Store


def journaled_store(place: Workplace, address: str | None = None, needed: bool = False) -> Store:
    """Open the store at `address` as `open_named_store` does, with a journal for the time it is away.

    What waits there from earlier runs is put into the store first. `needed`: see `stores.outage`. A store that ends
    with the process has no journal.
    """
    opened = open_named_store(place, address)
    if not opened.durable:
        return opened
    from chatcli.stores.journaled import Journaled

    store = Journaled(opened, lambda: journal_for(place, opened, address), may_wait(place), needed)
    store.on_slow_end = lambda: notice("the store takes what was kept here; ^C leaves the rest for the next chat")
    try:
        store.open()
    except BaseException:
        store.close()
        raise
    return store


def farewell(store: Store) -> None:
    """Say what a store that was closed has not got; raise StoreError for a turn that is nowhere else either."""
    if not store.durable:
        return
    from chatcli.stores.journaled import Journaled

    if not isinstance(store, Journaled):
        return
    if store.lost:
        raise StoreError("the last turn could be kept nowhere", "it stands above: copy what you need of it")
    if store.farewell:
        notice(store.farewell)
