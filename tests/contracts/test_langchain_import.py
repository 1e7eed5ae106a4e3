"""Histories that LangChain's own classes wrote, in a SQL table and in Redis, imported."""

import sqlite3
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from chatcli.messages import Message, Usage
from chatcli.stores.in_memory import InMemoryStore
from chatcli.stores.redis import RedisStore
from chatcli.transfer.arrival import Arrived, bring
from chatcli.transfer.source import from_file, from_store
from tests.redis_server import RedisServer

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it announces its end; its format lives on
    from langchain_community.chat_message_histories import RedisChatMessageHistory, SQLChatMessageHistory

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
USED = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
WRITTEN = [
    SystemMessage("be kind"),
    HumanMessage([{"type": "text", "text": "哪个城市?"}, IMAGE]),
    AIMessage("", tool_calls=[{"name": "add", "args": {"a": 1}, "id": "c1"}]),
    ToolMessage("2", tool_call_id="c1"),
    AIMessage("西安", id="run-1", usage_metadata=USED, response_metadata={"model_name": "qwen-plus"}),  # type: ignore[arg-type]
]
READ = [
    ("system", "be kind", ()), ("user", ({"type": "text", "text": "哪个城市?"}, IMAGE), ()), ("assistant", "", (CALL,)),
    ("tool", "2", ()), ("assistant", "西安", ()),
]  # fmt: skip


def as_read(messages: list[Message]) -> list[Any]:
    return [(message.role, message.content, message.tool_calls) for message in messages]


def no_progress(messages: int) -> None:
    pass


@pytest.fixture
def sql(tmp_path: Path) -> Callable[[str], Any]:
    """Open LangChain's history of a session in a SQLite file."""
    opened = []

    def open_history(session: str, **more: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            opened.append(SQLChatMessageHistory(session, connection=f"sqlite:///{tmp_path / 'lc.db'}", **more))
        return opened[-1]

    yield open_history
    for history in opened:
        history.engine.dispose()


@pytest.mark.parametrize("table", ["message_store", 'my "table'])
def test_the_sessions_of_a_sql_table_are_imported_whole(sql: Any, tmp_path: Path, table: str) -> None:
    sql("JavaEdge", table_name=table).add_messages(WRITTEN)
    sql("other", table_name=table).add_user_message("Hi")
    sql("JavaEdge", table_name=table).add_ai_message("more")
    store, arrived = InMemoryStore(), Arrived()
    for _ in range(2):
        with from_file(str(tmp_path / "lc.db"), None, False) as (sessions, _position):
            bring(store, sessions, None, arrived, no_progress)
    assert (arrived.names, arrived.known) == (["JavaEdge", "other"], ["JavaEdge", "other"])
    found = store.messages("JavaEdge")
    assert as_read(found) == [*READ, ("assistant", "more", ())]
    assert (found[4].id, found[4].model, found[4].usage) == ("run-1", "qwen-plus", Usage(3, 2))


def test_a_row_that_is_no_message_hides_no_other(sql: Any, tmp_path: Path) -> None:
    sql("s").add_user_message("Hi")
    with sqlite3.connect(tmp_path / "lc.db") as db:
        db.execute("INSERT INTO message_store(session_id, message) VALUES ('s', '{nonsense'), (NULL, '{}')")
    db.close()
    store = InMemoryStore()
    with from_file(str(tmp_path / "lc.db"), "langchain", False) as (sessions, _position):
        bring(store, sessions, None, Arrived(), no_progress)
    assert [message.role for message in store.messages("s")] == ["user", "unreadable"]
    assert [message.role for message in store.messages("None")] == ["unreadable"]


def test_the_lists_of_a_redis_are_copied_into_another_store(servers: dict[str, RedisServer]) -> None:
    for server in servers.values():
        with redis.Redis.from_url(server.url) as client:
            client.flushdb()
        theirs = RedisChatMessageHistory("JavaEdge", url=server.url)
        theirs.add_messages(WRITTEN)
        source, store, arrived = RedisStore(server.url), InMemoryStore(), Arrived()
        source.append("ours", [Message("user", "Hi")])
        source.update("ours", title="T", settings={"memory": "window:3"})
        for _ in range(2):
            bring(store, from_store(source), None, arrived, no_progress)
        assert (sorted(arrived.names), sorted(arrived.known)) == (["JavaEdge", "ours"], ["JavaEdge", "ours"])
        assert as_read(store.messages("JavaEdge")) == READ
        assert store.messages("JavaEdge") == source.messages("JavaEdge")
        (ours,) = [one for one in store.sessions() if one.name == "ours"]
        assert (ours.title, ours.settings["memory"]) == ("T", "window:3")
        assert theirs.messages == WRITTEN or len(theirs.messages) == len(WRITTEN)
        theirs.redis_client.close()
        source.close()


def test_what_is_imported_into_redis_is_langchains_own_list(
    servers: dict[str, RedisServer], sql: Any, tmp_path: Path
) -> None:
    sql("JavaEdge").add_messages(WRITTEN)
    for server in servers.values():
        with redis.Redis.from_url(server.url) as client:
            client.flushdb()
        store = RedisStore(server.url)
        with from_file(str(tmp_path / "lc.db"), None, False) as (sessions, _position):
            bring(store, sessions, None, Arrived(), no_progress)
        theirs = RedisChatMessageHistory("JavaEdge", url=server.url)
        assert [message.content for message in theirs.messages] == [message.content for message in WRITTEN]
        theirs.redis_client.close()
        store.close()
