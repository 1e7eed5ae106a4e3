"""What Python's langchain-redis wrote (a RedisJSON document for each message) is imported.

The documents were written by langchain-redis 0.2.6 into Redis Stack 7.4, which no package brings whole; here they are
given by `tests.redis_json`.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from chatcli.errors import UsageError
from chatcli.messages import Message
from chatcli.stores.in_memory import InMemoryStore
from chatcli.stores.redis import RedisStore
from chatcli.transfer.arrival import Arrived, bring
from chatcli.transfer.source import documents_in, from_store
from tests.redis_json import with_documents
from tests.redis_server import RedisServer, binaries

CAPTURED = [
    ("chat:JavaEdge:01M8AFHAJQNVEYQC1QKWR0A84M",
     '{"type":"human","message_id":"01M8AFHAJQNVEYQC1QKWR0A84M","data":{"content":[{"type":"text","text":"what?"},'
     '{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}],"additional_kwargs":{},"type":"human"},'
     '"session_id":"JavaEdge","timestamp":1795648170.583089}'),
    ("chat:a:b:c:01M8AFHAJWK0BVNJ2Z96D56Z9Q",
     '{"type":"human","message_id":"01M8AFHAJWK0BVNJ2Z96D56Z9Q","data":{"content":"in a session with colons",'
     '"additional_kwargs":{},"type":"human"},"session_id":"a:b:c","timestamp":1795648170.588083}'),
    ("chat:JavaEdge:01M8AFHAJNJFMY3MW9XDK8221C",
     '{"type":"ai","message_id":"01M8AFHAJNJFMY3MW9XDK8221C","data":{"content":"西安","additional_kwargs":{"x":1},'
     '"type":"ai"},"session_id":"JavaEdge","timestamp":1795648170.581306}'),
    ("chat:JavaEdge:01M8AFHAJR1SKZ492FVWATC0S3",
     '{"type":"tool","message_id":"01M8AFHAJR1SKZ492FVWATC0S3","data":{"content":"2","additional_kwargs":{},'
     '"type":"tool","tool_call_id":"c1","status":"success"},"session_id":"JavaEdge","timestamp":1795648170.584288}'),
    ("chat:JavaEdge:01M8AFHAJNJFMY3MW9XDK8221B",
     '{"type":"human","message_id":"01M8AFHAJNJFMY3MW9XDK8221B","data":{"content":"Hello ☕ 你好",'
     '"additional_kwargs":{},"type":"human"},"session_id":"JavaEdge","timestamp":1795648170.581271}'),
]  # fmt: skip
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
READ = [
    ("user", "Hello ☕ 你好", 1795648170.581271), ("assistant", "西安", 1795648170.581306),
    ("user", ({"type": "text", "text": "what?"}, IMAGE), 1795648170.583089), ("tool", "2", 1795648170.584288),
]  # fmt: skip


def document(number: int, session: Any = "many", **more: Any) -> str:
    whole = {"type": "human", "data": {"content": f"no {number}"}, "session_id": session, "timestamp": 1e9 + number}
    return json.dumps({**whole, **more})


def read(messages: list[Message]) -> list[Any]:
    return [(message.role, message.content, message.time) for message in messages]


def brought(url: str) -> tuple[InMemoryStore, Arrived]:
    source, store, arrived = RedisStore(url), InMemoryStore(), Arrived()
    for _ in range(2):
        bring(store, from_store(source), None, arrived, lambda _messages: None)
    source.close()
    return store, arrived


@pytest.fixture(params=binaries())
def server(request: pytest.FixtureRequest, servers: dict[str, RedisServer]) -> Iterator[RedisServer]:
    found = servers[request.param]
    with redis.Redis.from_url(found.url) as client:
        client.flushdb()
        yield found
        client.flushdb()


def test_sessions_come_in_order_of_time_with_their_pictures_and_once(server: RedisServer) -> None:
    with with_documents(server.port, dict(CAPTURED)) as url:
        store, arrived = brought(url)
    assert (arrived.names, arrived.known) == (["JavaEdge", "a:b:c"], ["JavaEdge", "a:b:c"])
    found = store.messages("JavaEdge")
    assert read(found) == READ
    assert (found[0].id, found[3].tool_call_id) == ("01M8AFHAJNJFMY3MW9XDK8221B", "c1")
    (listed,) = [one for one in store.sessions() if one.name == "JavaEdge"]
    assert (listed.created, listed.used) == (1795648170.581271, 1795648170.584288)


def test_lists_and_documents_of_one_redis_come_together(server: RedisServer) -> None:
    store = RedisStore(server.url)
    store.append("list", [Message("user", "Hi")])
    with with_documents(server.port, dict(CAPTURED)) as url:
        _, arrived = brought(url)
    assert sorted(arrived.names) == ["JavaEdge", "a:b:c", "list"]
    store.close()


def test_they_can_be_brought_into_the_lists_of_the_redis_they_are_in(server: RedisServer) -> None:
    with with_documents(server.port, dict(CAPTURED)) as url:
        store, arrived = RedisStore(url), Arrived()
        for _ in range(2):
            bring(store, documents_in(store), None, arrived, lambda _messages: None)
        assert read(store.messages("JavaEdge")) == READ
        assert arrived.known == ["JavaEdge", "a:b:c"]
        store.close()


def test_a_server_without_redisjson_has_none(server: RedisServer) -> None:
    store = RedisStore(server.url)
    store.append("list", [Message("user", "Hi")])
    assert list(documents_in(store)) == []
    assert brought(server.url)[1].names == ["list"]
    store.close()


def test_other_programs_documents_are_passed_over_and_a_broken_one_hides_no_other(server: RedisServer) -> None:
    documents = {
        "theirs:1": '{"name": "Ada"}',
        "theirs:2": document(1, session=7),
        "theirs:3": document(1, timestamp="now"),
        "theirs:4": "no document",
        "theirs:5": document(1, session=""),
        "chat:many:1": document(1),
        "chat:many:2": document(2, type="strange"),
        "chat:many:3": document(3, data="none"),
        "chat:many:4": document(4, timestamp=int("9" * 400)),
    }
    with with_documents(server.port, documents) as url:
        store, arrived = brought(url)
    assert arrived.names == ["many"]
    assert [message.role for message in store.messages("many")] == ["user", "unreadable", "unreadable"]


def test_thousands_come_in_their_order(server: RedisServer) -> None:
    documents = {f"chat:many:{number:05}": document(number) for number in reversed(range(3000))}
    with with_documents(server.port, documents) as url:
        store, _ = brought(url)
    assert [message.text for message in store.messages("many")] == [f"no {number}" for number in range(3000)]


def test_the_command_says_so_when_the_store_holds_nothing_to_bring(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    from chatcli.cli.transfer import import_

    monkeypatch.setenv("CHATCLI_HOME", str(tmp_path))
    with pytest.raises(UsageError, match="in this store already"):
        import_([server.url], store=server.url, format="auto", session=None, branches=False)
