"""A session is one and the same for chatcli and for LangChain's own `RedisChatMessageHistory`."""

import json
import warnings
from typing import Any

import pytest
import redis
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage

from chatcli.messages import Message, Usage
from chatcli.stores import Pending, Store
from tests.contracts.conftest import Place
from tests.redis_server import binaries

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it announces its end; its format lives on
    from langchain_community.chat_message_histories import RedisChatMessageHistory

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
TURN = [
    Message("user", "你好我是JavaEdge", id="u1", time=1.5),
    Message("assistant", "你好！", id="a1", time=2.5, model="qwen-plus", usage=Usage(10, 5, 2), finish="stop"),
]


@pytest.fixture(params=binaries())
def place(request: pytest.FixtureRequest, tmp_path: Any) -> Any:
    place = Place(request.getfixturevalue("servers")[request.param].url, tmp_path, "message_store:", [])
    with redis.Redis.from_url(place.address) as client:
        client.flushdb()
        yield place
    for store in place.opened:
        store.close()


@pytest.fixture
def store(place: Place) -> Store:
    return place.open()


@pytest.fixture
def client(place: Place) -> Any:
    with redis.Redis.from_url(place.address) as client:
        yield client


@pytest.fixture
def theirs(place: Place) -> Any:
    history = RedisChatMessageHistory("JavaEdge", url=place.address)
    yield history
    history.redis_client.close()


def test_langchain_reads_what_chatcli_wrote(store: Store, theirs: RedisChatMessageHistory) -> None:
    store.append("JavaEdge", [Message("system", "be kind"), *TURN])
    store.append(
        "JavaEdge",
        [
            Message("user", ({"type": "text", "text": "what?"}, IMAGE)),
            Message("assistant", "", tool_calls=(CALL,)),
            Message("tool", "2", tool_call_id="c1"),
        ],
    )
    system, human, ai, image, call, tool = theirs.messages
    assert (type(system), system.content) == (SystemMessage, "be kind")
    assert (type(human), human.content, human.id) == (HumanMessage, "你好我是JavaEdge", "u1")
    assert isinstance(ai, AIMessage)
    assert ai.usage_metadata is not None
    assert (ai.content, ai.usage_metadata["total_tokens"]) == ("你好！", 15)
    assert ai.response_metadata["chatcli"]["finish"] == "stop"
    assert image.content == [{"type": "text", "text": "what?"}, IMAGE]
    assert isinstance(call, AIMessage)
    assert [(one["name"], one["args"], one["id"]) for one in call.tool_calls] == [("add", {"a": 1}, "c1")]
    assert isinstance(tool, ToolMessage)
    assert tool.tool_call_id == "c1"


def test_chatcli_reads_what_langchain_wrote(store: Store, theirs: RedisChatMessageHistory) -> None:
    theirs.add_user_message("中国建都时间最长的城市是哪个?")
    theirs.add_message(AIMessageChunk("西安", id="run-1", response_metadata={"model_name": "qwen-plus"}))
    theirs.add_message(HumanMessage([{"type": "text", "text": "what?"}, IMAGE]))
    theirs.add_message(AIMessage("", tool_calls=[{"name": "add", "args": {"a": 1}, "id": "c1"}]))
    theirs.add_message(ToolMessage("2", tool_call_id="c1", artifact={"rows": 1}))
    asked, answered, image, call, tool = store.messages("JavaEdge")
    assert (asked.role, asked.content) == ("user", "中国建都时间最长的城市是哪个?")
    assert (answered.role, answered.content, answered.id, answered.model) == ("assistant", "西安", "run-1", "qwen-plus")
    assert image.content == ({"type": "text", "text": "what?"}, IMAGE)
    assert call.tool_calls == (CALL,)
    assert (tool.role, tool.content, tool.tool_call_id) == ("tool", "2", "c1")


def test_a_message_that_langchain_copies_keeps_our_fields(store: Store, theirs: RedisChatMessageHistory) -> None:
    store.append("JavaEdge", TURN)
    copied = theirs.messages
    theirs.clear()
    theirs.add_messages(copied)
    assert store.messages("JavaEdge") == TURN


def test_both_write_into_one_session_live(store: Store, theirs: RedisChatMessageHistory) -> None:
    store.append("JavaEdge", TURN)
    theirs.add_user_message("theirs")
    theirs.add_ai_message("their reply")
    look = store.snapshot("JavaEdge", 9)
    assert (look.length, look.session.turns) == (4, 2)
    theirs.add_user_message("no reply yet")
    theirs.add_user_message("and another")
    under_way = Pending("t1", TURN[0], "w")
    store.begin("JavaEdge", under_way)
    assert store.commit("JavaEdge", "t1", TURN) == 8
    assert [message.text for message in store.messages("JavaEdge")] == [message.content for message in theirs.messages]
    assert store.snapshot("JavaEdge", 9).session.turns == 5
    assert store.sessions()[0].turns == 5


def test_what_javascript_wrote_is_read_and_what_it_cannot_know_is_left_out(store: Store, client: Any) -> None:
    for element in (
        '{"type":"human","data":{"content":"Hello ☕","id":"h1","additional_kwargs":{},"response_metadata":{}}}',
        '{"type":"ai","data":{"content":"Hi","tool_calls":[],"invalid_tool_calls":[],"additional_kwargs":{},'
        '"response_metadata":{}}}',
    ):
        client.lpush("message_store:js", element)
    assert store.messages("js") == [Message("user", "Hello ☕", id="h1"), Message("assistant", "Hi")]


def test_the_lists_that_only_others_wrote_are_foreign_until_chatcli_writes(
    store: Store, theirs: RedisChatMessageHistory, client: Any
) -> None:
    client.set("message_store:a string", "x")
    client.lpush("other:list", "x")
    client.lpush(b"message_store:\xff", "x")
    client.lpush("message_store:has\nnewline", "x")
    theirs.add_user_message("hello")
    store.append("mine", TURN)
    (found,) = store.foreign()
    assert (found.name, found.messages, found.turns) == ("JavaEdge", 1, 1)
    assert store.exists("JavaEdge")
    assert [session.name for session in store.sessions()] == ["mine"]
    store.append("JavaEdge", TURN)
    assert list(store.foreign()) == []
    assert [session.name for session in store.sessions()] == ["JavaEdge", "mine"]


def test_a_foreign_list_can_be_renamed_cleared_and_deleted(store: Store, theirs: RedisChatMessageHistory) -> None:
    theirs.add_user_message("hello")
    store.rename("JavaEdge", "moved")
    assert [message.text for message in store.messages("moved")] == ["hello"]
    assert theirs.messages == []
    assert store.clear("moved") == 1
    theirs.add_user_message("again")
    assert store.delete("JavaEdge")
    assert theirs.messages == []


def test_every_foreign_list_is_found_among_thousands(store: Store, client: Any) -> None:
    with client.pipeline() as pipe:
        for number in range(3000):
            pipe.lpush(f"message_store:{number}", "x")
        pipe.execute()
    assert sorted(int(session.name) for session in store.foreign()) == list(range(3000))


def test_a_prefix_is_no_pattern(place: Place, client: Any) -> None:
    place.prefix = "[m]*?\\:"
    store = place.open()
    client.lpush("message_store:no", "x")
    client.lpush("[m]*?\\:yes", "x")
    assert [session.name for session in store.foreign()] == ["yes"]


def test_an_entry_that_is_no_message_is_shown_kept_and_moved_untouched(store: Store, client: Any) -> None:
    store.append("s", TURN)
    client.lpush("message_store:s", b"\xff\xfe not json")
    client.lpush("message_store:s", '{ "type" : "human" , "data":{"content":"odd spacing"}}')
    before = client.lrange("message_store:s", 0, -1)
    assert [message.role for message in store.messages("s")] == ["user", "assistant", "unreadable", "user"]
    assert store.append("s", [], at=1) == 1
    assert [message.role for message in store.redo("s")] == ["assistant", "unreadable", "user"]
    assert client.lrange("message_store:s", 0, -1) == before
    copied = store.messages("s")
    store.append("copy", copied)
    assert client.lindex("message_store:copy", 1) == b"\xff\xfe not json"


def test_nothing_is_redone_on_a_list_that_another_program_wrote_anew(
    store: Store, theirs: RedisChatMessageHistory
) -> None:
    store.append("JavaEdge", [*TURN, *TURN])
    store.append("JavaEdge", [], at=2)
    theirs.clear()
    theirs.add_user_message("other")
    theirs.add_ai_message("history")
    assert store.redo("JavaEdge") == []
    assert store.length("JavaEdge") == 2


def test_everything_of_a_session_expires_together(place: Place, client: Any) -> None:
    from chatcli.stores.redis import RedisStore

    store = RedisStore(place.address, ttl=1000)
    store.begin("s", Pending("t1", TURN[0], "w"))
    store.commit("s", "t1", TURN)
    store.append("s", TURN)
    store.append("s", [], at=2)
    store.begin("s", Pending("t2", TURN[0], "w"))
    keys = [key for key in client.keys("*") if key != b"chatcli:index:message_store:"]
    assert len(keys) == 5
    assert all(990 < client.ttl(key) <= 1000 for key in keys)
    store.close()


def test_a_session_that_expired_is_listed_no_more(store: Store, client: Any) -> None:
    for name in ("one", "two", "three"):
        store.append(name, TURN)
    client.delete(*client.keys("*two*"))
    assert [session.name for session in store.sessions(limit=2)] == ["three", "one"]
    assert client.zrange("chatcli:index:message_store:", 0, -1) == [b"one", b"three"]


def test_the_keys_beside_a_list_share_its_cluster_slot(store: Store, client: Any) -> None:
    store.append("名 %", TURN)
    store.update("名 %", title="x")
    assert {key.decode() for key in client.keys("*")} == {
        "message_store:名 %",
        "{message_store:名 %25}:info",
        "{message_store:名 %25}:written",
        "chatcli:index:message_store:",
    }
    assert json.loads(client.lindex("message_store:名 %", 0))["type"] == "ai"


def test_only_the_newest_ids_of_writes_are_kept(store: Store, client: Any) -> None:
    client.zadd("{message_store:s}:written", {f"old{number}": number for number in range(2000)})
    store.append("s", TURN)
    assert client.zcard("{message_store:s}:written") == 1000
