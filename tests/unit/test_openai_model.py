"""A model at an endpoint, against a real HTTP server."""

import gzip
import json
import random
import sys
import traceback
import tracemalloc
from collections.abc import Iterator
from queue import Queue
from subprocess import run
from threading import Event, Thread
from time import monotonic
from typing import Any

import httpx2
import pytest

from chatcli.errors import BadKey, BadRequest, BrokenStream, ModelError, RateLimited, ServerError
from chatcli.messages import Message, Usage
from chatcli.model import Delta, Finished, Reasoning, Retrying, Used
from chatcli.model import Event as ModelEvent
from chatcli.model.answer import LONGEST
from chatcli.model.connection import COMPRESSED, _stays
from chatcli.model.faults import LedAway
from chatcli.model.openai import OpenAIModel
from chatcli.model.reply import Retries
from chatcli.model.settings import ModelSettings
from tests.servers import (
    BUSY,
    NO_QUOTA,
    RATE_LIMIT,
    Cut,
    Endless,
    ModelServer,
    Raw,
    Thought,
    Whole,
    pieces,
    refusal,
)

HELLO = (Message("user", "Hello"),)
QUICK = Retries(first=0.001)
PROMPT = 0.5
"""Seconds within which a closed reply must have ended: five times what it may take, for a busy machine."""


@pytest.fixture
def model(server: ModelServer) -> Iterator[OpenAIModel]:
    model = OpenAIModel(at(server), QUICK)
    yield model
    model.close()


def at(server: ModelServer, **changes: Any) -> ModelSettings:
    known: dict[str, Any] = {"name": "test", "id": "test-model", "base_url": server.url, "api_key": "sk-secret"}
    return ModelSettings(**known | changes)


def ask(model: OpenAIModel, context: tuple[Message, ...] = HELLO, **options: Any) -> list[ModelEvent]:
    return list(model.stream(context, options))


def text(events: list[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


# What a reply is made of


def test_a_stream_becomes_deltas_then_finish_then_usage(server: ModelServer, model: OpenAIModel) -> None:
    server.replies("Hel", "lo", usage=(30, 2, 25))
    assert ask(model) == [Delta("Hel"), Delta("lo"), Finished("stop"), Used(Usage(30, 2, 25))]


def test_a_delta_is_yielded_before_the_next_one_is_sent(server: ModelServer, model: OpenAIModel) -> None:
    gate = Event()
    server.replies("one", gate, "two")
    events = iter(model.stream(HELLO, {}))
    assert next(events) == Delta("one")
    gate.set()
    assert next(events) == Delta("two")


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
def test_what_a_model_thinks_is_kept_apart_from_its_reply(server: ModelServer, model: OpenAIModel, key: str) -> None:
    server.replies(Thought("Hmm. ", key), Thought("Yes.", key), "42", usage=None)
    assert ask(model) == [Reasoning("Hmm. "), Reasoning("Yes."), Delta("42"), Finished("stop")]


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_thoughts_that_a_model_writes_before_its_reply_are_kept_apart(
    server: ModelServer, model: OpenAIModel, size: int
) -> None:
    server.replies(*pieces("\n<think>\nIs 1 < 2? </thin\n</think>\n\nYes: <think> is a tag.</think>", size), usage=None)
    events = ask(model)
    assert "".join(event.text for event in events if isinstance(event, Reasoning)) == "\nIs 1 < 2? </thin\n"
    assert text(events) == "Yes: <think> is a tag.</think>"


@pytest.mark.parametrize("size", [1, 100])
@pytest.mark.parametrize("reply", ["<think> opens thoughts.", "<thin", " \n", "<b>bold</b>", "x <think>a</think>"])
def test_a_reply_that_only_looks_like_thoughts_is_whole(
    server: ModelServer, model: OpenAIModel, reply: str, size: int
) -> None:
    server.replies(*pieces(reply, size), usage=None)
    events = ask(model)
    assert text(events) == reply
    assert events[-1] == Finished("stop")


def test_a_reply_cut_at_the_token_limit_says_so(server: ModelServer, model: OpenAIModel) -> None:
    server.replies("Once upon", finish="length", usage=None)
    assert ask(model)[-1] == Finished("length")


def test_one_json_message_instead_of_a_stream_is_a_reply(server: ModelServer, model: OpenAIModel) -> None:
    server.final("All at\n\nonce", usage=(5, 3, None))
    assert ask(model) == [Delta("All at\n\nonce"), Finished("stop"), Used(Usage(5, 3))]


def test_a_stream_that_only_says_done_has_finished(server: ModelServer, model: OpenAIModel) -> None:
    server.replies("Hi", finish=None, usage=None)
    assert ask(model) == [Delta("Hi"), Finished("stop")]


def test_a_stream_without_done_has_finished_when_it_said_so(server: ModelServer, model: OpenAIModel) -> None:
    server.replies("Hi", done=False, usage=None)
    assert ask(model) == [Delta("Hi"), Finished("stop")]


def test_a_stream_that_ends_without_a_word_is_broken(server: ModelServer, model: OpenAIModel) -> None:
    server.replies("Hi", finish=None, done=False, usage=None)
    with pytest.raises(BrokenStream):
        ask(model)


def test_usage_in_every_chunk_is_reported_once(server: ModelServer, model: OpenAIModel) -> None:
    counts = [b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":%d}}\n\n' % n for n in (1, 2)]
    server.replies(Raw(counts[0]), "Hi", Raw(counts[1]), usage=None)
    assert ask(model) == [Delta("Hi"), Finished("stop"), Used(Usage(9, 2))]


def test_comments_keepalives_crlf_and_line_separators_inside_text_do_no_harm(
    server: ModelServer, model: OpenAIModel
) -> None:
    chunk = {"choices": [{"index": 0, "delta": {"content": "a\u2028b\x85c"}}]}
    data = json.dumps(chunk, ensure_ascii=False).encode()
    alive = b": ping\r\n\r\ndata:\r\n\r\ndata:\r\ndata\r\n\r\n"
    server.replies(Raw(alive + b"id: 7\r\ndata:" + data + b"\r\n\r\n"), usage=None)
    assert text(ask(model)) == "a\u2028b\x85c"


def test_characters_torn_between_packets_arrive_whole(server: ModelServer, model: OpenAIModel) -> None:
    data = b'data: {"choices":[{"delta":{"content":"\xe4\xbd\xa0"}}]}\n\n'
    server.replies(Raw(data[:37]), Raw(data[37:38]), Raw(data[38:]), usage=None)
    assert text(ask(model)) == "你"


def test_a_list_of_parts_is_read_as_its_text(server: ModelServer, model: OpenAIModel) -> None:
    server.replies(Raw(b'data: {"choices":[{"delta":{"content":[{"type":"text","text":"Salut"}]}}]}\n\n'), usage=None)
    assert text(ask(model)) == "Salut"


# What is sent


def test_messages_go_out_as_the_protocol_wants_them(server: ModelServer, model: OpenAIModel) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    ask(
        model,
        (
            Message("system", "Be brief", id="1", time=1.0),
            Message("user", ({"type": "text", "text": "What is it?"}, image), name="Anna"),
            Message("unreadable", "not JSON"),
            Message("assistant", "", tool_calls=(call,), model="m", finish="stop"),
            Message("tool", "noon", tool_call_id="c1"),
        ),
    )
    assert server.requests[0].body["messages"] == [
        {"role": "system", "content": "Be brief"},
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, image], "name": "Anna"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "noon", "tool_call_id": "c1"},
    ]


def test_options_extra_body_and_the_models_own_options_are_merged(server: ModelServer) -> None:
    settings = at(server, extra_body={"enable_thinking": False}, options={"temperature": 0, "seed": 1})
    model = OpenAIModel(settings, QUICK)
    ask(model, temperature=0.7, top_k=20)
    model.close()
    body = server.requests[0].body
    assert body.pop("messages")
    assert body == {
        "model": "test-model",
        "stream": True,
        "stream_options": {"include_usage": True},
        "enable_thinking": False,
        "temperature": 0.7,
        "seed": 1,
        "top_k": 20,
    }


def test_half_a_surrogate_pair_neither_breaks_the_request_nor_the_reply(
    server: ModelServer, model: OpenAIModel
) -> None:
    server.replies(Raw(b'data: {"choices":[{"delta":{"content":"a\\ud83d"}}]}\n\n'), usage=None)
    assert text(ask(model, (Message("user", "x\udc80y"),))) == "a\ufffd"
    assert server.requests[0].texts == [("user", "x\ufffdy")]


def test_an_endpoint_that_does_not_know_stream_options_is_asked_without_from_then_on(
    server: ModelServer, model: OpenAIModel
) -> None:
    server.knows_stream_options = False
    assert text(ask(model)) == text(ask(model)) == "Turn 1: Hello"
    assert ["stream_options" in request.body for request in server.requests] == [True, False, False]


def test_the_next_turn_goes_over_the_same_connection(server: ModelServer, model: OpenAIModel) -> None:
    for _ in range(3):
        ask(model)
    assert server.connections == 1


def test_models_lists_what_the_endpoint_has(server: ModelServer, model: OpenAIModel) -> None:
    server.models = ["b", "a"]
    assert model.models() == ["b", "a"]


def test_a_server_on_this_machine_is_reached_without_a_proxy(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModelServer() as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        model = OpenAIModel(at(server), QUICK)
        ask(model)
        model.close()
    assert (len(server.requests), proxy.connections) == (1, 0)


def test_the_client_is_imported_by_the_first_request_or_in_the_background_before() -> None:
    program = """
import sys
from chatcli.model.openai import OpenAIModel, preload
from chatcli.model.settings import ModelSettings
OpenAIModel(ModelSettings("m", "m", "http://127.0.0.1:9/v1")).stream([], {})
before = "httpx2" in sys.modules
preload().join()
print(before, "httpx2" in sys.modules)
"""
    done = run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


# The key


def test_openais_own_headers_go_with_its_key_alone(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-1")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Gateway-Key: sk-gateway\nnonsense\n: none")
    for key_env in ("OPENAI_API_KEY", "OTHER_KEY"):
        model = OpenAIModel(at(server, key_env=key_env), QUICK)
        ask(model)
        model.close()
    own, other = (request.headers for request in server.requests)
    names = ("openai-organization", "openai-project", "x-gateway-key")
    assert [own.get(name) for name in names] == ["org-1", "proj-1", "sk-gateway"]
    assert [other.get(name) for name in names] == [None, None, None]
    assert own["authorization"] == other["authorization"] == "Bearer sk-secret"


def test_what_stands_behind_the_address_is_kept(server: ModelServer) -> None:
    model = OpenAIModel(at(server, base_url=f"{server.url}/?api-version=7"), QUICK)
    with pytest.raises(BadRequest):  # this server knows no versions
        ask(model)
    model.close()
    assert server.requests[0].path.endswith("/v1/chat/completions?api-version=7")


def test_the_key_goes_to_the_endpoint(server: ModelServer, model: OpenAIModel) -> None:
    ask(model)
    assert server.requests[0].headers["authorization"] == "Bearer sk-secret"


def test_without_a_key_none_is_sent_whatever_the_environment_holds(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-1")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Gateway-Key: sk-gateway\nAuthorization: Bearer sk-gateway")
    model = OpenAIModel(at(server, api_key=""), QUICK)
    ask(model)
    model.close()
    sent = json.dumps(dict(server.requests[0].headers))
    assert "authorization" not in server.requests[0].headers
    assert not any(secret in sent for secret in ("sk-", "org-1", "proj-1"))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_origin_carries_nothing_there_and_is_told(
    server: ModelServer, model: OpenAIModel, status: int
) -> None:
    with ModelServer() as other:
        server.redirects(f"{other.url}/chat/completions?x=1", status)
        with pytest.raises(BadRequest) as caught:
            ask(model)
        assert other.connections == 0
    assert f"127.0.0.1:{other.port}" in caught.value.message
    assert caught.value.hint.endswith(f"base_url under [models.test] in the config: {other.url}")


def test_a_redirect_within_the_origin_is_followed(server: ModelServer, model: OpenAIModel) -> None:
    server.redirects("/elsewhere/chat/completions")
    assert text(ask(model)) == "Turn 1: Hello"
    assert server.requests[1].headers["authorization"] == "Bearer sk-secret"


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirect_that_would_drop_what_is_asked_is_not_followed(
    server: ModelServer, model: OpenAIModel, status: int
) -> None:
    server.redirects("/new/chat/completions", status)
    with pytest.raises(BadRequest, match=r"points to another place, http://127.*/new; nothing") as caught:
        ask(model)
    assert len(server.requests) == 1
    assert caught.value.hint.endswith("/new")


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("https://a.example/v1", "http://a.example/v1"),
        ("http://a.example/v1", "https://a.example/v1"),
        ("https://a.example/v1", "https://a.example:8443/v1"),
        ("https://a.example/v1", "//b.example/v1"),
    ],
)
def test_a_redirect_that_changes_scheme_port_or_host_leads_away(here: str, there: str) -> None:
    request = httpx2.Request("POST", here)
    with pytest.raises(LedAway):
        _stays(httpx2.Response(307, headers={"Location": there}, request=request))
    _stays(httpx2.Response(307, headers={"Location": "/v2"}, request=request))


def test_redirects_in_a_circle_are_not_tried_again(server: ModelServer, model: OpenAIModel) -> None:
    for _ in range(50):
        server.redirects("/v1/chat/completions")
    with pytest.raises(BadRequest, match="redirects without an end"):
        ask(model)
    assert len(server.requests) == 21


@pytest.mark.parametrize("status", [200, 401])
def test_what_is_cut_off_a_text_leaves_no_part_of_the_key(server: ModelServer, status: int) -> None:
    key = "sk-test-secret-ABCDEFGHIJKLMNOP"
    model = OpenAIModel(at(server, api_key=key), QUICK)
    for length in range(40, 110):
        server.answers(Whole(status, b"x" * length + key.encode(), "text/plain"))
        with pytest.raises(ModelError) as caught:
            ask(model)
        assert key[:6] not in caught.value.message
    server.answers(Whole(status, b"you sent " + key[:-4].encode(), "text/plain"))
    with pytest.raises(ModelError) as caught:
        ask(model)
    assert key[:6] not in caught.value.message
    model.close()


def test_the_key_is_in_no_repr_and_in_no_error(server: ModelServer, model: OpenAIModel) -> None:
    server.refuses(refusal(401, "no such key: sk-secret"))
    with pytest.raises(ModelError) as caught:
        ask(model)
    shown = f"{caught.value.message} {caught.value.hint} {model.settings!r} {caught.value!r}"
    shown += "".join(traceback.format_exception(caught.value))
    assert "sk-secret" not in shown


# What no reader foresees


DEEP = b"[" * 100_000


@pytest.mark.parametrize(
    "event",
    [
        DEEP,
        b'{"a":' * 100_000,
        b'{"choices":' + DEEP + b"]" * 100_000 + b"}",
        b'{"error":' + DEEP + b"]" * 100_000 + b"}",
        json.dumps({"error": {"code": "9" * 5000, "message": "x"}}).encode(),
        b'{"choices":[{"delta":{"content":7}}]}',
    ],
)
def test_a_hostile_event_is_an_error_in_two_lines(server: ModelServer, model: OpenAIModel, event: bytes) -> None:
    server.replies("He", Raw(b"data: " + event + b"\n\n"))
    with pytest.raises(ModelError) as caught:
        ask(model)
    assert "\n" not in caught.value.message + caught.value.hint


def test_what_nobody_foresaw_is_a_broken_stream(server: ModelServer) -> None:
    model = OpenAIModel(at(server), QUICK, locate=lambda: at(server, extra_body={"x": object()}))
    with pytest.raises(BrokenStream, match=r"could not be read \(TypeError\)"):
        ask(model)
    model.close()


@pytest.mark.parametrize("status", [200, 400])
def test_a_body_nested_beyond_reason_is_an_error_in_two_lines(
    server: ModelServer, model: OpenAIModel, status: int
) -> None:
    server.answers(Whole(status, DEEP))
    with pytest.raises(ModelError):
        ask(model)
    server.pages["/v1/models"] = Whole(status, DEEP)
    with pytest.raises(ModelError):
        model.models()


@pytest.mark.parametrize("count", [b"1e999", b"-1e999", b"NaN", b"-5", b'"7"', b"[]", b"1" + b"0" * 300])
def test_a_count_that_is_none_is_zero(server: ModelServer, model: OpenAIModel, count: bytes) -> None:
    usage = b'{"choices":[],"usage":{"prompt_tokens":%b,"completion_tokens":2}}' % count
    server.replies("Hi", Raw(b"data: " + usage + b"\n\n"), usage=None)
    assert ask(model)[-1] == Used(Usage(0, 2))


@pytest.mark.parametrize(
    "date", ["Thu, 01 Jan 99999999999999999999 00:00:00 GMT", "Thu, 01 Jan 9999 99:00:00 GMT", "1e999", "nan", "-5"]
)
def test_a_wait_that_is_none_is_not_obeyed(server: ModelServer, model: OpenAIModel, date: str) -> None:
    server.refuses(refusal(429, "slow down", {"Retry-After": date}))
    first = ask(model)[0]
    assert isinstance(first, Retrying)
    assert first.seconds < 1


BLOCK = b"x" * 2**18


@pytest.mark.parametrize(
    "endless",
    [
        Endless(200, BLOCK),
        Endless(200, BLOCK + b"\n"),
        Endless(200, b"data: " + BLOCK, "text/event-stream"),
        Endless(200, b"data: " + BLOCK + b"\n", "text/event-stream"),
        Endless(200, b"data:\n" * 2**15, "text/event-stream"),
    ],
)
def test_an_answer_without_an_end_is_not_kept_in_memory(
    server: ModelServer, model: OpenAIModel, endless: Endless
) -> None:
    server.answers(endless)
    with pytest.raises(BrokenStream, match="no reply"):
        ask(model)
    assert server.wait_disconnect()


@pytest.mark.parametrize(
    ("status", "attempts", "error"),
    [(307, 1, BadRequest), (400, 1, BadRequest), (401, 1, BadKey), (502, 4, ServerError)],
)
def test_an_error_without_an_end_is_told_by_its_status(
    server: ModelServer, model: OpenAIModel, status: int, attempts: int, error: type[ModelError]
) -> None:
    server.answers(*[Endless(status, b"Bad gateway. " * 2**14, "text/plain")] * attempts)
    with pytest.raises(error, match=rf"\({status}\): Bad gateway"):
        ask(model)
    assert len(server.requests) == attempts


def packed(body: bytes, times: int, status: int) -> Whole:
    for _ in range(times):
        body = gzip.compress(body)
    return Whole(status, body, headers={"Content-Encoding": ", ".join(["gzip"] * times)})


@pytest.mark.parametrize("status", [200, 400])
def test_what_is_compressed_twice_is_not_unpacked(server: ModelServer, model: OpenAIModel, status: int) -> None:
    server.answers(packed(b"x" * 2**27, 2, status))
    tracemalloc.start()
    with pytest.raises(ModelError):
        ask(model)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**23


def test_a_list_that_would_be_too_long_when_unpacked_is_refused(server: ModelServer, model: OpenAIModel) -> None:
    noise = random.Random(1).randbytes(LONGEST // COMPRESSED + 2**16).hex()
    server.pages["/v1/models"] = packed(json.dumps({"data": [], "noise": noise}).encode(), 1, 200)
    with pytest.raises(BrokenStream, match="no reply"):
        model.models()
    server.pages["/v1/models"] = packed(json.dumps({"data": [{"id": "a"}], "noise": noise[:999]}).encode(), 1, 200)
    assert model.models() == ["a"]


def test_a_list_of_models_without_an_end_is_not_kept_in_memory(server: ModelServer, model: OpenAIModel) -> None:
    server.pages["/v1/models"] = Endless(200, BLOCK)
    with pytest.raises(BrokenStream, match="no reply"):
        model.models()


def test_lines_between_events_are_not_kept(server: ModelServer, model: OpenAIModel) -> None:
    junk = Raw(b"junk" * 2**18 + b"\ndata: {}\n\n")
    server.replies("Hi", *[junk] * 20, usage=None)
    assert ask(model) == [Delta("Hi"), Finished("stop")]


# Retries


@pytest.mark.parametrize("failure", [RATE_LIMIT, BUSY])
def test_what_may_pass_is_tried_again_and_said(server: ModelServer, model: OpenAIModel, failure: Whole) -> None:
    server.refuses(failure, times=2)
    events = ask(model)
    assert [type(event) for event in events[:2]] == [Retrying, Retrying]
    assert text(events) == "Turn 1: Hello"


def test_four_attempts_are_made_and_no_more(server: ModelServer, model: OpenAIModel) -> None:
    server.refuses(BUSY, times=9)
    with pytest.raises(ServerError):
        ask(model)
    assert len(server.requests) == 4


def test_a_used_up_quota_is_not_tried_again(server: ModelServer, model: OpenAIModel) -> None:
    server.refuses(NO_QUOTA)
    with pytest.raises(RateLimited):
        ask(model)
    assert len(server.requests) == 1


@pytest.mark.parametrize("headers", [{"Retry-After": "0.01"}, {"retry-after-ms": "10"}])
def test_the_wait_an_endpoint_asks_for_is_obeyed(
    server: ModelServer, model: OpenAIModel, headers: dict[str, str]
) -> None:
    server.refuses(refusal(429, "slow down", headers))
    assert ask(model)[0] == Retrying(0.01, f"127.0.0.1:{server.port} takes no more requests for now (429): slow down")


def test_a_date_to_wait_for_is_obeyed(server: ModelServer, model: OpenAIModel) -> None:
    server.refuses(refusal(503, "maintenance", {"Retry-After": "Mon, 01 Jan 2024 00:00:00 GMT"}))
    first = ask(model)[0]
    assert isinstance(first, Retrying)
    assert first.seconds == 0


def test_nobody_waits_longer_than_a_minute(server: ModelServer, model: OpenAIModel) -> None:
    server.refuses(refusal(429, "come back tomorrow", {"Retry-After": "86400"}))
    with pytest.raises(RateLimited, match="come back tomorrow"):
        ask(model)
    assert len(server.requests) == 1


def test_a_stream_cut_before_its_first_delta_is_tried_again(server: ModelServer, model: OpenAIModel) -> None:
    server.replies(Cut)
    events = ask(model)
    assert isinstance(events[0], Retrying)
    assert text(events) == "Turn 1: Hello"


def test_nothing_is_tried_again_after_the_first_delta(server: ModelServer, model: OpenAIModel) -> None:
    server.replies("Hel", Cut)
    events = iter(model.stream(HELLO, {}))
    assert next(events) == Delta("Hel")
    with pytest.raises(BrokenStream):
        next(events)
    assert len(server.requests) == 1


def test_the_waits_double_and_vary_by_a_quarter() -> None:
    waits = [Retries().pause(made, None) for made in (1, 2, 3, 4)]
    for wait, around in zip(waits, (0.5, 1.0, 2.0), strict=False):
        assert wait is not None
        assert around * 0.75 <= wait <= around * 1.25
    assert waits[3] is None


# Closing


class Reading:
    """A reply that is read on a thread; what comes stands in `events`, None at its end."""

    def __init__(self, model: OpenAIModel) -> None:
        self.reply = model.stream(HELLO, {})
        self.events: Queue[ModelEvent | Exception | None] = Queue()
        self._thread = Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        try:
            for event in self.reply:
                self.events.put(event)
        except ModelError as error:
            self.events.put(error)
        self.events.put(None)

    def close(self) -> float:
        """Close it; return how many seconds it took the reader to see the end."""
        begun = monotonic()
        self.reply.close()
        assert self.events.get(timeout=10) is None
        self._thread.join(10)
        return monotonic() - begun


def test_closing_while_the_headers_are_waited_for_ends_it_and_tells_the_server(
    server: ModelServer, model: OpenAIModel
) -> None:
    server.hangs()
    reading = Reading(model)
    server.wait_chats(1)
    assert reading.close() < PROMPT
    assert server.wait_disconnect()


def test_closing_in_the_middle_of_a_stream_ends_it_and_tells_the_server(
    server: ModelServer, model: OpenAIModel
) -> None:
    server.replies("one", Event(), "two")
    reading = Reading(model)
    assert reading.events.get(timeout=10) == Delta("one")
    assert reading.close() < PROMPT
    assert server.wait_disconnect()


def test_closing_on_a_connection_that_was_kept_ends_it_too(server: ModelServer, model: OpenAIModel) -> None:
    ask(model)
    server.hangs()
    reading = Reading(model)
    server.wait_chats(2)
    assert reading.close() < PROMPT
    assert server.wait_disconnect()
    assert text(ask(model)) == "Turn 1: Hello"


def test_closing_while_a_retry_is_waited_for_ends_it(server: ModelServer, model: OpenAIModel) -> None:
    server.refuses(refusal(503, "later", {"Retry-After": "50"}))
    reading = Reading(model)
    assert isinstance(reading.events.get(timeout=10), Retrying)
    assert reading.close() < PROMPT
    assert len(server.requests) == 1


def test_closing_while_the_endpoint_is_looked_for_ends_it(server: ModelServer) -> None:
    looking, found = Event(), Event()

    def locate() -> ModelSettings:
        looking.set()
        found.wait()
        return at(server)

    model = OpenAIModel(at(server), QUICK, locate)
    reading = Reading(model)
    assert looking.wait(10)
    assert reading.close() < PROMPT
    found.set()
    model.close()


def test_a_reply_closed_before_it_is_read_sends_nothing(server: ModelServer, model: OpenAIModel) -> None:
    reply = model.stream(HELLO, {})
    reply.close()
    reply.close()
    assert list(reply) == []
    assert server.requests == []


def test_a_reader_that_stops_half_way_lets_go_of_the_server(server: ModelServer, model: OpenAIModel) -> None:
    server.replies("one", Event(), "two")
    events = iter(model.stream(HELLO, {}))
    assert next(events) == Delta("one")
    events.close()  # type: ignore[attr-defined]
    assert server.wait_disconnect()
    assert text(ask(model)) == "Turn 1: Hello"


def test_closing_the_model_ends_its_replies(server: ModelServer, model: OpenAIModel) -> None:
    server.replies("one", Event())
    reading = Reading(model)
    assert reading.events.get(timeout=10) == Delta("one")
    model.close()
    assert reading.events.get(timeout=10) is None


def test_two_replies_at_once_do_not_disturb_each_other(server: ModelServer, model: OpenAIModel) -> None:
    gate = Event()
    server.replies("first", gate, " goes on", usage=None)
    first = iter(model.stream(HELLO, {}))
    assert next(first) == Delta("first")
    second = Reading(model)
    assert second.events.get(timeout=10) == Delta("Turn")
    second.reply.close()
    gate.set()
    assert list(first) == [Delta(" goes on"), Finished("stop")]
