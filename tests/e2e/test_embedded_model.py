"""The embedded model itself: real weights in a real child process."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from time import monotonic

import pytest

from chatcli.messages import Message
from chatcli.model import Delta, Used
from chatcli.model.choose import installed_weights
from chatcli.model.local import EmbeddedModel, LocalServer, embedded
from chatcli.model.openai import OpenAIModel


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


def test_it_recalls_a_code_from_the_history_and_only_from_there(model: EmbeddedModel) -> None:
    told, question = "The secret code is 4711. Remember it.", "What is the secret code?"
    first = answer(model, told)
    assert "4711" in answer(model, told, first, question)
    assert "4711" not in answer(model, question)


def test_the_same_context_gives_the_same_reply(model: EmbeddedModel) -> None:
    assert answer(model, "What is the capital of France?") == answer(model, "What is the capital of France?")


def test_it_reports_what_it_read_from_its_cache(model: EmbeddedModel) -> None:
    context = [Message("user", "Name a fruit. " * 20)]
    list(model.stream(context, {"max_tokens": 2}))
    again = [event for event in model.stream(context, {"max_tokens": 2}) if isinstance(event, Used)]
    assert again[0].usage.prompt > 60
    assert again[0].usage.cached > 60


def test_closing_a_stream_frees_its_slot() -> None:
    server = LocalServer(embedded(weights()))
    settings = server.locate()
    model = OpenAIModel(settings)
    endless = model.stream([Message("user", "Tell me a story.")], {"ignore_eos": True, "max_tokens": 8000})
    assert isinstance(next(iter(endless)), Delta)
    assert is_busy(settings.base_url, settings.api_key)
    endless.close()
    assert appears(lambda: not is_busy(settings.base_url, settings.api_key))
    model.close()
    server.stop()


def test_without_its_key_it_answers_nobody() -> None:
    server = LocalServer(embedded(weights()))
    url = f"{server.locate().base_url}/chat/completions"
    request = urllib.request.Request(url, b'{"messages": []}', {"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError, match="401") as caught:
        urllib.request.urlopen(request, timeout=10)
    caught.value.close()
    server.stop()


def test_it_ends_when_its_parent_is_killed() -> None:
    program = """
import sys
from pathlib import Path
from chatcli.model.local import LocalServer, embedded
server = LocalServer(embedded(Path(sys.argv[1])))
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
    with urllib.request.urlopen(request, timeout=10) as response:
        return any(slot["is_processing"] for slot in json.load(response))


def answers(base_url: str) -> bool:
    try:
        urllib.request.urlopen(base_url.removesuffix("/v1") + "/health", timeout=10).close()
    except OSError:
        return False
    return True
