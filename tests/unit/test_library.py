"""chatcli in a program: the public names, against an endpoint and the stores of the command line."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import chatcli
from chatcli import Chat, make_prompt, open_model, open_store, parse_memory
from chatcli.errors import ConfigError, ModelError, UsageError
from tests.redis_server import RedisServer, binaries, running
from tests.servers import ModelServer, refusal
from tests.unit.conftest import Command

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


@pytest.fixture
def endpoint(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """What the environment names as the endpoint."""
    with ModelServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        yield server


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with running(binaries()["valkey"]) as server:
        yield server


def test_every_public_name_has_an_example_in_the_readme() -> None:
    assert {name for name in chatcli.__all__ if any(f"{name}(" in example for example in EXAMPLES)} == set(
        chatcli.__all__
    )


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_the_examples_of_the_readme_run_as_written(
    example: str, endpoint: ModelServer, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", redis.url)
    exec(compile(example, "README.md", "exec"), {})
    assert len(endpoint.chats) == len(re.findall(r"\.(send|stream)\(", example))


def test_importing_chatcli_loads_nothing_of_it() -> None:
    code = "import sys, chatcli; print([name for name in sys.modules if name.startswith('chatcli.')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_a_session_of_a_program_is_the_one_the_command_line_shows(endpoint: ModelServer, command: Command) -> None:
    endpoint.replies("Xi'an.")
    with Chat("JavaEdge") as chat:
        assert chat.send("Which city?").text == "Xi'an."
        assert [message.text for message in chat.history] == ["Which city?", "Xi'an."]
    assert "Xi'an." in command("history", "show", "-s", "JavaEdge").out


def test_a_reply_streams_and_is_kept_as_far_as_it_was_read(endpoint: ModelServer) -> None:
    with Chat("s", store="memory:") as chat:
        endpoint.replies("one two three four five")
        pieces = chat.stream("count")
        first = next(pieces)
        pieces.close()
        kept = chat.history[1]
        assert kept.finish == "interrupted"
        assert kept.text.startswith(first)


def test_a_message_that_got_no_reply_is_taken_up_by_the_same_text(endpoint: ModelServer) -> None:
    store = open_store("memory:")
    with Chat("s", store=store) as chat:
        endpoint.refuses(refusal(400, "no"))
        with pytest.raises(ModelError):
            chat.send("hello")
        assert chat.history == []
        (left,) = store.pending("s")
        assert left.user.text == "hello"
        endpoint.replies("hi")
        chat.send("hello")
        assert [message.text for message in chat.history] == ["hello", "hi"]
        assert chat.history[0].id == left.user.id
        assert store.pending("s") == [], "nobody is offered to send it a second time"


def test_the_memory_decides_what_is_sent(endpoint: ModelServer) -> None:
    with Chat("s", store="memory:", memory="window:1") as chat:
        for text in ("first", "second", "third"):
            chat.send(text)
        assert [message.text for message in chat.context("fourth").messages if message.role == "user"] == [
            "third",
            "fourth",
        ]


def test_a_template_is_filled_as_langchains_is(endpoint: ModelServer) -> None:
    prompt = make_prompt([("system", "You know {field}."), ("placeholder", "{history}"), ("human", "{input}")])
    with Chat("s", store="memory:", prompt=prompt, variables={"field": "history"}) as chat:
        chat.send("Hello")
    assert endpoint.chats[-1].texts == [("system", "You know history."), ("user", "Hello")]


def test_a_text_alone_is_the_system_text(endpoint: ModelServer) -> None:
    with Chat("s", store="memory:", prompt="Be short.") as chat:
        chat.send("Hello")
    assert endpoint.chats[-1].texts[0] == ("system", "Be short.")


def test_a_model_at_an_endpoint_is_asked_with_its_options(endpoint: ModelServer) -> None:
    model = open_model("mine", base_url=endpoint.url, api_key="sk-own", temperature=0.1)
    with Chat("s", store="memory:", model=model) as chat:
        chat.send("Hello")
    assert endpoint.chats[-1].body["model"] == "mine"
    assert endpoint.chats[-1].body["temperature"] == 0.1


def test_a_store_that_was_given_stays_open(endpoint: ModelServer) -> None:
    store = open_store("memory:")
    with Chat("s", store=store) as chat:
        chat.send("Hello")
    assert store.length("s") == 2
    with Chat("s", store=store, memory=parse_memory("none")) as chat:
        assert chat.clear() == 2


def test_a_chat_that_was_emptied_forgets_what_was_said_and_recalls_what_is_said_from_then_on(
    endpoint: ModelServer, home: Path
) -> None:
    def recalled(chat: Chat, word: str) -> bool:
        chat._chat.background.catch_up()
        return any(word in message.text for message in chat.context(f"What of {word}?").messages[:-1])

    def indexed() -> bytes:
        return b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file() and "recall" in str(path))

    with Chat("s", memory="recall:3") as chat:
        chat.send("The otter is called Abernethy")
        for number in range(8):
            chat.send(f"filler {number}")
        assert recalled(chat, "Abernethy")
        chat.clear()
        assert b"Abernethy" not in indexed()
        assert not recalled(chat, "Abernethy")
        chat.send("The badger is called Bartholomew")
        for number in range(8):
            chat.send(f"filler {number}")
        assert recalled(chat, "Bartholomew")


@pytest.mark.parametrize(
    ("work", "error"),
    [
        (lambda: Chat(""), UsageError),
        (lambda: Chat("s", memory="windows:3"), UsageError),
        (lambda: Chat("s", store="mysql://x"), UsageError),
        (lambda: open_model(base_url="http://x/v1"), UsageError),
        (lambda: open_model("m", api_key="sk-1"), UsageError),
        (lambda: open_model("m", base_url="ftp://x"), ConfigError),
        (lambda: make_prompt([("robot", "x")]), UsageError),
    ],
    ids=range(7),
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    work: object, error: type[Exception], endpoint: ModelServer
) -> None:
    with pytest.raises(error):
        work()  # type: ignore[operator]
    assert endpoint.chats == []
