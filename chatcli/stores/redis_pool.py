"""The connections to a Redis server, or to whichever one its sentinels name."""

from redis.connection import ConnectionPool

from chatcli.stores.redis_address import fails_over, malformed, options_of


def connections(url: str, hurried: bool = False) -> ConnectionPool:
    """Return the pool for a `redis://`, `rediss://`, `unix://` or `redis+sentinel://` address, without connecting.

    Raises UsageError for an address that is malformed, or has an option that is none.
    """
    if fails_over(url):
        from chatcli.stores.redis_sentinel import master_pool

        return master_pool(url, hurried)
    with malformed(url, "redis://USER:PASSWORD@HOST:PORT/DB"):
        return ConnectionPool(**options_of(url, url, hurried))
