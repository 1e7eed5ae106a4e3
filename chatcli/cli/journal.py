"""The journal beside a store: where it is, and what waits in it."""

from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from chatcli.cli.output import notice
from chatcli.cli.resolve import Workplace
from chatcli.errors import StoreError
from chatcli.stores import Store
from chatcli.stores.address import USUAL_PREFIX

if TYPE_CHECKING:
    from chatcli.stores.journal import Journal


def may_wait(place: Workplace) -> bool:
    """Say whether there is a journal; none where we may not even look for it, no matter until one is needed."""
    try:
        return _journal_file(place).exists()
    except OSError:
        return False


def journal_for(place: Workplace, opened: Store, address: str | None) -> "Journal":
    """Return the journal of the store that was opened at `address`, as `open_named_store` takes it."""
    from chatcli.stores.journal import Journal

    return Journal(_journal_file(place), whole_address(place, opened, address))


def _journal_file(place: Workplace) -> Path:
    return place.folders.state / "journal.db"


def whole_address(place: Workplace, opened: Store, address: str | None) -> str:
    """Return what tells the store from all others: two at one address may have other key prefixes."""
    named = place.config.stores.get(place.config.store if address is None else address)
    kind, _, file = opened.address.partition(":///")
    known = f"sqlite:///{Path(file).absolute()}" if kind == "sqlite" else opened.address
    prefix = named.key_prefix if named is not None else USUAL_PREFIX
    return known if prefix == USUAL_PREFIX else f"{known} ({prefix}*)"


def put_in_what_waits(place: Workplace, opened: Store, address: str | None) -> None:
    """Put what the journal keeps for the store into it, before anybody looks; say what became of it."""
    if not opened.durable or not may_wait(place):
        return
    from chatcli.stores.outage import put, turns
    from chatcli.stores.replay import replay

    with closing(journal_for(place, opened, address)) as journal, suppress(StoreError):
        done = replay(opened, journal.entries(), journal.remove)
        left = journal.turns()
        if done.turns:
            notice(f"the store is back; {put(done.turns)}")
        if left:
            wait = "waits" if left == 1 else "wait"
            notice(f"{turns(left)} of a chat that could not reach the store {wait} here; chatcli doctor says more")
