"""Every way in which an endpoint fails, against a real HTTP server: class, message, hint."""

import json
import socket
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

import pytest

from chatcli import errors
from chatcli.errors import ChatError, ConfigError, ModelError
from chatcli.messages import Message
from chatcli.model.openai import OpenAIModel
from chatcli.model.refusals import one_line
from chatcli.model.reply import Retries
from chatcli.model.settings import ModelSettings
from tests.servers import (
    BAD_KEY,
    BROKEN,
    BUSY,
    FORBIDDEN,
    NO_QUOTA,
    RATE_LIMIT,
    TOO_LONG_DASHSCOPE,
    TOO_LONG_LLAMA,
    TOO_LONG_OPENAI,
    UNKNOWN_MODEL,
    WEB_PAGE,
    Answer,
    Cut,
    ModelServer,
    Raw,
    Silence,
    Step,
    Stream,
    Whole,
    refusal,
)

ONCE = Retries(attempts=1)
SETTINGS = ModelSettings("qwen", "qwen-plus", api_key="sk-secret", key_env="DASHSCOPE_API_KEY", label="DashScope")


def fail(base_url: str, **changes: Any) -> ChatError:
    """Ask a model at `base_url`; return the error that comes of it."""
    model = OpenAIModel(SETTINGS._replace(base_url=base_url, **changes), ONCE)
    try:
        with pytest.raises(ChatError) as caught:
            list(model.stream([Message("user", "Hi")], {}))
    finally:
        model.close()
    return caught.value


def stream(*steps: Step, **ending: Any) -> Stream:
    return Stream(steps, **ending)


def in_stream(data: Any, before: bytes = b"data: ") -> Stream:
    return stream("Hel", Raw(before + json.dumps(data).encode() + b"\n\n"), finish=None, usage=None, done=False)


@dataclass(frozen=True)
class Row:
    answer: Answer
    kind: type[ModelError]
    message: str
    hint: str


TABLE = {
    "a bad key": Row(
        BAD_KEY,
        errors.BadKey,
        "DashScope refused the key (401): Incorrect API key provided.",
        "set DASHSCOPE_API_KEY, or put another key under [models.qwen]",
    ),
    "a bad key as Gemini says it": Row(
        refusal(400, "API key not valid. Please pass a valid API key."), errors.BadKey, "refused the key", "set"
    ),
    "forbidden": Row(FORBIDDEN, errors.BadKey, "does not allow this key to do that (403)", "set DASHSCOPE_API_KEY"),
    "an unknown model": Row(
        UNKNOWN_MODEL, errors.UnknownModel, "does not know the model qwen-plus (404)", "`chatcli models`"
    ),
    "an unknown model as DeepSeek says it": Row(
        refusal(400, "Model Not Exist"), errors.UnknownModel, "does not know the model qwen-plus (400)", "--model"
    ),
    "an unknown model as Ollama says it": Row(
        refusal(404, 'model "qwen-plus" not found, try pulling it first'), errors.UnknownModel, "(404)", "--model"
    ),
    "a wrong address": Row(
        refusal(404, "Not Found"), errors.BadRequest, "there is no chat endpoint at DashScope (404)", "ends in /v1"
    ),
    "a context too long for OpenAI": Row(
        TOO_LONG_OPENAI, errors.ContextTooLong, "too long for qwen-plus at DashScope (400): This model's", "tokens:N"
    ),
    "a context too long for DashScope": Row(
        TOO_LONG_DASHSCOPE, errors.ContextTooLong, "Range of input length", "tokens:N"
    ),
    "a context too long for llama.cpp": Row(TOO_LONG_LLAMA, errors.ContextTooLong, "20031 tokens", "tokens:N"),
    "a rate limit": Row(RATE_LIMIT, errors.RateLimited, "takes no more requests for now (429)", "wait"),
    "a used-up quota": Row(NO_QUOTA, errors.RateLimited, "the quota at DashScope is used up (429)", "billing"),
    "an empty account": Row(
        refusal(402, "Insufficient Balance"), errors.RateLimited, "the quota at DashScope is used up (402)", "billing"
    ),
    "an overdue account": Row(
        refusal(400, "Access denied, please make sure your account is in good standing.", code="Arrearage"),
        errors.RateLimited,
        "is used up (400)",
        "billing",
    ),
    "a server error": Row(BROKEN, errors.ServerError, "DashScope failed (500): The server had an error", "in a while"),
    "an overloaded server": Row(BUSY, errors.ServerError, "DashScope failed (503)", "in a while"),
    "a gateway's web page": Row(
        Whole(502, b"<html><body>Bad Gateway</body></html>", "text/html"),
        errors.ServerError,
        "DashScope failed (502): a web page",
        "in a while",
    ),
    "a bad request": Row(
        refusal(400, "temperature: must be <= 2"), errors.BadRequest, "refused the request (400): temperature", "-o"
    ),
    "an option that a model does not take": Row(
        refusal(
            400,
            "Unsupported parameter: with this model 'max_tokens' is not supported.",
            code="unsupported_parameter",
            param="max_tokens",
        ),
        errors.BadRequest,
        "refused the request (400): Unsupported parameter",
        "-o",
    ),
    "a body that is no JSON": Row(Whole(418, b"short and stout", "text/plain"), errors.BadRequest, "stout", "-o"),
    "a stream cut half-way": Row(stream("Hel", Cut), errors.BrokenStream, "DashScope broke off", "send it again"),
    "a stream that just ends": Row(
        stream("Hel", finish=None, done=False, usage=None), errors.BrokenStream, "broke off", "send it again"
    ),
    "a stream of garbage": Row(
        stream(Raw(b"\x00\xff\x1b]0;x\x07" * 50 + b"\n\n"), finish=None, usage=None, done=False),
        errors.BrokenStream,
        "no reply",
        "base_url",
    ),
    "garbage after the first delta": Row(
        stream("Hel", Raw(b"data: {not json\n\n")), errors.BrokenStream, "no reply: '{not json'", "base_url"
    ),
    "chunks of another shape": Row(
        stream(Raw(b'data: {"choices": ["x"]}\n\n')), errors.BrokenStream, "no reply", "base_url"
    ),
    "a number for a chunk": Row(stream(Raw(b"data: 42\n\n")), errors.BrokenStream, "no reply: '42'", "base_url"),
    "a web page": Row(WEB_PAGE, errors.BrokenStream, "no reply: '<!DOCTYPE html>", "check base_url"),
    "JSON of another kind": Row(Whole(200, b'{"ok": true}'), errors.BrokenStream, "no reply", "base_url"),
    "an empty body": Row(Whole(200, b"", "text/event-stream"), errors.BrokenStream, "broke off", "send it again"),
    "an error with status 200": Row(
        Whole(200, b'{"error": {"message": "no capacity", "code": "server_error"}}'),
        errors.ServerError,
        "DashScope failed: no capacity",
        "in a while",
    ),
    "a bad key with status 200": Row(
        Whole(200, b'{"error": {"message": "nope", "code": "invalid_api_key"}}'), errors.BadKey, "refused", "set"
    ),
    "an error inside the stream": Row(
        in_stream({"error": {"message": "out of memory", "code": 500}}),
        errors.ServerError,
        "DashScope failed: out of memory",
        "in a while",
    ),
    "an error inside the stream, as vLLM says it": Row(
        in_stream({"object": "error", "message": "maximum context length is 4096", "code": 400}),
        errors.ContextTooLong,
        "maximum context length",
        "tokens:N",
    ),
    "an error inside the stream, as llama.cpp says it": Row(
        in_stream({"code": 500, "message": "slot gone"}, b"error: "), errors.ServerError, "slot gone", "in a while"
    ),
    "an error event": Row(
        in_stream({"message": "Rate limit reached"}, b"event: error\ndata: "),
        errors.RateLimited,
        "takes no more requests for now: Rate limit reached",
        "wait",
    ),
    "a content filter": Row(
        stream("Hel", finish="content_filter"), errors.BadRequest, "content filter of DashScope", "other words"
    ),
}


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE.keys())
def test_a_failure_is_told_in_two_lines(server: ModelServer, row: Row) -> None:
    server.answers(row.answer)
    error = fail(server.url)
    assert type(error) is row.kind
    assert row.message in error.message
    assert row.hint in error.hint
    assert "\n" not in error.message + error.hint
    assert "sk-secret" not in error.message + error.hint
    assert error.exit_code == 4


def test_an_endpoint_that_quotes_the_request_shows_no_login_of_it() -> None:
    settings = SETTINGS._replace(base_url="http://anna:hunter2@127.0.0.1/v1?key=quiet&v=2")
    quoted = (
        "POST /v1/chat/completions?key=quiet&v=2 with Authorization: Basic YW5uYTpodW50ZXIy, Proxy-Authorization: "
        "Basic cHU6c2VjcmV0 | {'authorization': 'Bearer sk-other'} is not allowed; Basic authentication is"
    )
    assert one_line(quoted, settings) == (
        "POST /v1/chat/completions?… with Authorization: Basic …, Proxy-Authorization: Basic … | "
        "{'authorization': 'Bearer …'} is not allowed; Basic authentication is"
    )


def test_long_words_of_an_endpoint_are_cut(server: ModelServer) -> None:
    server.refuses(refusal(400, "no " * 5000))
    assert len(fail(server.url).message) < 400


def test_an_endpoint_that_wants_a_key_says_so_when_none_is_set(server: ModelServer) -> None:
    server.refuses(BAD_KEY)
    error = fail(server.url, api_key="", key_env="", label="")
    assert "wants a key (401)" in error.message
    assert "[models.qwen] in the config" in error.hint


def test_a_refused_connection_names_where() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        error = fail(f"http://127.0.0.1:{port}/v1", label="")
    assert type(error) is errors.Unreachable
    assert error.message == f"nothing answers at 127.0.0.1:{port}: connection refused"
    assert "base_url" in error.hint


def test_a_name_without_an_address_is_named() -> None:
    error = fail("http://no-such-host.invalid/v1")
    assert type(error) is errors.Unreachable
    assert error.message == "there is no address for no-such-host.invalid"


def test_silence_is_a_timeout(server: ModelServer) -> None:
    server.answers(Silence())
    error = fail(server.url, timeout=0.05)
    assert type(error) is errors.TimedOut
    assert error.message == "DashScope was silent for 0.05 seconds"
    assert "timeout under [models.qwen]" in error.hint


def test_silence_in_the_middle_of_a_stream_is_a_timeout(server: ModelServer) -> None:
    server.replies("Hel", Event())
    assert type(fail(server.url, timeout=0.05)) is errors.TimedOut


def test_a_server_that_hangs_up_without_an_answer_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            accepted, _ = listening.accept()
            accepted.close()

        thread = Thread(target=hang_up)
        thread.start()
        error = fail(f"http://127.0.0.1:{listening.getsockname()[1]}/v1")
        thread.join()
    assert type(error) is errors.Unreachable
    assert error.message.startswith("the connection to DashScope")


@pytest.mark.parametrize(
    "base_url", ["", "localhost:8080/v1", "ftp://host/v1", "https://", "/v1", "http://[::1/v1", "http://host:99999/v1"]
)
def test_an_address_that_is_none_is_an_error_of_the_config(base_url: str) -> None:
    error = fail(base_url)
    assert type(error) is ConfigError
    assert "[models.qwen]" in error.hint


@pytest.mark.parametrize("key", ["sk-\nx", "密钥", "a b", "sk-\x1b"])
def test_a_key_that_cannot_be_one_is_refused_without_showing_it(key: str) -> None:
    error = fail("http://127.0.0.1:9/v1", api_key=key)
    assert type(error) is ConfigError
    assert key not in error.message + error.hint


def test_user_and_password_of_an_address_are_not_shown() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        error = fail(f"http://anna:hunter2@127.0.0.1:{unused.getsockname()[1]}/v1", label="")
    assert type(error) is errors.Unreachable
    assert "hunter2" not in error.message + error.hint
    for base_url in ("ftp://anna:hunter2@host/v1", "ftp://host/v1?key=hunter2", "host/v1?a=b&key=hunter2"):
        assert "hunter2" not in fail(base_url).message
