"""The store of a command and the session it works on, and what the cache knows of it."""

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from chatcli.cli.resolve import Workplace, workplace
from chatcli.config import blamed, folders
from chatcli.errors import NotFound, UsageError
from chatcli.names import check_session_name, listed
from chatcli.stores import Store
from chatcli.stores.address import SHORT, open_store, whole, with_option, with_password
from chatcli.stores.rules import no_session

if TYPE_CHECKING:
    from chatcli.config.file import StoreConfig
    from chatcli.search.index import SearchIndex


def open_named_store(place: Workplace, address: str | None = None) -> Store:
    """Open the store at `address`: a store of the config by name, or an address; None: the configured one."""
    if address is None:
        with blamed("store", place.environ):
            return open_named_store(place, place.config.store)
    named = place.config.stores.get(address)
    if named is not None:
        return open_store(
            _address(address, named, place.environ),
            data_folder=place.folders.data,
            key_prefix=named.key_prefix,
            ttl=named.ttl,
            environ=place.environ,
        )
    if address not in SHORT and ":" not in address:
        known = ", ".join(place.config.stores) or "none yet"
        raise UsageError(f"there is no store {address!r}", f"stores of the config: {known}; or write an address")
    return open_store(address, data_folder=place.folders.data, environ=place.environ)


def _address(name: str, named: "StoreConfig", environ: Mapping[str, str]) -> str:
    """Return the address of `[stores.NAME]` with the passwords and the options that stand beside it."""
    found = whole(named.address, environ)
    if password := _secret(name, "password", named, environ):
        found = with_password(found, password)
    if password := _secret(name, "sentinel_password", named, environ):
        found = with_option(found, "sentinel_password", password)
    return with_option(found, "wait_replicas", named.wait_replicas) if named.wait_replicas else found


def _secret(name: str, what: str, named: "StoreConfig", environ: Mapping[str, str]) -> str:
    said = {kind: getattr(named, f"{what}_{kind}") for kind in ("env", "file", "command")}
    if not any(said.values()):
        return ""
    from chatcli.credentials import one_of

    return one_of(f"stores.{name}.{what}", said, environ)


def last_session(store: Store) -> str:
    """Return the session used last; raise NotFound when there is none."""
    newest = listed(store, 1)
    if not newest:
        raise no_session_yet()
    return newest[0].name


def no_session_yet(more: str = "") -> NotFound:
    """Return the error for a store without any session; its hint may say `more`."""
    return NotFound("there is no session yet", f"chatcli chat -s NAME makes one{more}")


def existing_session(store: Store, name: str | None) -> str:
    """Return the session to work on, the one used last for None; raise NotFound when it is not there."""
    if name is None:
        return last_session(store)
    if not store.exists(check_session_name(name)):
        raise no_session(name)
    return name


@contextmanager
def named_store(address: str | None) -> Iterator[Store]:
    """Open the store at `address`, a store of the config by name or an address; None: the configured one."""
    from chatcli.cli.journal import put_in_what_waits

    place = workplace()
    with closing(open_named_store(place, address)) as store:
        put_in_what_waits(place, store, address)
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
