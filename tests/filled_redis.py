"""Much of it, at once: long sessions and many, as chatcli writes them, made by the server itself."""

from typing import Any, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from chatcli.messages import Message, new_id
from chatcli.stores.redis_keys import index_key, keys_of
from chatcli.stores.redis_rows import to_raw

PREFIX = "message_store:"

PIECE = 10_000
"""Turns or sessions that one script makes: the server does nothing else meanwhile."""

_LONGER = """
for pushed = 1, tonumber(ARGV[3]) do redis.call('LPUSH', KEYS[1], ARGV[1], ARGV[2]) end
local length = redis.call('LLEN', KEYS[1])
redis.call('HSET', KEYS[2], 'settings', '{}', 'created', 1.5, 'used', 1.5, 'turns', length / 2, 'counted', length)
"""

_MORE = """
for number = tonumber(ARGV[3]), tonumber(ARGV[4]) - 1 do
  local name = 'session ' .. number
  local list = 'message_store:' .. name
  redis.call('LPUSH', list, ARGV[1], ARGV[2])
  redis.call('HSET', '{' .. list .. '}:info', 'settings', '{}', 'created', 1.5, 'used', number, 'turns', 1,
    'counted', 2, 'title', '"What the user asked first"')
  redis.call('ZADD', '{' .. list .. '}:written', 1.5, ARGV[5], 2.5, ARGV[6])
  redis.call('ZADD', KEYS[1], number, name)
end
"""


def turn(text: str) -> list[Message]:
    """Return a whole turn that says `text` twice, with all that chatcli keeps of one."""
    user = Message("user", text, id=new_id(), time=1.5)
    return [user, Message("assistant", text, id=new_id(), time=2.5, model="test-model", finish="stop")]


def lengthen(url: str, session: str, size: int, text: str) -> None:
    """Make a session of `size` messages."""
    keys = keys_of(PREFIX, session)
    with _client(url) as client:
        for first in range(0, size // 2, PIECE):
            client.eval(_LONGER, 2, keys.history, keys.info, *_entries(text), str(min(PIECE, size // 2 - first)))


def multiply(url: str, count: int, text: str) -> None:
    """Make so many sessions of one turn: `session 0` is the one used the longest ago."""
    with _client(url) as client:
        for first in range(0, count, PIECE):
            last = min(count, first + PIECE)
            client.eval(_MORE, 1, index_key(PREFIX), *_entries(text), str(first), str(last), new_id(), new_id())


def _client(url: str) -> redis.Redis:
    # What took too long is not done again.
    return redis.Redis.from_url(url, socket_timeout=60, retry=Retry(NoBackoff(), 0))


def _entries(text: str) -> list[str]:
    return [cast(Any, to_raw(message)) for message in turn(text)]
