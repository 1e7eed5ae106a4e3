"""The embedded model itself: real weights in a real child process."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import pytest

from chatcli.messages import Message
from chatcli.model import Delta, Finished, Used
from chatcli.model.choose import installed_weights
from chatcli.model.local import EmbeddedModel, EmbeddedServer, embedded
from chatcli.model.openai import OpenAIModel

# One at a time: a model that computes takes a core for itself.
pytestmark = pytest.mark.xdist_group("embedded")


def weights() -> Path:
    path = installed_weights(Path(os.devnull))
    assert path is not None, "the dependency group `local` is not installed"
    return path


@pytest.fixture(scope="module")
def model() -> Iterator[EmbeddedModel]:
    model = EmbeddedModel(embedded(weights()))
    yield model
    model.close()


def appears(what: Callable[[], bool], timeout: float = 20) -> bool:
    """Say whether something comes true in time, looking every 20 ms."""
    deadline, pause = monotonic() + timeout, Event()
    while not what():
        if monotonic() > deadline:
            return False
        pause.wait(0.02)
    return True


def answer(model: EmbeddedModel, *texts: str) -> str:
    """Return the answer to the last of `texts`, which alternate between user and assistant."""
    context = [Message("assistant" if index % 2 else "user", text) for index, text in enumerate(texts)]
    return "".join(event.text for event in model.stream(context, {"max_tokens": 60}) if isinstance(event, Delta))


def ending(model: EmbeddedModel, *context: Message, **options: Any) -> tuple[str, int]:
    """Return how a reply with the model's own limits ended, and its tokens."""
    events = list(model.stream(context, options))
    finish = next(event.finish for event in events if isinstance(event, Finished))
    return finish, next(event.usage.completion for event in events if isinstance(event, Used))


@pytest.mark.parametrize("code", ["4711", "3356"])
def test_it_recalls_a_code_from_the_history_and_only_from_there(model: EmbeddedModel, code: str) -> None:
    told, question = f"The secret code is {code}. Remember it.", "What is the secret code?"
    first = answer(model, told)
    assert code in answer(model, told, first, question)
    assert code not in answer(model, question)


HISTORIAN = Message("system", "你是一个擅长历史的助手")
CITY = Message("user", "中国建都时间最长的城市是哪个?")


@pytest.mark.parametrize("context", [(CITY,), (HISTORIAN, CITY)])
def test_a_reply_in_a_language_it_hardly_speaks_ends(model: EmbeddedModel, context: tuple[Message, ...]) -> None:
    finish, tokens = ending(model, *context)
    assert finish == ("stop" if tokens < 512 else "length")
    assert tokens <= 512


def test_it_leaves_a_loop_by_itself(model: EmbeddedModel) -> None:
    question = Message("user", "What is the capital of France?")  # "…, la femme au martyre, la femme au martyre, …"
    assert ending(model, question)[0] == "stop"
    assert ending(model, question, dry_multiplier=0) == ("length", 512)


def test_the_same_context_gives_the_same_reply(model: EmbeddedModel) -> None:
    assert answer(model, "What is the capital of France?") == answer(model, "What is the capital of France?")


def test_it_reports_what_it_read_from_its_cache(model: EmbeddedModel) -> None:
    context = [Message("user", "Name a fruit. " * 20)]
    list(model.stream(context, {"max_tokens": 2}))
    again = [event for event in model.stream(context, {"max_tokens": 2}) if isinstance(event, Used)]
    assert again[0].usage.prompt > 60
    assert again[0].usage.cached > 60


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(embedded(weights()))
    yield server
    server.stop()


def test_closing_a_stream_frees_its_slot(server: EmbeddedServer) -> None:
    settings = server.locate()
    with closing(OpenAIModel(settings)) as model:
        endless = model.stream([Message("user", "Tell me a story.")], {"ignore_eos": True, "max_tokens": 8000})
        events = iter(endless)  # held: an iterator that nobody holds is closed, and the request with it
        assert isinstance(next(events), Delta)
        assert is_busy(settings.base_url, settings.api_key)
        endless.close()
        assert appears(lambda: not is_busy(settings.base_url, settings.api_key), timeout=60)


def test_without_its_key_it_answers_nobody(server: EmbeddedServer) -> None:
    url = f"{server.locate().base_url}/chat/completions"
    request = urllib.request.Request(url, b'{"messages": []}', {"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError, match="401") as caught:
        urllib.request.urlopen(request, timeout=10)
    caught.value.close()


def test_it_ends_when_its_parent_is_killed() -> None:
    program = """
import sys
from pathlib import Path
from chatcli.model.local import EmbeddedServer, embedded
server = EmbeddedServer(embedded(Path(sys.argv[1])))
print(server.locate().base_url, flush=True)
sys.stdin.read()
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(weights())], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        assert answers(url)
        parent.send_signal(signal.SIGKILL)
    assert appears(lambda: not answers(url))


def is_busy(base_url: str, key: str) -> bool:
    request = urllib.request.Request(
        base_url.removesuffix("/v1") + "/slots", headers={"Authorization": f"Bearer {key}"}
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return any(slot["is_processing"] for slot in json.load(response))


def answers(base_url: str) -> bool:
    try:
        urllib.request.urlopen(base_url.removesuffix("/v1") + "/health", timeout=10).close()
    except OSError:
        return False
    return True
