"""Vectors of texts from an endpoint, against a real HTTP server."""

import json
import math
from collections.abc import Callable, Iterator
from threading import Event, Thread
from time import monotonic
from typing import Any

import pytest

from chatcli.errors import (
    BadKey,
    BadRequest,
    BrokenStream,
    ChatError,
    ConfigError,
    ModelError,
    RateLimited,
    ServerError,
    TimedOut,
    Unreachable,
    UsageError,
)
from chatcli.model.embeddings import Embedder
from chatcli.model.settings import ModelSettings
from tests.servers import (
    BAD_KEY,
    BROKEN,
    RATE_LIMIT,
    WEB_PAGE,
    Body,
    Endless,
    ModelServer,
    Silence,
    Whole,
    embedded,
    refusal,
)

LONG = 20.0
"""Seconds that no test waits for."""

TOO_MANY = refusal(400, "<400> InternalError.Algo.InvalidParameter: batch size is invalid, it should not be larger")
NO_DIMENSIONS = refusal(400, "This model does not support specifying dimensions.", code="invalid_request_error")


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        server.embeds = lengths
        yield server


@pytest.fixture
def embedder(server: ModelServer) -> Iterator[Embedder]:
    embedder = Embedder(lambda: at(server))
    yield embedder
    embedder.close()


def at(server: ModelServer, **changes: Any) -> ModelSettings:
    known: dict[str, Any] = {"name": "embed", "id": "text-embedding-v4", "base_url": server.url, "api_key": "sk-secret"}
    return ModelSettings(**known | changes)


def lengths(body: Body) -> Whole:
    """Answer each text with a vector that says how long it is."""
    return embedded([3.0 * len(text), 4.0 * len(text)] for text in body["input"])


def answering(*answers: Whole, then: Callable[[Body], Whole] = lengths) -> Callable[[Body], Whole]:
    """Answer the first requests with these, the others as `then` does."""
    scripted = list(answers)
    return lambda body: scripted.pop(0) if scripted else then(body)


def rows(*vectors: Any) -> Whole:
    return Whole(200, json.dumps({"data": [{"embedding": vector} for vector in vectors]}).encode())


def failure(embedder: Embedder, seconds: float = LONG) -> ChatError:
    with pytest.raises(ChatError) as caught:
        embedder.embed(["Hello"], seconds)
    return caught.value


# What is asked and what comes


def test_each_text_gets_a_vector_of_length_1(server: ModelServer, embedder: Embedder) -> None:
    vectors = embedder.embed(["a", "bb"], LONG)
    assert [list(vector) for vector in vectors] == [pytest.approx([0.6, 0.8])] * 2
    asked = server.embeddings[0]
    assert asked == {"model": "text-embedding-v4", "input": ["a", "bb"], "encoding_format": "float", "dimensions": 256}


def test_nothing_is_asked_for_no_texts(server: ModelServer, embedder: Embedder) -> None:
    assert embedder.embed([], LONG) == []
    assert server.requests == []


def test_ten_texts_go_out_at_once_and_keep_their_order(server: ModelServer, embedder: Embedder) -> None:
    server.embeds = lambda body: embedded([len(text), 100.0] for text in body["input"])
    vectors = embedder.embed(["x" * size for size in range(1, 26)], LONG)
    assert [len(asked["input"]) for asked in server.embeddings] == [10, 10, 5]
    assert [round(100 * vector[0] / vector[1]) for vector in vectors] == list(range(1, 26))
    assert server.connections == 1


def test_rows_in_another_order_are_put_right(server: ModelServer, embedder: Embedder) -> None:
    data = [{"index": 1, "embedding": [0, 1]}, {"index": 0, "embedding": [1, 0]}]
    server.embeds = answering(Whole(200, json.dumps({"data": data}).encode()))
    assert [list(vector) for vector in embedder.embed(["a", "b"], LONG)] == [[1, 0], [0, 1]]


def test_the_configs_own_fields_go_along(server: ModelServer) -> None:
    embedder = Embedder(lambda: at(server, extra_body={"dimensions": 64, "user": "me"}))
    embedder.embed(["a"], LONG)
    assert server.embeddings[0] | {"dimensions": 64, "user": "me"} == server.embeddings[0]
    embedder.close()


def test_a_long_text_is_cut(server: ModelServer, embedder: Embedder) -> None:
    embedder.embed(["x" * 200_000], LONG)
    assert len(server.embeddings[0]["input"][0]) == 2000


def test_half_a_surrogate_pair_can_be_sent(server: ModelServer, embedder: Embedder) -> None:
    assert len(embedder.embed(["a \ud83d b"], LONG)) == 1
    assert server.embeddings[0]["input"] == ["a \ufffd b"]


def test_a_vector_of_zeros_is_near_to_nothing(server: ModelServer, embedder: Embedder) -> None:
    server.embeds = answering(rows([0, 0]))
    assert list(embedder.embed(["a"], LONG)[0]) == [0, 0]


def test_the_key_goes_to_its_endpoint_alone(server: ModelServer, embedder: Embedder) -> None:
    with ModelServer() as other:
        server.embeds = answering(Whole(307, b"", headers={"Location": f"{other.url}/embeddings"}))
        assert isinstance(failure(embedder), BadRequest)
        assert other.requests == []
    assert server.requests[0].headers["authorization"] == "Bearer sk-secret"


def test_identities_tell_models_and_places_apart(server: ModelServer) -> None:
    known = {Embedder(lambda change=change: at(server, **change)).identity for change in CHANGES}  # type: ignore[misc]
    assert len(known) == len(CHANGES)
    assert all("sk-secret" not in identity for identity in known)


CHANGES: list[dict[str, Any]] = [
    {},
    {"id": "another"},
    {"base_url": "http://localhost:1/v1"},
    {"extra_body": {"dimensions": 64}},
]


# What an endpoint does not take


def test_dimensions_are_left_out_from_then_on_where_they_are_refused(server: ModelServer, embedder: Embedder) -> None:
    server.embeds = lambda body: NO_DIMENSIONS if "dimensions" in body else lengths(body)
    embedder.embed(["a", "b"], LONG)
    embedder.embed(["c"], LONG)
    assert [("dimensions" in asked, asked["input"]) for asked in server.embeddings] == [
        (True, ["a", "b"]),
        (False, ["a", "b"]),
        (False, ["c"]),
    ]


def test_fewer_texts_go_out_where_so_many_are_refused(server: ModelServer, embedder: Embedder) -> None:
    server.embeds = lambda body: TOO_MANY if len(body["input"]) > 3 else lengths(body)
    assert len(embedder.embed(["a"] * 10, LONG)) == 10
    assert [len(asked["input"]) for asked in server.embeddings] == [10, 5, 2, 2, 2, 2, 2]
    assert all(asked["dimensions"] == 256 for asked in server.embeddings)


@pytest.mark.parametrize(
    "too_long",
    [
        refusal(400, "maximum context length is 512 tokens"),
        refusal(413, "Input is too long"),
        refusal(500, "input is too large to process. increase the physical batch size"),
    ],
)
def test_a_text_is_cut_further_where_it_is_too_long(server: ModelServer, embedder: Embedder, too_long: Whole) -> None:
    server.embeds = lambda body: too_long if len(body["input"][0]) > 600 else lengths(body)
    assert len(embedder.embed(["x" * 5000, "y"], LONG)) == 2
    assert server.embeddings[-1]["input"] == ["y"]


def test_a_refusal_that_nothing_helps_against_is_told_in_the_end(server: ModelServer, embedder: Embedder) -> None:
    server.embeds = lambda body: refusal(400, "this is a chat model")
    error = failure(embedder)
    assert isinstance(error, BadRequest)
    assert "this is a chat model" in error.message
    server.embeds = lengths
    embedder.embed(["x"] * 10, LONG)
    assert len(server.embeddings[-1]["input"]) == 10


# What goes wrong


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (BAD_KEY, BadKey, "refused the key"),
        (RATE_LIMIT, RateLimited, "no more requests"),
        (BROKEN, ServerError, "failed (500)"),
        (WEB_PAGE, BrokenStream, "no reply"),
        (refusal(404, "Not Found"), BadRequest, "there are no embeddings at 127.0.0.1"),
        (Whole(200, b""), BrokenStream, "no reply"),
        (Whole(200, b"[" * 100_000), BrokenStream, "no reply"),
        (Whole(200, b"[]"), BrokenStream, "no reply"),
        (Whole(200, b'{"data": {}}'), BrokenStream, "no reply"),
        (Whole(200, b'{"data": [[1, 2]]}'), BrokenStream, "no reply"),
        (Whole(200, b'{"data": null, "error": {"message": "x"}}'), BrokenStream, "no reply"),
        (rows(), BrokenStream, "0 vectors for 1 texts"),
        (rows([1, 0], [0, 1]), BrokenStream, "2 vectors for 1 texts"),
        (rows([]), BrokenStream, "vectors of 0 numbers"),
        (rows("AAAAPw=="), BrokenStream, "no reply"),
        (rows(["1", "2"]), BrokenStream, "no reply"),
        (rows([True, False]), BrokenStream, "no reply"),
        (rows([None]), BrokenStream, "no reply"),
        (rows([math.nan, 1]), BrokenStream, "no reply"),
        (rows([math.inf, 1]), BrokenStream, "no reply"),
        (rows([1e300, 1]), BrokenStream, "no reply"),
        (rows([10**400, 1]), BrokenStream, "no reply"),
        (rows([0.5] * 20_000), BrokenStream, "vectors of 20000 numbers"),
    ],
)
def test_what_is_no_answer_is_told(
    server: ModelServer, embedder: Embedder, answer: Whole, kind: type[ModelError], says: str
) -> None:
    server.embeds = lambda body: answer
    error = failure(embedder)
    assert type(error) is kind
    assert says in error.message
    assert "sk-secret" not in f"{error.message}{error.hint}"


def test_vectors_of_several_lengths_are_refused(server: ModelServer, embedder: Embedder) -> None:
    server.embeds = answering(rows([1, 0], [1, 0, 0]))
    with pytest.raises(BrokenStream, match="2, 3 numbers"):
        embedder.embed(["a", "b"], LONG)


def test_vectors_of_several_lengths_from_one_request_to_the_next_are_refused(
    server: ModelServer, embedder: Embedder
) -> None:
    server.embeds = lambda body: embedded([[1.0] * len(body["input"])] * len(body["input"]))
    with pytest.raises(BrokenStream, match="several lengths"):
        embedder.embed(["a"] * 13, LONG)


def test_an_answer_without_an_end_is_not_kept_in_memory(server: ModelServer, embedder: Embedder) -> None:
    server.embeds = lambda body: Endless(200, b"[" * 2**16)
    assert isinstance(failure(embedder), BrokenStream)
    assert server.wait_disconnect()


def test_nobody_waits_for_an_endpoint_that_never_answers(server: ModelServer, embedder: Embedder) -> None:
    server.embeds = lambda body: Silence()
    begun = monotonic()
    error = failure(embedder, 1)
    assert monotonic() - begun < LONG / 2
    assert type(error) is TimedOut
    assert error.message == f"127.0.0.1:{server.port} gave no vectors within 1 s"
    assert server.wait_disconnect()
    server.embeds = lengths
    assert len(embedder.embed(["a"], LONG)) == 1


def test_nobody_waits_for_a_place_that_is_looked_for(server: ModelServer) -> None:
    found = Event()

    def locate() -> ModelSettings:
        found.wait()
        return at(server)

    embedder = Embedder(locate)
    assert type(failure(embedder, 0.1)) is TimedOut
    found.set()
    assert len(embedder.embed(["a"], LONG)) == 1
    embedder.close()


def test_nothing_that_listens_is_told() -> None:
    with ModelServer() as gone:
        settings = at(gone)
    embedder = Embedder(lambda: settings)
    assert isinstance(failure(embedder), Unreachable)
    embedder.close()


def test_closing_ends_what_runs(server: ModelServer, embedder: Embedder) -> None:
    server.embeds = lambda body: Silence()
    told: list[ChatError] = []
    reading = Thread(target=lambda: told.append(failure(embedder)))
    reading.start()
    server.wait_requests(1)
    embedder.close()
    reading.join(10)
    assert type(told[0]) is BrokenStream
    assert server.wait_disconnect()


def test_a_wrong_config_is_told_when_it_is_needed() -> None:
    def locate() -> ModelSettings:
        raise UsageError("the model embed has no key: KEY is not set", "export KEY=…")

    error = failure(Embedder(locate))
    assert type(error) is UsageError
    assert "KEY is not set" in error.message


@pytest.mark.parametrize(
    "settings", [ModelSettings("embed", "m", base_url="nowhere"), ModelSettings("embed", "m", kind="embedded")]
)
def test_what_is_no_endpoint_is_a_wrong_config(settings: ModelSettings) -> None:
    assert type(failure(Embedder(lambda: settings))) is ConfigError
