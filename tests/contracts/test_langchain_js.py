"""A session is one and the same for chatcli, for LangChain.js and for Python's LangChain: all three on one list."""

import json
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from chatcli.messages import Message, Usage
from chatcli.stores import Pending
from chatcli.stores.redis import RedisStore
from tests.langchain_js import Theirs, langchain_js
from tests.redis_server import RedisServer, binaries

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it announces its end; its format lives on
    from langchain_community.chat_message_histories import RedisChatMessageHistory

SPECIAL = 'Hello ☕ 你好 "quoted" \\ \u2028 \x7f 😀\n\ttab'
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
PARTS = [{"type": "text", "text": "什么?"}, IMAGE]
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
TURN = [
    Message("user", SPECIAL, id="u1", time=1.5),
    Message("assistant", "你好！", id="a1", time=2.5, model="qwen-plus", usage=Usage(10, 5, 2), finish="stop"),
]
WHOLE = [
    Message("system", "be kind"),
    *TURN,
    Message("user", tuple(PARTS), id="u2"),
    Message("assistant", "", id="a2", tool_calls=(CALL,)),
    Message("tool", "2", tool_call_id="c1"),
]
SAID = [
    ("system", "be kind"), ("human", SPECIAL), ("ai", "你好！"), ("human", PARTS), ("ai", ""), ("tool", "2"),
]  # fmt: skip


@pytest.fixture(params=binaries())
def url(request: pytest.FixtureRequest, servers: dict[str, RedisServer]) -> str:
    found = servers[request.param].url
    with redis.Redis.from_url(found) as client:
        client.flushdb()
    return found


@pytest.fixture
def store(url: str) -> Iterator[RedisStore]:
    """Our side: LangChain.js puts nothing before the session's name."""
    store = RedisStore(url, key_prefix="")
    yield store
    store.close()


@pytest.fixture
def theirs(url: str) -> Iterator[Theirs]:
    with langchain_js(url, "JavaEdge") as history:
        yield history


@pytest.fixture
def client(url: str) -> Iterator[Any]:
    with redis.Redis.from_url(url, decode_responses=True) as client:
        yield client


def test_what_javascript_writes_is_this_to_the_byte_and_is_read(store: RedisStore, theirs: Theirs, client: Any) -> None:
    used = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    theirs.add(
        ("system", "be kind"),
        ("human", {"content": SPECIAL, "id": "h1"}),
        ("ai", {"content": "西安", "id": "a1", "usage_metadata": used, "response_metadata": {"model_name": "qwen"}}),
        ("human", {"content": PARTS}),
        ("ai", {"content": "", "tool_calls": [{"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"}]}),
        ("tool", {"content": "2", "tool_call_id": "c1"}),
    )
    ends = '"additional_kwargs":{},"response_metadata":{}}}'
    parts = json.dumps(PARTS, ensure_ascii=False, separators=(",", ":"))
    assert client.lrange("JavaEdge", 0, -1)[::-1] == [
        f'{{"type":"system","data":{{"content":"be kind",{ends}',
        f'{{"type":"human","data":{{"content":{json.dumps(SPECIAL, ensure_ascii=False)},"id":"h1",{ends}',
        '{"type":"ai","data":{"content":"西安","id":"a1","usage_metadata":{"input_tokens":3,"output_tokens":2,'
        '"total_tokens":5},"response_metadata":{"model_name":"qwen"},"tool_calls":[],"invalid_tool_calls":[],'
        '"additional_kwargs":{}}}',
        f'{{"type":"human","data":{{"content":{parts},{ends}',
        '{"type":"ai","data":{"content":"","tool_calls":[{"name":"add","args":{"a":1},"id":"c1","type":"tool_call"}],'
        f'"invalid_tool_calls":[],{ends}',
        f'{{"type":"tool","data":{{"content":"2","tool_call_id":"c1",{ends}',
    ]
    system, human, ai, image, call, tool = store.messages("JavaEdge")
    assert (system.role, system.text) == ("system", "be kind")
    assert (human.role, human.text, human.id) == ("user", SPECIAL, "h1")
    assert (ai.role, ai.text, ai.id, ai.model, ai.usage) == ("assistant", "西安", "a1", "qwen", Usage(3, 2))
    assert list(image.content) == PARTS
    assert call.tool_calls == (CALL,)
    assert (tool.role, tool.text, tool.tool_call_id) == ("tool", "2", "c1")


def test_javascript_reads_what_chatcli_wrote(store: RedisStore, theirs: Theirs) -> None:
    store.append("JavaEdge", WHOLE)
    assert theirs.said == SAID
    _, human, ai, _, call, tool = theirs.messages
    assert (human["id"], ai["id"]) == ("u1", "a1")
    assert ai["usage_metadata"]["total_tokens"] == 15
    assert ai["response_metadata"]["chatcli"]["finish"] == "stop"
    assert [(one["name"], one["args"], one["id"]) for one in call["tool_calls"]] == [("add", {"a": 1}, "c1")]
    assert tool["tool_call_id"] == "c1"


def test_a_history_that_javascript_copies_keeps_our_fields(store: RedisStore, theirs: Theirs) -> None:
    store.append("JavaEdge", WHOLE)
    theirs.copy()
    copied = store.messages("JavaEdge")
    assert [(one.role, one.content, one.id, one.time, one.model, one.usage, one.finish) for one in copied] == [
        (one.role, one.content, one.id, one.time, one.model, one.usage, one.finish) for one in WHOLE
    ]
    assert [(one.tool_calls, one.tool_call_id) for one in copied] == [
        (one.tool_calls, one.tool_call_id) for one in WHOLE
    ]


def test_all_three_write_into_one_session_live(store: RedisStore, theirs: Theirs, url: str) -> None:
    python = RedisChatMessageHistory("JavaEdge", url=url, key_prefix="")
    store.append("JavaEdge", TURN)
    theirs.add(("human", "from JavaScript ☕"), ("ai", "its reply"))
    python.add_user_message("from Python 你好")
    store.begin("JavaEdge", Pending("t1", TURN[0], "w"))
    theirs.add(("ai", "a late reply"))
    assert store.commit("JavaEdge", "t1", TURN) == 8
    expected = [message.text for message in store.messages("JavaEdge")]
    assert expected[2:6] == ["from JavaScript ☕", "its reply", "from Python 你好", "a late reply"]
    assert [content for _, content in theirs.said] == expected
    assert [message.content for message in python.messages] == expected
    assert store.snapshot("JavaEdge", 9).session.turns == 4
    python.redis_client.close()


def test_a_turn_of_ours_is_whole_whenever_javascript_looks(store: RedisStore, theirs: Theirs) -> None:
    theirs.begin_to_watch(until=300)
    for number in range(150):
        turn = f"t{number}"
        store.begin("JavaEdge", Pending(turn, Message("user", f"ask {number}"), "w"))
        store.commit("JavaEdge", turn, [Message("user", f"ask {number}"), Message("assistant", f"reply {number}")])
    assert theirs.open_turns() == 0
    assert len(theirs.said) == 300


def test_what_is_taken_back_and_done_again_is_javascripts_to_the_byte(
    store: RedisStore, theirs: Theirs, client: Any
) -> None:
    theirs.add(("human", SPECIAL), ("ai", {"content": "odd", "additional_kwargs": {"x": None}, "name": "N"}))
    before = client.lrange("JavaEdge", 0, -1)
    store.append("JavaEdge", [], at=0)
    assert theirs.said == []
    store.redo("JavaEdge")
    assert client.lrange("JavaEdge", 0, -1) == before


def test_a_session_without_a_prefix_is_found_and_our_own_keys_are_none(store: RedisStore, theirs: Theirs) -> None:
    theirs.add(("human", "hello"))
    store.append("ours", [*TURN, *TURN])
    store.append("ours", [], at=2)
    store.begin("ours", Pending("t1", TURN[0], "w"))
    assert [(one.name, one.messages) for one in store.foreign()] == [("JavaEdge", 1)]
    assert [one.name for one in store.sessions()] == ["ours"]


def test_a_session_that_javascript_clears_is_begun_anew(store: RedisStore, theirs: Theirs) -> None:
    store.append("JavaEdge", TURN)
    theirs.clear()
    theirs.add(("human", "anew"))
    look = store.snapshot("JavaEdge", 9)
    assert ([message.text for message in look.newest], look.session.turns) == (["anew"], 1)
    store.append("JavaEdge", TURN)
    assert [content for _, content in theirs.said] == ["anew", SPECIAL, "你好！"]
