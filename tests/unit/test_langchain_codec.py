"""LangChain's JSON to and from `Message`."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatcli.messages import Message, Usage, from_dict, to_dict
from chatcli.stores.langchain import decode, encode

HUMAN = {
    "content": "Hi ☕",
    "additional_kwargs": {},
    "response_metadata": {},
    "type": "human",
    "name": None,
    "id": "h1",
}
AI = {
    "content": "",
    "additional_kwargs": {"refusal": None},
    "response_metadata": {"model_name": "qwen-plus", "finish_reason": "stop", "logprobs": None},
    "type": "ai",
    "name": None,
    "id": "run-1",
    "tool_calls": [{"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"}],
    "invalid_tool_calls": [],
    "usage_metadata": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15, "input_token_details": {"audio": 2}},
}
ELEMENTS: dict[str, dict[str, Any]] = {
    "human": {"type": "human", "data": HUMAN},
    "with example": {"type": "human", "data": {**HUMAN, "example": False}},
    "image": {
        "type": "human",
        "data": {
            **HUMAN,
            "content": [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": "u"}}],
        },
    },
    "strings in the content": {"type": "human", "data": {**HUMAN, "content": ["one", {"type": "text", "text": "two"}]}},
    "v1 blocks": {
        "type": "ai",
        "data": {**AI, "content": [{"type": "reasoning", "reasoning": "r"}, {"type": "text", "text": "t"}]},
    },
    "system": {"type": "system", "data": {**HUMAN, "type": "system"}},
    "ai": {"type": "ai", "data": AI},
    "chunk": {
        "type": "AIMessageChunk",
        "data": {**AI, "type": "AIMessageChunk", "tool_call_chunks": [{"index": 0}], "chunk_position": "last"},
    },
    "invalid call": {
        "type": "ai",
        "data": {
            **AI,
            "tool_calls": [],
            "invalid_tool_calls": [{"name": "f", "args": "{", "id": "c", "error": "bad", "type": "x"}],
        },
    },
    "old calls": {"type": "ai", "data": {**AI, "tool_calls": [], "additional_kwargs": {"tool_calls": [{"id": "c1"}]}}},
    "tool": {
        "type": "tool",
        "data": {**HUMAN, "type": "tool", "tool_call_id": "c1", "artifact": {"rows": 3}, "status": "error"},
    },
    "chat": {"type": "chat", "data": {**HUMAN, "type": "chat", "role": "assistant"}},
    "javascript": {"type": "human", "data": {"content": "Hi", "additional_kwargs": {}, "response_metadata": {}}},
    "javascript ai": {
        "type": "ai",
        "data": {"content": "Hi", "tool_calls": [{"name": "f", "args": {}, "id": "1"}], "lc": True},
    },
    "javascript generic": {"type": "generic", "data": {"content": "Hi", "role": "user"}},
    "first javascript": {"type": "human", "text": "Hi", "role": None},
    "odd fields": {
        "type": "ai",
        "data": {"content": "Hi", "id": 7, "name": ["x"], "response_metadata": 3, "usage_metadata": "?"},
    },
    "odd own fields": {
        "type": "ai",
        "data": {"content": "Hi", "response_metadata": {"chatcli": {"time": "noon", "usage": 1, "new": 1}}},
    },
}


def holds(whole: Any, part: Any) -> bool:
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and holds(whole[key], value) for key, value in part.items())
    return bool(whole == part)


@pytest.mark.parametrize("name", ELEMENTS)
def test_decoding_and_encoding_loses_nothing(name: str) -> None:
    message = decode(json.dumps(ELEMENTS[name]))
    assert message.role != "unreadable"
    again = encode(message)
    assert holds(json.loads(again), ELEMENTS[name])
    assert decode(again).content == message.content
    assert encode(decode(again)) == again


def test_a_message_is_written_exactly_as_langchain_writes_it() -> None:
    assert encode(Message("user", "Hi ☕", id="h1")) == (
        '{"type": "human", "data": {"content": "Hi \\u2615", "additional_kwargs": {}, "response_metadata": {}, '
        '"type": "human", "name": null, "id": "h1"}}'
    )


def test_our_own_fields_ride_in_the_response_metadata_under_one_key() -> None:
    message = Message("assistant", "ok", time=5.5, model="m", usage=Usage(10, 5, 4), finish="interrupted")
    data = json.loads(encode(message))["data"]
    own = {"time": 5.5, "model": "m", "usage": {"prompt": 10, "completion": 5, "cached": 4}, "finish": "interrupted"}
    assert data["response_metadata"] == {"chatcli": own}
    assert data["usage_metadata"] == {
        "input_tokens": 10, "output_tokens": 5, "total_tokens": 15, "input_token_details": {"cache_read": 4},
    }  # fmt: skip
    assert decode(encode(message)) == message


def test_what_langchain_says_in_its_own_fields_is_understood() -> None:
    message = decode(json.dumps(ELEMENTS["chunk"]))
    assert (message.role, message.model, message.finish) == ("assistant", "qwen-plus", "stop")
    assert message.usage == Usage(10, 5)
    (call,) = message.tool_calls
    assert call == {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    assert decode(json.dumps(ELEMENTS["tool"])).tool_call_id == "c1"
    assert decode(json.dumps(ELEMENTS["old calls"])).tool_calls == ({"id": "c1"},)
    assert decode(json.dumps(ELEMENTS["strings in the content"])).text == "one\ntwo"


def test_a_plain_langchain_message_needs_no_extra() -> None:
    assert decode(json.dumps(ELEMENTS["human"])) == Message("user", "Hi ☕", id="h1")


@pytest.mark.parametrize("arguments", ['{"a":1}', '{"b": 1,  "a": 2}', "{", "", "[1]", '{"a": "\\u4e2d"}'])
def test_tool_calls_come_back_to_the_letter(arguments: str) -> None:
    calls = tuple(
        {"id": str(number), "type": "function", "function": {"name": "f", "arguments": text}}
        for number, text in enumerate([arguments, '{"x": 1}'])
    )
    message = Message("assistant", "", tool_calls=calls)
    assert decode(encode(message)).tool_calls == calls


@pytest.mark.parametrize(
    ("raw", "note"),
    [
        ("not json", "no JSON"),
        ("", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[1, 2]", "no message"),
        ('{"data": {"content": "x"}}', "no message"),
        ('{"type": 3}', "no message"),
        ('{"type": "human"}', "of the type 'human'"),
        ('{"type": "human", "data": {"content": 3}}', "of the type 'human'"),
        ('{"type": "human", "data": {"content": [1]}}', "of the type 'human'"),
        (
            '{"type": "human", "data": {"content": [{"type": "image_url", "image_url": {"url": 5}}]}}',
            "of the type 'human'",
        ),
        ('{"type": "human", "data": {"content": [{"type": "image_url"}]}}', "of the type 'human'"),
        ('{"type": "human", "data": {"content": [{"type": "text", "text": null}]}}', "of the type 'human'"),
        ('{"type": "human", "data": {"content": [{"type": 5}]}}', "of the type 'human'"),
        ('{"type": "remove", "data": {"content": ""}}', "of the type 'remove'"),
        ('{"type": "chat", "data": {"content": "x", "role": "critic"}}', "of the type 'chat'"),
        ("\udcff\udcfe", "no JSON"),
    ],
)
def test_an_entry_that_is_no_message_is_shown_and_kept(raw: str, note: str) -> None:
    message = decode(raw)
    assert message.role == "unreadable"
    assert message.text.startswith(f"an entry that is {note}: {raw[:20]}")
    assert len(message.text) < 200
    assert encode(message) == raw


@pytest.mark.parametrize(
    "own",
    [
        *({"time": time} for time in (1e300, float("nan"), float("inf"), -1, 10**400, True, "noon", [])),
        *({"usage": {"prompt": count, "completion": 1, "cached": 0}} for count in (-1, 2**60, True, 1.5, None)),
        *({"tool_calls": calls} for calls in ([5], ["x"], [{"function": "f"}], "x", {"a": 1})),
        *({"extra": extra} for extra in (5, [], {"langchain": 5}, {"langchain": {"raw": "x"}})),
        *({name: [5]} for name in ("model", "finish", "tool_call_id")),
    ],
    ids=repr,
)
def test_an_odd_field_is_left_out_and_kept_for_the_round_trip(own: dict[str, Any]) -> None:
    element = json.dumps({"type": "ai", "data": {"content": "Hi", "response_metadata": {"chatcli": own}}})
    message = decode(element)
    assert (message.role, message.content) == ("assistant", "Hi")
    assert (message.time, message.usage, message.tool_calls, message.model) == (None, None, (), None)
    assert json.dumps(json.loads(encode(message))["data"]["response_metadata"]) == json.dumps({"chatcli": own})
    assert encode(decode(encode(message))) == encode(message)


def test_what_is_empty_is_not_what_is_missing() -> None:
    for message in (
        Message("assistant", "", time=0.0, name="", model="", usage=Usage(0, 0), tool_call_id=""),
        Message("tool", "", tool_call_id=""),
        Message("tool", ""),
    ):
        assert decode(encode(message)) == message
        assert from_dict(json.loads(json.dumps(to_dict(message)))) == message


def test_a_shorter_image_part_of_langchain_is_an_image() -> None:
    element = {"type": "human", "data": {"content": [{"type": "image_url", "image_url": "u"}]}}
    message = decode(json.dumps(element))
    assert message.content == ({"type": "image_url", "image_url": {"url": "u"}},)
    assert holds(json.loads(encode(message)), element)


@pytest.mark.parametrize("extra", [5, "x", [], None, {"raw": 5}, {"data": 5}])
def test_what_is_odd_in_extra_is_no_obstacle(extra: Any) -> None:
    assert json.loads(encode(Message("user", "Hi", extra={"langchain": extra})))["type"] == "human"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from([*AI, "tool_call_id", "role", "status", "example"])


@given(
    st.sampled_from(["human", "ai", "system", "tool", "chat", "AIMessageChunk", "?"]),
    st.dictionaries(FIELDS, JSON),
    JSON,
)
def test_no_entry_breaks_the_codec_or_loses_anything(kind: str, data: dict[str, Any], content: Any) -> None:
    element = {"type": kind, "data": {**data, "content": content}}
    assert holds(json.loads(encode(decode(json.dumps(element)))), element)
